//! The sockets of the name server: for each address and core one of UDP and one of TCP, kept across
//! reloads.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use dns::core::Opened;
use model::DnsServer;

/// Where systemd-resolved listens.
const STUB: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53));

/// Addresses that are answered, with duplicates that keep their queues.
#[derive(Debug, Default)]
pub struct Sockets {
    bound: BTreeMap<SocketAddr, Vec<(UdpSocket, TcpListener)>>,
}

/// What a new World needs beyond, and no longer of, what is open.
#[derive(Default)]
pub struct Plan {
    /// By core.
    pub opened: Vec<Vec<Opened>>,
    pub closed: Vec<SocketAddr>,
    fresh: BTreeMap<SocketAddr, Vec<(UdpSocket, TcpListener)>>,
}

impl Sockets {
    /// Opens what is missing; if anything fails, all failures are told and nothing has changed.
    pub fn plan(&self, server: Option<&DnsServer>, cores: usize) -> Result<Plan, Vec<String>> {
        let wanted = server.map_or(Vec::new(), wanted);
        let mut plan = Plan {
            opened: (0..cores).map(|_| Vec::new()).collect(),
            closed: self.bound.keys().filter(|a| !wanted.contains(a)).copied().collect(),
            fresh: BTreeMap::new(),
        };
        let mut failures = Vec::new();
        let place = server.map_or(String::new(), |server| server.place.to_string());
        for address in wanted {
            if self.bound.contains_key(&address) {
                continue;
            }
            match open(address, cores) {
                Ok(sockets) => {
                    // A port of the kernel's choice is known now.
                    for (opened, (udp, tcp)) in plan.opened.iter_mut().zip(&sockets) {
                        match (udp.try_clone(), tcp.try_clone()) {
                            (Ok(udp), Ok(tcp)) => opened.push(Opened { address, udp, tcp }),
                            (Err(error), _) | (_, Err(error)) => {
                                failures.push(format!("{place}: {}", explain(&error, address)));
                            }
                        }
                    }
                    plan.fresh.insert(address, sockets);
                }
                Err(error)
                    if address.is_ipv6()
                        && address.ip().is_unspecified()
                        && net::listen::family_unavailable(&error) => {}
                Err(error) => failures.push(format!("{place}: {}", explain(&error, address))),
            }
        }
        if failures.is_empty() { Ok(plan) } else { Err(failures) }
    }

    pub fn commit(&mut self, plan: &mut Plan) {
        for address in &plan.closed {
            self.bound.remove(address);
        }
        self.bound.append(&mut plan.fresh);
    }

    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.bound.keys().copied()
    }
}

fn open(address: SocketAddr, cores: usize) -> io::Result<Vec<(UdpSocket, TcpListener)>> {
    let one = |_| Ok((net::datagram::bind(address)?, net::listen::bind(address)?));
    (0..cores).map(one).collect()
}

fn wanted(server: &DnsServer) -> Vec<SocketAddr> {
    let everywhere: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    let addresses = if server.addresses.is_empty() { &everywhere[..] } else { &server.addresses };
    addresses.iter().map(|address| SocketAddr::new(*address, server.port)).collect()
}

fn explain(error: &io::Error, address: SocketAddr) -> String {
    let taken_by_stub = error.kind() == io::ErrorKind::AddrInUse
        && address.port() == 53
        && (address.ip() == STUB || address.ip().is_unspecified());
    let told = net::listen::explain(error, address);
    if taken_by_stub && !net::listen::is_free(SocketAddr::new(STUB, 53)) {
        return format!(
            "{told}; systemd-resolved holds {STUB}: name the addresses to answer at with `addresses`, \
             or set `DNSStubListener=no` in /etc/systemd/resolved.conf"
        );
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_kept_and_failures_change_nothing() {
        let server = |addresses: &[&str], port| DnsServer {
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            port,
            rate_limit: None,
            exempt: Vec::new(),
            place: model::Place::described("test"),
        };
        let mut sockets = Sockets::default();
        let free = net::datagram::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let port = free.local_addr().unwrap().port();
        let mut plan = sockets.plan(Some(&server(&["127.0.0.1"], port)), 2).unwrap();
        assert_eq!((plan.opened.len(), plan.opened[1].len(), plan.closed.len()), (2, 1, 0));
        sockets.commit(&mut plan);
        let failures = sockets.plan(Some(&server(&["127.0.0.1", "192.0.2.1"], port)), 2);
        let failures = failures.err().unwrap();
        assert!(failures.len() == 1 && failures[0].contains("does not have the address"));
        let mut plan = sockets.plan(Some(&server(&["127.0.0.1", "127.0.0.2"], port)), 2).unwrap();
        assert_eq!((plan.opened[0].len(), plan.closed.len()), (1, 0));
        sockets.commit(&mut plan);
        let plan = sockets.plan(None, 2).unwrap();
        assert_eq!((plan.opened[0].len(), plan.closed.len()), (0, 2));
    }
}
