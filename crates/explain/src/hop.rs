//! The hops of an explanation, and who records them.

use model::{Cause, GroupId, ListenerId, Place};
use serde::{Deserialize, Serialize};

use crate::cells::Door;
use crate::outcome::Stage;

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    pub stage: Stage,
    pub state: State,
    pub text: String,
    /// The code of a stop.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// `file:line` of the object that decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
    pub evidence: Evidence,
    /// What nearly applied, and why it did not.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub near: Vec<Near>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Near {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Passed,
    /// The first "no".
    Stopped,
    /// Behind the first "no".
    WouldPass,
    WouldFailToo,
    NotKnown,
}

/// What the step rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Follows from the configuration.
    Proved,
    /// Seen by a probe or a health check, so many seconds ago.
    Observed {
        seconds_ago: i64,
    },
    Assumed,
}

/// Listens to a walk. It returns nothing, so it cannot change where the walk leads.
pub trait Trace {
    /// Whether it wants to hear at all: words cost more than decisions.
    const LISTENS: bool;

    fn hop(&mut self, hop: impl FnOnce() -> Hop);

    /// A decision is asked that looks at the client's address.
    #[inline(always)]
    fn door(&mut self, _: Door) {}

    /// A target may get the request.
    #[inline(always)]
    fn aim(&mut self, _: impl FnOnce() -> Aimed) {}
}

/// A target, and the request as it would get it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aimed {
    pub listener: ListenerId,
    pub group: GroupId,
    /// Its position in the group.
    pub target: usize,
    /// The `Host` header.
    pub host: String,
    /// Path and query.
    pub url: String,
}

impl Trace for () {
    const LISTENS: bool = false;

    #[inline(always)]
    fn hop(&mut self, _: impl FnOnce() -> Hop) {}
}

/// Keeps what it hears.
#[derive(Debug, Default)]
pub struct Recorder {
    pub hops: Vec<Hop>,
}

impl Trace for Recorder {
    const LISTENS: bool = true;

    fn hop(&mut self, hop: impl FnOnce() -> Hop) {
        let mut hop = hop();
        let stopped = self.hops.iter().any(|hop| hop.state == State::Stopped);
        hop.state = match (stopped, hop.state) {
            (true, State::Passed) => State::WouldPass,
            (true, State::Stopped) => State::WouldFailToo,
            (_, state) => state,
        };
        self.hops.push(hop);
    }
}

// === impl Hop ===

impl Hop {
    pub fn passed(stage: Stage, text: impl Into<String>) -> Hop {
        Hop {
            stage,
            state: State::Passed,
            text: text.into(),
            code: None,
            place: None,
            evidence: Evidence::Proved,
            near: Vec::new(),
        }
    }

    pub fn stopped(stage: Stage, cause: impl Into<Cause>, text: impl Into<String>) -> Hop {
        Hop {
            state: State::Stopped,
            code: Some(cause.into().code().to_owned()),
            ..Hop::passed(stage, text)
        }
    }

    pub fn not_known(stage: Stage, text: impl Into<String>) -> Hop {
        Hop { state: State::NotKnown, evidence: Evidence::Assumed, ..Hop::passed(stage, text) }
    }

    pub fn at(mut self, place: &Place) -> Hop {
        self.place = Some(place.to_string());
        self
    }

    pub fn because(mut self, evidence: Evidence) -> Hop {
        self.evidence = evidence;
        self
    }

    pub fn near(mut self, near: Vec<Near>) -> Hop {
        self.near = near;
        self
    }
}

impl Near {
    pub fn new(text: impl Into<String>, place: &Place) -> Near {
        Near { text: text.into(), place: Some(place.to_string()) }
    }
}
