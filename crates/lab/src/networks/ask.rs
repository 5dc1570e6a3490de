//! Real requests from inside a place: what `lab probe` has each place ask.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use explain::REDIRECTS_MAX;
use model::{Url, UrlScheme};
use serde::{Deserialize, Serialize};
use tls::Trusted;
use verdict::name::{Scope, scope};

use crate::client::{Asked, Seen, ask};

/// Requests that wait at the same time: most of the refused ones wait to the end of their patience.
const AT_ONCE: usize = 64;

/// One request, and those it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub url: String,
    pub method: String,
    pub headers: Vec<(String, String)>,
    pub client: IpAddr,
    pub seen_as: Option<IpAddr>,
    pub redirects: Redirects,
}

/// Requests from one place, and the authority that its clients trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    pub authority: PathBuf,
    pub jobs: Vec<Job>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redirects {
    Followed,
    /// The first answer is the one.
    Kept,
}

/// What came back, in order; the last one counts.
pub type Answers = Vec<Seen>;

/// Reads what to ask as JSON and writes the answers in the same order.
pub fn answer(asking: &str) -> Result<String, String> {
    let asking: Asking =
        serde_json::from_str(asking).map_err(|error| format!("not a list of requests: {error}"))?;
    let trusted =
        Trusted::of_files_there([&*asking.authority]).map_err(|error| error.to_string())?;
    serde_json::to_string(&ask_all(&asking.jobs, &trusted)).map_err(|error| error.to_string())
}

/// All at the same time, answered in their order.
pub fn ask_all(jobs: &[Job], trusted: &Trusted) -> Vec<Answers> {
    let mut answers: Vec<Answers> = Vec::with_capacity(jobs.len());
    for some in jobs.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            let asked: Vec<_> =
                some.iter().map(|job| scope.spawn(|| follow(job, trusted))).collect();
            let failed = || vec![Seen::Failed("the client ended without an answer".to_owned())];
            answers
                .extend(asked.into_iter().map(|asked| asked.join().unwrap_or_else(|_| failed())));
        });
    }
    answers
}

fn follow(job: &Job, trusted: &Trusted) -> Answers {
    let mut url = match Url::parse(&job.url) {
        Ok(url) => url,
        Err(error) => return vec![Seen::Failed(error.message)],
    };
    let mut answers = Vec::new();
    let mut visited = vec![url.clone()];
    loop {
        let seen = once(job, &url, answers.is_empty(), trusted);
        let next = match (&seen, job.redirects) {
            (
                Seen::Answer { status: 300..=399, location: Some(location), .. },
                Redirects::Followed,
            ) => Some(url.join(location)),
            _ => None,
        };
        answers.push(seen);
        match next {
            None => return answers,
            Some(Ok(next)) if visited.contains(&next) || visited.len() > REDIRECTS_MAX => {
                answers.push(Seen::Failed("too many redirects".to_owned()));
                return answers;
            }
            Some(Ok(next)) => url = next,
            Some(Err(error)) => {
                answers.push(Seen::Failed(error.message));
                return answers;
            }
        }
        visited.push(url.clone());
    }
}

fn once(job: &Job, url: &Url, first: bool, trusted: &Trusted) -> Seen {
    let addresses = match url.address() {
        Some(address) => vec![address],
        None => net::resolve::wait(&url.host, url.port),
    };
    let family = |address: &IpAddr| address.is_ipv4() == job.client.is_ipv4();
    let Some(to) = addresses.into_iter().find(family) else { return Seen::NoName };
    // As in `explain`: the gateway of a network stands between it and the world only.
    let from = match job.seen_as {
        Some(seen) if scope(to) == Scope::Global => seen,
        Some(_) | None => job.client,
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    if first || !job.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        headers.clone_from(&job.headers);
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        headers.push(("Host".to_owned(), url.authority()));
    }
    let path = match url.query.is_empty() {
        true => url.path.clone(),
        false => format!("{}?{}", url.path, url.query),
    };
    ask(&Asked {
        from,
        to: SocketAddr::new(to, url.port),
        method: &job.method,
        host: &url.host,
        path: &path,
        headers: &headers,
        trusted: (url.scheme == UrlScheme::Https).then_some(trusted),
    })
}
