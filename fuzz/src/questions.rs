//! Whatever comes to the name server: it never panics and never answers an answer; what it sends is a
//! message to another parser, repeats the question, keeps its sizes, and is signed where it says so.

use std::sync::{Arc, OnceLock};

use dns::cookie::Secret;
use dns::engine::{AMPLIFICATION_MAX, Asked, Engine, Now, Outcome, Transport};
use dns::key::ZoneKey;
use dns::message::{TCP_MAX, UDP_MAX, UDP_PLAIN};
use dns::snapshot::{Health, Limits, Served, Snapshot};
use domain::base::Message;
use model::{Host, Record, RecordData, RecordType, Seconds, StartOfAuthority, Zone, ZoneId};

/// An error without records is shorter than any question it could be asked with, and its options.
const ERROR_MAX: usize = 160;

pub fn check(bytes: &[u8]) {
    let now = Now { seconds: 1_800_000_000, microseconds: 1 };
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut engine = Engine::new(snapshot(), Secret::new([7; 32]), Arc::default());
        let mut out = Vec::new();
        let from = [127, 0, 0, 1].into();
        let outcome = engine.answer(&Asked { bytes, from, transport, now, draw: 7 }, &mut out);
        match outcome {
            Outcome::Answered => answered(bytes, transport, &out),
            Outcome::Silence => assert!(out.is_empty() || transport == Transport::Tcp),
            Outcome::Transfer { zone } => assert!(zone == 0 && transport == Transport::Tcp),
        }
        if bytes.len() < 12 || bytes[2] & 0x80 != 0 {
            assert_eq!(outcome, Outcome::Silence, "only questions are answered");
        }
    }
}

fn answered(asked: &[u8], transport: Transport, out: &[u8]) {
    let question = Message::from_octets(asked).expect("a header is there");
    let message = Message::from_octets(out).expect("an answer has a header");
    let header = message.header();
    assert!(header.qr() && !header.ra() && header.id() == question.header().id());
    let limit = match (transport, question.opt()) {
        (Transport::Tcp, _) => TCP_MAX,
        (Transport::Udp, Some(_)) => UDP_MAX,
        (Transport::Udp, None) => UDP_PLAIN,
    };
    assert!(out.len() <= limit, "{} bytes of {limit}", out.len());
    if transport == Transport::Udp && out.len() > ERROR_MAX {
        assert!(out.len() <= AMPLIFICATION_MAX * asked.len(), "{} for {}", out.len(), asked.len());
    }
    if let Ok(repeated) = message.sole_question() {
        assert_eq!(Ok(repeated), question.sole_question(), "another question is answered");
    }
    let sections = [message.answer(), message.authority(), message.additional()];
    for section in sections {
        for record in section.expect("sections follow one another") {
            let record = record.expect("a record");
            let _ = record.to_any_record::<domain::rdata::AllRecordData<_, _>>().expect("data");
        }
    }
    if header.tc() {
        assert_eq!(message.header_counts().ancount(), 0, "what is cut short is empty");
    }
}

/// A signed zone with something of everything.
fn snapshot() -> Arc<Snapshot> {
    static ONE: OnceLock<Arc<Snapshot>> = OnceLock::new();
    Arc::clone(ONE.get_or_init(|| Arc::new(made())))
}

fn made() -> Snapshot {
    let host = |text: &str| Host(text.to_owned());
    let place = model::Place::described("test");
    let zone = Zone {
        name: host("a"),
        visible_to: Vec::new(),
        soa: StartOfAuthority {
            primary: host("n.a"),
            contact: host("h.a"),
            serial: None,
            refresh: Seconds(1),
            retry: Seconds(1),
            expire: Seconds(1),
            negative_ttl: Seconds(1),
            ttl: Seconds(1),
        },
        signed: true,
        transfer_to: vec!["127.0.0.0/8".parse().expect("a network")],
        notify: Vec::new(),
        place: place.clone(),
    };
    let text = |length: usize| RecordData::Data {
        kind: RecordType::TXT,
        values: (0..length).map(|n| vec![3, b'a', b'b', n as u8].into()).collect(),
    };
    let record = |(name, data): (&str, RecordData)| Record {
        name: host(name),
        zone: Some(ZoneId(0)),
        visible_to: Vec::new(),
        data,
        ttl: Seconds(60),
        routing: None,
        place: place.clone(),
    };
    let records = [
        ("a", RecordData::Authority),
        ("a", RecordData::NameServers(vec![host("n.a"), host("n.b")])),
        ("n.a", RecordData::Addresses(vec![[192, 0, 2, 1].into()])),
        ("w.a", RecordData::Canonical(host("n.a"))),
        ("c.a", RecordData::Canonical(host("d.a"))),
        ("d.a", RecordData::Canonical(host("c.a"))),
        ("e.a", RecordData::Canonical(host("x.b"))),
        ("*.x.a", text(1)),
        ("y.z.a", text(90)),
        ("s.a", RecordData::NameServers(vec![host("n.s.a")])),
        ("n.s.a", RecordData::Addresses(vec![[192, 0, 2, 2].into()])),
    ];
    let model = model::Model {
        zones: [zone.clone()].into_iter().collect(),
        records: records.into_iter().map(record).collect(),
        ..model::Model::default()
    };
    let pkcs8 = ZoneKey::make().expect("a key");
    let key = Arc::new(ZoneKey::read(&pkcs8).expect("the key"));
    Snapshot {
        world: Arc::new(world::compile(model, 1)),
        zones: [Served::new(&zone, 7, Some(key))].into(),
        health: Arc::new(Health::default()),
        challenges: Arc::default(),
        here: [].into(),
        limits: Limits::default(),
    }
}
