//! Which declared networks an address belongs to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use model::{AddressSet, Model, NetworkId, canonical};

/// The networks of every address, by a search: by a network's own prefixes, or because it is what the
/// world sees of them.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// From this address on, up to the next one.
    v4: Vec<(u32, Members)>,
    v6: Vec<(u128, Members)>,
}

/// Each once, by the longest of its prefixes: the narrowest first; of equals, the first declared.
type Members = Vec<NetworkId>;

impl Membership {
    pub fn of_model(model: &Model) -> Membership {
        let (mut v4, mut v6) = (BTreeMap::new(), BTreeMap::new());
        for (at, network) in model.networks.iter().enumerate() {
            let id = NetworkId(at as u32);
            // Written twice, a prefix would end before it ends.
            let prefixes: BTreeSet<IpNet> =
                network.cidrs.iter().chain(&network.seen_as).map(IpNet::trunc).collect();
            for prefix in prefixes {
                let member = Member { length: prefix.prefix_len(), network: Reverse(id) };
                match prefix {
                    IpNet::V4(net) => {
                        let after = u32::from(net.broadcast()).checked_add(1);
                        change(&mut v4, net.network().into(), after, member);
                    }
                    IpNet::V6(net) => {
                        let after = u128::from(net.broadcast()).checked_add(1);
                        change(&mut v6, net.network().into(), after, member);
                    }
                }
            }
        }
        Membership { v4: swept(v4), v6: swept(v6) }
    }

    /// Every network that contains the address, the narrowest first.
    pub fn of(&self, address: IpAddr) -> &[NetworkId] {
        self.members(address).map_or(&[], Vec::as_slice)
    }

    /// The one that contains it by the longest prefix; of equals, the first that was declared.
    pub fn narrowest(&self, address: IpAddr) -> Option<NetworkId> {
        self.members(address)?.first().copied()
    }

    /// The addresses of which each network is the narrowest.
    pub fn territories(&self) -> BTreeMap<NetworkId, AddressSet> {
        let mut ranges: BTreeMap<NetworkId, Vec<(IpAddr, IpAddr)>> = BTreeMap::new();
        for (at, (first, members)) in self.v4.iter().enumerate() {
            if let Some(id) = members.first().copied() {
                let last = self.v4.get(at + 1).map_or(u32::MAX, |(next, _)| next - 1);
                let range = (Ipv4Addr::from(*first).into(), Ipv4Addr::from(last).into());
                ranges.entry(id).or_default().push(range);
            }
        }
        for (at, (first, members)) in self.v6.iter().enumerate() {
            if let Some(id) = members.first().copied() {
                let last = self.v6.get(at + 1).map_or(u128::MAX, |(next, _)| next - 1);
                let range = (Ipv6Addr::from(*first).into(), Ipv6Addr::from(last).into());
                ranges.entry(id).or_default().push(range);
            }
        }
        ranges.into_iter().map(|(id, ranges)| (id, ranges.into_iter().collect())).collect()
    }

    fn members(&self, address: IpAddr) -> Option<&Members> {
        match canonical(address) {
            IpAddr::V4(v4) => at(&self.v4, u32::from(v4)),
            IpAddr::V6(v6) => at(&self.v6, u128::from(v6)),
        }
    }
}

/// A prefix of a network; the greatest is the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    length: u8,
    network: Reverse<NetworkId>,
}

/// Who begins and who ends at an address.
type Changes<T> = BTreeMap<T, (Vec<Member>, Vec<Member>)>;

fn change<T: Ord>(changes: &mut Changes<T>, first: T, after: Option<T>, member: Member) {
    changes.entry(first).or_default().0.push(member);
    if let Some(after) = after {
        changes.entry(after).or_default().1.push(member);
    }
}

fn swept<T: Ord>(changes: Changes<T>) -> Vec<(T, Members)> {
    // At most one prefix of a length contains an address, so a member is there once.
    let mut active: BTreeSet<Member> = BTreeSet::new();
    let mut out = Vec::with_capacity(changes.len());
    for (from, (begin, end)) in changes {
        active.retain(|member| !end.contains(member));
        active.extend(begin);
        let mut members = Members::new();
        for member in active.iter().rev() {
            if !members.contains(&member.network.0) {
                members.push(member.network.0);
            }
        }
        out.push((from, members));
    }
    out
}

fn at<T: Ord>(sorted: &[(T, Members)], address: T) -> Option<&Members> {
    let after = sorted.partition_point(|(from, _)| *from <= address);
    after.checked_sub(1).and_then(|at| sorted.get(at)).map(|(_, members)| members)
}

#[cfg(test)]
mod tests {
    use model::{Network, Place};
    use proptest::prelude::*;

    use super::*;

    fn model(networks: &[(&str, &[&str], &[&str])]) -> Model {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let network = |(name, cidrs, seen_as): &(&str, &[&str], &[&str])| Network {
            name: (*name).to_owned(),
            cidrs: nets(cidrs),
            seen_as: nets(seen_as),
            place: Place::described("test"),
        };
        Model { networks: networks.iter().map(network).collect(), ..Model::default() }
    }

    #[test]
    fn the_narrowest_network_gives_the_name() {
        let model = model(&[
            ("company", &["10.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"], &[]),
            ("guests", &["10.9.0.0/16", "10.9.9.0/24"], &["198.51.100.20/32"]),
            ("twin", &["10.9.0.0/16"], &[]),
            ("lte", &["2001:db8:17e::/48"], &[]),
            ("top", &["255.255.255.0/24", "ffff::/16"], &[]),
        ]);
        let rows = [
            ("10.1.2.3", "company"),
            ("10.9.1.1", "guests"),
            ("10.9.9.9", "guests"),
            ("10.10.0.0", "company"),
            ("11.0.0.0", "-"),
            ("9.255.255.255", "-"),
            ("198.51.100.20", "guests"),
            ("198.51.100.21", "-"),
            ("::ffff:10.9.1.1", "guests"),
            ("2001:db8:17e::1", "lte"),
            ("2001:db8:17f::1", "company"),
            ("255.255.255.255", "top"),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "top"),
            ("::", "-"),
        ];
        let membership = Membership::of_model(&model);
        let territories = membership.territories();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (address, expected) in rows {
            let found = membership.narrowest(ip(address));
            assert_eq!(found.map_or("-", |id| &*model[id].name), expected, "{address}");
            let mut holders = territories.iter().filter(|(_, set)| set.contains(ip(address)));
            assert_eq!(holders.next().map(|(id, _)| *id), found, "{address}");
            assert_eq!(holders.next(), None, "{address}");
        }
        let all = [NetworkId(1), NetworkId(2), NetworkId(0)];
        assert_eq!(membership.of("10.9.1.1".parse().unwrap()), all);
    }

    proptest! {
        #[test]
        fn as_every_prefix_is_looked_at(
            nets in prop::collection::vec((0u32..6, any::<u32>(), 24u8..=32), 0..40),
            address in any::<u32>(),
        ) {
            // Few addresses, so that prefixes meet.
            let small = |address: u32| std::net::Ipv4Addr::from(0x0a00_0000 | (address & 0x3ff));
            let mut model = model(&[("0", &[], &[]), ("1", &[], &[]), ("2", &[], &[]),
                ("3", &[], &[]), ("4", &[], &[]), ("5", &[], &[])]);
            for (network, first, length) in nets {
                let net = ipnet::Ipv4Net::new(small(first), length).unwrap().trunc();
                model.networks[network as usize].cidrs.push(net.into());
            }
            let address = IpAddr::from(small(address));
            let longest = |network: &Network| {
                let around = network.cidrs.iter().filter(|net| net.contains(&address));
                around.map(IpNet::prefix_len).max()
            };
            let all: Vec<(u8, Reverse<usize>)> = model.networks.iter().enumerate()
                .filter_map(|(at, network)| Some((longest(network)?, Reverse(at)))).collect();
            let membership = Membership::of_model(&model);
            let expected = all.iter().max().map(|(_, Reverse(at))| NetworkId(*at as u32));
            prop_assert_eq!(membership.narrowest(address), expected);
            prop_assert_eq!(membership.of(address).len(), all.len());
        }
    }
}
