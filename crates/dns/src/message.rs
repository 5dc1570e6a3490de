//! A draft as a message: header, question, compressed records, EDNS; within its size.

use domain::base::iana::{Class, Rcode};
use domain::base::message_builder::{
    AdditionalBuilder, MessageBuilder, PushError, QuestionBuilder, StaticCompressor,
};
use domain::base::name::Name;
use domain::base::rdata::ComposeRecordData;
use domain::base::wire::Composer;
use domain::base::{RecordData, Rtype, Ttl};

use crate::cookie::{ClientCookie, ServerCookie};
use crate::draft::{Draft, Section, Set};
use crate::name;
use crate::question::{Head, Question};

/// What an answer over UDP has at most: it passes every network without being fragmented (RFC 9715).
pub const UDP_MAX: usize = 1232;
/// What a client without EDNS takes (RFC 1035 §2.3.4).
pub const UDP_PLAIN: usize = 512;
/// RFC 1035 §4.2.2.
pub const TCP_MAX: usize = 65_535;

/// An error of EDNS has 12 bits (RFC 6891 §6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u16);

impl Code {
    pub const OK: Code = Code(0);
    pub const FORMAT: Code = Code(1);
    pub const SERVER: Code = Code(2);
    pub const NAME: Code = Code(3);
    pub const NOT_IMPLEMENTED: Code = Code(4);
    pub const REFUSED: Code = Code(5);
    pub const NOT_AUTHORITATIVE: Code = Code(9);
    pub const BAD_VERSION: Code = Code(16);
    pub const BAD_COOKIE: Code = Code(23);
}

/// All of an answer but its records.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'q> {
    pub head: Head,
    pub question: Option<&'q Question<'q>>,
    pub code: Code,
    pub authoritative: bool,
    pub options: Option<Options>,
}

/// The OPT record of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub signatures: bool,
    pub compact: bool,
    pub cookie: Option<(ClientCookie, ServerCookie)>,
    /// RFC 7828: in tenths of a second.
    pub keepalive: Option<u16>,
    /// Why, for whoever reads the answer (RFC 8914).
    pub because: Option<Because>,
}

/// An extended error (RFC 8914).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Because {
    pub code: u16,
    pub text: &'static str,
}

/// Whether everything went in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Whole,
    /// Nothing but the question, and the bit that says that there is more (RFC 2181 §9).
    Truncated,
}

/// An empty answer that sends the client to TCP.
pub fn write_truncated(envelope: &Envelope<'_>, out: &mut Vec<u8>) {
    let mut question = begin(envelope, out);
    question.header_mut().set_tc(true);
    end(envelope, question.additional(), out);
}

/// Writes an answer of at most `limit` bytes.
pub fn write(envelope: &Envelope<'_>, draft: &Draft, limit: usize, out: &mut Vec<u8>) -> Written {
    let mut question = begin(envelope, out);
    let reserved = envelope.options.map_or(0, |options| options.length());
    // A message that reaches its limit is beyond it for the library.
    question.set_push_limit((limit + 1).saturating_sub(reserved));
    let mut answer = question.answer();
    for set in of(draft, Section::Answer) {
        if push(draft, set, |record| answer.push(record)).is_err() {
            return truncated(envelope, answer.question(), out);
        }
    }
    let mut authority = answer.authority();
    for set in of(draft, Section::Authority) {
        if push(draft, set, |record| authority.push(record)).is_err() {
            return truncated(envelope, authority.question(), out);
        }
    }
    let mut additional = authority.additional();
    for set in of(draft, Section::Additional) {
        // RFC 9471 §3.1: without glue the delegation leads nowhere.
        if push(draft, set, |record| additional.push(record)).is_err() {
            return truncated(envelope, additional.question(), out);
        }
    }
    additional.clear_push_limit();
    end(envelope, additional, out);
    Written::Whole
}

type Target = StaticCompressor<Vec<u8>>;

fn of(draft: &Draft, section: Section) -> impl Iterator<Item = &Set> {
    draft.sets().iter().filter(move |set| set.section == section)
}

fn begin(envelope: &Envelope<'_>, out: &mut Vec<u8>) -> QuestionBuilder<Target> {
    let target = StaticCompressor::new(std::mem::take(out));
    let Ok(mut builder) = MessageBuilder::from_target(target);
    let header = builder.header_mut();
    header.set_id(envelope.head.id);
    header.set_opcode(envelope.head.opcode);
    header.set_qr(true);
    header.set_aa(envelope.authoritative);
    header.set_rd(envelope.head.recursion_desired);
    header.set_cd(envelope.head.checking_disabled);
    // Without EDNS there are four bits only.
    let low = match (envelope.code.0, envelope.options) {
        (code @ 16.., None) => {
            if code == Code::BAD_COOKIE.0 {
                Code::REFUSED.0
            } else {
                Code::FORMAT.0
            }
        }
        (code, _) => code & 0xf,
    };
    header.set_rcode((low as u8).try_into().unwrap_or(Rcode::SERVFAIL));
    let mut builder = builder.question();
    if let Some(asked) = envelope.question {
        // One question always fits.
        let _ = builder.push((&asked.name, asked.kind, asked.class));
    }
    builder
}

fn truncated(
    envelope: &Envelope<'_>,
    mut question: QuestionBuilder<Target>,
    out: &mut Vec<u8>,
) -> Written {
    question.header_mut().set_tc(true);
    question.clear_push_limit();
    end(envelope, question.additional(), out);
    Written::Truncated
}

fn end(envelope: &Envelope<'_>, mut additional: AdditionalBuilder<Target>, out: &mut Vec<u8>) {
    if let Some(options) = &envelope.options {
        let mut data = [0; OPTIONS_MAX];
        let length = options.write(&mut data);
        let ttl = u32::from(envelope.code.0 >> 4) << 24
            | u32::from(options.signatures) << 15
            | u32::from(options.compact) << 14;
        let data = Wire { kind: Rtype::OPT, bytes: data.get(..length).unwrap_or_default() };
        let size = Class::from_int(UDP_MAX as u16);
        // The room was reserved.
        let _ = additional.push((Name::root_slice(), size, Ttl::from_secs(ttl), data));
    }
    *out = additional.finish().into_target();
}

fn push(
    draft: &Draft,
    set: &Set,
    mut one: impl FnMut((&Name<[u8]>, Class, Ttl, Wire<'_>)) -> Result<(), PushError>,
) -> Result<(), PushError> {
    let Ok(owner) = Name::from_slice(draft.owner(set)) else { return Ok(()) };
    let ttl = Ttl::from_secs(set.ttl);
    for bytes in draft.values(set) {
        one((owner, Class::IN, ttl, Wire { kind: set.kind, bytes }))?;
    }
    match draft.signature(set) {
        Some(bytes) => one((owner, Class::IN, ttl, Wire { kind: Rtype::RRSIG, bytes })),
        None => Ok(()),
    }
}

// === impl Options ===

/// The longest: a cookie, a time, and a reason with its text.
const OPTIONS_MAX: usize = 128;
const OPT_FIXED: usize = 11;

impl Options {
    /// Of the whole OPT record.
    fn length(&self) -> usize {
        OPT_FIXED + self.write(&mut [0; OPTIONS_MAX])
    }

    /// The options, as many as there is room for; how long they are.
    fn write(&self, to: &mut [u8; OPTIONS_MAX]) -> usize {
        let mut length = 0;
        let mut option = |code: u16, parts: [&[u8]; 2]| {
            let of = parts[0].len() + parts[1].len();
            let Some(place) = to.get_mut(length..length + 4 + of) else { return };
            place[..2].copy_from_slice(&code.to_be_bytes());
            place[2..4].copy_from_slice(&(of as u16).to_be_bytes());
            place[4..4 + parts[0].len()].copy_from_slice(parts[0]);
            place[4 + parts[0].len()..].copy_from_slice(parts[1]);
            length += 4 + of;
        };
        if let Some((client, server)) = &self.cookie {
            option(10, [client, server]);
        }
        if let Some(tenths) = self.keepalive {
            option(11, [&tenths.to_be_bytes(), b""]);
        }
        if let Some(because) = &self.because {
            option(15, [&because.code.to_be_bytes(), because.text.as_bytes()]);
        }
        length
    }
}

// === impl Wire ===

/// A value in wire form, in whose names nothing is compressed yet.
struct Wire<'v> {
    kind: Rtype,
    bytes: &'v [u8],
}

impl Wire<'_> {
    /// Where the names are that may be compressed: those of RFC 1035 only (RFC 3597 §4). How many
    /// bytes come before the first one, and how many names there are.
    fn names(&self) -> (usize, usize) {
        match self.kind {
            Rtype::NS | Rtype::CNAME | Rtype::PTR => (0, 1),
            Rtype::MX => (2, 1),
            Rtype::SOA => (0, 2),
            _ => (0, 0),
        }
    }
}

impl RecordData for Wire<'_> {
    fn rtype(&self) -> Rtype {
        self.kind
    }
}

impl ComposeRecordData for Wire<'_> {
    fn rdlen(&self, compress: bool) -> Option<u16> {
        let known = !compress || self.names().1 == 0;
        // Longer values are not drafted.
        known.then(|| u16::try_from(self.bytes.len()).unwrap_or(u16::MAX))
    }

    fn compose_rdata<T: Composer + ?Sized>(&self, target: &mut T) -> Result<(), T::AppendError> {
        let (before, names) = self.names();
        let (first, mut rest) = self.bytes.split_at_checked(before).unwrap_or((self.bytes, &[]));
        target.append_slice(first)?;
        for _ in 0..names {
            let end = name::labels(rest).map(|label| label.len() + 1).sum::<usize>() + 1;
            let Some((name, after)) = rest.split_at_checked(end) else { break };
            let Ok(name) = Name::from_slice(name) else { break };
            target.append_compressed_name(name)?;
            rest = after;
        }
        target.append_slice(rest)
    }

    fn compose_canonical_rdata<T: Composer + ?Sized>(
        &self,
        target: &mut T,
    ) -> Result<(), T::AppendError> {
        target.append_slice(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Query;
    use domain::base::Message;

    const ASKED: &[u8] =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03wWw\x07eXample\x00\x00\x0f\x00\x01";

    fn draft(values: u8) -> Draft {
        let mut draft = Draft::default();
        draft.set(Section::Answer, "www.example", Rtype::MX, 60, None);
        for number in 0..values {
            draft.value(|bytes| {
                bytes.extend_from_slice(&[0, number]);
                name::append_wire(&format!("m{number}.www.example"), bytes)
            });
        }
        draft.set(Section::Authority, "example", Rtype::SOA, 60, None);
        draft.value(|bytes| {
            name::append_wire("ns.example", bytes);
            name::append_wire("host.example", bytes);
            bytes.extend_from_slice(&[0; 20]);
            true
        });
        draft
    }

    fn envelope<'q>(query: &'q Query<'q>, options: Option<Options>) -> Envelope<'q> {
        let question = query.question.as_ref();
        Envelope { head: query.head, question, code: Code::OK, authoritative: true, options }
    }

    #[test]
    fn the_case_of_the_question_is_kept_and_names_are_compressed() {
        let query = Query::read(ASKED).unwrap();
        let mut out = Vec::new();
        let written = write(&envelope(&query, None), &draft(2), UDP_PLAIN, &mut out);
        assert_eq!(written, Written::Whole);
        assert_eq!(
            &out[..25],
            b"\x12\x34\x85\x00\x00\x01\x00\x02\x00\x01\x00\x00\x03wWw\x07eXample\x00"
        );
        // Owner, type, class, time, length, preference, `m0` and a pointer.
        assert_eq!(
            &out[29..48],
            b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x07\x00\x00\x02m0\xc0\x0c"
        );
        let text = Message::from_octets(&out[..]).unwrap().display_dig_style().to_string();
        for part in ["m1.wWw.eXample.", "ns.eXample. host.eXample."] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_begun() {
        let query = Query::read(ASKED).unwrap();
        let full = {
            let mut out = Vec::new();
            write(&envelope(&query, None), &draft(30), TCP_MAX, &mut out);
            out.len()
        };
        let because = Because { code: 20, text: "no zone of ours" };
        let options = Options {
            cookie: Some(([1; 8], [2; 16])),
            because: Some(because),
            ..Options::default()
        };
        let opt = options.length();
        let rows = [
            ("exactly", None, full, Written::Whole),
            ("a byte less", None, full - 1, Written::Truncated),
            ("with options, exactly", Some(options), full + opt, Written::Whole),
            ("with options, a byte less", Some(options), full + opt - 1, Written::Truncated),
        ];
        for (row, options, limit, expected) in rows {
            let mut out = vec![1, 2, 3];
            let written = write(&envelope(&query, options), &draft(30), limit, &mut out);
            assert_eq!(written, expected, "{row}");
            assert!(out.len() <= limit, "{row}");
            let message = Message::from_octets(&out[..]).unwrap();
            assert_eq!(message.header().tc(), expected == Written::Truncated, "{row}");
            let counts = message.header_counts();
            assert_eq!(counts.ancount() > 0, expected == Written::Whole, "{row}");
            assert_eq!(counts.arcount(), u16::from(options.is_some()), "{row}");
            if let Some(options) = options {
                let opt = message.opt().unwrap();
                assert!(opt.opt().cookie().is_some() && options.because.is_some(), "{row}");
            }
        }
    }

    #[test]
    fn errors_beyond_four_bits() {
        let query = Query::read(ASKED).unwrap();
        let rows = [
            (Code::BAD_VERSION, Some(Options::default()), 16),
            (Code::BAD_COOKIE, Some(Options::default()), 23),
            (Code::BAD_COOKIE, None, 5),
            (Code::REFUSED, None, 5),
        ];
        for (code, options, expected) in rows {
            let mut out = Vec::new();
            let envelope = Envelope { code, ..envelope(&query, options) };
            write(&envelope, &Draft::default(), UDP_PLAIN, &mut out);
            let message = Message::from_octets(&out[..]).unwrap();
            assert_eq!(message.opt_rcode().to_int(), expected, "{code:?}");
        }
    }
}
