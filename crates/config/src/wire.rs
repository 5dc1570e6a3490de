//! Record data between its two forms: as it is written in zone files, and as it goes over the wire.

use std::fmt::Display;

use domain::base::iana::Rtype;
use domain::base::name::{Name, ToName};
use domain::base::rdata::{ComposeRecordData, RecordData as _};
use domain::base::{ParseRecordData, wire::ParseError};
use domain::dep::octseq::Parser;
use domain::rdata::{AllRecordData, ZoneRecordData};
use domain::zonefile::inplace::{Entry, ScannedRecordData, Zonefile};
use model::{Host, RecordData, RecordType, Seconds};

/// A text of a TXT is cut into strings of at most so many octets (RFC 1035 §3.3).
const STRING_OCTETS_MAX: usize = 255;
/// What fits into a record (RFC 1035 §3.2.1).
const DATA_OCTETS_MAX: usize = 65_535;

/// What was read from a zone file.
pub enum Scanned {
    Data(RecordData),
    Soa { primary: Host, contact: Host, serial: u32, times: [Seconds; 4] },
}

/// A name as the model has it.
pub fn host(name: &(impl ToName + ?Sized)) -> Host {
    let name: Name<Vec<u8>> = name.to_name();
    let mut text = name.to_string();
    text.make_ascii_lowercase();
    if text.ends_with('.') && !text.ends_with("\\.") {
        text.pop();
    }
    Host(text)
}

/// Parses what is written behind the type in a zone file; names are relative to `origin`.
pub fn parse(origin: &str, kind: RecordType, text: &str) -> Result<RecordData, String> {
    if text.contains(['\n', '\r']) {
        return Err("it has a line break".to_owned());
    }
    if has_comment(text) {
        return Err("what follows a `;` would be a comment: put it in quotes".to_owned());
    }
    let lines = format!("$ORIGIN {origin}.\n. 0 IN {kind} {text}\n");
    let mut file = Zonefile::from(lines.as_str());
    let entry = file.next_entry().map_err(|error| words(&error))?;
    let Some(Entry::Record(record)) = entry else { return Err("it is empty".to_owned()) };
    if !matches!(file.next_entry(), Ok(None)) {
        return Err("it is more than one record".to_owned());
    }
    match scanned(record.data())? {
        Scanned::Data(data) => Ok(data),
        Scanned::Soa { .. } => Err("the zone says its SOA itself".to_owned()),
    }
}

/// Whether a `;` stands outside of quotes.
fn has_comment(text: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    text.bytes().any(|byte| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b';' => return !quoted,
            _ => {}
        }
        false
    })
}

/// What is wrong, without the position.
pub fn words(error: &impl Display) -> String {
    let text = error.to_string();
    let mut parts = text.splitn(3, ':');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<usize>().is_ok());
    match (is_number(parts.next()), is_number(parts.next()), parts.next()) {
        (true, true, Some(rest)) => rest.trim().to_owned(),
        _ => text,
    }
}

pub fn scanned(data: &ScannedRecordData) -> Result<Scanned, String> {
    let data = match data {
        ZoneRecordData::A(a) => RecordData::Addresses(vec![a.addr().into()]),
        ZoneRecordData::Aaaa(aaaa) => RecordData::Addresses(vec![aaaa.addr().into()]),
        ZoneRecordData::Cname(cname) => RecordData::Canonical(host(cname.cname())),
        ZoneRecordData::Ns(ns) => RecordData::NameServers(vec![host(ns.nsdname())]),
        ZoneRecordData::Dname(_) => return Err("DNAME is not served".to_owned()),
        ZoneRecordData::Soa(soa) => {
            let times = [soa.refresh(), soa.retry(), soa.expire(), soa.minimum()];
            return Ok(Scanned::Soa {
                primary: host(soa.mname()),
                contact: host(soa.rname()),
                serial: soa.serial().into(),
                times: times.map(|ttl| Seconds(ttl.as_secs())),
            });
        }
        other => {
            let mut wire = Vec::new();
            other.compose_rdata(&mut wire).map_err(|_| "it is too long".to_owned())?;
            return of_wire(RecordType(other.rtype().to_int()), wire).map(Scanned::Data);
        }
    };
    Ok(Scanned::Data(data))
}

/// Of data that was given in the form for unknown types (RFC 3597 §5), too.
fn of_wire(kind: RecordType, wire: Vec<u8>) -> Result<RecordData, String> {
    if wire.len() > DATA_OCTETS_MAX {
        return Err("it is too long".to_owned());
    }
    match kind {
        RecordType::A => {
            let octets: [u8; 4] = wire.try_into().map_err(|_| "an A has 4 octets".to_owned())?;
            Ok(RecordData::Addresses(vec![octets.into()]))
        }
        RecordType::AAAA => {
            let octets: [u8; 16] =
                wire.try_into().map_err(|_| "an AAAA has 16 octets".to_owned())?;
            Ok(RecordData::Addresses(vec![octets.into()]))
        }
        RecordType::CNAME | RecordType::NS | RecordType::SOA => {
            Err(format!("write the {kind} in its own form"))
        }
        kind => Ok(RecordData::Data { kind, values: vec![wire.into()] }),
    }
}

/// The data of a TXT: long texts are cut into several strings.
pub fn text(text: &str) -> Result<Box<[u8]>, String> {
    let mut wire = Vec::with_capacity(text.len() + 2);
    let mut push = |piece: &[u8]| {
        wire.push(piece.len() as u8);
        wire.extend_from_slice(piece);
    };
    match text.as_bytes() {
        [] => push(&[]),
        octets => octets.chunks(STRING_OCTETS_MAX).for_each(push),
    }
    if wire.len() > DATA_OCTETS_MAX { Err("it is too long".to_owned()) } else { Ok(wire.into()) }
}

/// Wire data as it is written in a zone file; names are absolute.
pub fn presentation(kind: RecordType, wire: &[u8]) -> String {
    let known = || -> Result<String, ParseError> {
        let mut parser = Parser::from_ref(wire);
        let data = AllRecordData::<&[u8], domain::base::ParsedName<&[u8]>>::parse_rdata(
            Rtype::from_int(kind.0),
            &mut parser,
        )?
        .ok_or(ParseError::ShortInput)?;
        Ok(domain::base::zonefile_fmt::ZonefileFmt::display_zonefile(
            &data,
            domain::base::zonefile_fmt::DisplayKind::Simple,
        )
        .to_string())
    };
    known().unwrap_or_else(|_| {
        let hex: String = wire.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("\\# {} {hex}", wire.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_written_as_it_was_read() {
        let rows = [
            ("mx", RecordType::MX, "10 mail", Ok("10 mail.example.com.")),
            ("mx elsewhere", RecordType::MX, "10 mail.test.", Ok("10 mail.test.")),
            ("srv", RecordType::SRV, "0 5 5060 sip", Ok("0 5 5060 sip.example.com.")),
            ("caa", RecordType::CAA, "0 issue \"ca.test\"", Ok("0 issue \"ca.test\"")),
            ("txt of two", RecordType::TXT, "\"a b\" c", Ok("\"a b\" \"c\"")),
            ("ptr", RecordType::PTR, "www", Ok("www.example.com.")),
            ("https", RecordType::HTTPS, "1 . alpn=h2", Ok("1 . alpn=h2")),
            ("unknown", RecordType(65280), "\\# 2 abcd", Ok("\\# 2 ab cd")),
            ("a word that is none", RecordType::MX, "mail", Err(())),
            ("too many", RecordType::MX, "10 mail extra", Err(())),
            ("a comment", RecordType::CAA, "0 issue ca.test; x=y", Err(())),
            ("two lines", RecordType::TXT, "a\nb", Err(())),
        ];
        for (name, kind, text, expected) in rows {
            let data = parse("example.com", kind, text);
            let shown = match &data {
                Ok(RecordData::Data { kind, values }) => Ok(presentation(*kind, &values[0])),
                Ok(other) => panic!("{name}: {other:?}"),
                Err(_) => Err(()),
            };
            assert_eq!(shown, expected.map(str::to_owned), "{name}: {data:?}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let wire = text(&"x".repeat(300)).unwrap();
        assert_eq!((wire[0], wire[256], wire.len()), (255, 45, 302));
        assert_eq!(*text("").unwrap(), [0]);
    }
}
