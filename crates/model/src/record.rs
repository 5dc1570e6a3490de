use std::fmt;
use std::net::IpAddr;

use crate::{GroupId, Host, LoadBalancerId, NetworkId, Place, Seconds, ZoneId};

/// What a name leads to, for everybody or for some networks (DECISIONS 35).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `*.example.com` stands for the names below that do not exist (RFC 4592).
    pub name: Host,
    /// The zone of ours that serves it; `None`: a declared fact about somebody else's.
    pub zone: Option<ZoneId>,
    /// Empty: visible to everybody. What is visible to a client's own network comes first.
    pub visible_to: Vec<NetworkId>,
    pub data: RecordData,
    pub ttl: Seconds,
    /// Boxed: most records have none, and zones are long. `None`: simple (ALB.md §10).
    pub routing: Option<Box<Routing>>,
    pub place: Place,
}

/// What decisions look into is parsed; everything else is kept as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordData {
    /// A and AAAA.
    Addresses(Vec<IpAddr>),
    /// Follows the load balancer's addresses.
    Alias(LoadBalancerId),
    /// Follows another name of the same zone, whatever is asked for (ALB.md §10).
    AliasName(Host),
    /// Another name (CNAME).
    Canonical(Host),
    /// NS: those of the zone at its apex, elsewhere a delegation (RFC 1034 §4.2.1).
    NameServers(Vec<Host>),
    /// The SOA, which the zone says itself: its serial moves.
    Authority,
    /// Values in wire form, without compression.
    Data { kind: RecordType, values: Vec<Box<[u8]>> },
}

impl RecordData {
    /// Whether it says something to a question for the type, at its own name.
    pub fn is_of(&self, kind: RecordType) -> bool {
        match self {
            RecordData::Addresses(addresses) => match kind {
                RecordType::A => addresses.iter().any(IpAddr::is_ipv4),
                RecordType::AAAA => addresses.iter().any(IpAddr::is_ipv6),
                _ => false,
            },
            RecordData::Alias(_) => matches!(kind, RecordType::A | RecordType::AAAA),
            // Whatever its target has; not what only an apex has (ALB.md §10).
            RecordData::AliasName(_) => !matches!(kind, RecordType::NS | RecordType::SOA),
            RecordData::Canonical(_) => kind == RecordType::CNAME,
            RecordData::NameServers(_) => kind == RecordType::NS,
            RecordData::Authority => kind == RecordType::SOA,
            RecordData::Data { kind: own, .. } => *own == kind,
        }
    }
}

/// The number of a type (RFC 1035 §3.2.2 and the registry it began).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

macro_rules! types {
    ($($name:ident = $number:literal;)+) => {
        impl RecordType {
            $(pub const $name: RecordType = RecordType($number);)+

            const NAMED: &'static [(&'static str, RecordType)] =
                &[$((stringify!($name), RecordType::$name)),+];
        }
    };
}

types! {
    A = 1;
    NS = 2;
    CNAME = 5;
    SOA = 6;
    PTR = 12;
    MX = 15;
    TXT = 16;
    AAAA = 28;
    SRV = 33;
    NAPTR = 35;
    DS = 43;
    SSHFP = 44;
    RRSIG = 46;
    NSEC = 47;
    DNSKEY = 48;
    NSEC3 = 50;
    NSEC3PARAM = 51;
    TLSA = 52;
    CDS = 59;
    CDNSKEY = 60;
    SVCB = 64;
    HTTPS = 65;
    ANY = 255;
    CAA = 257;
}

impl RecordType {
    /// A name such as `AAAA`, or `TYPE65280` (RFC 3597 §5), in any case.
    pub fn named(text: &str) -> Option<RecordType> {
        let known = RecordType::NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, kind)| *kind).or_else(|| {
            let (word, number) = text.split_at_checked(4)?;
            let digits = number.bytes().all(|b| b.is_ascii_digit());
            let number = number.parse().ok().filter(|_| digits)?;
            word.eq_ignore_ascii_case("type").then_some(RecordType(number))
        })
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RecordType::NAMED.iter().find(|(_, kind)| kind == self) {
            Some((name, _)) => f.pad(name),
            None => f.pad(&format!("TYPE{}", self.0)),
        }
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How one of several records of a name and type is chosen (ALB.md §10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    pub policy: Policy,
    /// Whether an alias is out while its load balancer is not healthy (ALB.md §5f); no effect on
    /// simple records.
    pub evaluate_target_health: bool,
    /// The record is out while no target of the group is healthy.
    pub healthy_while: Option<GroupId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    Simple,
    Weighted(u8),
    Failover(Role),
    /// Up to eight healthy ones at once.
    Multivalue,
    /// Empty: the default, for whoever is in no network of the others.
    Geolocation(Vec<NetworkId>),
    /// Declared measurements: from a network, in milliseconds.
    Latency(Vec<(NetworkId, u32)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Primary,
    Secondary,
}

impl Policy {
    /// The word of the configuration.
    pub const fn word(&self) -> &'static str {
        match self {
            Policy::Simple => "simple",
            Policy::Weighted(_) => "weighted",
            Policy::Failover(_) => "failover",
            Policy::Multivalue => "multivalue",
            Policy::Geolocation(_) => "geolocation",
            Policy::Latency(_) => "latency",
        }
    }
}

impl Record {
    pub fn policy(&self) -> &Policy {
        self.routing.as_ref().map_or(&Policy::Simple, |routing| &routing.policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_names_and_numbers() {
        let rows = [
            ("A", Some(1), "A"),
            ("aaaa", Some(28), "AAAA"),
            ("TYPE28", Some(28), "AAAA"),
            ("type65280", Some(65280), "TYPE65280"),
            ("TYPE65536", None, ""),
            ("TYPE+1", None, ""),
            ("TYPE", None, ""),
            ("AXFR", None, ""),
        ];
        for (text, number, shown) in rows {
            let kind = RecordType::named(text);
            assert_eq!(kind.map(|kind| kind.0), number, "{text}");
            assert_eq!(kind.map_or(String::new(), |kind| kind.to_string()), shown, "{text}");
        }
    }
}
