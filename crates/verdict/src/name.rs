//! What a name leads to for a client (DECISIONS 35): records that are visible to the client's own
//! network come before those for everybody, and an exact name before a wildcard (RFC 4592 §3.3).

use std::net::IpAddr;

use model::{LoadBalancerId, NetworkId, Obstacle, Record, RecordData};

/// Canonical names that are followed; a resolver gives up at about as many.
pub const CANONICAL_MAX: usize = 8;

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved<'m> {
    /// The records that said so, in the order they were followed.
    pub records: Vec<&'m Record>,
    pub destinations: Vec<Destination>,
    /// Where a canonical name led of which nothing is declared; then there are no destinations.
    pub elsewhere: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    Address(IpAddr),
    /// Wherever the load balancer is: an alias follows it.
    LoadBalancer(LoadBalancerId),
}

/// `visible` answers whether the client belongs to a network. An error is what an answer without
/// addresses means to the client.
pub fn resolve<'m>(
    records: &'m [Record],
    name: &str,
    visible: &dyn Fn(NetworkId) -> bool,
) -> Result<Resolved<'m>, Obstacle> {
    let mut followed = Vec::new();
    let mut name = name.to_owned();
    for _ in 0..=CANONICAL_MAX {
        let found = match at(records, &name, visible) {
            // Whoever sends to a name elsewhere knows that somebody answers for it.
            Err(Obstacle::NameNoRecord) if !followed.is_empty() => {
                return Ok(Resolved {
                    records: followed,
                    destinations: Vec::new(),
                    elsewhere: Some(name),
                });
            }
            found => found?,
        };
        followed.extend(&found);
        let canonical = found.iter().find_map(|record| match &record.data {
            RecordData::Canonical(host) => Some(host.0.clone()),
            RecordData::Addresses(_)
            | RecordData::Alias(_)
            | RecordData::AliasName(_)
            | RecordData::NameServers(_)
            | RecordData::Authority
            | RecordData::Data { .. } => None,
        });
        match canonical {
            Some(next) => name = next,
            None => {
                let destinations = found.iter().flat_map(|record| destinations(record)).collect();
                return Ok(Resolved { records: followed, destinations, elsewhere: None });
            }
        }
    }
    Err(Obstacle::NameLoop)
}

/// The records of one name that the client gets: its own view's, else everybody's.
fn at<'m>(
    records: &'m [Record],
    name: &str,
    visible: &dyn Fn(NetworkId) -> bool,
) -> Result<Vec<&'m Record>, Obstacle> {
    let all = records_of(records, name);
    if all.is_empty() {
        return Err(Obstacle::NameNoRecord);
    }
    let own = |record: &&Record| record.visible_to.iter().any(|network| visible(*network));
    let view: Vec<&Record> = all.iter().copied().filter(own).collect();
    if !view.is_empty() {
        return Ok(view);
    }
    let public: Vec<&Record> = all.into_iter().filter(|r| r.visible_to.is_empty()).collect();
    if public.is_empty() { Err(Obstacle::NameNotVisible) } else { Ok(public) }
}

/// The records of a name, whatever view they belong to; where it does not exist, those of the wildcard
/// below its closest encloser, the nearest parent that does (RFC 4592 §3.3.1). A name exists that has
/// records, or has names below it (§2.2.2).
pub fn records_of<'m>(records: &'m [Record], name: &str) -> Vec<&'m Record> {
    let called = |name: &str| -> Vec<&'m Record> {
        records.iter().filter(|record| record.name.0 == name).collect()
    };
    let exact = called(name);
    if !exact.is_empty() {
        return exact;
    }
    let exists = |parent: &str| {
        let is_below = |name: &str| name.strip_suffix(parent).is_some_and(|n| n.ends_with('.'));
        records.iter().any(|record| record.name.0 == parent || is_below(&record.name.0))
    };
    if exists(name) {
        return Vec::new();
    }
    let parents = std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1));
    match parents.skip(1).find(|parent| exists(parent)) {
        Some(encloser) => called(&format!("*.{encloser}")),
        None => Vec::new(),
    }
}

fn destinations(record: &Record) -> Vec<Destination> {
    match &record.data {
        RecordData::Addresses(addresses) => {
            addresses.iter().map(|address| Destination::Address(*address)).collect()
        }
        RecordData::Alias(id) => vec![Destination::LoadBalancer(*id)],
        RecordData::Canonical(_)
        | RecordData::AliasName(_)
        | RecordData::NameServers(_)
        | RecordData::Authority
        | RecordData::Data { .. } => Vec::new(),
    }
}

/// Whether packets from one address find the way to another: a private address is not reached from
/// outside (RFC 1918 §3, RFC 4193 §4.1), and loopback only from loopback (RFC 1122 §3.2.1.3).
pub fn routed(source: IpAddr, destination: IpAddr) -> Result<(), Obstacle> {
    let reachable = match (scope(source), scope(destination)) {
        (_, Scope::Global) | (Scope::Private, Scope::Private) => true,
        (Scope::Loopback, Scope::Loopback) => true,
        (Scope::Global, Scope::Private) | (Scope::Global | Scope::Private, Scope::Loopback) => {
            false
        }
        // A machine of ours that asks itself.
        (Scope::Loopback, Scope::Private) => true,
    };
    if reachable { Ok(()) } else { Err(Obstacle::NameUnroutable) }
}

/// How far an address is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Loopback,
    Private,
    Global,
}

pub fn scope(address: IpAddr) -> Scope {
    match model::canonical(address) {
        IpAddr::V4(v4) if v4.is_loopback() => Scope::Loopback,
        // 100.64.0.0/10: shared by carriers (RFC 6598 §7).
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            match v4.is_private() || v4.is_link_local() || shared {
                true => Scope::Private,
                false => Scope::Global,
            }
        }
        IpAddr::V6(v6) if v6.is_loopback() => Scope::Loopback,
        IpAddr::V6(v6) => {
            match v6.segments()[0] & 0xfe00 == 0xfc00 || v6.segments()[0] & 0xffc0 == 0xfe80 {
                true => Scope::Private,
                false => Scope::Global,
            }
        }
    }
}

/// The prefixes at which [`scope`] changes: where a set of clients has to be cut.
pub const SCOPE_PREFIXES: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Host, Place, Seconds};

    fn record(name: &str, visible_to: &[u32], data: RecordData) -> Record {
        Record {
            name: Host(name.into()),
            zone: None,
            routing: None,
            visible_to: visible_to.iter().map(|id| NetworkId(*id)).collect(),
            data,
            ttl: Seconds(60),
            place: Place::described("test"),
        }
    }

    fn address(text: &str) -> RecordData {
        RecordData::Addresses(vec![text.parse().unwrap()])
    }

    #[test]
    fn views_wildcards_and_chains() {
        let records = [
            record("shop.example", &[], address("203.0.113.1")),
            record("shop.example", &[0], RecordData::Alias(LoadBalancerId(1))),
            record("*.shop.example", &[], address("203.0.113.2")),
            record("a.shop.example", &[], address("203.0.113.3")),
            record("c.b.shop.example", &[], address("203.0.113.4")),
            record("www.example", &[], RecordData::Canonical(Host("shop.example".into()))),
            record("cdn.example", &[], RecordData::Canonical(Host("shop.cdn.test".into()))),
            record("inside.example", &[0], address("10.0.0.1")),
            record("a.example", &[], RecordData::Canonical(Host("b.example".into()))),
            record("b.example", &[], RecordData::Canonical(Host("a.example".into()))),
        ];
        let v4 = |text: &str| Ok(vec![Destination::Address(text.parse().unwrap())]);
        let rows = [
            ("shop.example", false, v4("203.0.113.1")),
            ("shop.example", true, Ok(vec![Destination::LoadBalancer(LoadBalancerId(1))])),
            ("x.y.shop.example", false, v4("203.0.113.2")),
            ("a.shop.example", false, v4("203.0.113.3")),
            ("x.a.shop.example", false, Err(Obstacle::NameNoRecord)),
            ("b.shop.example", false, Err(Obstacle::NameNoRecord)),
            ("x.b.shop.example", false, Err(Obstacle::NameNoRecord)),
            ("xa.shop.example", false, v4("203.0.113.2")),
            ("www.example", false, v4("203.0.113.1")),
            ("cdn.example", false, Ok(vec![])),
            ("inside.example", true, v4("10.0.0.1")),
            ("inside.example", false, Err(Obstacle::NameNotVisible)),
            ("other.example", false, Err(Obstacle::NameNoRecord)),
            ("a.example", false, Err(Obstacle::NameLoop)),
        ];
        for (name, inside, expected) in rows {
            let got = resolve(&records, name, &|_| inside).map(|resolved| resolved.destinations);
            assert_eq!(got, expected, "{name} {inside}");
        }
        let cdn = resolve(&records, "cdn.example", &|_| false).unwrap();
        assert_eq!(cdn.elsewhere.as_deref(), Some("shop.cdn.test"));
    }

    #[test]
    fn private_addresses_are_not_reached_from_outside() {
        let rows = [
            ("192.0.2.1", "203.0.113.1", true),
            ("192.0.2.1", "10.0.0.1", false),
            ("10.9.0.1", "10.0.0.1", true),
            ("10.9.0.1", "192.168.0.1", true),
            ("127.10.0.1", "127.0.0.1", true),
            ("192.0.2.1", "127.0.0.1", false),
            ("2001:db8::1", "fd00::1", false),
            ("100.64.0.1", "10.0.0.1", true),
        ];
        for (source, destination, expected) in rows {
            let got = routed(source.parse().unwrap(), destination.parse().unwrap());
            assert_eq!(got.is_ok(), expected, "{source} {destination}");
        }
    }

    #[test]
    fn scopes_change_only_at_the_listed_prefixes() {
        use ipnet::IpNet;
        for text in SCOPE_PREFIXES {
            let net: IpNet = text.parse().unwrap();
            assert_eq!(scope(net.network()), scope(net.broadcast()), "{text}");
            assert_ne!(scope(net.network()), Scope::Global, "{text}");
        }
    }
}
