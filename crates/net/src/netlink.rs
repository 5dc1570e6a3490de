//! The few requests to the kernel's routing that a laboratory of namespaces needs (rtnetlink(7)):
//! links, addresses, routes and policy rules.

mod message;

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use self::message::{Message, answer, attribute_of, link_index, parts};

/// The largest answer that is read: the kernel's own default for a dump.
const ANSWER_BYTES: usize = 32 * 1024;

const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
const CHANGE: u16 = REQUEST | libc::NLM_F_ACK as u16;
const CREATE: u16 = CHANGE | libc::NLM_F_CREATE as u16;
const NEW: u16 = CREATE | libc::NLM_F_EXCL as u16;
const REPLACE: u16 = CREATE | libc::NLM_F_REPLACE as u16;

// linux/if_link.h, linux/veth.h
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_PEER: u16 = 1;

// linux/fib_rules.h
const RULE_DESTINATION: u16 = 1;
const RULE_SOURCE: u16 = 2;
const RULE_INPUT: u16 = 3;
const RULE_PRIORITY: u16 = 6;
const RULE_TABLE: u16 = 15;
const RULE_PROTOCOL: u16 = 22;
const RULE_DESTINATION_PORTS: u16 = 24;
const ACTION_TABLE: u8 = 1;
const ACTION_DROP: u8 = 6;

/// A prefix: its first address and its length.
pub type Prefix = (IpAddr, u8);

/// A connection to the routing of the network namespace in which it was opened, wherever the thread
/// goes later.
#[derive(Debug)]
pub struct Netlink {
    socket: socket2::Socket,
    sequence: u32,
}

/// An interface of that namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Main,
    /// Consulted first; what is `Way::Here` in it may be bound.
    Local,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a neighbour on the link, with the address that is used unless a socket is bound.
    Via { gateway: IpAddr, link: Link, source: Option<IpAddr> },
    /// Every address of the prefix is this namespace's own.
    Here { link: Link },
    /// Silence.
    Nowhere,
}

/// A policy rule; the lowest priority is asked first.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'a> {
    pub priority: u32,
    pub family: Family,
    /// Only of packets that come in by this interface.
    pub input: Option<&'a str>,
    pub source: Option<Prefix>,
    pub destination: Option<Prefix>,
    /// TCP only, to these ports.
    pub tcp_ports: Option<(u16, u16)>,
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Table(Table),
    Drop,
}

impl Netlink {
    pub fn open() -> io::Result<Netlink> {
        let socket = socket2::Socket::new(
            socket2::Domain::from(libc::AF_NETLINK),
            socket2::Type::RAW,
            Some(socket2::Protocol::from(libc::NETLINK_ROUTE)),
        )?;
        Ok(Netlink { socket, sequence: 0 })
    }

    pub fn link(&mut self, name: &str) -> io::Result<Link> {
        let mut message = Message::new(libc::RTM_GETLINK, REQUEST);
        message.bytes(&link_header(0, 0)).text(libc::IFLA_IFNAME, name);
        let answer = self.ask(message)?;
        link_index(&answer).map(Link).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Two interfaces that are joined, of which the other is in the namespace `peer_in`.
    pub fn join(&mut self, name: &str, peer: &str, peer_in: BorrowedFd<'_>) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWLINK, NEW);
        message.bytes(&link_header(0, 0)).text(libc::IFLA_IFNAME, name);
        message.nested(libc::IFLA_LINKINFO, |info| {
            info.text(INFO_KIND, "veth");
            info.nested(INFO_DATA, |data| {
                data.nested(VETH_PEER, |other| {
                    other.bytes(&link_header(0, 0)).text(libc::IFLA_IFNAME, peer);
                    other.number(libc::IFLA_NET_NS_FD, peer_in.as_raw_fd() as u32);
                });
            });
        });
        self.change(message)
    }

    pub fn up(&mut self, link: Link) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWLINK, CHANGE);
        message.bytes(&link_header(link.0, libc::IFF_UP as u32));
        self.change(message)
    }

    /// One address, without a network around it.
    pub fn add_address(&mut self, link: Link, address: IpAddr) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWADDR, REPLACE);
        let scope = match address {
            IpAddr::V6(v6) if v6.is_unicast_link_local() => libc::RT_SCOPE_LINK,
            IpAddr::V4(_) | IpAddr::V6(_) => libc::RT_SCOPE_UNIVERSE,
        };
        message.bytes(&[family(address), full_length(address), 0, scope]);
        message.bytes(&link.0.to_ne_bytes());
        message.address(libc::IFA_LOCAL, address).address(libc::IFA_ADDRESS, address);
        // Nobody else can have it: no time is lost asking (RFC 4862 §5.4).
        message.number(libc::IFA_FLAGS, libc::IFA_F_NODAD);
        self.change(message)
    }

    pub fn add_route(&mut self, to: Prefix, way: Way, table: Table) -> io::Result<()> {
        let mut message = Message::new(libc::RTM_NEWROUTE, REPLACE);
        let (kind, scope, flags) = match way {
            Way::Via { .. } => (libc::RTN_UNICAST, libc::RT_SCOPE_UNIVERSE, RTNH_F_ONLINK),
            Way::Here { .. } => (libc::RTN_LOCAL, libc::RT_SCOPE_HOST, 0),
            Way::Nowhere => (libc::RTN_BLACKHOLE, libc::RT_SCOPE_UNIVERSE, 0),
        };
        message.bytes(&[
            family(to.0),
            to.1,
            0,
            0,
            table.number(),
            libc::RTPROT_STATIC,
            scope,
            kind,
        ]);
        message.bytes(&u32::to_ne_bytes(flags)).address(libc::RTA_DST, to.0);
        match way {
            Way::Via { gateway, link, source } => {
                message.number(libc::RTA_OIF, link.0).address(libc::RTA_GATEWAY, gateway);
                if let Some(source) = source {
                    message.address(libc::RTA_PREFSRC, source);
                }
            }
            Way::Here { link } => {
                message.number(libc::RTA_OIF, link.0);
            }
            Way::Nowhere => {}
        }
        self.change(message)
    }

    pub fn add_rule(&mut self, rule: &Rule<'_>) -> io::Result<()> {
        let message = rule_message(libc::RTM_NEWRULE, NEW, rule);
        self.change(message)
    }

    pub fn remove_rule(&mut self, rule: &Rule<'_>) -> io::Result<()> {
        let message = rule_message(libc::RTM_DELRULE, CHANGE, rule);
        self.change(message)
    }

    /// Every prefix whose addresses are this namespace's own: a socket may have any of them.
    pub fn own(&mut self) -> io::Result<Vec<Prefix>> {
        let mut message = Message::new(libc::RTM_GETROUTE, REQUEST | libc::NLM_F_DUMP as u16);
        message.bytes(&[0; ROUTE_HEADER]);
        self.sequence += 1;
        self.socket.write_all(&message.finish(self.sequence))?;
        let mut told = Vec::new();
        let mut bytes = vec![0; ANSWER_BYTES];
        loop {
            let read = self.socket.read(&mut bytes)?;
            if parts(&bytes[..read], self.sequence, &mut told)? {
                return Ok(told.iter().filter_map(|route| own_prefix(route)).collect());
            }
        }
    }

    fn change(&mut self, message: Message) -> io::Result<()> {
        self.ask(message).map(|_| ())
    }

    fn ask(&mut self, message: Message) -> io::Result<Vec<u8>> {
        self.sequence += 1;
        self.socket.write_all(&message.finish(self.sequence))?;
        loop {
            let mut bytes = vec![0; ANSWER_BYTES];
            let read = self.socket.read(&mut bytes)?;
            bytes.truncate(read);
            if let Some(answer) = answer(&bytes, self.sequence) {
                return answer;
            }
        }
    }
}

/// `struct rtmsg`: family, lengths of destination and source, tos, table, protocol, scope, kind, flags.
const ROUTE_HEADER: usize = 12;

/// What a route says is here.
fn own_prefix(route: &[u8]) -> Option<Prefix> {
    let (family, length, kind) = (*route.first()?, *route.get(1)?, *route.get(7)?);
    if kind != libc::RTN_LOCAL {
        return None;
    }
    let v4 = i32::from(family) == libc::AF_INET;
    let address = match attribute_of(route, ROUTE_HEADER, libc::RTA_DST) {
        Some(bytes) if v4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        Some(bytes) => <[u8; 16]>::try_from(bytes).ok()?.into(),
        // A prefix of length 0 has no address.
        None if v4 => std::net::Ipv4Addr::UNSPECIFIED.into(),
        None => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    Some((address, length))
}

impl Family {
    pub const fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// linux/rtnetlink.h: the gateway is a neighbour even though no route says so.
const RTNH_F_ONLINK: u32 = 4;

impl Table {
    const fn number(self) -> u8 {
        match self {
            Table::Main => libc::RT_TABLE_MAIN,
            Table::Local => libc::RT_TABLE_LOCAL,
        }
    }
}

fn rule_message(kind: u16, flags: u16, rule: &Rule<'_>) -> Message {
    let family = match rule.family {
        Family::V4 => libc::AF_INET as u8,
        Family::V6 => libc::AF_INET6 as u8,
    };
    let length = |prefix: Option<Prefix>| prefix.map_or(0, |(_, length)| length);
    let (table, action) = match rule.then {
        Then::Table(table) => (table.number(), ACTION_TABLE),
        Then::Drop => (0, ACTION_DROP),
    };
    let mut message = Message::new(kind, flags);
    message.bytes(&[family, length(rule.destination), length(rule.source), 0, table, 0, 0, action]);
    message.bytes(&0u32.to_ne_bytes()).number(RULE_PRIORITY, rule.priority);
    if table != 0 {
        message.number(RULE_TABLE, table.into());
    }
    if let Some(name) = rule.input {
        message.text(RULE_INPUT, name);
    }
    // A prefix of length 0 is everybody, which is said by leaving it out.
    for (attribute, prefix) in [(RULE_DESTINATION, rule.destination), (RULE_SOURCE, rule.source)] {
        if let Some((address, 1..)) = prefix {
            message.address(attribute, address);
        }
    }
    if let Some((first, last)) = rule.tcp_ports {
        message.attribute(RULE_PROTOCOL, &[libc::IPPROTO_TCP as u8]);
        let ports = [first.to_ne_bytes(), last.to_ne_bytes()].concat();
        message.attribute(RULE_DESTINATION_PORTS, &ports);
    }
    message
}

/// `struct ifinfomsg`.
fn link_header(index: u32, up: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&up.to_ne_bytes());
    header[12..].copy_from_slice(&up.to_ne_bytes());
    header
}

fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { libc::AF_INET as u8 } else { libc::AF_INET6 as u8 }
}

const fn full_length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_ones_own() {
        let own = Netlink::open().unwrap().own().unwrap();
        let loopback: Prefix = ("127.0.0.0".parse().unwrap(), 8);
        assert!(own.contains(&loopback), "{own:?}");
    }
}
