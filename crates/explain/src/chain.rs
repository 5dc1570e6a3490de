//! One address, and those that its redirects lead to, to the end.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use model::{Obstacle, Url};
use world::World;

use crate::facts::Facts;
use crate::hop::{Hop, Recorder, Trace};
use crate::outcome::{Outcome, Sees, Stage};
use crate::walk::{Ask, walk};

/// Browsers follow 20 (Fetch standard §4.4).
pub const REDIRECTS_MAX: usize = 20;
/// Requests that one question asks: where each answer may be one of two redirects, a chain of 20 has a
/// million.
const LEGS_MAX: usize = 256;

/// One request of a chain, as it was recorded.
#[derive(Clone, Debug)]
pub struct Leg {
    pub url: Url,
    pub hops: Vec<Hop>,
    pub outcomes: BTreeSet<Outcome>,
}

/// What goes along to the next address of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextRequest<'a> {
    pub method: &'a str,
    pub headers: Cow<'a, [(String, String)]>,
}

/// The request that follows an answer with a `Location` that leads to `url`; `None` if its status is
/// no redirect. Methods are changed as browsers do (Fetch standard §4.4), and a `Host` that was given goes
/// along only to the host of the first address, as curl does. `headers` are those of the first
/// request, so that a chain which comes back to its host has them again.
pub fn next_request<'a>(
    method: &'a str,
    headers: &'a [(String, String)],
    first: &Url,
    status: u16,
    url: &Url,
) -> Option<NextRequest<'a>> {
    let method = match (status, method) {
        (301 | 302, "POST") => "GET",
        (303, "HEAD") => "HEAD",
        (303, _) => "GET",
        (301 | 302 | 307 | 308, same) => same,
        _ => return None,
    };
    let is_host = |(name, _): &(String, String)| name.eq_ignore_ascii_case("host");
    let headers = match url.host != first.host && headers.iter().any(is_host) {
        true => Cow::Owned(headers.iter().filter(|field| !is_host(field)).cloned().collect()),
        false => Cow::Borrowed(headers),
    };
    Some(NextRequest { method, headers })
}

/// Every way the chain can end.
pub fn ends<T: Trace>(
    world: &World,
    facts: &Facts<'_>,
    ask: &Ask<'_>,
    trace: &mut T,
) -> BTreeSet<Outcome> {
    Chain::new(world, facts, ask, Unwritten(trace)).follow(ask)
}

/// As [`ends`], and the legs of it, recorded.
pub fn record(world: &World, facts: &Facts<'_>, ask: &Ask<'_>) -> (Vec<Leg>, BTreeSet<Outcome>) {
    let mut chain = Chain::new(world, facts, ask, Written::default());
    let ends = chain.follow(ask);
    let leg = |(url, recorder, outcomes): (Url, Recorder, BTreeSet<Outcome>)| Leg {
        url,
        hops: recorder.hops,
        outcomes,
    };
    (chain.book.0.into_iter().map(leg).collect(), ends)
}

/// Who listens to the requests of a chain.
trait Book {
    /// The outcomes of one request, and its number.
    fn walk(
        &mut self,
        world: &World,
        facts: &Facts<'_>,
        ask: &Ask<'_>,
    ) -> (usize, BTreeSet<Outcome>);

    /// What a browser makes of the answer to a request.
    fn tell(&mut self, leg: usize, hop: impl FnOnce() -> Hop);
}

/// One trace hears them all.
struct Unwritten<'t, T>(&'t mut T);

impl<T: Trace> Book for Unwritten<'_, T> {
    fn walk(
        &mut self,
        world: &World,
        facts: &Facts<'_>,
        ask: &Ask<'_>,
    ) -> (usize, BTreeSet<Outcome>) {
        (0, walk(world, facts, ask, self.0))
    }

    fn tell(&mut self, _: usize, _: impl FnOnce() -> Hop) {}
}

/// Each has its own page.
#[derive(Default)]
struct Written(Vec<(Url, Recorder, BTreeSet<Outcome>)>);

impl Book for Written {
    fn walk(
        &mut self,
        world: &World,
        facts: &Facts<'_>,
        ask: &Ask<'_>,
    ) -> (usize, BTreeSet<Outcome>) {
        let mut recorder = Recorder::default();
        let outcomes = walk(world, facts, ask, &mut recorder);
        self.0.push((ask.url.clone(), recorder, outcomes.clone()));
        (self.0.len() - 1, outcomes)
    }

    fn tell(&mut self, leg: usize, hop: impl FnOnce() -> Hop) {
        self.0[leg].1.hop(hop);
    }
}

/// What tells the requests of one chain apart: the rest follows from the first.
type Step = (String, Url);

struct Chain<'a, B> {
    world: &'a World,
    facts: &'a Facts<'a>,
    first: &'a Ask<'a>,
    book: B,
    /// From the first request to the one that is asked now.
    way: Vec<Step>,
    /// Ends of what was asked already. How long the way was matters for what is too long.
    known: HashMap<(Step, usize), BTreeSet<Outcome>>,
    asked: usize,
}

enum Next {
    End(Outcome),
    Go(u16, Url),
}

impl<'a, B: Book> Chain<'a, B> {
    fn new(world: &'a World, facts: &'a Facts<'a>, first: &'a Ask<'a>, book: B) -> Chain<'a, B> {
        let way = vec![(first.method.to_owned(), first.url.clone())];
        Chain { world, facts, first, book, way, known: HashMap::new(), asked: 0 }
    }

    fn follow(&mut self, ask: &Ask<'_>) -> BTreeSet<Outcome> {
        self.asked += 1;
        let (leg, outcomes) = self.book.walk(self.world, self.facts, ask);
        let mut ends = BTreeSet::new();
        for outcome in outcomes {
            match self.next(ask, &outcome) {
                Next::End(end) => {
                    if let Some(cause) = end.cause.filter(|_| end.stage == Stage::Redirect) {
                        let text = match outcome.location() {
                            Some(location) => format!("{location}: {}", cause.text()),
                            None => cause.text().to_owned(),
                        };
                        self.book.tell(leg, || Hop::stopped(Stage::Redirect, cause, text));
                    }
                    ends.insert(end);
                }
                Next::Go(status, url) => ends.extend(self.go(leg, ask.method, status, url)),
            }
        }
        ends
    }

    /// What a browser does with the answer.
    fn next(&self, ask: &Ask<'_>, outcome: &Outcome) -> Next {
        let Sees::Answer { status, location: Some(location), .. } = &outcome.sees else {
            return Next::End(outcome.clone());
        };
        let stop = |obstacle: Obstacle| {
            Next::End(Outcome {
                cause: Some(obstacle.into()),
                stage: Stage::Redirect,
                ..outcome.clone()
            })
        };
        let url = match ask.url.join(location) {
            Ok(url) => url,
            Err(_) => return stop(Obstacle::RedirectInvalid),
        };
        let Some(next) = next_request(ask.method, &[], self.first.url, *status, &url) else {
            return Next::End(outcome.clone());
        };
        // The same request has the same answer.
        if self.way.iter().any(|(method, before)| method == next.method && *before == url) {
            return stop(Obstacle::RedirectLoop);
        }
        match self.way.len() > REDIRECTS_MAX {
            true => stop(Obstacle::RedirectTooMany),
            false => Next::Go(*status, url),
        }
    }

    fn go(&mut self, leg: usize, method: &str, status: u16, url: Url) -> BTreeSet<Outcome> {
        let first = self.first;
        let Some(next) = next_request(method, first.headers, first.url, status, &url) else {
            return BTreeSet::new();
        };
        let step = ((next.method.to_owned(), url), self.way.len());
        let url = &step.0.1;
        if let Some(ends) = self.known.get(&step) {
            self.book.tell(leg, || goes_on(url));
            return ends.clone();
        }
        if self.asked == LEGS_MAX {
            let text = format!(
                "the redirects part into more than {LEGS_MAX} requests: {url} is not asked"
            );
            self.book.tell(leg, || Hop::not_known(Stage::Redirect, text));
            return BTreeSet::from([Outcome {
                sees: Sees::NotKnown,
                cause: None,
                stage: Stage::Redirect,
                listener: None,
                group: None,
            }]);
        }
        self.book.tell(leg, || goes_on(url));
        self.way.push(step.0.clone());
        let ends = self.follow(&Ask {
            url,
            method: next.method,
            headers: &next.headers,
            to: first.to.filter(|_| url.host == first.url.host),
            ..*first
        });
        self.way.pop();
        self.known.insert(step, ends.clone());
        ends
    }
}

fn goes_on(url: &Url) -> Hop {
    Hop::passed(Stage::Redirect, format!("the browser goes on to {url}"))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use model::Model;

    use super::*;
    use crate::facts::{CertificateView, Enforcement, FactSource, TargetView, Trust};
    use crate::hop::State;
    use crate::outcome::Speaker;

    /// Where the answer to a path leads, one way and the other.
    type Location = fn(&str, char) -> String;

    /// Every answer is one of two redirects.
    struct Forks {
        asked: usize,
        left: bool,
        location: Location,
    }

    impl Book for Forks {
        fn walk(&mut self, _: &World, _: &Facts<'_>, ask: &Ask<'_>) -> (usize, BTreeSet<Outcome>) {
            self.asked += 1;
            let outcome = |way| Outcome {
                sees: Sees::Answer {
                    status: 302,
                    speaker: Speaker::Application,
                    location: Some((self.location)(&ask.url.path, way)),
                },
                cause: None,
                stage: Stage::Response,
                listener: None,
                group: None,
            };
            (0, ['a', 'b'].map(outcome).into())
        }

        fn tell(&mut self, _: usize, hop: impl FnOnce() -> Hop) {
            self.left |= hop().state == State::NotKnown;
        }
    }

    #[test]
    fn chains_that_part_end() {
        // Of the second one there are two addresses of each length.
        let (all, two): (Location, Location) = (
            |path, way| format!("{path}{way}"),
            |path, way| format!("/{way}{}", "x".repeat(path.len())),
        );
        let rows =
            [("a new address each time", all, LEGS_MAX, true), ("known ones", two, 41, false)];
        for (name, location, asked, left) in rows {
            let world = world::compile(Model::default(), 1);
            let facts = Facts {
                now_unix: 0,
                certificates: &|_| CertificateView {
                    facts: None,
                    trust: Trust::Authority,
                    why_pending: None,
                    on_demand: Default::default(),
                },
                targets: &|_, _| TargetView::ASSUMED,
                enforcement: &|_, _| Enforcement::NotKnown,
                refused: &|_, _| None,
                source: FactSource::Proof,
            };
            let ask = Ask {
                client: IpAddr::from([192, 0, 2, 7]),
                seen_as: None,
                networks: &[],
                url: &Url::parse("https://a.example/").unwrap(),
                method: "GET",
                headers: &[],
                to: None,
            };
            let forks = Forks { asked: 0, left: false, location };
            let mut chain = Chain::new(&world, &facts, &ask, forks);
            let ends = chain.follow(&ask);
            assert_eq!((chain.book.asked, chain.book.left), (asked, left), "{name}");
            let not_known = ends.iter().any(|end| end.sees == Sees::NotKnown);
            assert_eq!(not_known, left, "{name}");
        }
    }

    #[test]
    fn methods_and_hosts_of_the_next_request() {
        let first = Url::parse("https://a.example/x").unwrap();
        let given = [("Host", "b.example"), ("Accept", "*/*")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (all, without_host) = (&given[..], &given[1..]);
        let (same, other) = ("https://a.example:444/y", "https://c.example/");
        let rows = [
            ("301 makes a GET of a POST", "POST", 301, same, Some(("GET", all))),
            ("302 makes a GET of a POST", "POST", 302, same, Some(("GET", all))),
            ("302 keeps other methods", "PUT", 302, same, Some(("PUT", all))),
            ("303 makes a GET", "PUT", 303, same, Some(("GET", all))),
            ("303 keeps HEAD", "HEAD", 303, same, Some(("HEAD", all))),
            ("307 keeps the method", "POST", 307, same, Some(("POST", all))),
            ("308 keeps the method", "POST", 308, same, Some(("POST", all))),
            ("300 is a choice", "GET", 300, same, None),
            ("304 is no redirect", "GET", 304, same, None),
            ("another host has its own name", "GET", 301, other, Some(("GET", without_host))),
        ];
        for (name, method, status, url, expected) in rows {
            let url = Url::parse(url).unwrap();
            let next = next_request(method, &given, &first, status, &url);
            let got = next.as_ref().map(|next| (next.method, &*next.headers));
            assert_eq!(got, expected, "{name}");
        }
    }
}
