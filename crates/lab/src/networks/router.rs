//! Links, addresses and routes: one router joins all namespaces, each of which has one link, to it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};

use ipnet::IpNet;
use net::namespace::{self, Kind};
use net::netlink::{Family, Link, Netlink, Prefix, Rule, Table, Then, Way};
use verdict::name::{SCOPE_PREFIXES, Scope, routed, scope};

use super::guard;
use super::node::{self, Node};
use super::plan::Plan;

/// What every namespace calls its link.
const INTERFACE: &str = "eth0";

/// The two ends of every link, the router's and the other one's (RFC 3927, RFC 4291 §2.5.6).
const ROUTER: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
];
const OTHER: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 0, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)),
];

const UNROUTED: u32 = 50;

/// The namespace in the middle.
#[derive(Debug)]
pub struct Router {
    /// Without it every link is gone.
    pub network: OwnedFd,
    netlink: Netlink,
    ipv6: bool,
}

impl Router {
    /// In the namespace that this thread is in.
    pub fn open(plan: &Plan, ipv6: bool) -> io::Result<Router> {
        let network = namespace::current(Kind::Network)?;
        namespace::loopback_up()?;
        quieten(ipv6);
        namespace::set("ipv4/ip_forward", "1")?;
        if ipv6 {
            namespace::set("ipv6/conf/all/forwarding", "1")?;
        }
        let mut netlink = Netlink::open()?;
        for everywhere in everywhere(ipv6) {
            // Nobody answers for an address that nobody has.
            netlink.add_route(everywhere, Way::Nowhere, Table::Main)?;
        }
        for (source, destination) in unrouted(plan) {
            let family = Family::of(source.addr());
            if family == Family::V4 || ipv6 {
                netlink.add_rule(&Rule {
                    priority: UNROUTED,
                    family,
                    input: None,
                    source: Some(prefix(source)),
                    destination: Some(prefix(destination)),
                    // Answers go to ports of the place that asked: they find the way back.
                    tcp_ports: Some((1, guard::OWN_PORTS - 1)),
                    then: Then::Drop,
                })?;
            }
        }
        Ok(Router { network, netlink, ipv6 })
    }

    /// A new namespace with everything that is at home in it.
    pub fn attach(
        &mut self,
        plan: &Plan,
        at: usize,
        guard: Option<&guard::Guard>,
    ) -> io::Result<OwnedFd> {
        let network = namespace::new_network()?;
        namespace::loopback_up()?;
        quieten(self.ipv6);
        if self.ipv6 {
            // IPv4 takes every address of a local route for its own; IPv6 has to be told.
            let _ = namespace::set("ipv6/ip_nonlocal_bind", "1");
        }
        let own_ports = format!("{} {}", guard::OWN_PORTS, u16::MAX);
        namespace::set("ipv4/ip_local_port_range", own_ports)?;
        let mut inside = Netlink::open()?;
        let name = format!("node{at}");
        self.netlink.join(&name, INTERFACE, network.as_fd())?;
        let outer = self.netlink.link(&name)?;
        let inner = inside.link(INTERFACE)?;
        self.netlink.up(outer)?;
        inside.up(inner)?;
        let families = if self.ipv6 { 0..2 } else { 0..1 };
        for family in families.clone() {
            self.netlink.add_address(outer, ROUTER[family])?;
            inside.add_address(inner, OTHER[family])?;
        }
        let own = |node: &&Node| node.home == at;
        let homes: Vec<&Node> = plan.nodes.iter().filter(own).collect();
        for address in homes.iter().flat_map(|node| node.addresses.iter().chain(&node.seen_as)) {
            if self.has(*address) && !address.is_loopback() {
                inside.add_address(inner, *address)?;
                self.lead(IpNet::from(*address), outer)?;
            }
        }
        for net in homes.iter().flat_map(|node| &node.prefixes).flat_map(halves) {
            if self.has(net.addr()) && !net.addr().is_loopback() {
                self.lead(net, outer)?;
                own_prefix(&mut inside, plan, at, net, inner)?;
            }
        }
        for family in families {
            ways_out(&mut inside, plan.nodes.get(at), family == 0, inner)?;
        }
        for (destination, source) in homes.iter().flat_map(|node| &node.sources) {
            if self.has(*destination) {
                let gateway = end(&ROUTER, *destination);
                let way = Way::Via { gateway, link: inner, source: Some(*source) };
                inside.add_route(prefix(IpNet::from(*destination)), way, Table::Main)?;
            }
        }
        if let Some(guard) = guard {
            guard.enforce(&mut inside, INTERFACE, self.ipv6)?;
        }
        namespace::enter(&self.network, Kind::Network)?;
        Ok(network)
    }

    fn lead(&mut self, net: IpNet, link: Link) -> io::Result<()> {
        let gateway = end(&OTHER, net.addr());
        self.netlink.add_route(prefix(net), Way::Via { gateway, link, source: None }, Table::Main)
    }

    fn has(&self, address: IpAddr) -> bool {
        address.is_ipv4() || self.ipv6
    }
}

/// Everything, as the kernel takes it beside a default route.
fn halves(net: &IpNet) -> Vec<IpNet> {
    match (net.prefix_len(), net.subnets(1)) {
        (0, Ok(halves)) => halves.collect(),
        _ => vec![*net],
    }
}

/// Every address of the prefix may be bound, but those of others inside it.
fn own_prefix(
    inside: &mut Netlink,
    plan: &Plan,
    at: usize,
    net: IpNet,
    link: Link,
) -> io::Result<()> {
    let lo = inside.link("lo")?;
    inside.add_route(prefix(net), Way::Here { link: lo }, Table::Local)?;
    let own = plan.nodes.get(at);
    let source = |to: IpAddr| own?.source(to.is_ipv4(), scope(to) == Scope::Global);
    for other in plan.nodes.iter().filter(|other| other.home != at) {
        let singles = other.addresses.iter().chain(&other.seen_as).copied().map(IpNet::from);
        for theirs in singles.chain(other.prefixes.iter().copied()) {
            if net.contains(&theirs) && net != theirs {
                let to = theirs.addr();
                let way = Way::Via { gateway: end(&ROUTER, to), link, source: source(to) };
                inside.add_route(prefix(theirs), way, Table::Local)?;
            }
        }
    }
    Ok(())
}

/// To everybody by the router; to private addresses perhaps from another address than to the world.
fn ways_out(inside: &mut Netlink, node: Option<&Node>, ipv4: bool, link: Link) -> io::Result<()> {
    let Some(node) = node else { return Ok(()) };
    let gateway = if ipv4 { ROUTER[0] } else { ROUTER[1] };
    let (out, within) = (node.source(ipv4, true), node.source(ipv4, false));
    // A place without an address of the family has no way to send a packet.
    let Some(source) = out.or(within) else { return Ok(()) };
    let everywhere = everywhere(true)[usize::from(!ipv4)];
    inside.add_route(everywhere, Way::Via { gateway, link, source: Some(source) }, Table::Main)?;
    if within != out {
        for net in private_prefixes().filter(|net| net.addr().is_ipv4() == ipv4) {
            let way = Way::Via { gateway, link, source: within };
            inside.add_route(prefix(net), way, Table::Main)?;
        }
    }
    Ok(())
}

/// Which clients' packets to which prefixes do not find the way: asked of the one who knows. Load
/// balancers reach their targets, whatever address they have towards the world.
fn unrouted(plan: &Plan) -> Vec<(IpNet, IpNet)> {
    let mut pairs = Vec::new();
    for node in plan.nodes.iter().filter(|node| node.kind != node::Kind::Edge) {
        let singles = node.addresses.iter().chain(&node.seen_as).copied().map(IpNet::from);
        for source in singles.chain(node.prefixes.iter().copied()) {
            let same = |net: &IpNet| net.addr().is_ipv4() == source.addr().is_ipv4();
            for destination in private_prefixes().filter(same) {
                if routed(source.addr(), destination.addr()).is_err() {
                    pairs.push((source, destination));
                }
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

fn private_prefixes() -> impl Iterator<Item = IpNet> {
    let all = SCOPE_PREFIXES.iter().filter_map(|text| text.parse::<IpNet>().ok());
    // Links keep their own to themselves.
    let links = |net: &IpNet| match net {
        IpNet::V4(v4) => v4.addr().is_link_local(),
        IpNet::V6(v6) => v6.addr().is_unicast_link_local(),
    };
    all.filter(move |net| scope(net.addr()) == Scope::Private && !links(net))
}

/// Best effort: these are the defaults almost everywhere.
fn quieten(ipv6: bool) {
    for which in ["all", "default"] {
        let _ = namespace::set(&format!("ipv4/conf/{which}/rp_filter"), "0");
        if ipv6 {
            let _ = namespace::set(&format!("ipv6/conf/{which}/accept_ra"), "0");
            let _ = namespace::set(&format!("ipv6/conf/{which}/accept_dad"), "0");
        }
    }
}

fn everywhere(ipv6: bool) -> Vec<Prefix> {
    let v4: Prefix = (Ipv4Addr::UNSPECIFIED.into(), 0);
    if ipv6 { vec![v4, (Ipv6Addr::UNSPECIFIED.into(), 0)] } else { vec![v4] }
}

fn prefix(net: IpNet) -> Prefix {
    (net.network(), net.prefix_len())
}

const fn end(ends: &[IpAddr; 2], of: IpAddr) -> IpAddr {
    if of.is_ipv4() { ends[0] } else { ends[1] }
}
