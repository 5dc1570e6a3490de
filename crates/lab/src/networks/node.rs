//! A place of the lab: what stands in a network namespace.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use model::{AddressSet, InstanceId, NetworkId};

use super::applications::Listening;

/// Somebody with addresses.
#[derive(Clone, Debug)]
pub struct Node {
    /// As `lab exec` calls it.
    pub name: String,
    pub kind: Kind,
    /// Whose network namespace it is in: its own, unless the addresses are shared.
    pub home: usize,
    pub addresses: Vec<IpAddr>,
    /// The addresses under which the world sees it, one of each declared prefix.
    pub seen_as: Vec<IpAddr>,
    /// Whole prefixes that lead here: every address in them may be a client's.
    pub prefixes: Vec<IpNet>,
    /// To single addresses it speaks from one of its own that is not the usual one.
    pub sources: Vec<(IpAddr, IpAddr)>,
    pub applications: Vec<Listening>,
    /// `/etc/hosts`, as this place sees it.
    pub hosts: Vec<(IpAddr, String)>,
    /// Who is asked for other names.
    pub resolvers: Vec<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Where the program runs, with the addresses of every load balancer.
    Edge,
    Network(NetworkId),
    Internet,
    Instance(InstanceId),
    /// A target by its address that no `instance` declares.
    Target,
}

impl Node {
    pub fn new(name: String, kind: Kind, home: usize, addresses: Vec<IpAddr>) -> Node {
        Node {
            name,
            kind,
            home,
            addresses,
            seen_as: Vec::new(),
            prefixes: Vec::new(),
            sources: Vec::new(),
            applications: Vec::new(),
            hosts: Vec::new(),
            resolvers: Vec::new(),
        }
    }

    /// Whether an address, or the prefix around it, leads here.
    pub fn has(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
            || self.seen_as.contains(&address)
            || self.prefixes.iter().any(|prefix| prefix.contains(&address))
    }

    /// The source of packets that nobody bound to another: under the address that the world sees, where
    /// the destination is out in the world (as `explain` has it).
    pub fn source(&self, ipv4: bool, global: bool) -> Option<IpAddr> {
        let first = |list: &[IpAddr]| list.iter().copied().find(|one| one.is_ipv4() == ipv4);
        let seen = if global { first(&self.seen_as) } else { None };
        seen.or_else(|| first(&self.addresses))
    }
}

/// Who an address belongs to: exactly, or by the longest prefix.
pub fn owner(nodes: &[Node], address: IpAddr) -> Option<usize> {
    let exactly =
        |node: &Node| node.addresses.contains(&address) || node.seen_as.contains(&address);
    if let Some(at) = nodes.iter().position(exactly) {
        return Some(at);
    }
    let around = |node: &Node| {
        let around = node.prefixes.iter().filter(|prefix| prefix.contains(&address));
        around.map(IpNet::prefix_len).max()
    };
    let lengths = nodes.iter().enumerate().filter_map(|(at, node)| Some((around(node)?, at)));
    // The first of equals.
    lengths.max_by_key(|(length, at)| (*length, std::cmp::Reverse(*at))).map(|(_, at)| at)
}

/// Addresses for documentation (RFC 5737, RFC 3849), which nobody has, then some that are only far
/// away: nothing leaves the lab.
const SPARE: [IpAddr; 10] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
    IpAddr::V4(Ipv4Addr::new(198, 18, 0, 7)),
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 7)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)),
    IpAddr::V6(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 7)),
    IpAddr::V6(Ipv6Addr::new(0x2600, 0, 0, 0, 0, 0, 0, 7)),
    IpAddr::V6(Ipv6Addr::new(0x2a00, 0, 0, 0, 0, 0, 0, 7)),
];

/// What no client has: RFC 1122 §3.2.1.3, RFC 4291 §2.4, and the links of the lab itself.
const UNFIT: [&str; 9] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/30",
    "224.0.0.0/3",
    "::/127",
    "::ffff:0:0/96",
    "fe80::/10",
    "ff00::/8",
    "2002::/16",
];

/// Somebody in the set, of one family, who has none of the addresses that are taken.
pub fn client_in(set: &AddressSet, ipv4: bool, taken: &AddressSet) -> Option<IpAddr> {
    let unfit: AddressSet = UNFIT.iter().filter_map(|text| text.parse::<IpNet>().ok()).collect();
    let free = set.minus(taken).minus(&unfit);
    let spare = SPARE.into_iter().find(|spare| spare.is_ipv4() == ipv4 && free.contains(*spare));
    spare.or_else(|| first_in(&free, ipv4))
}

/// Any address of one family.
pub fn first_in(set: &AddressSet, ipv4: bool) -> Option<IpAddr> {
    match ipv4 {
        true => first(set.v4_ranges(), |a| (a.octets()[3] == 0).then(|| after4(a))).map(IpAddr::V4),
        false => {
            first(set.v6_ranges(), |a| (a.segments()[7] == 0).then(|| after6(a))).map(IpAddr::V6)
        }
    }
}

/// The first address that does not look like a whole prefix, if there is one.
fn first<T: Ord + Copy>(
    ranges: impl Iterator<Item = (T, T)>,
    instead: impl Fn(T) -> Option<T>,
) -> Option<T> {
    let mut ranges = ranges.peekable();
    let any = ranges.peek().map(|(first, _)| *first);
    let plain = ranges.find_map(|(first, last)| match instead(first) {
        Some(next) => (next <= last).then_some(next),
        None => Some(first),
    });
    plain.or(any)
}

fn after4(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address).saturating_add(1))
}

fn after6(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from(u128::from(address).saturating_add(1))
}

/// A set of single addresses.
pub fn set_of(addresses: impl IntoIterator<Item = IpAddr>) -> AddressSet {
    addresses.into_iter().map(IpNet::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> AddressSet {
        text.split_whitespace().map(|net| net.parse::<IpNet>().unwrap()).collect()
    }

    #[test]
    fn clients_of_a_set() {
        let rows = [
            ("10.1.0.0/16", true, "", Some("10.1.0.1")),
            ("10.1.0.0/16", true, "10.1.0.0/31", Some("10.1.0.2")),
            ("10.1.0.0/16", false, "", None),
            ("10.1.0.0/32", true, "", Some("10.1.0.0")),
            ("0.0.0.0/0", true, "", Some("192.0.2.7")),
            ("0.0.0.0/0", true, "192.0.2.0/24", Some("198.51.100.7")),
            ("224.0.0.0/4 0.0.0.0/8", true, "", None),
            ("::/0", false, "", Some("2001:db8:ffff::7")),
            ("fd00::/8", false, "fd00::1/128", Some("fd00::2")),
        ];
        for (of, ipv4, taken, expected) in rows {
            let got = client_in(&set(of), ipv4, &set(taken)).map(|address| address.to_string());
            assert_eq!(got.as_deref(), expected, "{of} without {taken}");
        }
    }

    #[test]
    fn an_address_belongs_to_the_narrowest() {
        let mut wide =
            Node::new("wide".into(), Kind::Internet, 0, vec!["10.0.0.1".parse().unwrap()]);
        wide.prefixes = vec!["10.0.0.0/8".parse().unwrap()];
        let mut narrow = Node::new("narrow".into(), Kind::Internet, 1, Vec::new());
        narrow.prefixes = vec!["10.9.0.0/16".parse().unwrap()];
        let exact = Node::new("exact".into(), Kind::Target, 2, vec!["10.9.0.5".parse().unwrap()]);
        let nodes = [wide, narrow, exact];
        let rows = [
            ("10.0.0.1", Some(0)),
            ("10.8.0.1", Some(0)),
            ("10.9.0.1", Some(1)),
            ("10.9.0.5", Some(2)),
            ("11.0.0.1", None),
        ];
        for (address, expected) in rows {
            assert_eq!(owner(&nodes, address.parse().unwrap()), expected, "{address}");
        }
    }
}
