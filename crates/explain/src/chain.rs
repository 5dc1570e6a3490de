//! One address, and those that its redirects lead to, to the end.

use std::collections::BTreeSet;

use model::{Obstacle, Url};
use world::World;

use crate::facts::Facts;
use crate::hop::{Hop, Recorder, Trace};
use crate::outcome::{Outcome, Sees, Stage};
use crate::walk::{Ask, walk};

/// Browsers follow 20 (Fetch standard §4.4).
pub const REDIRECTS_MAX: usize = 20;

/// One request of a chain, as it was recorded.
#[derive(Clone, Debug)]
pub struct Leg {
    pub url: Url,
    pub hops: Vec<Hop>,
    pub outcomes: BTreeSet<Outcome>,
}

/// Every way the chain can end.
pub fn ends<T: Trace>(
    world: &World,
    facts: &Facts<'_>,
    ask: &Ask<'_>,
    trace: &mut T,
) -> BTreeSet<Outcome> {
    follow(world, facts, ask, &mut vec![ask.url.clone()], trace)
}

/// As [`ends`], and the legs of it, recorded.
pub fn record(world: &World, facts: &Facts<'_>, ask: &Ask<'_>) -> (Vec<Leg>, BTreeSet<Outcome>) {
    let mut legs = Vec::new();
    let ends = follow_recorded(world, facts, ask, &mut vec![ask.url.clone()], &mut legs);
    (legs, ends)
}

fn follow<T: Trace>(
    world: &World,
    facts: &Facts<'_>,
    ask: &Ask<'_>,
    visited: &mut Vec<Url>,
    trace: &mut T,
) -> BTreeSet<Outcome> {
    let mut ends = BTreeSet::new();
    for outcome in walk(world, facts, ask, trace) {
        match next(ask, visited, &outcome) {
            Next::End(outcome) => {
                ends.insert(outcome);
            }
            Next::Go(url) => {
                visited.push(url.clone());
                ends.extend(follow(world, facts, &onward(ask, &url), visited, trace));
                visited.pop();
            }
        }
    }
    ends
}

fn follow_recorded(
    world: &World,
    facts: &Facts<'_>,
    ask: &Ask<'_>,
    visited: &mut Vec<Url>,
    legs: &mut Vec<Leg>,
) -> BTreeSet<Outcome> {
    let mut recorder = Recorder::default();
    let outcomes = walk(world, facts, ask, &mut recorder);
    let at = legs.len();
    legs.push(Leg { url: ask.url.clone(), hops: Vec::new(), outcomes: outcomes.clone() });
    let mut ends = BTreeSet::new();
    for outcome in outcomes {
        match next(ask, visited, &outcome) {
            Next::End(end) => {
                if let Some(cause) = end.cause.filter(|_| end.stage == Stage::Redirect) {
                    let text = match outcome.location() {
                        Some(location) => format!("{location}: {}", cause.text()),
                        None => cause.text().to_owned(),
                    };
                    recorder.hop(|| Hop::stopped(Stage::Redirect, cause, text));
                }
                ends.insert(end);
            }
            Next::Go(url) => {
                recorder
                    .hop(|| Hop::passed(Stage::Redirect, format!("the browser goes on to {url}")));
                visited.push(url.clone());
                ends.extend(follow_recorded(world, facts, &onward(ask, &url), visited, legs));
                visited.pop();
            }
        }
    }
    legs[at].hops = recorder.hops;
    ends
}

enum Next {
    End(Outcome),
    Go(Url),
}

/// What a browser does with the answer.
fn next(ask: &Ask<'_>, visited: &[Url], outcome: &Outcome) -> Next {
    let Sees::Answer { status: 300..=399, location: Some(location), .. } = &outcome.sees else {
        return Next::End(outcome.clone());
    };
    let stop = |obstacle: Obstacle| {
        Next::End(Outcome {
            cause: Some(obstacle.into()),
            stage: Stage::Redirect,
            ..outcome.clone()
        })
    };
    match ask.url.join(location) {
        Err(_) => stop(Obstacle::RedirectInvalid),
        // The same request has the same answer.
        Ok(url) if visited.contains(&url) => stop(Obstacle::RedirectLoop),
        Ok(_) if visited.len() > REDIRECTS_MAX => stop(Obstacle::RedirectTooMany),
        Ok(url) => Next::Go(url),
    }
}

/// The next request: browsers turn a POST into a GET (Fetch standard §4.4), and name the new host.
fn onward<'a>(ask: &Ask<'a>, url: &'a Url) -> Ask<'a> {
    let method = if ask.method == "POST" { "GET" } else { ask.method };
    Ask { url, method, to: ask.to.filter(|_| url.host == ask.url.host), ..*ask }
}
