use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An IPv4-mapped IPv6 address is the IPv4 address (DECISIONS 24); every other address is itself.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// An inclusive range of TCP ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    pub first: u16,
    pub last: u16,
}

impl PortRange {
    pub const ALL: PortRange = PortRange { first: 0, last: u16::MAX };

    /// `None` when `first > last`.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(PortRange { first, last })
    }

    pub fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

/// The ports a security rule speaks of: a union of ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(pub Vec<PortRange>);

impl Ports {
    pub fn all() -> Self {
        Ports(vec![PortRange::ALL])
    }

    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(port))
    }
}

/// A set of addresses as sorted, disjoint, non-adjacent inclusive ranges, each family apart.
///
/// Membership is a binary search, so 100,000 prefixes cost about what 10 cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressSet {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl AddressSet {
    pub fn everything() -> Self {
        AddressSet { v4: vec![(0, u32::MAX)], v6: vec![(0, u128::MAX)] }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match canonical(address) {
            IpAddr::V4(a) => within(&self.v4, u32::from(a)),
            IpAddr::V6(a) => within(&self.v6, u128::from(a)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// What is in this set and not in the other.
    pub fn minus(&self, other: &AddressSet) -> AddressSet {
        AddressSet {
            v4: minus(&self.v4, &other.v4, |a| a.checked_sub(1), |a| a.checked_add(1)),
            v6: minus(&self.v6, &other.v6, |a| a.checked_sub(1), |a| a.checked_add(1)),
        }
    }

    /// What is in either.
    pub fn or(&self, other: &AddressSet) -> AddressSet {
        let (mut v4, mut v6) = (self.v4.clone(), self.v6.clone());
        v4.extend_from_slice(&other.v4);
        v6.extend_from_slice(&other.v6);
        AddressSet { v4: merged(v4, |a| a.checked_add(1)), v6: merged(v6, |a| a.checked_add(1)) }
    }

    /// What is in both.
    pub fn and(&self, other: &AddressSet) -> AddressSet {
        self.minus(&self.minus(other))
    }

    pub fn contains_all(&self, other: &AddressSet) -> bool {
        other.minus(self).is_empty()
    }

    /// The IPv4 part as inclusive ranges in ascending order.
    pub fn v4_ranges(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> + '_ {
        self.v4.iter().map(|&(a, b)| (Ipv4Addr::from(a), Ipv4Addr::from(b)))
    }

    /// The IPv6 part as inclusive ranges in ascending order.
    pub fn v6_ranges(&self) -> impl Iterator<Item = (Ipv6Addr, Ipv6Addr)> + '_ {
        self.v6.iter().map(|&(a, b)| (Ipv6Addr::from(a), Ipv6Addr::from(b)))
    }

    /// The IPv4 part as the fewest prefixes.
    pub fn v4_prefixes(&self) -> Vec<Ipv4Net> {
        self.v4_ranges().flat_map(|(a, b)| ipnet::Ipv4Subnets::new(a, b, 0)).collect()
    }

    /// The IPv6 part as the fewest prefixes.
    pub fn v6_prefixes(&self) -> Vec<Ipv6Net> {
        self.v6_ranges().flat_map(|(a, b)| ipnet::Ipv6Subnets::new(a, b, 0)).collect()
    }
}

impl FromIterator<(IpAddr, IpAddr)> for AddressSet {
    /// Inclusive ranges, each of one family and in order.
    fn from_iter<I: IntoIterator<Item = (IpAddr, IpAddr)>>(ranges: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match range {
                (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => v4.push((u32::from(a), u32::from(b))),
                (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => v6.push((u128::from(a), u128::from(b))),
                _ => {}
            }
        }
        AddressSet { v4: merged(v4, |a| a.checked_add(1)), v6: merged(v6, |a| a.checked_add(1)) }
    }
}

impl<'s> FromIterator<&'s AddressSet> for AddressSet {
    /// What is in any of them.
    fn from_iter<I: IntoIterator<Item = &'s AddressSet>>(sets: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for set in sets {
            v4.extend_from_slice(&set.v4);
            v6.extend_from_slice(&set.v6);
        }
        AddressSet { v4: merged(v4, |a| a.checked_add(1)), v6: merged(v6, |a| a.checked_add(1)) }
    }
}

impl FromIterator<IpNet> for AddressSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(nets: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for net in nets {
            match net {
                IpNet::V4(n) => v4.push((u32::from(n.network()), u32::from(n.broadcast()))),
                IpNet::V6(n) => v6.push((u128::from(n.network()), u128::from(n.broadcast()))),
            }
        }
        AddressSet { v4: merged(v4, |a| a.checked_add(1)), v6: merged(v6, |a| a.checked_add(1)) }
    }
}

/// Both are sorted and disjoint, and so is the result.
fn minus<T: Ord + Copy>(
    from: &[(T, T)],
    away: &[(T, T)],
    before: impl Fn(T) -> Option<T>,
    after: impl Fn(T) -> Option<T>,
) -> Vec<(T, T)> {
    let mut out = Vec::new();
    let mut next = 0;
    for &(first, last) in from {
        let mut start = Some(first);
        while next > 0 && away[next - 1].1 >= first {
            next -= 1;
        }
        for &(gone_first, gone_last) in &away[next..] {
            let Some(at) = start.filter(|at| *at <= last) else { break };
            if gone_last < at {
                next += 1;
                continue;
            }
            if gone_first > last {
                break;
            }
            if let Some(end) = before(gone_first).filter(|end| *end >= at && gone_first > at) {
                out.push((at, end));
            }
            start = after(gone_last);
            if gone_last <= last {
                next += 1;
            }
        }
        if let Some(at) = start.filter(|at| *at <= last) {
            out.push((at, last));
        }
    }
    out
}

fn within<T: Ord + Copy>(ranges: &[(T, T)], value: T) -> bool {
    let after = ranges.partition_point(|range| range.0 <= value);
    after > 0 && value <= ranges[after - 1].1
}

fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut out: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some(previous) if next(previous.1).is_none_or(|edge| first <= edge) => {
                previous.1 = previous.1.max(last);
            }
            _ => out.push((first, last)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_and_answer() {
        let rows: &[(&[&str], &str, bool)] = &[
            (&["10.0.0.0/8"], "10.255.255.255", true),
            (&["10.0.0.0/8"], "11.0.0.0", false),
            (&["10.0.0.0/9", "10.128.0.0/9"], "10.127.255.255", true),
            (&["0.0.0.0/0"], "255.255.255.255", true),
            (&["0.0.0.0/0"], "::1", false),
            (&["::/0"], "::1", true),
            (&["127.10.0.0/16"], "::ffff:127.10.0.1", true),
            (&[], "127.0.0.1", false),
        ];
        for (nets, address, expected) in rows {
            let set: AddressSet = nets.iter().map(|n| n.parse::<IpNet>().unwrap()).collect();
            assert_eq!(set.contains(address.parse().unwrap()), *expected, "{nets:?} {address}");
        }
        let set: AddressSet =
            ["10.0.0.0/9", "10.128.0.0/9"].iter().map(|n| n.parse::<IpNet>().unwrap()).collect();
        assert_eq!(set.v4_prefixes(), vec!["10.0.0.0/8".parse().unwrap()]);
    }

    #[test]
    fn differences() {
        let set = |text: &str| -> AddressSet {
            text.split_whitespace().map(|n| n.parse::<IpNet>().unwrap()).collect()
        };
        let rows = [
            ("0.0.0.0/0", "10.0.0.0/8", "10.255.255.255", false),
            ("0.0.0.0/0", "10.0.0.0/8", "11.0.0.0", true),
            ("0.0.0.0/0", "0.0.0.0/8 255.0.0.0/8", "255.0.0.0", false),
            ("0.0.0.0/0", "0.0.0.0/8 255.0.0.0/8", "254.255.255.255", true),
            ("10.0.0.0/8 11.0.0.0/8", "10.128.0.0/9 12.0.0.0/8", "11.0.0.0", true),
            ("10.0.0.0/24 10.0.2.0/24", "10.0.0.128/25 10.0.2.0/25", "10.0.2.129", true),
            ("10.0.0.0/24 10.0.2.0/24", "10.0.0.0/22", "10.0.2.129", false),
            ("::/0", "2001:db8::/32", "2001:db8::1", false),
            ("::/0", "2001:db8::/32", "::1", true),
        ];
        for (from, away, probe, expected) in rows {
            let (from, away) = (set(from), set(away));
            let probe = probe.parse().unwrap();
            assert_eq!(from.minus(&away).contains(probe), expected, "{probe}");
            assert_eq!(from.and(&away).contains(probe), !expected && from.contains(probe));
        }
        assert!(AddressSet::everything().minus(&AddressSet::everything()).is_empty());
    }
}
