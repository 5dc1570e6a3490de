//! Master files (RFC 1035 §5): the scanner is the name server authors'; here are the lines, the
//! included files, and the way on after an error.

use std::io;
use std::path::Path;
use std::sync::Arc;

use domain::base::iana::Class;
use domain::zonefile::inplace::{Entry, ScannedRecord, Zonefile};
use model::{Finding, Host, Place, Record, RecordType, Seconds, StartOfAuthority};

use crate::environment::Environment;
use crate::record::Home;
use crate::wire::{self, Scanned};

/// Files within files.
const INCLUDES_MAX: usize = 8;
/// What is wrong with a file is told at once, up to so many.
const FINDINGS_MAX: usize = 50;
/// Of one zone.
const RECORDS_MAX: usize = 2_000_000;

pub struct Read {
    pub records: Vec<Record>,
    pub soa: Option<InFile>,
    pub findings: Vec<Finding>,
}

/// An SOA that a file has.
pub struct InFile {
    primary: Host,
    contact: Host,
    serial: u32,
    times: [Seconds; 4],
}

impl InFile {
    /// What was written in the block comes before what the file says.
    pub fn beneath(self, block: StartOfAuthority, said: &[&str]) -> StartOfAuthority {
        let time = |name: &str, in_block: Seconds, in_file: Seconds| {
            if said.contains(&name) { in_block } else { in_file }
        };
        let [refresh, retry, expire, negative] = self.times;
        StartOfAuthority {
            primary: self.primary,
            contact: if said.contains(&"contact") { block.contact } else { self.contact },
            serial: block.serial.or(Some(self.serial)),
            refresh: time("refresh", block.refresh, refresh),
            retry: time("retry", block.retry, retry),
            expire: time("expire", block.expire, expire),
            negative_ttl: time("negative_ttl", block.negative_ttl, negative),
            ttl: block.ttl,
        }
    }
}

struct Reader<'r> {
    environment: &'r dyn Environment,
    folder: &'r Path,
    home: Home<'r>,
    zone: &'r str,
    read: Read,
    /// Signatures that somebody else made: told of once.
    signatures: Option<Place>,
}

/// The records of a file, and everything that is wrong with it.
pub fn read(
    environment: &dyn Environment,
    folder: &Path,
    name: &str,
    home: Home<'_>,
) -> io::Result<Read> {
    let Home::Zone { name: Host(zone), .. } = home else {
        return Err(io::Error::other("a zone file belongs into a zone"));
    };
    let text = environment.zone_file(folder, name)?;
    let read = Read { records: Vec::new(), soa: None, findings: Vec::new() };
    let mut reader = Reader { environment, folder, home, zone, read, signatures: None };
    reader.file(name, &text, &format!("{zone}."), INCLUDES_MAX);
    if let Some(place) = reader.signatures.take() {
        let text = "signatures and keys in the file are passed over";
        let finding = Finding::warning("config/signatures-in-file", &place, text);
        reader.read.findings.push(
            finding.hint("write `signed = true` in the zone: its server signs what it answers"),
        );
    }
    Ok(reader.read)
}

impl Reader<'_> {
    fn file(&mut self, name: &str, text: &str, origin: &str, includes: usize) {
        let file: Arc<str> = name.into();
        // Where a piece begins: the scanner cannot go on behind an error.
        let mut from = 0;
        let mut before = format!("$ORIGIN {origin}\n");
        loop {
            let rest = &text[from..];
            let mut scanner = Zonefile::from(format!("{before}{rest}").as_str());
            scanner.set_default_class(Class::IN);
            let mut lines = Lines::new(text, from, before.len());
            loop {
                if self.is_full() {
                    return;
                }
                let entry = scanner.next_entry();
                let line = lines.at(scanner.current_offset());
                let place = Place::new(Arc::clone(&file), line, 0);
                match entry {
                    Ok(Some(Entry::Record(record))) => self.record(&record, place),
                    Ok(Some(Entry::Include { path, origin })) => {
                        let at = origin.as_ref().or(scanner.origin().ok().as_ref()).map(wire::host);
                        let at = at.map_or_else(|| origin_of(self.zone), |host| origin_of(&host.0));
                        self.include(&path.to_string(), &at, &place, includes);
                    }
                    Ok(None) => return,
                    Err(error) => {
                        let line = lines.of_error(&error);
                        let place = Place::new(Arc::clone(&file), line, 0);
                        let what = format!("this is no record: {}", wire::words(&error));
                        self.read.findings.push(Finding::error("config/zone-file", &place, what));
                        let Some(next) = after(text, line) else { return };
                        let origin = scanner.origin().map(|origin| wire::host(&origin).0);
                        let origin = origin.unwrap_or_else(|_| self.zone.to_owned());
                        before =
                            format!("$ORIGIN {}\n{}", origin_of(&origin), ttl_before(text, next));
                        from = next;
                        break;
                    }
                }
            }
        }
    }

    fn is_full(&mut self) -> bool {
        self.read.findings.len() >= FINDINGS_MAX || self.read.records.len() >= RECORDS_MAX
    }

    fn include(&mut self, name: &str, origin: &str, place: &Place, includes: usize) {
        let Some(includes) = includes.checked_sub(1) else {
            let text =
                format!("`{name}` is included by more than {INCLUDES_MAX} files within each other");
            self.error(place, text);
            return;
        };
        match self.environment.zone_file(self.folder, name) {
            Ok(text) => self.file(name, &text, origin, includes),
            Err(error) => self.error(place, format!("cannot read `{name}`: {error}")),
        }
    }

    fn error(&mut self, place: &Place, text: String) {
        self.read.findings.push(Finding::error("config/zone-file", place, text));
    }

    fn record(&mut self, record: &ScannedRecord, place: Place) {
        let kind = RecordType(record.rtype().to_int());
        let name = wire::host(record.owner());
        if record.class() != Class::IN {
            self.error(&place, format!("the class {} is not served", record.class()));
            return;
        }
        let is_within = name.0.strip_suffix(self.zone);
        if !is_within.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) {
            let text = format!("`{}` is outside of the zone `{}`", name.0, self.zone);
            self.read.findings.push(
                Finding::error("config/outside-zone", &place, text)
                    .hint("a name without a final dot is below the `$ORIGIN`"),
            );
            return;
        }
        if matches!(
            kind,
            RecordType::RRSIG
                | RecordType::NSEC
                | RecordType::NSEC3
                | RecordType::NSEC3PARAM
                | RecordType::DNSKEY
        ) {
            self.signatures.get_or_insert(place);
            return;
        }
        match wire::scanned(record.data()) {
            Ok(Scanned::Data(data)) => self.read.records.push(Record {
                name,
                zone: self.home.zone(),
                visible_to: Vec::new(),
                data,
                ttl: Seconds(record.ttl().as_secs()),
                routing: None,
                place,
            }),
            Ok(Scanned::Soa { primary, contact, serial, times }) => {
                if name.0 != self.zone {
                    self.error(&place, format!("`{}` is not the apex, and has an SOA", name.0));
                } else if self.read.soa.is_some() {
                    self.error(&place, "this is the second SOA".to_owned());
                } else {
                    self.read.soa = Some(InFile { primary, contact, serial, times });
                }
            }
            Err(why) => self.error(&place, why),
        }
    }
}

/// From offsets in what is scanned to lines of the file; offsets only grow.
struct Lines<'t> {
    text: &'t str,
    /// Where in the text, and its line.
    at: usize,
    line: u32,
    /// Where the piece begins, and what was put before it.
    from: usize,
    before: usize,
    first: u32,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str, from: usize, before: usize) -> Lines<'t> {
        let line = 1 + breaks(&text.as_bytes()[..from]);
        Lines { text, at: from, line, from, before, first: line }
    }

    fn at(&mut self, offset: usize) -> u32 {
        let offset = self.from + offset.saturating_sub(self.before + 1);
        let offset = offset.min(self.text.len());
        if let Some(passed) = self.text.as_bytes().get(self.at..offset) {
            self.line += breaks(passed);
            self.at = offset;
        }
        self.line
    }

    /// The scanner counts lines of what it was given.
    fn of_error(&self, error: &impl std::fmt::Display) -> u32 {
        let text = error.to_string();
        let line = text.split(':').next().and_then(|line| line.parse::<u32>().ok());
        // What stands before a piece are whole lines.
        let given = if self.from == 0 { 1 } else { 2 };
        line.map_or(self.line, |line| (self.first + line).saturating_sub(given + 1).max(self.first))
    }
}

fn breaks(octets: &[u8]) -> u32 {
    octets.iter().filter(|octet| **octet == b'\n').count() as u32
}

fn origin_of(name: &str) -> String {
    format!("{name}.")
}

/// Where the first line behind `line` begins that is not indented, and so names its owner.
fn after(text: &str, line: u32) -> Option<usize> {
    let mut at = 0;
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        let is_start = whole.starts_with(|c: char| !c.is_whitespace() && c != ')' && c != ';');
        if number as u32 >= line && is_start {
            return Some(at);
        }
        at += whole.len();
    }
    None
}

/// The `$TTL` that holds at an offset, as a line, or an empty one.
fn ttl_before(text: &str, offset: usize) -> String {
    let mut lines = text[..offset].lines().rev();
    let found = lines.find(|line| line.get(..4).is_some_and(|w| w.eq_ignore_ascii_case("$ttl")));
    format!("{}\n", found.unwrap_or(""))
}
