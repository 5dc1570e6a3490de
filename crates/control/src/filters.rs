//! Who enforces admission at each address: the packet filter, or a classic BPF filter on each
//! listening socket, or the process (DECISIONS 8, 9).

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use firewall::Firewall;
use model::Deny;
use net::filter::Program;
use world::World;

/// Who turns outsiders away at an address, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Everybody is admitted.
    Open,
    /// A filter on the socket drops the SYN: the attempt times out.
    Kernel,
    /// The packet filter drops it.
    Nftables,
    /// The core decides after accept; the reason why the kernel does not.
    AfterAccept(&'static str),
}

impl Enforcement {
    pub fn describe(&self, deny: Deny) -> String {
        let outsider = match deny {
            Deny::Drop => "connects, then silence",
            Deny::Reset => "a reset",
            Deny::Page => "a page with the cause",
        };
        match self {
            Enforcement::Open => "nothing: everybody is admitted".to_owned(),
            Enforcement::Kernel => "kernel filter (an outsider's attempt times out)".to_owned(),
            Enforcement::Nftables => "nftables (an outsider's attempt times out)".to_owned(),
            Enforcement::AfterAccept(why) => {
                format!("the process after accept, {why} (an outsider: {outsider})")
            }
        }
    }
}

impl Enforcement {
    /// Outsiders get no answer, and no core sees them.
    pub fn is_in_the_kernel(&self) -> bool {
        match self {
            Enforcement::Kernel | Enforcement::Nftables => true,
            Enforcement::Open | Enforcement::AfterAccept(_) => false,
        }
    }
}

/// Puts the filter that `world` wants on every socket of an address.
pub fn enforce<'a>(
    world: &World,
    firewall: &Firewall,
    sockets: impl Iterator<Item = (&'a SocketAddr, &'a [TcpListener])>,
) -> BTreeMap<SocketAddr, Enforcement> {
    sockets
        .map(|(address, listeners)| (*address, enforce_one(world, firewall, *address, listeners)))
        .collect()
}

fn enforce_one(
    world: &World,
    firewall: &Firewall,
    address: SocketAddr,
    listeners: &[TcpListener],
) -> Enforcement {
    let Some(listener) = world.listener_at(address) else { return Enforcement::Open };
    let load_balancer = world.model[listener].load_balancer;
    let admission = world.ingress(load_balancer);
    let detach = || listeners.iter().for_each(|l| drop(net::filter::detach(l)));
    if world.admits_everyone(listener) {
        detach();
        return Enforcement::Open;
    }
    if firewall.guards(address) {
        detach();
        return Enforcement::Nftables;
    }
    if world.model[load_balancer].deny != Deny::Drop {
        detach();
        return Enforcement::AfterAccept("as `deny` says");
    }
    let admitted = verdict::admit::admitted_set(admission, address.port());
    let program = if address.is_ipv4() {
        Program::compile_v4(&admitted.v4_ranges().collect::<Vec<_>>())
    } else {
        Program::compile_v6(&admitted.v6_ranges().collect::<Vec<_>>())
    };
    let Ok(program) = program else {
        detach();
        return Enforcement::AfterAccept(
            "since there are more prefixes than a socket filter holds (nftables would hold them)",
        );
    };
    for listener in listeners {
        if net::filter::attach(listener, &program).is_err() {
            detach();
            return Enforcement::AfterAccept("since socket filters need CAP_NET_ADMIN");
        }
    }
    Enforcement::Kernel
}
