//! Real requests from inside a place: what `lab probe` has each place ask.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use explain::{REDIRECTS_MAX, next_request};
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
    let first = match Url::parse(&job.url) {
        Ok(url) => url,
        Err(error) => return vec![Seen::Failed(error.message)],
    };
    let mut answers = Vec::new();
    let mut visited = vec![(job.method.clone(), first.clone())];
    let (mut url, mut method) = (first.clone(), &*job.method);
    let mut headers = Cow::Borrowed(&job.headers[..]);
    loop {
        let seen = once(job, method, &headers, &url, trusted);
        let redirect = match (&seen, job.redirects) {
            (Seen::Answer { status, location: Some(location), .. }, Redirects::Followed) => {
                Some((*status, url.join(location)))
            }
            _ => None,
        };
        answers.push(seen);
        let (status, to) = match redirect {
            None => return answers,
            Some((status, Ok(to))) => (status, to),
            Some((_, Err(error))) => {
                answers.push(Seen::Failed(error.message));
                return answers;
            }
        };
        let Some(next) = next_request(method, &job.headers, &first, status, &to) else {
            return answers;
        };
        let step = (next.method.to_owned(), to.clone());
        if visited.contains(&step) || visited.len() > REDIRECTS_MAX {
            answers.push(Seen::Failed("too many redirects".to_owned()));
            return answers;
        }
        visited.push(step);
        (url, method, headers) = (to, next.method, next.headers);
    }
}

fn once(job: &Job, method: &str, given: &[(String, String)], url: &Url, trusted: &Trusted) -> Seen {
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
    let mut headers = given.to_vec();
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
        method,
        host: &url.host,
        path: &path,
        headers: &headers,
        trusted: (url.scheme == UrlScheme::Https).then_some(trusted),
    })
}
