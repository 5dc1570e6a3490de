//! Whom this machine can be.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use model::AddressSet;
use net::netlink::Netlink;

use crate::networks::first_in;

/// Addresses that a socket may have only together with an interface (RFC 4007 §6).
const LINK_LOCAL: &str = "fe80::/10";
const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];
/// For a look-up of a route any will do.
const PORT: u16 = 9;

/// Somebody of `clients` who can go from here to `to`: the kernel's choice, if it is one of them.
pub fn client(clients: &AddressSet, to: IpAddr) -> Option<IpAddr> {
    let chosen = net::stream::source_of(SocketAddr::new(to, PORT)).ok();
    chosen.filter(|chosen| clients.contains(*chosen)).or_else(|| another(clients, to))
}

/// Somebody of `clients`, wherever they go.
pub fn anybody(clients: &AddressSet) -> Option<IpAddr> {
    let own = addresses().and(clients);
    first_in(&own, true).or_else(|| first_in(&own, false))
}

/// Another address of this machine's. Those on loopback and the others lead nowhere together: within
/// one machine they would, and in no network.
fn another(clients: &AddressSet, to: IpAddr) -> Option<IpAddr> {
    let nets = LOOPBACK.iter().filter_map(|net| net.parse::<IpNet>().ok());
    let near: AddressSet = nets.collect();
    let own = addresses().and(clients);
    let fit = if near.contains(to) { own.and(&near) } else { own.minus(&near) };
    first_in(&fit, to.is_ipv4())
}

/// Nothing where the kernel does not say.
fn addresses() -> AddressSet {
    let own = Netlink::open().and_then(|mut kernel| kernel.own()).unwrap_or_default();
    let all: AddressSet =
        own.into_iter().filter_map(|(address, length)| IpNet::new(address, length).ok()).collect();
    all.minus(&LINK_LOCAL.parse::<IpNet>().into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_of_those_who_are_meant() {
        let set = |net: &str| -> AddressSet { net.parse::<IpNet>().into_iter().collect() };
        let rows = [
            ("the kernel's choice", "127.0.0.0/8", "127.0.0.1", Some("127.0.0.1")),
            ("another one on loopback", "127.0.7.0/24", "127.0.0.1", Some("127.0.7.1")),
            ("one address", "127.0.0.2/32", "127.0.0.1", Some("127.0.0.2")),
            ("nobody here", "192.0.2.0/24", "127.0.0.1", None),
            ("of the other family", "127.0.0.0/8", "::1", None),
            ("loopback leads nowhere else", "127.0.0.0/8", "192.0.2.1", None),
        ];
        for (name, clients, to, expected) in rows {
            let found = client(&set(clients), to.parse().unwrap());
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{name}");
        }
    }
}
