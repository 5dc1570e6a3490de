//! An explanation beside real packets: what is to be asked ([`Plan`]), what was seen ([`Probed`]), and
//! how the two agree ([`ProbeReport`]). The packets are somebody else's: here are values only.

mod judge;
mod plan;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use model::{GroupId, Model};
use serde::{Deserialize, Serialize};

use crate::facts::{Behaviour, ObservedBy, TargetView};
use crate::observed::Observed;
use crate::report::OutcomeReport;

pub use judge::report;
pub use plan::plan;

/// Targets that one probe asks at most.
pub const TARGETS_MAX: usize = 64;
/// The exit code of an explanation that was seen to be otherwise.
pub const SEEN_OTHERWISE: u8 = 5;

/// What a probe is to ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Whom the question is about, as inclusive ranges.
    pub clients: Vec<(IpAddr, IpAddr)>,
    /// Where the configuration has the name lead.
    pub addresses: Vec<IpAddr>,
    /// Whether the request itself may be sent.
    pub sends: Sends,
    /// Every target that the request could go to.
    pub targets: Vec<TargetCall>,
}

/// How far a probe goes with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sends {
    /// To the load balancer and to targets.
    Everywhere,
    /// Targets are only connected to.
    ThroughTheDoor,
    /// It may change something: no request is sent.
    Nowhere,
}

/// A target, and the request as the load balancer would send it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetCall {
    pub group: String,
    /// As it is declared, with its port.
    pub target: String,
    /// Declared addresses; none of a target that is declared by name.
    pub addresses: Vec<IpAddr>,
    pub name: Option<String>,
    pub proof: Option<Proof>,
    pub port: u16,
    pub url: String,
    pub headers: Vec<(String, String)>,
}

/// What a target has to prove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// A PEM file; `None`: whom this machine trusts.
    pub authorities: Option<PathBuf>,
    pub name: Option<String>,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    pub at_unix: i64,
    /// What the system's resolver says; `None` if the URL names an address.
    pub resolved: Option<Vec<IpAddr>>,
    pub from: Option<IpAddr>,
    pub to: Option<SocketAddr>,
    pub seen: Attempt,
    pub targets: Vec<TargetProbed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempt {
    Made(Observed),
    /// And why not.
    NotMade(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetProbed {
    pub group: String,
    pub target: String,
    /// Where it was asked, if it has an address.
    pub to: Option<SocketAddr>,
    pub seen: AtTarget,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtTarget {
    /// Its name has no address.
    NoAddress,
    /// It takes connections; nothing was sent.
    Connects,
    Asked(Observed),
}

/// What was seen beside what is foretold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    pub at_unix: i64,
    pub from: Option<String>,
    pub to: Option<String>,
    pub name: Option<ProbedName>,
    /// How the first request ends for a client at `from`; redirects are not followed.
    pub foretold: Vec<OutcomeReport>,
    /// What was seen; nothing if `not_asked` says why not.
    pub seen: Option<String>,
    pub status: Option<u16>,
    pub not_asked: Option<String>,
    pub agreement: Agreement,
    pub targets: Vec<ProbedTarget>,
    /// Everything that was seen otherwise than foretold.
    pub findings: Vec<String>,
}

/// Where the name leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbedName {
    pub name: String,
    pub foretold: Vec<String>,
    pub seen: Vec<String>,
    pub agreement: Agreement,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbedTarget {
    pub group: String,
    pub target: String,
    pub to: Option<String>,
    pub seen: String,
    pub works: Works,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    Agrees,
    Differs,
    NotKnown,
}

/// Whether a target would serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Works {
    Yes,
    No,
    NotKnown,
}

impl Sends {
    /// By the method alone: safe ones (RFC 9110 §9.2.1) are sent.
    pub fn of_method(method: &str) -> Sends {
        match method {
            "GET" | "HEAD" => Sends::Everywhere,
            "OPTIONS" => Sends::ThroughTheDoor,
            _ => Sends::Nowhere,
        }
    }
}

impl Probed {
    /// What is known of a target, with what was seen of it just now.
    pub fn view(&self, model: &Model, group: GroupId, at: usize, known: TargetView) -> TargetView {
        let declared = &model[group];
        let Some(target) = declared.targets.get(at) else { return known };
        let name = target.to_string();
        let mut own = self.targets.iter();
        match own.find(|probed| probed.group == declared.name && probed.target == name) {
            Some(probed) => probed.seen.view(known, self.at_unix),
            None => known,
        }
    }
}

impl AtTarget {
    fn view(&self, known: TargetView, at_unix: i64) -> TargetView {
        let seen = |behaviour| TargetView {
            behaviour,
            observed_unix: Some(at_unix),
            observed_by: ObservedBy::Probe,
            resolved: true,
            ..known
        };
        match self {
            AtTarget::NoAddress => TargetView { resolved: false, ..known },
            AtTarget::Connects => seen(Behaviour::NotKnown),
            AtTarget::Asked(observed) => match observed {
                Observed::TimesOut => seen(Behaviour::Silent),
                Observed::Refused => seen(Behaviour::Refuses),
                Observed::Unreachable => seen(Behaviour::Unreachable),
                Observed::Reset | Observed::Closed => seen(Behaviour::Closes),
                Observed::Nonsense => seen(Behaviour::Nonsense),
                Observed::ProtocolError => seen(Behaviour::TlsFails),
                Observed::CertificateError(why) => seen(Behaviour::TlsUntrusted(*why)),
                // A load balancer has more patience than a probe.
                Observed::Silence => seen(Behaviour::NotKnown),
                // Where a redirect leads is for the declared application to say.
                Observed::Answer { status: 300..=399, .. } => seen(Behaviour::NotKnown),
                Observed::Answer { status, .. } => seen(Behaviour::Answers(*status)),
                Observed::Failed(_) => known,
            },
        }
    }

    fn works(&self) -> Works {
        match self {
            AtTarget::NoAddress => Works::No,
            AtTarget::Connects => Works::Yes,
            AtTarget::Asked(observed) => match observed {
                Observed::TimesOut
                | Observed::Refused
                | Observed::Unreachable
                | Observed::Reset
                | Observed::Closed
                | Observed::Nonsense
                | Observed::ProtocolError
                | Observed::CertificateError(_)
                | Observed::Answer { status: 500.., .. } => Works::No,
                Observed::Answer { .. } => Works::Yes,
                Observed::Silence | Observed::Failed(_) => Works::NotKnown,
            },
        }
    }

    fn words(&self) -> String {
        match self {
            AtTarget::NoAddress => "its name has no address".to_owned(),
            AtTarget::Connects => "takes connections".to_owned(),
            AtTarget::Asked(Observed::Silence) => {
                "takes connections, and gave no answer while the probe waited".to_owned()
            }
            AtTarget::Asked(observed) => observed.to_string(),
        }
    }
}
