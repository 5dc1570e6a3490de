//! What an answer rests on besides the configuration: time, certificates, health, what was observed.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::{CertificateId, GroupId, HealthCheck, HealthReason, HealthState, ListenerId, Obstacle};
use verdict::certificate::CertificateFacts;

/// Everything that is not in the World. The closures are asked again and again and answer alike.
#[derive(Clone, Copy)]
pub struct Facts<'f> {
    pub now_unix: i64,
    pub certificates: &'f dyn Fn(CertificateId) -> CertificateView,
    pub targets: &'f dyn Fn(GroupId, usize) -> TargetView,
    /// Of a listener, at its addresses that a client with this one can reach.
    pub enforcement: &'f dyn Fn(ListenerId, IpAddr) -> Enforcement,
    /// Who was turned away at a listener already, from the network of an address.
    pub refused: &'f dyn Fn(ListenerId, IpAddr) -> Option<Counted>,
    /// Whether a running instance says so, or the configuration alone.
    pub source: FactSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactSource {
    /// A proof from configuration alone: targets are taken as healthy, certificates as in date
    /// (DECISIONS 5).
    Proof,
    /// The files, read now: targets are taken as healthy.
    Configuration,
    Running,
}

/// A certificate as far as it is known.
#[derive(Clone, Debug)]
pub struct CertificateView {
    pub facts: Option<Arc<CertificateFacts>>,
    pub trust: Trust,
    /// Of [`Trust::Pending`]: what an authority said, if it was asked.
    pub why_pending: Option<Arc<str>>,
    /// Names that have one of their own, as it was ordered when a client came; until when, in Unix seconds.
    pub on_demand: Arc<BTreeMap<String, i64>>,
}

/// Whether clients trust the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// An authority: which ones a client trusts is assumed.
    Authority,
    /// The local development authority: trusted where it was installed.
    Development,
    SelfSigned,
    /// An authority is still asked, and a placeholder is served.
    Pending,
}

/// A target as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetView {
    pub state: HealthState,
    pub reason: Option<HealthReason>,
    /// Unix seconds of when it came into its state.
    pub since_unix: Option<i64>,
    /// Its name has an address.
    pub resolved: bool,
    /// Per mille, lowered by anomaly mitigation.
    pub weight: u16,
    pub behaviour: Behaviour,
    /// Unix seconds of when `behaviour` was observed.
    pub observed_unix: Option<i64>,
    pub observed_by: ObservedBy,
}

/// How a target's behaviour came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservedBy {
    HealthCheck,
    /// The very request was made.
    Probe,
}

/// What a target does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Behaviour {
    NotKnown,
    /// Answers with this status.
    Answers(u16),
    /// Nothing listens.
    Refuses,
    /// The connection attempt is not answered.
    Silent,
    Unreachable,
    /// Takes the connection and closes it without an answer.
    Closes,
    /// Takes the request and never answers.
    Hangs,
    /// Answers something that is not HTTP.
    Nonsense,
    /// The TLS handshake with it fails.
    TlsFails,
    /// It shows a certificate that the group's `verify` does not take, and why.
    TlsUntrusted(Obstacle),
}

/// Refused connection attempts, as a running instance counted them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub count: u64,
    pub network: String,
    pub since_unix: i64,
}

/// Where a listener turns clients away (DECISIONS 8 to 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Packets vanish.
    Kernel,
    /// The connection is made, and then nothing more.
    AfterAccept,
    NotKnown,
}

impl TargetView {
    /// What the configuration alone lets one assume.
    pub const ASSUMED: TargetView = TargetView {
        state: HealthState::Healthy,
        reason: None,
        since_unix: None,
        resolved: true,
        weight: verdict::target::FULL,
        behaviour: Behaviour::NotKnown,
        observed_unix: None,
        observed_by: ObservedBy::HealthCheck,
    };

    /// What is known of it for a request with this path and query, as the target gets it: a health
    /// check is answered for its own path, which says nothing of others.
    pub fn for_path(self, check: &HealthCheck, url: &str) -> TargetView {
        let answers = matches!(self.behaviour, Behaviour::Answers(_));
        let of_check = answers && self.observed_by == ObservedBy::HealthCheck;
        match of_check && path(&check.path) != path(url) {
            true => TargetView { behaviour: Behaviour::NotKnown, ..self },
            false => self,
        }
    }
}

fn path(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts")
            .field("now_unix", &self.now_unix)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
