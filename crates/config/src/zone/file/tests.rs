use std::collections::BTreeMap;

use model::{RecordData, ZoneId};

use super::*;

struct Files(BTreeMap<&'static str, &'static str>);

impl Environment for Files {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path, name: &str) -> io::Result<String> {
        self.0
            .get(name)
            .map(|text| (*text).to_owned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn read_text(files: &[(&'static str, &'static str)]) -> Read {
    let files = Files(files.iter().copied().collect());
    let name = Host("example.com".into());
    let home = Home::Zone { id: ZoneId(0), name: &name, ttl: Seconds(300) };
    read(&files, Path::new(""), "zone", home).unwrap()
}

/// `name ttl type @ line`.
fn shown(read: &Read) -> Vec<String> {
    let kind = |data: &RecordData| match data {
        RecordData::Addresses(all) => all[0].to_string(),
        RecordData::Canonical(host) => host.0.clone(),
        RecordData::NameServers(hosts) => hosts[0].0.clone(),
        RecordData::Data { kind, .. } => kind.to_string(),
        RecordData::Alias(_) | RecordData::AliasName(_) | RecordData::Authority => "?".into(),
    };
    let one = |record: &Record| {
        format!("{} {} {} @{}", record.name.0, record.ttl.0, kind(&record.data), record.place)
    };
    read.records.iter().map(one).collect()
}

#[test]
fn a_file_with_everything() {
    let read = read_text(&[
        (
            "zone",
            "$TTL 600 ; ten minutes
@   IN SOA ns1 host\\.master ( 7 3600
        600 86400 60 )

; a comment
www   A 192.0.2.1
      AAAA 2001:db8::1
UPPER 60 IN A 192.0.2.2
alias CNAME www
mx    MX 10 mail.test.
$ORIGIN sub.example.com.
@     NS ns.other.test.
$INCLUDE more deep.example.com.
last  TXT ( \"one\"
            \"two\" )
",
        ),
        ("more", "\nin A 192.0.2.3\n"),
    ]);
    assert_eq!(read.findings, []);
    let soa = read.soa.as_ref().unwrap();
    assert_eq!((&*soa.primary.0, soa.serial), ("ns1.example.com", 7));
    assert_eq!(soa.contact.0, "host\\.master.example.com");
    assert_eq!(soa.times.map(|time| time.0), [3600, 600, 86400, 60]);
    assert_eq!(
        shown(&read),
        [
            "www.example.com 600 192.0.2.1 @zone:6",
            "www.example.com 600 2001:db8::1 @zone:7",
            "upper.example.com 60 192.0.2.2 @zone:8",
            "alias.example.com 600 www.example.com @zone:9",
            "mx.example.com 600 MX @zone:10",
            "sub.example.com 600 ns.other.test @zone:12",
            "in.deep.example.com 3600 192.0.2.3 @more:2",
            "last.sub.example.com 600 TXT @zone:14",
        ]
    );
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let read = read_text(&[(
        "zone",
        "$TTL 600
good A 192.0.2.1
bad  A 192.0.2.300
     AAAA 2001:db8::1
also BOGUS 1 2
deep MX ( ten
   20 )
fine A 192.0.2.2
out.test. A 192.0.2.3
d    DNAME other.test.
signed RRSIG A 13 2 600 20260101000000 20250101000000 1 example.com. AAAA
$INCLUDE missing
end  A 192.0.2.4
",
    )]);
    let places: Vec<String> =
        read.findings.iter().map(|finding| format!("{} {}", finding.place, finding.code)).collect();
    assert_eq!(
        places,
        [
            "zone:3 config/zone-file",
            "zone:5 config/zone-file",
            "zone:6 config/zone-file",
            "zone:9 config/outside-zone",
            "zone:10 config/zone-file",
            "zone:12 config/zone-file",
            "zone:11 config/signatures-in-file",
        ],
        "{:#?}",
        read.findings
    );
    assert_eq!(
        shown(&read),
        [
            "good.example.com 600 192.0.2.1 @zone:2",
            "fine.example.com 600 192.0.2.2 @zone:8",
            "end.example.com 600 192.0.2.4 @zone:13",
        ]
    );
}

#[test]
fn files_that_include_themselves_come_to_an_end() {
    let read = read_text(&[("zone", "$INCLUDE zone\n")]);
    assert_eq!(read.findings.len(), 1, "{:#?}", read.findings);
}
