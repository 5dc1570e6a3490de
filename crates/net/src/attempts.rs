//! A second look at connection attempts: the SYNs of clients that a socket filter then drops, as a
//! packet socket sees them (packet(7)). Needs CAP_NET_RAW.
//!
//! Nobody is woken for them. The kernel keeps what its own filter passes, in a buffer of bounded size,
//! until it is read; what did not fit is counted.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::net::{RecvFlags, recv, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use crate::filter::{self, Program};
use crate::options;

/// What waits to be read, of each family: thousands of SYNs, however the driver keeps them.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// As far as the sequence number, with every option of IPv4.
const HEADERS_BYTES: usize = 96;
/// Read at once, at most: a flood does not hold the reader up.
const READ_MAX: usize = 16_384;

/// linux/if_packet.h.
const PACKET_STATISTICS: libc::c_int = 6;

/// Somebody wants to connect. A repeated SYN is an equal value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// RFC 9293 §3.4.1: another attempt between the same ports has another one.
    pub sequence: u32,
}

/// Two packet sockets, one a family.
#[derive(Debug)]
pub struct Attempts {
    v4: Socket,
    v6: Socket,
}

impl Attempts {
    /// Sees nothing until it is told what to look for.
    pub fn open() -> io::Result<Attempts> {
        Ok(Attempts { v4: packets(libc::ETH_P_IP)?, v6: packets(libc::ETH_P_IPV6)? })
    }

    /// From now on keeps what the programs pass: [`Program::attempts_v4`], [`Program::attempts_v6`].
    pub fn watch(&self, v4: &Program, v6: &Program) -> io::Result<()> {
        filter::attach(&self.v4, v4)?;
        filter::attach(&self.v6, v6)
    }

    /// Those since the last call, in the order of each family. Returns how many more there were.
    pub fn read(&self, mut each: impl FnMut(Attempt)) -> u64 {
        for (socket, attempt) in [(&self.v4, attempt_v4 as Parse), (&self.v6, attempt_v6)] {
            let mut packet = [0; HEADERS_BYTES];
            for _ in 0..READ_MAX {
                match recv(socket, &mut packet[..], RecvFlags::DONTWAIT) {
                    Ok((length, _)) => {
                        let bytes = packet.get(..length).unwrap_or_default();
                        attempt(bytes).into_iter().for_each(&mut each);
                    }
                    Err(error) if io::Error::from(error).kind() == ErrorKind::Interrupted => {}
                    // Nothing more; or a link went down, which the next call is over.
                    Err(_) => break,
                }
            }
        }
        lost(&self.v4) + lost(&self.v6)
    }
}

fn packets(protocol: i32) -> io::Result<Socket> {
    let protocol = Protocol::from(i32::from((protocol as u16).to_be()));
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol))?;
    filter::attach(&socket, &Program::nothing())?;
    // Beyond the system's own limit where CAP_NET_ADMIN allows it.
    if sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER_BYTES).is_err() {
        socket.set_recv_buffer_size(BUFFER_BYTES)?;
    }
    // What came in before there was a filter.
    let mut byte = [0; 1];
    while recv(&socket, &mut byte[..], RecvFlags::DONTWAIT).is_ok() {}
    lost(&socket);
    Ok(socket)
}

/// Packets that found no room since the last call: the kernel counts from 0 after each.
fn lost(socket: &Socket) -> u64 {
    let statistics = options::numbers::<2>(socket, libc::SOL_PACKET, PACKET_STATISTICS);
    statistics.map_or(0, |[_, drops]| drops.into())
}

type Parse = fn(&[u8]) -> Option<Attempt>;

/// RFC 791 §3.1.
fn attempt_v4(packet: &[u8]) -> Option<Attempt> {
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets).into())
    };
    let header = usize::from(packet.first()? & 0x0f) * 4;
    segment(address(12)?, address(16)?, packet.get(header..)?)
}

/// RFC 8200 §3.
fn attempt_v6(packet: &[u8]) -> Option<Attempt> {
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
        Some(Ipv6Addr::from(octets).into())
    };
    segment(address(8)?, address(24)?, packet.get(40..)?)
}

/// RFC 9293 §3.1.
fn segment(from: IpAddr, to: IpAddr, tcp: &[u8]) -> Option<Attempt> {
    let port = |at: usize| -> Option<u16> {
        Some(u16::from_be_bytes(tcp.get(at..at + 2)?.try_into().ok()?))
    };
    let sequence = u32::from_be_bytes(tcp.get(4..8)?.try_into().ok()?);
    Some(Attempt {
        from: SocketAddr::new(from, port(0)?),
        to: SocketAddr::new(to, port(2)?),
        sequence,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn headers() {
        let tcp = [0x30, 0x39, 0x01, 0xbb, 1, 2, 3, 4];
        let v4 = |first: u8, options: usize| {
            let mut packet = vec![first, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0];
            packet.extend([192, 0, 2, 1, 203, 0, 113, 10]);
            packet.extend(vec![0; options]);
            packet.extend(tcp);
            packet
        };
        let short = v4(0x45, 0);
        let rows: [(&str, &[u8], Option<&str>); 5] = [
            ("plain", &short, Some("192.0.2.1:12345 203.0.113.10:443 16909060")),
            ("options", &v4(0x4f, 40), Some("192.0.2.1:12345 203.0.113.10:443 16909060")),
            ("cut in the sequence number", &short[..27], None),
            ("a header that ends beyond", &v4(0x4f, 0), None),
            ("nothing", &[], None),
        ];
        for (name, packet, expected) in rows {
            let got = attempt_v4(packet).map(|a| format!("{} {} {}", a.from, a.to, a.sequence));
            assert_eq!(got.as_deref(), expected, "{name}");
        }
        let mut packet = vec![0; 40];
        (packet[8], packet[24]) = (0x20, 0x30);
        packet.extend(tcp);
        let got = attempt_v6(&packet).unwrap();
        assert_eq!((got.from.to_string(), got.to.port()), ("[2000::]:12345".into(), 443));
        assert_eq!(attempt_v6(&packet[..47]), None);
    }

    #[test]
    fn a_dropped_client_is_seen() {
        let attempts = match Attempts::open() {
            Ok(attempts) => attempts,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "packet sockets need CAP_NET_RAW");
                eprintln!("SKIPPED a_dropped_client_is_seen: {error}");
                return;
            }
        };
        let everybody = [(Ipv4Addr::new(127, 0, 0, 0), Ipv4Addr::new(127, 255, 255, 255))];
        let office = (Ipv4Addr::new(127, 10, 0, 0), Ipv4Addr::new(127, 10, 255, 255));
        let guests = [(Ipv4Addr::new(127, 20, 0, 0), Ipv4Addr::new(127, 20, 255, 255))];
        let open = || crate::listen::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let (watched, other) = (open(), open());
        let (port, elsewhere) = (watched.local_addr().unwrap(), other.local_addr().unwrap());
        filter::attach(&watched, &Program::compile_v4(&[office]).unwrap()).unwrap();
        let knock = |last: [u8; 4], to: SocketAddr| {
            let limit = Duration::from_millis(200);
            crate::stream::connect_from(Ipv4Addr::from(last).into(), to, limit).is_ok()
        };
        let seen = || {
            let mut seen = Vec::new();
            let more = attempts.read(|attempt| seen.push((attempt.from.ip(), attempt.to)));
            (seen, more)
        };
        let guest = IpAddr::from([127, 20, 0, 1]);
        type Ranges<'r> = &'r [(Ipv4Addr, Ipv4Addr)];
        let rows: [(&str, Ranges<'_>, &[u16]); 3] = [
            ("all sources", &everybody, &[port.port()]),
            ("one source", &guests, &[1, port.port(), 2]),
            ("more ports than are told apart", &guests, &(1..=u16::MAX).collect::<Vec<_>>()),
        ];
        for (name, from, ports) in rows {
            attempts
                .watch(&Program::attempts_v4(ports, from), &Program::attempts_v6(ports, &[]))
                .unwrap();
            assert_eq!(seen(), (vec![], 0), "{name}");
            assert!(!knock([127, 20, 0, 1], port), "{name}");
            assert!(knock([127, 10, 0, 1], port), "{name}");
            assert!(knock([127, 30, 0, 1], elsewhere), "{name}");
            let (mut seen, more) = seen();
            seen.retain(|(from, to)| *from == guest && *to == port);
            assert_eq!((seen.len(), more), (1, 0), "{name}");
        }
    }
}
