//! From a plan to namespaces, links, addresses and routes. One router joins them all; every other
//! namespace has one link, to it.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use ipnet::IpNet;
use net::namespace::{self, Kind};
use net::netlink::{Family, Link, Netlink, Prefix, Rule, Table, Then, Way};
use verdict::name::{SCOPE_PREFIXES, Scope, routed, scope};
use world::World;

use super::node::{self, Node};
use super::plan::Plan;
use super::{guard, hosts};

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

/// The only references to a place's namespaces.
#[derive(Debug)]
pub struct Place {
    pub network: OwnedFd,
    pub mounts: OwnedFd,
}

/// What was built, and what had to be left out.
#[derive(Debug)]
pub struct Built {
    /// As the nodes of the plan.
    pub places: Vec<Place>,
    /// Where the holder itself reads files.
    pub base: OwnedFd,
    /// Where every link ends: without it they are gone.
    #[expect(dead_code, reason = "what counts is that it is held")]
    pub router: OwnedFd,
    pub notes: Vec<String>,
}

/// What could not be done.
#[derive(Debug)]
pub struct BuildError {
    pub what: String,
    pub error: io::Error,
}

/// In the namespace that this process was isolated into, which becomes the router. `folder` keeps
/// what the places read instead of files of `/etc`.
pub fn build(world: &World, plan: &Plan, folder: &Path) -> Result<Built, BuildError> {
    let base = namespace::current(Kind::Mounts).map_err(doing("name the mount namespace"))?;
    let ipv6 = Path::new("/proc/sys/net/ipv6").exists();
    let mut notes = Vec::new();
    if !ipv6 {
        notes.push("this kernel has no IPv6: only IPv4 is built".to_owned());
    }
    let mut router = Router::open(plan, ipv6).map_err(doing("set up the router"))?;
    let mut networks: Vec<Option<OwnedFd>> = Vec::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        let made = match node.home == at {
            true => {
                let guard = guarding(world, node, &mut notes);
                let made = router.attach(plan, at, guard.as_ref());
                Some(made.map_err(doing(&format!("build the network of {}", node.name)))?)
            }
            false => None,
        };
        networks.push(made);
    }
    let mut places = Vec::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        let shared = networks[node.home].as_ref().map(OwnedFd::try_clone);
        let network = shared.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        let network = network.map_err(doing(&format!("find the network of {}", node.name)))?;
        let mounts = files_of(node, at, folder, &base);
        let mounts = mounts.map_err(doing(&format!("show {} its own /etc/hosts", node.name)))?;
        places.push(Place { network, mounts });
    }
    Ok(Built { places, base, router: router.network, notes })
}

fn doing(what: &str) -> impl FnOnce(io::Error) -> BuildError {
    let what = what.to_owned();
    move |error| BuildError { what, error }
}

fn guarding(world: &World, node: &Node, notes: &mut Vec<String>) -> Option<guard::Guard> {
    let node::Kind::Instance(id) = node.kind else { return None };
    match guard::of_instance(world, id)? {
        Ok(guard) => Some(guard),
        Err(note) => {
            notes.push(note);
            None
        }
    }
}

// === the router ===

struct Router {
    network: OwnedFd,
    netlink: Netlink,
    ipv6: bool,
}

impl Router {
    fn open(plan: &Plan, ipv6: bool) -> io::Result<Router> {
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
    fn attach(
        &mut self,
        plan: &Plan,
        at: usize,
        guard: Option<&guard::Guard>,
    ) -> io::Result<OwnedFd> {
        let network = namespace::new_network()?;
        namespace::loopback_up()?;
        quieten(self.ipv6);
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
        for net in homes.iter().flat_map(|node| &node.prefixes) {
            if self.has(net.addr()) && !net.addr().is_loopback() {
                self.lead(*net, outer)?;
                own_prefix(&mut inside, plan, at, *net, inner)?;
            }
        }
        for family in families {
            ways_out(&mut inside, plan.nodes.get(at), family == 0, inner)?;
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
    for other in plan.nodes.iter().filter(|other| other.home != at) {
        let singles = other.addresses.iter().chain(&other.seen_as).copied().map(IpNet::from);
        for theirs in singles.chain(other.prefixes.iter().copied()) {
            if net.contains(&theirs) && net != theirs {
                let way = Way::Via { gateway: end(&ROUTER, theirs.addr()), link, source: None };
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

/// Whose packets to which prefixes do not find the way: asked of the one who knows.
fn unrouted(plan: &Plan) -> Vec<(IpNet, IpNet)> {
    let mut pairs = Vec::new();
    for node in &plan.nodes {
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

// === files ===

/// A mount namespace in which names are those of the place, and nobody else is asked.
fn files_of(node: &Node, at: usize, folder: &Path, base: &OwnedFd) -> io::Result<OwnedFd> {
    let own = folder.join(format!("{at}"));
    fs::create_dir_all(&own)?;
    let files = [
        ("/etc/hosts", hosts::text(node)),
        ("/etc/resolv.conf", hosts::NO_RESOLVER.to_owned()),
        ("/etc/nsswitch.conf", hosts::SWITCH.to_owned()),
    ];
    let mounts = namespace::new_mounts()?;
    for (place, text) in files {
        let Some(name) = Path::new(place).file_name() else { continue };
        let file = own.join(name);
        fs::write(&file, text)?;
        if Path::new(place).exists() {
            namespace::show_instead(&file, Path::new(place))?;
        }
    }
    // A cache of names would be asked before any file.
    for cache in ["/run/nscd", "/run/systemd/resolve"] {
        if Path::new(cache).is_dir() {
            let empty = own.join("empty");
            fs::create_dir_all(&empty)?;
            namespace::show_instead(&empty, Path::new(cache))?;
        }
    }
    namespace::enter(base, Kind::Mounts)?;
    Ok(mounts)
}
