//! The order of the decisions, as types: nobody can skip or reorder a check.
//!
//! ```text
//! per connection   Knocked ──admit──▶ Admitted ──plain / secured──▶ Secured
//! passed through   Admitted ──pass──▶ Routed ──aim──▶ Aimed
//! per request      Secured ──hear──▶ Heard ──route──▶ Routed ──aim──▶ Aimed ──aim_again──▶ Aimed
//! ```
//!
//! A refused step of a [`Live`] journey ends it. Only a [`Hypothetical`] journey may
//! [`Refused::suppose`] that the step had passed, to learn what would fail next (DECISIONS 2).

use std::marker::PhantomData;
use std::net::IpAddr;

use model::{Action, Challenges, DesyncMode, Forward, GroupId, ListenerProtocol, Refusal};

use crate::Witness;
use crate::admit::{Admission, admit};
use crate::forward::choose_group;
use crate::issuance::token_answer;
use crate::pass::{Closed, Greeting, pass_through};
use crate::request::{Handling, HeadFacts, hear};
use crate::route::{Headers, RequestFacts, RouteScratch, RulePosition, RuleTable, route};
use crate::target::{Chosen, Targets, choose};

/// Real traffic: a "no" is final.
#[derive(Clone, Copy, Debug)]
pub enum Live {}

/// A question: a "no" may be set aside.
#[derive(Clone, Copy, Debug)]
pub enum Hypothetical {}

/// A refusal, and the state that would have followed.
#[derive(Clone, Copy, Debug)]
pub struct Refused<N> {
    pub refusal: Refusal,
    onward: N,
}

/// States of a hypothetical journey.
pub trait Supposable: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

impl<N: Supposable> Refused<N> {
    /// The state that would have followed, had the step passed.
    pub fn suppose(self) -> N {
        self.onward
    }
}

macro_rules! supposable {
    ($($state:ident),+) => { $(
        impl sealed::Sealed for $state<Hypothetical> {}
        impl Supposable for $state<Hypothetical> {}
    )+ };
}

supposable!(Admitted, Heard);

/// A connection attempt that nobody has judged yet.
#[derive(Clone, Copy, Debug)]
pub struct Knocked<M> {
    source: IpAddr,
    port: u16,
    mode: PhantomData<M>,
}

impl Knocked<Live> {
    /// `source` is canonical (DECISIONS 24).
    pub fn live(source: IpAddr, port: u16) -> Self {
        Knocked { source, port, mode: PhantomData }
    }
}

impl Knocked<Hypothetical> {
    pub fn hypothetical(source: IpAddr, port: u16) -> Self {
        Knocked { source, port, mode: PhantomData }
    }
}

impl<M> Knocked<M> {
    pub fn admit<W: Witness>(
        self,
        admission: &Admission,
        witness: &mut W,
    ) -> Result<Admitted<M>, Refused<Admitted<M>>> {
        let onward = Admitted(PhantomData);
        match admit(admission, self.source, self.port, witness) {
            Ok(()) => Ok(onward),
            Err(refusal) => Err(Refused { refusal, onward }),
        }
    }
}

/// The security groups let the connection in.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<M>(PhantomData<M>);

impl<M> Admitted<M> {
    /// On an HTTP listener there is no TLS step.
    pub fn plain(self) -> Secured<M> {
        Secured(PhantomData)
    }

    /// The TLS handshake has completed.
    pub fn secured(self) -> Secured<M> {
        Secured(PhantomData)
    }

    /// TLS ends at the target: there is no handshake here and no request (DECISIONS 2).
    pub fn pass<'t, T: RuleTable, W: Witness>(
        self,
        table: &'t T,
        greeting: Greeting<'_>,
        witness: &mut W,
    ) -> Result<(Routed<'t, M>, &'t Forward), Closed> {
        let (rule, action, forward) = pass_through(table, greeting, witness)?;
        Ok((Routed { rule, action, mode: PhantomData }, forward))
    }
}

/// Ready for requests.
#[derive(Clone, Copy, Debug)]
pub struct Secured<M>(PhantomData<M>);

impl<M> Secured<M> {
    pub fn hear(self, head: HeadFacts, mode: DesyncMode) -> Result<Heard<M>, Refused<Heard<M>>> {
        match hear(head, mode) {
            Ok(handling) => Ok(Heard { handling, mode: PhantomData }),
            Err(refusal) => {
                let onward = Heard { handling: Handling::CloseAfter, mode: PhantomData };
                Err(Refused { refusal, onward })
            }
        }
    }
}

/// A request that may be routed.
#[derive(Clone, Copy, Debug)]
pub struct Heard<M> {
    pub handling: Handling,
    mode: PhantomData<M>,
}

impl<M> Heard<M> {
    /// The answer to an authority that looks for a proof (RFC 8555 §8.3): over plain HTTP alone, and before
    /// any rule. `None`: the request goes on to the rules.
    pub fn proves<'c>(
        &self,
        protocol: ListenerProtocol,
        challenges: &'c Challenges,
        method: &[u8],
        path: &[u8],
    ) -> Option<&'c str> {
        match protocol {
            ListenerProtocol::Http => token_answer(challenges, method, path),
            ListenerProtocol::Https | ListenerProtocol::TlsPassthrough => None,
        }
    }

    pub fn route<'t, T: RuleTable, H: Headers + ?Sized, W: Witness>(
        self,
        table: &'t T,
        request: &RequestFacts<'_, H>,
        scratch: &mut RouteScratch,
        witness: &mut W,
    ) -> Result<Routed<'t, M>, Refusal> {
        let rule = route(table, request, scratch, witness)?;
        let action = match rule.and_then(|at| table.rules().get(at)) {
            Some(rule) => &rule.action,
            None => table.default_action(),
        };
        Ok(Routed { rule, action, mode: PhantomData })
    }
}

/// A request that has an action.
#[derive(Clone, Copy, Debug)]
pub struct Routed<'t, M> {
    /// `None`: only the default action caught it.
    pub rule: RulePosition,
    pub action: &'t Action,
    mode: PhantomData<M>,
}

impl<M> Routed<'_, M> {
    /// Draws the target group of a forward action.
    pub fn group(
        &self,
        forward: &Forward,
        sticky: Option<GroupId>,
        draw: u64,
    ) -> Result<GroupId, Refusal> {
        choose_group(forward, sticky, draw)
    }

    pub fn aim<T: Targets + ?Sized, W: Witness>(
        &self,
        aim: Aim<'_, T>,
        cursor: &mut u32,
        witness: &mut W,
    ) -> Result<Aimed<M>, Refusal> {
        let chosen = choose(
            aim.algorithm,
            aim.minimum_healthy,
            aim.targets,
            aim.sticky,
            cursor,
            aim.draw,
            witness,
        )?;
        Ok(Aimed { chosen, mode: PhantomData })
    }
}

/// What choosing a target looks at.
#[derive(Clone, Copy, Debug)]
pub struct Aim<'a, T: ?Sized> {
    pub algorithm: model::Algorithm,
    pub minimum_healthy: u32,
    pub targets: &'a T,
    /// The target that a valid stickiness cookie names.
    pub sticky: Option<usize>,
    pub draw: u64,
}

/// A request that has a target.
#[derive(Clone, Copy, Debug)]
pub struct Aimed<M> {
    pub chosen: Chosen,
    mode: PhantomData<M>,
}

/// Targets that one request tries at most (DECISIONS 15).
pub const ATTEMPTS_MAX: u32 = 5;

/// Whether a request may be repeated without the client's saying so (RFC 9110 §9.2.2).
pub fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"PUT" | b"DELETE" | b"OPTIONS" | b"TRACE")
}

/// The outcome of an attempt that failed before any byte of a response (DECISIONS 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// No connection was made.
    ConnectFailed,
    /// A reused connection failed.
    ReusedFailed { idempotent: bool, body_consumed: bool },
    /// A new connection ended after the request was sent.
    FreshClosed { idempotent: bool, body_consumed: bool },
    /// The target answered, but nonsense, or not in time; or the client is at fault.
    Failed,
}

/// What may be tried after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    NextTarget,
    FreshConnection,
    Never,
}

/// Requests that a target may have taken are repeated only where the protocol allows it (RFC 9110
/// §9.2.2), and on a new connection only once: a request that kills a target must not kill them all.
/// `sent` counts how often it was sent on a new connection in vain.
pub fn retry(attempt: Attempt, sent: u32) -> Retry {
    match (attempt, sent) {
        (Attempt::ConnectFailed, _) => Retry::NextTarget,
        (Attempt::ReusedFailed { idempotent: true, body_consumed: false }, _) => {
            Retry::FreshConnection
        }
        (Attempt::FreshClosed { idempotent: true, body_consumed: false }, 0) => Retry::NextTarget,
        (Attempt::ReusedFailed { .. } | Attempt::FreshClosed { .. } | Attempt::Failed, _) => {
            Retry::Never
        }
    }
}
