//! How an authority can be shown that names are ours, and what it would find if it looked: decided before
//! it is asked (DECISIONS 33).

use std::net::IpAddr;

use model::{ChallengeKind, ListenerId};

/// One name of a certificate, as far as the configuration says.
#[derive(Clone, Debug)]
pub struct NameFacts {
    /// As ordered: `*.example.com` is one.
    pub name: String,
    /// It is in a public zone that we serve, so that we can answer for `_acme-challenge` below it.
    pub served: bool,
    pub leads: Leads,
    pub caa: Caa,
}

/// Where the name leads from the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leads {
    /// Nothing here says so: somebody else's zone.
    NotKnown,
    /// Our own zone says: nowhere.
    Nowhere,
    To(Vec<Option<IpAddr>>),
}

/// What its CAA records say of the authority (RFC 8659), where they are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caa {
    /// None, or the authority's name for itself is not known.
    NotKnown,
    Allows,
    /// The name whose records they are, and whom they allow.
    Forbids {
        at: String,
        allowed: Vec<String>,
    },
}

/// What the authority meets at one address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// None of ours: the address is another's.
    Elsewhere,
    /// Ours, and nothing listens there as far as is declared.
    NotListening,
    /// Of the internet nobody is admitted.
    Shut(ListenerId),
    /// Some are, and some are not: an authority asks from anywhere.
    Partly(ListenerId),
    Open(ListenerId),
}

/// A way of one name's to us: by which address, if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    pub address: Option<IpAddr>,
    pub arrival: Arrival,
}

/// Why a challenge was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Declared,
    /// CA/Browser Baseline Requirements §3.2.2.4: a wildcard is proved by DNS alone.
    Wildcard,
    /// We serve the zones of all names.
    ZonesServed,
    /// The world may connect to the port for plain HTTP.
    HttpOpen,
    /// Nothing else is left.
    Last,
}

impl Reason {
    pub const fn words(self) -> &'static str {
        match self {
            Reason::Declared => "as declared",
            Reason::Wildcard => "a wildcard is proved by DNS alone",
            Reason::ZonesServed => "this instance serves the zones of all its names",
            Reason::HttpOpen => "the world is admitted over plain http",
            Reason::Last => {
                "its zones are served elsewhere, and the world is not admitted over plain http"
            }
        }
    }
}

/// What speaks against an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    CaaForbids {
        name: String,
        at: String,
        allowed: Vec<String>,
    },
    /// Our zone has no address for it.
    Nowhere {
        name: String,
    },
    /// An address of it is not ours; `others` are, so that it may be a stale one.
    Elsewhere {
        name: String,
        address: IpAddr,
        others: bool,
    },
    /// A family that an authority may prefer, and no listener of ours on it.
    NotListening {
        name: String,
        address: Option<IpAddr>,
        port: u16,
    },
    NotAdmitted {
        name: String,
        listener: ListenerId,
        port: u16,
    },
    PartlyAdmitted {
        name: String,
        listener: ListenerId,
        port: u16,
    },
    /// The challenge is answered by DNS, and the zone is another's.
    ZoneElsewhere {
        name: String,
    },
}

impl Doubt {
    /// Whether it is certain that the authority would refuse: only then it is not asked. What is before
    /// us, such as a router that maps ports, is not declared.
    pub fn is_proof(&self) -> bool {
        match self {
            Doubt::CaaForbids { .. }
            | Doubt::Nowhere { .. }
            | Doubt::Elsewhere { .. }
            | Doubt::NotAdmitted { .. }
            | Doubt::ZoneElsewhere { .. } => true,
            Doubt::NotListening { .. } | Doubt::PartlyAdmitted { .. } => false,
        }
    }
}

/// `http` are the ways of all names to the port for plain HTTP.
pub fn choose(
    declared: Option<ChallengeKind>,
    names: &[NameFacts],
    http: &[Way],
) -> (ChallengeKind, Reason) {
    let open = |way: &Way| matches!(way.arrival, Arrival::Open(_));
    match declared {
        Some(kind) => (kind, Reason::Declared),
        None if names.iter().any(|name| name.name.starts_with("*.")) => {
            (ChallengeKind::Dns01, Reason::Wildcard)
        }
        None if !names.is_empty() && names.iter().all(|name| name.served) => {
            (ChallengeKind::Dns01, Reason::ZonesServed)
        }
        None if !http.is_empty() && http.iter().all(open) => {
            (ChallengeKind::Http01, Reason::HttpOpen)
        }
        None => (ChallengeKind::TlsAlpn01, Reason::Last),
    }
}

/// What an authority would find. `ways` are those to the port that the challenge uses.
pub fn doubts(kind: ChallengeKind, facts: &NameFacts, ways: &[Way], port: u16) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let name = || facts.name.clone();
    if let Caa::Forbids { at, allowed } = &facts.caa {
        doubts.push(Doubt::CaaForbids { name: name(), at: at.clone(), allowed: allowed.clone() });
    }
    match kind {
        ChallengeKind::Dns01 if facts.served => return doubts,
        ChallengeKind::Dns01 => {
            doubts.push(Doubt::ZoneElsewhere { name: name() });
            return doubts;
        }
        ChallengeKind::Http01 | ChallengeKind::TlsAlpn01 => {}
    }
    if facts.leads == Leads::Nowhere {
        doubts.push(Doubt::Nowhere { name: name() });
        return doubts;
    }
    let ours = |way: &Way| way.arrival != Arrival::Elsewhere;
    for way in ways {
        let doubt = match (way.arrival, way.address) {
            (Arrival::Open(_), _) | (Arrival::Elsewhere, None) => continue,
            (Arrival::Elsewhere, Some(address)) => {
                Doubt::Elsewhere { name: name(), address, others: ways.iter().any(ours) }
            }
            (Arrival::NotListening, address) => Doubt::NotListening { name: name(), address, port },
            (Arrival::Shut(listener), _) => Doubt::NotAdmitted { name: name(), listener, port },
            (Arrival::Partly(listener), _) => {
                Doubt::PartlyAdmitted { name: name(), listener, port }
            }
        };
        if !doubts.contains(&doubt) {
            doubts.push(doubt);
        }
    }
    doubts
}

/// Where an authority asks for a file over plain HTTP (RFC 8555 §8.3).
const WELL_KNOWN: &[u8] = b"/.well-known/acme-challenge/";

/// The answer to a request that an authority may have sent: before the rules, so that none of them, a
/// redirect to https least of all, is in its way. `None`: it is a request like others.
pub fn token_answer<'c>(
    challenges: &'c model::Challenges,
    method: &[u8],
    path: &[u8],
) -> Option<&'c str> {
    if challenges.tokens.is_empty() || method != b"GET" {
        return None;
    }
    let token = std::str::from_utf8(path.strip_prefix(WELL_KNOWN)?).ok()?;
    challenges.tokens.get(token).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: ListenerId = ListenerId(0);

    fn facts(name: &str, served: bool) -> NameFacts {
        NameFacts { name: name.into(), served, leads: Leads::NotKnown, caa: Caa::NotKnown }
    }

    fn way(address: &str, arrival: Arrival) -> Way {
        Way { address: address.parse().ok(), arrival }
    }

    #[test]
    fn which_challenge() {
        use ChallengeKind::{Dns01, Http01, TlsAlpn01};
        let open = [way("", Arrival::Open(HERE))];
        let shut = [way("", Arrival::Open(HERE)), way("", Arrival::Shut(HERE))];
        let ours = [facts("a.test", true), facts("*.a.test", true)];
        let both = [facts("a.test", true), facts("b.test", false)];
        type Chosen = (ChallengeKind, Reason);
        type Row<'r> = (&'r str, Option<ChallengeKind>, &'r [NameFacts], &'r [Way], Chosen);
        let rows: [Row<'_>; 7] = [
            ("declared", Some(TlsAlpn01), &both, &open, (TlsAlpn01, Reason::Declared)),
            ("a wildcard", None, &ours, &open, (Dns01, Reason::Wildcard)),
            ("our zone", None, &ours[..1], &shut, (Dns01, Reason::ZonesServed)),
            ("another's as well", None, &both, &open, (Http01, Reason::HttpOpen)),
            ("not all are open", None, &both, &shut, (TlsAlpn01, Reason::Last)),
            ("no listener", None, &both, &[], (TlsAlpn01, Reason::Last)),
            ("no name", None, &[], &[], (TlsAlpn01, Reason::Last)),
        ];
        for (name, declared, names, http, expected) in rows {
            assert_eq!(choose(declared, names, http), expected, "{name}");
        }
    }

    #[test]
    fn what_it_would_find() {
        use ChallengeKind::{Dns01, Http01};
        let name = || "a.test".to_owned();
        let six: IpAddr = "2001:db8::1".parse().unwrap();
        let forbids = Caa::Forbids { at: name(), allowed: vec!["other.test".into()] };
        let plain = facts("a.test", false);
        type Row<'r> = (&'r str, ChallengeKind, NameFacts, &'r [Way], &'r [(Doubt, bool)]);
        let rows: [Row<'_>; 9] = [
            ("all is well", Http01, plain.clone(), &[way("192.0.2.1", Arrival::Open(HERE))], &[]),
            (
                "behind a security group",
                Http01,
                plain.clone(),
                &[way("192.0.2.1", Arrival::Shut(HERE))],
                &[(Doubt::NotAdmitted { name: name(), listener: HERE, port: 80 }, true)],
            ),
            (
                "half of the world",
                Http01,
                plain.clone(),
                &[way("192.0.2.1", Arrival::Partly(HERE))],
                &[(Doubt::PartlyAdmitted { name: name(), listener: HERE, port: 80 }, false)],
            ),
            (
                "a stale AAAA",
                Http01,
                plain.clone(),
                &[way("192.0.2.1", Arrival::Open(HERE)), way("2001:db8::1", Arrival::Elsewhere)],
                &[(Doubt::Elsewhere { name: name(), address: six, others: true }, true)],
            ),
            (
                "no listener",
                Http01,
                plain.clone(),
                &[way("2001:db8::1", Arrival::NotListening)],
                &[(Doubt::NotListening { name: name(), address: Some(six), port: 80 }, false)],
            ),
            (
                "no address",
                Http01,
                NameFacts { leads: Leads::Nowhere, ..plain.clone() },
                &[],
                &[(Doubt::Nowhere { name: name() }, true)],
            ),
            (
                "by DNS nobody need be admitted",
                Dns01,
                facts("a.test", true),
                &[way("192.0.2.1", Arrival::Shut(HERE))],
                &[],
            ),
            (
                "by another's DNS",
                Dns01,
                plain.clone(),
                &[],
                &[(Doubt::ZoneElsewhere { name: name() }, true)],
            ),
            (
                "CAA",
                Dns01,
                NameFacts { caa: forbids, ..facts("a.test", true) },
                &[],
                &[(
                    Doubt::CaaForbids {
                        name: name(),
                        at: name(),
                        allowed: vec!["other.test".into()],
                    },
                    true,
                )],
            ),
        ];
        for (row, kind, facts, ways, expected) in rows {
            let found = doubts(kind, &facts, ways, 80);
            let found: Vec<(Doubt, bool)> =
                found.into_iter().map(|doubt| (doubt.clone(), doubt.is_proof())).collect();
            assert_eq!(found, expected, "{row}");
        }
    }

    #[test]
    fn tokens_are_answered_and_nothing_else() {
        let mut challenges = model::Challenges::default();
        let path = "/.well-known/acme-challenge/abc_-1";
        assert_eq!(token_answer(&challenges, b"GET", path.as_bytes()), None, "none is open");
        challenges.tokens.insert("abc_-1".into(), "abc_-1.thumb".into());
        let rows = [
            ("as an authority asks", "GET", path, Some("abc_-1.thumb")),
            ("another token", "GET", "/.well-known/acme-challenge/abc", None),
            ("no token", "GET", "/.well-known/acme-challenge/", None),
            ("another path", "GET", "/abc_-1", None),
            ("something is sent", "POST", path, None),
        ];
        for (name, method, path, expected) in rows {
            let found = token_answer(&challenges, method.as_bytes(), path.as_bytes());
            assert_eq!(found, expected, "{name}");
        }
    }
}
