use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::{Application, InstanceId, Place, Seconds};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetProtocol {
    Http,
    /// The target's certificate is not validated (ALB.md §3b), but for a group that says so.
    Https,
    /// Bytes of connections that are passed through (ALB.md §3, the NLB's word).
    Tcp,
}

impl TargetProtocol {
    /// `http`, `https` or `tcp`.
    pub const fn scheme(self) -> &'static str {
        match self {
            TargetProtocol::Http => "http",
            TargetProtocol::Https => "https",
            TargetProtocol::Tcp => "tcp",
        }
    }
}

/// ALB.md §2c and §5.
#[derive(Clone, Debug)]
pub struct TargetGroup {
    pub name: String,
    pub protocol: TargetProtocol,
    /// `None`: whatever certificate a target shows is taken, as by an ALB (ALB.md §3b).
    pub verification: Option<TargetVerification>,
    pub targets: Vec<Target>,
    pub health_check: HealthCheck,
    pub algorithm: Algorithm,
    pub stickiness: Stickiness,
    /// 0, or 30–900 s.
    pub slow_start: Seconds,
    /// 0–3600 s.
    pub deregistration_delay: Seconds,
    /// Fewer healthy targets than this: all registered targets get traffic (ALB.md §5f).
    pub minimum_healthy_targets: u32,
    /// What each of its targets runs on the target's port.
    pub application: Option<Application>,
    pub place: Place,
}

/// Our extension: targets of an HTTPS group have to prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetVerification {
    pub authorities: TargetAuthorities,
    /// What the certificate must be for; also the server name of the handshake. `None`: the target's
    /// own name, or its address.
    pub name: Option<Host>,
    pub place: Place,
}

/// Who may issue the certificates of targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetAuthorities {
    /// Whom this machine trusts.
    System,
    /// PEM.
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: TargetAddress,
    pub port: u16,
    pub place: Place,
}

/// What a target is, as written. `Display` is what the operator wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetAddress {
    Ip(IpAddr),
    /// A host name that is resolved again and again; `localhost` is both families (DECISIONS 24).
    Name(Host),
    Instance {
        id: InstanceId,
        name: String,
    },
}

impl fmt::Display for TargetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetAddress::Ip(IpAddr::V6(v6)) => write!(f, "[{v6}]"),
            TargetAddress::Ip(v4) => write!(f, "{v4}"),
            TargetAddress::Name(host) => f.write_str(&host.0),
            TargetAddress::Instance { name, .. } => write!(f, "instance.{name}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.address, self.port)
    }
}

/// A host name, lower case, without a final dot; where a zone file has stranger names, as there: a dot
/// within a label is `\.`, an octet that cannot be printed `\DDD` (RFC 1035 §5.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(pub String);

impl std::borrow::Borrow<str> for Host {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    RoundRobin,
    LeastOutstandingRequests,
    WeightedRandom { anomaly_mitigation: bool },
}

/// ALB.md §5c.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stickiness {
    Off,
    LoadBalancerCookie { duration: Seconds },
    AppCookie { name: String, duration: Seconds },
}

/// ALB.md §5e.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// `false`: targets are `unavailable` and get traffic.
    pub enabled: bool,
    pub protocol: HealthCheckProtocol,
    pub port: HealthCheckPort,
    /// Begins with `/`.
    pub path: String,
    /// Our extension: a `Host` other than the target's address.
    pub host: Option<String>,
    pub interval: Seconds,
    pub timeout: Seconds,
    pub healthy_threshold: u32,
    pub unhealthy_threshold: u32,
    pub matcher: StatusMatcher,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthCheckProtocol {
    Http,
    Https,
    Tcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthCheckPort {
    Traffic,
    Port(u16),
}

/// `200`, `200,202`, `200-299`: a union of inclusive ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusMatcher(pub Vec<(u16, u16)>);

impl StatusMatcher {
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// `None` when the text is not a list of codes and ranges between 200 and 599.
    pub fn parse(text: &str) -> Option<Self> {
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            if first > last || !(200..=599).contains(&first) || !(200..=599).contains(&last) {
                return None;
            }
            ranges.push((first, last));
        }
        Some(StatusMatcher(ranges))
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        HealthCheck {
            enabled: true,
            protocol: HealthCheckProtocol::Http,
            port: HealthCheckPort::Traffic,
            path: "/".to_owned(),
            host: None,
            interval: Seconds(30),
            timeout: Seconds(5),
            healthy_threshold: 5,
            unhealthy_threshold: 2,
            matcher: StatusMatcher(vec![(200, 200)]),
            place: Place::described("default"),
        }
    }
}
