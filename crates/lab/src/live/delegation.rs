//! Asks the world about a zone: its parent, the servers that the parent names, and resolvers. What it
//! means is judged by `explain::delegation`.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use explain::delegation::{Family, NAMES_MAX, Parent, Resolved, Said, Seen, Server};

use dns::client::{
    A, AAAA, Ask, AskError, CDS, DS, Data, NS, Recursion, Reply, SOA, Transport, ask,
};

/// Servers of the parent zone that are tried, until one answers.
const PARENTS_MAX: usize = 4;
/// Name servers of one zone that are looked at: as many as a referral of 512 bytes holds.
const SERVERS_MAX: usize = 13;
/// Addresses of one name server.
const ADDRESSES_MAX: usize = 4;

/// What is asked about, and who.
#[derive(Clone, Copy, Debug)]
pub struct Survey<'a> {
    /// Lower case, without its final dot.
    pub zone: &'a str,
    /// Of the zone; those after [`NAMES_MAX`] are not asked for.
    pub names: &'a [String],
    pub resolvers: &'a [SocketAddr],
    /// A server of the parent zone; found through the first resolver, if not given.
    pub parent: Option<SocketAddr>,
    /// Of name servers: 53, but in tests.
    pub port: u16,
    /// For each question.
    pub limit: Duration,
}

/// Asks everybody, each at the same time as the others.
pub fn survey(survey: &Survey<'_>) -> Seen {
    std::thread::scope(|scope| {
        let resolved: Vec<_> = survey
            .resolvers
            .iter()
            .map(|resolver| scope.spawn(move || survey.resolver(*resolver)))
            .collect();
        let parent = survey.parent();
        let servers: Vec<(String, IpAddr)> =
            parent.iter().flat_map(|p| survey.servers(p)).collect();
        let servers: Vec<_> = servers
            .into_iter()
            .map(|(name, address)| scope.spawn(move || survey.server(name, address)))
            .collect();
        Seen {
            parent,
            servers: servers.into_iter().filter_map(|asked| asked.join().ok()).collect(),
            resolved: resolved
                .into_iter()
                .filter_map(|asked| asked.join().ok())
                .flatten()
                .collect(),
        }
    })
}

impl Survey<'_> {
    fn ask(
        &self,
        server: SocketAddr,
        name: &str,
        kind: u16,
        recursion: Recursion,
    ) -> Result<Reply, AskError> {
        let (limit, transport) = (self.limit, Transport::Datagram);
        ask(&Ask { server, name, kind, recursion, transport, limit })
    }

    fn parent(&self) -> Option<Parent> {
        let above = self.zone.split_once('.').map_or("", |(_, above)| above);
        if let Some(server) = self.parent {
            return self.delegation(server, above);
        }
        let resolver = *self.resolvers.first()?;
        // The parent need not be one label up: `co.example` may be no zone of its own.
        let parents = std::iter::successors(Some(above), |name| {
            (!name.is_empty()).then(|| name.split_once('.').map_or("", |(_, above)| above))
        });
        for parent in parents {
            let reply = self.ask(resolver, parent, NS, Recursion::Desired).ok()?;
            let names = reply.answer.iter().filter(|record| record.kind == NS);
            let names: Vec<&str> =
                names.filter_map(|record| record.data.name()).take(PARENTS_MAX).collect();
            for name in &names {
                let addresses = self.addresses(resolver, name);
                let found = addresses.into_iter().find_map(|address| {
                    self.delegation(SocketAddr::new(address, self.port), parent)
                });
                if found.is_some() {
                    return found;
                }
            }
            if !names.is_empty() {
                return None;
            }
        }
        None
    }

    /// What one server of the parent says; `None` if it says nothing.
    fn delegation(&self, server: SocketAddr, parent: &str) -> Option<Parent> {
        let reply = self.ask(server, self.zone, NS, Recursion::Off).ok()?;
        // Who has both answers for the zone itself (RFC 1034 §4.3.2, 3a).
        let all = reply.answer.iter().chain(&reply.authority);
        let name_servers = all.filter(|record| record.kind == NS && record.name == self.zone);
        let name_servers: BTreeSet<String> =
            name_servers.filter_map(|record| Some(record.data.name()?.to_owned())).collect();
        let glue = reply.additional.iter().filter(|record| name_servers.contains(&record.name));
        let glue: Vec<(String, IpAddr)> =
            glue.filter_map(|record| Some((record.name.clone(), record.data.address()?))).collect();
        let signers = self.ask(server, self.zone, DS, Recursion::Off).ok();
        let parent = if parent.is_empty() { "." } else { parent };
        Some(Parent {
            zone: parent.to_owned(),
            glue,
            signers: signers.filter(|reply| reply.authoritative).map(|reply| texts(&reply, DS)),
            name_servers,
        })
    }

    /// Name servers with their addresses: as the parent has them, else as a resolver finds them.
    fn servers(&self, parent: &Parent) -> Vec<(String, IpAddr)> {
        let mut servers = Vec::new();
        for name in parent.name_servers.iter().take(SERVERS_MAX) {
            let glue = parent.glue.iter().filter(|(of, _)| of == name);
            let mut addresses: Vec<IpAddr> = glue.map(|(_, address)| *address).collect();
            if let ([], Some(resolver)) = (&addresses[..], self.resolvers.first()) {
                addresses = self.addresses(*resolver, name);
            }
            addresses.truncate(ADDRESSES_MAX);
            servers.extend(addresses.into_iter().map(|address| (name.clone(), address)));
        }
        servers
    }

    fn addresses(&self, resolver: SocketAddr, name: &str) -> Vec<IpAddr> {
        let of = |kind| self.ask(resolver, name, kind, Recursion::Desired).ok();
        [A, AAAA].into_iter().filter_map(of).flat_map(|reply| reply.addresses()).collect()
    }

    fn server(&self, name: String, address: IpAddr) -> Server {
        let server = SocketAddr::new(address, self.port);
        let soa = |transport| {
            let (recursion, limit) = (Recursion::Off, self.limit);
            ask(&Ask { server, name: self.zone, kind: SOA, recursion, transport, limit })
        };
        let (udp, tcp) = (soa(Transport::Datagram), soa(Transport::Connection));
        let serial = [&udp, &tcp].into_iter().find_map(|reply| {
            reply.as_ref().ok()?.answer.iter().find_map(|record| match record.data {
                Data::Soa { serial } => Some(serial),
                Data::Address(_) | Data::Name(_) | Data::Other(_) => None,
            })
        });
        let cds = self.ask(server, self.zone, CDS, Recursion::Off).ok();
        let signers = cds.map(|reply| texts(&reply, CDS)).filter(|signers| !signers.is_empty());
        Server { name, address, udp: self.said(udp), tcp: self.said(tcp), serial, signers }
    }

    fn said(&self, reply: Result<Reply, AskError>) -> Said {
        match reply {
            Err(error) => Said::Nothing(error.to_string()),
            Ok(reply) if reply.rcode != 0 => {
                Said::Lame(format!("it answers {}", rcode_words(reply.rcode)))
            }
            Ok(reply) if reply.authoritative && !reply.answer.is_empty() => Said::Authoritative,
            Ok(_) => Said::Lame("it does not have the zone".to_owned()),
        }
    }

    fn resolver(&self, resolver: SocketAddr) -> Vec<Resolved> {
        let mut resolved = Vec::new();
        for name in self.names.iter().take(NAMES_MAX) {
            for (family, kind) in [(Family::Ipv4, A), (Family::Ipv6, AAAA)] {
                let reply = self.ask(resolver, name, kind, Recursion::Desired);
                let silent = matches!(reply, Err(AskError::TimedOut | AskError::Unreachable(_)));
                let addresses = match reply {
                    // No such name is an answer: there is no address.
                    Ok(reply) if matches!(reply.rcode, 0 | 3) => {
                        Ok(reply.addresses().into_iter().collect())
                    }
                    Ok(reply) => Err(format!("it answers {}", rcode_words(reply.rcode))),
                    Err(error) => Err(error.to_string()),
                };
                let name = name.clone();
                resolved.push(Resolved {
                    resolver: resolver.ip().to_string(),
                    name,
                    family,
                    addresses,
                });
                if silent {
                    // The others would be waited for as long.
                    return resolved;
                }
            }
        }
        resolved
    }
}

fn texts(reply: &Reply, kind: u16) -> Vec<String> {
    let of_kind = reply.answer.iter().filter(|record| record.kind == kind);
    let text = of_kind.filter_map(|record| match &record.data {
        Data::Other(text) => Some(text.to_ascii_uppercase()),
        Data::Address(_) | Data::Name(_) | Data::Soa { .. } => None,
    });
    text.collect()
}

/// As `dig` calls them.
fn rcode_words(rcode: u8) -> String {
    let known = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
    match known.get(usize::from(rcode)) {
        Some(word) => (*word).to_owned(),
        None => format!("error {rcode}"),
    }
}
