//! Expectations: proved for every client they speak of (DECISIONS 5).

use std::collections::BTreeSet;

use model::{Asker, Expectation, Url};

use crate::atlas::Atlas;
use crate::facts::Facts;
use crate::outcome::{Grade, Outcome, Sees};
use crate::question::{Client, Request, asker_words};
use crate::walk::walk;
use crate::who::Inquiry;

/// For whom an expectation does not hold, and what they get instead.
#[derive(Clone, Debug)]
pub struct Violation {
    pub url: Url,
    pub asker: Asker,
    pub client: Client,
    /// What should have been.
    pub wanted: String,
    pub outcomes: BTreeSet<Outcome>,
}

/// What became of an expectation. Without violations it holds, as far as it is known, for everybody
/// who was asked.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    pub violations: Vec<Violation>,
    /// Who was not asked, because there are too many pieces.
    pub left_out: Vec<(Asker, String)>,
}

pub fn prove(atlas: &Atlas<'_>, facts: &Facts<'_>, expectation: &Expectation) -> Proof {
    let mut proof = Proof::default();
    for url in &expectation.urls {
        let request = Request {
            url: url.clone(),
            method: expectation.method.clone(),
            headers: expectation.headers.clone(),
            to: None,
        };
        let inquiry = Inquiry::new(atlas, facts, &request);
        let mut parts_of = |asker: Asker| {
            let partition = inquiry.partition_of(asker);
            let words = atlas.left_out_words(&partition.left_out);
            proof.left_out.extend(words.map(|words| (asker, words)));
            partition.parts
        };
        let mut violations = Vec::new();
        for asker in &expectation.works {
            for part in parts_of(*asker) {
                if let Some(wanted) =
                    unlike(atlas, facts, expectation, &request, &part.example, &part.outcomes)
                {
                    violations.push(Violation {
                        url: url.clone(),
                        asker: *asker,
                        client: part.example,
                        wanted,
                        outcomes: part.outcomes,
                    });
                }
            }
        }
        for asker in &expectation.denied {
            for part in parts_of(*asker) {
                let known = |outcome: &&Outcome| outcome.grade() != Grade::NotKnown;
                if part.outcomes.iter().filter(known).any(|outcome| !outcome.denied()) {
                    violations.push(Violation {
                        url: url.clone(),
                        asker: *asker,
                        client: part.example,
                        wanted: "refused at admission".to_owned(),
                        outcomes: part.outcomes,
                    });
                }
            }
        }
        proof.violations.extend(violations);
    }
    proof.left_out.dedup();
    proof
}

/// What the outcomes of somebody for whom it should work lack.
fn unlike(
    atlas: &Atlas<'_>,
    facts: &Facts<'_>,
    expectation: &Expectation,
    request: &Request,
    client: &Client,
    ends: &BTreeSet<Outcome>,
) -> Option<String> {
    if let Some(wanted) = &expectation.redirects_to {
        let first = walk(atlas.world, facts, &request.ask(client), &mut ());
        let leads = |outcome: &Outcome| match outcome.location() {
            Some(location) => request.url.join(location).as_ref() == Ok(wanted),
            None => {
                outcome.grade() == Grade::NotKnown
                    || matches!(outcome.sees, Sees::Application | Sees::PassedThrough)
            }
        };
        if !first.iter().all(leads) {
            return Some(format!("a redirect to {wanted}"));
        }
    }
    match &expectation.status {
        Some(wanted) => {
            let fits = |outcome: &Outcome| match outcome.status() {
                Some(status) => wanted.contains(status),
                None => {
                    matches!(outcome.sees, Sees::Application | Sees::PassedThrough | Sees::NotKnown)
                }
            };
            (!ends.iter().all(fits)).then(|| format!("status {}", statuses(wanted)))
        }
        None => {
            let works =
                |outcome: &Outcome| matches!(outcome.grade(), Grade::Reaches | Grade::NotKnown);
            (!ends.iter().all(works)).then(|| "an answer below 400".to_owned())
        }
    }
}

fn statuses(matcher: &model::StatusMatcher) -> String {
    let one = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    matcher.0.iter().map(one).collect::<Vec<_>>().join(",")
}

impl Violation {
    /// `guest-wifi (…) sees …, and … is expected`.
    pub fn words(&self, atlas: &Atlas<'_>) -> String {
        let seen: Vec<String> = self.outcomes.iter().map(Outcome::short).collect();
        let codes: BTreeSet<&str> = self.outcomes.iter().filter_map(Outcome::code).collect();
        let code = match codes.is_empty() {
            true => String::new(),
            false => format!(" [{}]", codes.into_iter().collect::<Vec<_>>().join(", ")),
        };
        format!(
            "{} gets {}{code} from {}: expected is {}",
            asker_words(&atlas.world.model, self.asker),
            seen.join(" or "),
            self.url,
            self.wanted
        )
    }
}
