//! What expectations wish for, asked with real packets, and what the answers mean: the same in a lab
//! and on a real machine.

use std::net::IpAddr;

use explain::asker_words;
use model::{Asker, Deny, Expectation, Model, Place, Url};

use crate::client::Seen;
use crate::networks::{Job, Redirects};

/// One address for one asker.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'m> {
    pub expectation: &'m Expectation,
    pub wanted: Wanted,
    pub url: &'m Url,
    pub asker: Asker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Works,
    Denied,
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Finding {
    pub expectation: String,
    pub place: Place,
    pub url: String,
    /// `guest-wifi (10.20.0.0/16)`.
    pub asker: String,
    pub expected: String,
    pub result: FindingResult,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingResult {
    Holds {
        /// Whose address it was asked from.
        client: IpAddr,
        seen: String,
    },
    Broken {
        client: IpAddr,
        seen: String,
    },
    /// And why not.
    NotAsked(String),
}

/// In the order of the file.
pub fn wishes(model: &Model) -> Vec<Wish<'_>> {
    let mut wishes = Vec::new();
    for expectation in &model.expectations {
        let works = expectation.works.iter().map(|asker| (Wanted::Works, *asker));
        let denied = expectation.denied.iter().map(|asker| (Wanted::Denied, *asker));
        let all: Vec<(Wanted, Asker)> = works.chain(denied).collect();
        for url in &expectation.urls {
            let own = all.iter().map(|(wanted, asker)| (*wanted, *asker));
            wishes.extend(own.map(|(wanted, asker)| Wish { expectation, wanted, url, asker }));
        }
    }
    wishes
}

impl Wish<'_> {
    pub fn job(&self, client: IpAddr, seen_as: Option<IpAddr>) -> Job {
        Job {
            url: self.url.to_string(),
            method: self.expectation.method.clone(),
            headers: self.expectation.headers.clone(),
            client,
            seen_as,
            redirects: match self.wanted {
                Wanted::Works => Redirects::Followed,
                Wanted::Denied => Redirects::Kept,
            },
        }
    }

    pub fn judge(&self, model: &Model, job: &Job, answers: &[Seen]) -> Finding {
        let broken = match self.wanted {
            Wanted::Works => unlike(self.expectation, answers),
            Wanted::Denied => (!denied(model, answers)).then(|| DENIED.to_owned()),
        };
        let seen: Vec<String> = answers.iter().map(short).collect();
        let (client, seen) = (job.client, seen.join(", then "));
        match broken {
            None => self.finding(model, self.expected(), FindingResult::Holds { client, seen }),
            Some(expected) => self.finding(model, expected, FindingResult::Broken { client, seen }),
        }
    }

    pub fn not_asked(&self, model: &Model, why: String) -> Finding {
        self.finding(model, self.expected(), FindingResult::NotAsked(why))
    }

    fn expected(&self) -> String {
        match self.wanted {
            Wanted::Works => wanted(self.expectation),
            Wanted::Denied => DENIED.to_owned(),
        }
    }

    fn finding(&self, model: &Model, expected: String, result: FindingResult) -> Finding {
        Finding {
            expectation: self.expectation.name.clone(),
            place: self.expectation.place.clone(),
            url: self.url.to_string(),
            asker: asker_words(model, self.asker),
            expected,
            result,
        }
    }
}

const DENIED: &str = "refused at admission";
const WORKS: &str = "an answer below 400";

/// As `explain` judges what it predicts (DECISIONS 5): what is missing, in the same words.
fn unlike(expectation: &Expectation, answers: &[Seen]) -> Option<String> {
    if let Some(to) = &expectation.redirects_to {
        let leads = match answers.first() {
            Some(Seen::Answer { location: Some(location), .. }) => {
                expectation.urls.iter().any(|url| url.join(location).as_ref() == Ok(to))
            }
            _ => false,
        };
        if !leads {
            return Some(format!("a redirect to {to}"));
        }
    }
    let status = answers.last().and_then(Seen::status);
    let fits = match &expectation.status {
        Some(wanted) => status.is_some_and(|status| wanted.contains(status)),
        None => status.is_some_and(|status| status < 400),
    };
    (!fits).then(|| wanted(expectation))
}

fn wanted(expectation: &Expectation) -> String {
    let one = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    match (&expectation.status, &expectation.redirects_to) {
        (Some(wanted), _) => {
            format!("status {}", wanted.0.iter().map(one).collect::<Vec<_>>().join(","))
        }
        (None, Some(to)) => format!("a redirect to {to}"),
        (None, None) => WORKS.to_owned(),
    }
}

/// From outside, a security group is silence; a reset or a page only where a load balancer says so
/// instead.
fn denied(model: &Model, answers: &[Seen]) -> bool {
    let says = |deny| model.load_balancers.iter().any(|lb| lb.deny == deny);
    match answers {
        [Seen::TimedOut | Seen::Silence] => true,
        [Seen::Refused | Seen::Closed] => says(Deny::Reset),
        [Seen::Answer { status: 403, .. }] => says(Deny::Page),
        _ => false,
    }
}

fn short(seen: &Seen) -> String {
    match seen {
        Seen::Answer { status, location: Some(location), .. } => format!("{status} → {location}"),
        Seen::Answer { status, location: None, .. } => status.to_string(),
        other => other.to_string(),
    }
}
