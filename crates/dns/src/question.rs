//! Reading a question: bytes that anybody may have sent.

use domain::base::iana::{Class, Opcode, Rcode};
use domain::base::name::Name;
use domain::base::opt::UnknownOptData;
use domain::base::{Message, ParsedRecord, Rtype};
use domain::dep::octseq::Parser;

use crate::cookie::Shown;

/// A question is a name and a few options; a longer message asks for nothing that we have.
pub const QUESTION_MAX: usize = 4096;
/// RFC 1035 §4.1.1.
pub const HEADER: usize = 12;

/// RFC 7873 §4, RFC 7828 §3.1.
const OPTION_COOKIE: u16 = 10;
const OPTION_KEEPALIVE: u16 = 11;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Query<'b> {
    pub head: Head,
    /// `None` where only a cookie was asked for (RFC 7873 §5.4).
    pub question: Option<Question<'b>>,
    pub edns: Option<Edns>,
}

/// Of the header, what an answer repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub id: u16,
    pub opcode: Opcode,
    pub recursion_desired: bool,
    pub checking_disabled: bool,
}

#[derive(Clone, Debug)]
pub struct Question<'b> {
    /// As it was written: answers repeat the case of its letters.
    pub name: Name<&'b [u8]>,
    pub kind: Rtype,
    pub class: Class,
    /// Of an IXFR (RFC 1995 §3): what the client has.
    pub serial: Option<u32>,
}

/// RFC 6891 §6.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edns {
    pub version: u8,
    pub udp_size: u16,
    /// DO: the client wants signatures (RFC 3225).
    pub signatures: bool,
    /// CO: the client knows compact denial of existence (RFC 9824 §5).
    pub compact: bool,
    pub cookie: Option<Shown>,
    pub keepalive: bool,
}

/// Why there is nothing to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheard {
    /// An answer, or less than a header: whoever answers those can be set against another server.
    Silence,
    /// An error for the client, with what could be read.
    Error(Head, Rcode),
}

impl<'b> Query<'b> {
    pub fn read(bytes: &'b [u8]) -> Result<Query<'b>, Unheard> {
        let message = Message::from_slice(bytes).map_err(|_| Unheard::Silence)?;
        let header = message.header();
        if header.qr() {
            return Err(Unheard::Silence);
        }
        let head = Head {
            id: header.id(),
            opcode: header.opcode(),
            recursion_desired: header.rd(),
            checking_disabled: header.cd(),
        };
        let error = |code| Unheard::Error(head, code);
        if head.opcode != Opcode::QUERY {
            return Err(error(Rcode::NOTIMP));
        }
        if header.tc() || bytes.len() > QUESTION_MAX {
            return Err(error(Rcode::FORMERR));
        }
        let counts = message.header_counts();
        let mut parser = Parser::from_ref(bytes);
        let mut read = || -> Option<Result<Query<'b>, Unheard>> {
            parser.advance(HEADER).ok()?;
            let mut question = match counts.qdcount() {
                0 => None,
                1 => Some(question(&mut parser)?),
                _ => return None,
            };
            if counts.ancount() != 0 {
                return None;
            }
            for _ in 0..counts.nscount() {
                let serial = incremental(&mut parser, question.as_ref()?)?;
                question.as_mut()?.serial = Some(serial);
            }
            let edns = match additional(&mut parser, counts.arcount())? {
                Ok(edns) => edns,
                Err(code) => return Some(Err(error(code))),
            };
            let only_cookie = edns.is_some_and(|edns| edns.cookie.is_some());
            let whole = parser.remaining() == 0 && (question.is_some() || only_cookie);
            whole.then_some(Ok(Query { head, question, edns }))
        };
        read().unwrap_or(Err(error(Rcode::FORMERR)))
    }
}

fn question<'b>(parser: &mut Parser<'b, [u8]>) -> Option<Question<'b>> {
    // Nothing is before it that it could be compressed to.
    let name = Name::parse(parser).ok()?;
    let kind = Rtype::from_int(parser.parse_u16_be().ok()?);
    let class = Class::from_int(parser.parse_u16_be().ok()?);
    Some(Question { name, kind, class, serial: None })
}

/// RFC 1995 §3: the SOA that the client has.
fn incremental(parser: &mut Parser<'_, [u8]>, question: &Question<'_>) -> Option<u32> {
    let record = ParsedRecord::parse(parser).ok()?;
    let soa = record.to_record::<domain::rdata::Soa<_>>().ok()??;
    (question.kind == Rtype::IXFR).then(|| soa.data().serial().into_int())
}

/// The records after the question: one OPT at most (RFC 6891 §6.1.1), and no signature that we
/// could not check (RFC 8945 §5.2).
fn additional(parser: &mut Parser<'_, [u8]>, count: u16) -> Option<Result<Option<Edns>, Rcode>> {
    let mut edns = None;
    for _ in 0..count {
        let record = ParsedRecord::parse(parser).ok()?;
        if record.rtype() == Rtype::TSIG {
            return Some(Err(Rcode::NOTAUTH));
        }
        if record.rtype() != Rtype::OPT {
            continue;
        }
        if edns.is_some() || !record.owner().is_root() {
            return None;
        }
        edns = Some(read_edns(&record)?);
    }
    Some(Ok(edns))
}

fn read_edns(record: &ParsedRecord<'_, [u8]>) -> Option<Edns> {
    let opt = record.to_record::<domain::base::opt::Opt<_>>().ok()??;
    let ttl = opt.ttl().as_secs();
    let mut edns = Edns {
        version: (ttl >> 16) as u8,
        udp_size: opt.class().to_int(),
        signatures: ttl & 0x8000 != 0,
        compact: ttl & 0x4000 != 0,
        cookie: None,
        keepalive: false,
    };
    for option in opt.data().iter::<UnknownOptData<_>>() {
        let option = option.ok()?;
        match option.code().to_int() {
            OPTION_COOKIE => edns.cookie = Some(Shown::read(option.as_slice())?),
            OPTION_KEEPALIVE => edns.keepalive = true,
            _ => {}
        }
    }
    Some(edns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &[u8] =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03wWw\x01a\x00\x00\x01\x00\x01";

    fn with(changes: &[(usize, u8)], more: &[u8]) -> Vec<u8> {
        let mut bytes = PLAIN.to_vec();
        for (at, value) in changes {
            bytes[*at] = *value;
        }
        bytes.extend_from_slice(more);
        bytes
    }

    #[test]
    fn what_is_a_question() {
        let opt = |data: &[u8]| {
            let mut opt = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00".to_vec();
            opt.push(data.len() as u8);
            opt.extend_from_slice(data);
            opt
        };
        let two = [opt(b""), opt(b"")].concat();
        let error = Some(Some(Rcode::FORMERR));
        let rows: Vec<(&str, Vec<u8>, Option<Option<Rcode>>)> = vec![
            ("plain", with(&[], b""), None),
            ("with EDNS", with(&[(11, 1)], &opt(b"")), None),
            ("a cookie", with(&[(11, 1)], &opt(b"\0\x0a\0\x0812345678")), None),
            ("half a cookie", with(&[(11, 1)], &opt(b"\0\x0a\0\x041234")), error),
            ("an option that is cut off", with(&[(11, 1)], &opt(b"\0\x0a\0\x09123")), error),
            ("two OPT", with(&[(11, 2)], &two), error),
            ("OPT at a name", with(&[(11, 1)], b"\x01a\0\0\x29\0\0\0\0\0\0\0\0"), error),
            ("more than it says", with(&[], b"x"), error),
            ("less than it says", with(&[(11, 1)], b""), error),
            ("no question", with(&[(5, 0)], b""), error),
            ("two questions", with(&[(5, 2)], &PLAIN[12..]), error),
            ("an answer in it", with(&[(7, 1)], b""), error),
            ("truncated", with(&[(2, 2)], b""), error),
            ("compressed to itself", with(&[(12, 0xc0), (13, 12)], b""), error),
            ("a reserved label", with(&[(12, 0x80)], b""), error),
            ("an update", with(&[(2, 5 << 3)], b""), Some(Some(Rcode::NOTIMP))),
            ("signed", with(&[(11, 1)], b"\0\0\xfa\0\xff\0\0\0\0\0\0"), Some(Some(Rcode::NOTAUTH))),
            ("an answer", with(&[(2, 0x80)], b""), Some(None)),
            ("less than a header", PLAIN[..11].to_vec(), Some(None)),
            ("a header", PLAIN[..12].to_vec(), error),
        ];
        for (name, bytes, expected) in rows {
            let got = match Query::read(&bytes) {
                Ok(_) => None,
                Err(Unheard::Silence) => Some(None),
                Err(Unheard::Error(_, code)) => Some(Some(code)),
            };
            assert_eq!(got, expected, "{name}");
        }
        for length in 12..PLAIN.len() {
            assert!(Query::read(&PLAIN[..length]).is_err(), "cut at {length}");
        }
    }
}
