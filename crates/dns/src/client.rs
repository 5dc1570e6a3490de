//! A client that asks one server one question and waits: for `dns check`, and for what must be known
//! before a certificate is ordered. It resolves nothing by itself.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::name::Name;
use domain::base::{Message, MessageBuilder, ParsedName, ParsedRecord};
use domain::rdata::{AllRecordData, Soa};

/// What most networks carry in one piece (RFC 9715 §3.2).
const DATAGRAM_BYTES: u16 = 1232;
/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 4096;

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub server: SocketAddr,
    /// With or without its final dot.
    pub name: &'a str,
    /// The number of the type (RFC 1035 §3.2.2).
    pub kind: u16,
    pub recursion: Recursion,
    pub transport: Transport,
    pub limit: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP, and TCP where the answer does not fit.
    Datagram,
    /// TCP.
    Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recursion {
    /// Of a resolver.
    Desired,
    /// Of a server that has the zone, or its parent.
    Off,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// RFC 1035 §4.1.1: 0 is no error, 3 is no such name, 5 is refused.
    pub rcode: u8,
    pub authoritative: bool,
    pub answer: Vec<Received>,
    pub authority: Vec<Received>,
    pub additional: Vec<Received>,
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// In lower case, without its final dot.
    pub name: String,
    pub kind: u16,
    pub ttl: u32,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    Address(IpAddr),
    /// Of NS, CNAME and PTR.
    Name(String),
    Soa {
        serial: u32,
    },
    /// As zone files write it.
    Other(String),
}

/// Why there is no reply.
#[derive(Debug)]
pub enum AskError {
    /// The name cannot be asked for.
    Name,
    TimedOut,
    /// Nobody listens there, or there is no way.
    Unreachable(io::Error),
    Malformed,
}

pub const A: u16 = Rtype::A.to_int();
pub const NS: u16 = Rtype::NS.to_int();
pub const SOA: u16 = Rtype::SOA.to_int();
pub const AAAA: u16 = Rtype::AAAA.to_int();
pub const DS: u16 = Rtype::DS.to_int();
pub const CDS: u16 = Rtype::CDS.to_int();
pub const CAA: u16 = Rtype::CAA.to_int();
pub const TXT: u16 = Rtype::TXT.to_int();

/// Asks over UDP, and over TCP where the answer does not fit.
pub fn ask(ask: &Ask<'_>) -> Result<Reply, AskError> {
    let id = u16::from_be_bytes(net::random::os_bytes());
    let message = question(ask, id)?;
    let own = |bytes: &[u8]| {
        Message::from_octets(bytes)
            .is_ok_and(|reply| reply.header().qr() && reply.header().id() == id)
            && repeats(bytes, &message)
    };
    if ask.transport == Transport::Datagram {
        let bytes = net::exchange::datagram(ask.server, &message, ask.limit, own)?;
        if !Message::from_octets(&*bytes).is_ok_and(|reply| reply.header().tc()) {
            return read(&bytes).ok_or(AskError::Malformed);
        }
    }
    let bytes = net::exchange::framed(ask.server, &message, ask.limit)?;
    read(&bytes).filter(|_| own(&bytes)).ok_or(AskError::Malformed)
}

fn question(ask: &Ask<'_>, id: u16) -> Result<Vec<u8>, AskError> {
    let name = Name::<Vec<u8>>::from_chars(ask.name.chars()).map_err(|_| AskError::Name)?;
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    builder.header_mut().set_rd(ask.recursion == Recursion::Desired);
    let mut builder = builder.question();
    let kind = Rtype::from_int(ask.kind);
    builder.push((name, kind, Class::IN)).map_err(|_| AskError::Name)?;
    let mut builder = builder.additional();
    builder
        .opt(|opt| {
            opt.set_udp_payload_size(DATAGRAM_BYTES);
            Ok(())
        })
        .map_err(|_| AskError::Name)?;
    Ok(builder.finish())
}

/// Whether the answer repeats the question. A server that could not read it repeats none.
fn repeats(answer: &[u8], asked: &[u8]) -> bool {
    let first = |bytes| {
        let message = Message::from_octets(bytes).ok()?;
        let question = message.first_question()?;
        Some((question.qname().to_string().to_ascii_lowercase(), question.qtype()))
    };
    match (first(answer), first(asked)) {
        (Some(answer), Some(asked)) => answer == asked,
        (None, _) => true,
        (Some(_), None) => false,
    }
}

fn read(bytes: &[u8]) -> Option<Reply> {
    let message = Message::from_octets(bytes).ok()?;
    let (_, answer, authority, additional) = message.sections().ok()?;
    let all = |section: domain::base::message::RecordSection<'_, &[u8]>| {
        section.take(RECORDS_MAX).filter_map(|record| received(&record.ok()?)).collect()
    };
    Some(Reply {
        rcode: match message.header().rcode() {
            rcode if rcode == Rcode::NOERROR => 0,
            rcode => rcode.to_int(),
        },
        authoritative: message.header().aa(),
        answer: all(answer),
        authority: all(authority),
        additional: all(additional),
    })
}

fn received(record: &ParsedRecord<'_, &[u8]>) -> Option<Received> {
    type Known<'a> = AllRecordData<&'a [u8], ParsedName<&'a [u8]>>;
    if record.rtype() == Rtype::OPT {
        return None;
    }
    let data = record.to_any_record::<Known<'_>>().ok()?;
    let data = match data.data() {
        AllRecordData::A(a) => Data::Address(IpAddr::V4(a.addr())),
        AllRecordData::Aaaa(a) => Data::Address(IpAddr::V6(a.addr())),
        AllRecordData::Ns(ns) => Data::Name(text(ns.nsdname())),
        AllRecordData::Cname(cname) => Data::Name(text(cname.cname())),
        AllRecordData::Ptr(ptr) => Data::Name(text(ptr.ptrdname())),
        AllRecordData::Soa(soa) => Data::Soa { serial: serial(soa) },
        other => Data::Other(other.to_string()),
    };
    Some(Received {
        name: text(&record.owner()),
        kind: record.rtype().to_int(),
        ttl: record.ttl().as_secs(),
        data,
    })
}

fn serial<N>(soa: &Soa<N>) -> u32 {
    soa.serial().into_int()
}

fn text(name: &impl fmt::Display) -> String {
    name.to_string().trim_end_matches('.').to_ascii_lowercase()
}

// === impl Reply ===

impl Reply {
    /// The addresses of the answer, sorted.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> =
            self.answer.iter().filter_map(|record| record.data.address()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Data {
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Data::Address(address) => Some(*address),
            Data::Name(_) | Data::Soa { .. } | Data::Other(_) => None,
        }
    }

    pub fn name(&self) -> Option<&str> {
        match self {
            Data::Name(name) => Some(name),
            Data::Address(_) | Data::Soa { .. } | Data::Other(_) => None,
        }
    }
}

// === impl AskError ===

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AskError::Name => f.write_str("it is no name"),
            AskError::TimedOut => f.write_str("it did not answer in time"),
            AskError::Unreachable(error) => write!(f, "it cannot be reached: {error}"),
            AskError::Malformed => f.write_str("its answer cannot be read"),
        }
    }
}

impl std::error::Error for AskError {}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> AskError {
        match error.kind() {
            io::ErrorKind::TimedOut => AskError::TimedOut,
            _ => AskError::Unreachable(error),
        }
    }
}
