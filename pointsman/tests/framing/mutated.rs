//! Valid pipelined requests, damaged at random.

use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_desync_guardian::RequestSafetyTier;
use http_desync_guardian::request_analyzer::HttpRequestData;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use super::support::recorder::answers;
use super::support::strict::{self, From, Request};
use super::{Front, SMUGGLED};

/// In each of two modes; `PROPTEST_CASES` asks for another number.
const CASES: u32 = 300;

/// What is put in the place of bytes, or between them.
const PIECES: [&[u8]; 32] = [
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b" ",
    b"\t",
    b"\x0b",
    b":",
    b";",
    b",",
    b"0",
    b"1",
    b"a",
    b"-",
    b"_",
    b"\xff",
    b"\"",
    b"#",
    b"\r\n\r\n",
    b"\r\n ",
    b"0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 42\r\n",
    b"transfer_encoding: chunked\r\n",
    b"chunked",
    b"HTTP/1.0",
    b"Host: b\r\n",
    b"GET /smuggled HTTP/1.1\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"2a\r\n",
];

#[derive(Clone, Debug)]
enum Damage {
    Insert(Index, &'static [u8]),
    Replace(Index, &'static [u8]),
    Remove(Index, usize),
    Repeat(Index, usize),
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let range = |index: &Index, length: usize| {
            let start = index.index(bytes.len());
            start..(start + length).min(bytes.len())
        };
        match self {
            Damage::Insert(index, piece) => {
                let start = index.index(bytes.len());
                bytes.splice(start..start, piece.iter().copied());
            }
            Damage::Replace(index, piece) => {
                let range = range(index, piece.len());
                bytes.splice(range, piece.iter().copied());
            }
            Damage::Remove(index, length) => {
                let range = range(index, *length);
                bytes.drain(range);
            }
            Damage::Repeat(index, length) => {
                let range = range(index, *length);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, again);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = || any::<Index>();
    prop_oneof![
        (index(), select(&PIECES[..])).prop_map(|(at, piece)| Damage::Insert(at, piece)),
        (index(), select(&PIECES[..])).prop_map(|(at, piece)| Damage::Replace(at, piece)),
        (index(), 1..12usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (index(), 1..40usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn pipeline() -> impl Strategy<Value = Vec<u8>> {
    let requests = vec![
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "HEAD /2?q HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\n".to_owned(),
        format!("POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 42\r\n\r\n{SMUGGLED}"),
        format!("PUT /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2a\r\n{SMUGGLED}\r\n0\r\n\r\n"),
        "POST /5 HTTP/1.1\r\nContent-Length: 0\r\nHost: a\r\n\r\n".to_owned(),
        "PUT /6 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n3;e=1\r\nxyz\r\n0\r\nT: 1\r\n\r\n".to_owned(),
    ];
    prop::collection::vec(select(requests), 1..4).prop_map(|all| all.concat().into_bytes())
}

fn case() -> impl Strategy<Value = Vec<u8>> {
    (pipeline(), prop::collection::vec(damage(), 0..4)).prop_map(|(mut bytes, damages)| {
        for damage in damages {
            if !bytes.is_empty() {
                damage.apply(&mut bytes);
            }
        }
        bytes
    })
}

/// What a request is, apart from what the load balancer changes about it.
fn essence(request: &Request) -> (&str, &str, &[u8]) {
    (&request.method, &request.target, &request.body)
}

fn shown(requests: &[&Request]) -> String {
    let one = |r: &&Request| format!("{} {} `{}`", r.method, r.target, r.body.escape_ascii());
    requests.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Sends the bytes and closes that half. Answers the requests that they became at the target.
fn forwarded(front: &Front, bytes: &[u8]) -> Result<Vec<Request>, TestCaseError> {
    let before: Vec<(usize, bool)> =
        front.recorder.verdicts().iter().map(|v| (v.requests.len(), v.wrong.is_some())).collect();
    let mut client = front.client();
    client.send(bytes);
    let _ = client.stream.shutdown(Shutdown::Write);
    answers(&client.rest());
    let mut new = Vec::new();
    for (number, verdict) in front.recorder.verdicts().into_iter().enumerate() {
        let (old, was_wrong) = before.get(number).copied().unwrap_or_default();
        // Not what an earlier attempt leaked: the case shrinks to the bytes that do.
        let leaked = verdict.wrong.filter(|_| !was_wrong);
        prop_assert_eq!(leaked, None, "leaked: {}", verdict.unfinished.escape_ascii());
        new.extend(verdict.requests.into_iter().skip(old));
    }
    Ok(new)
}

/// The requests of one client can go over several connections to the target: put in the order they
/// were sent, as far as they were.
fn in_order(sent: &[Request], mut reached: Vec<Request>) -> (usize, Vec<Request>) {
    let mut matched = 0;
    for request in sent {
        match reached.iter().position(|r| essence(r) == essence(request)) {
            Some(at) => {
                reached.remove(at);
                matched += 1;
            }
            None => break,
        }
    }
    (matched, reached)
}

#[test]
fn damaged_pipelines() {
    for mode in ["strictest", "defensive"] {
        let front = Front::start(mode);
        let (whole, all) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
        let cases = asked.unwrap_or(CASES);
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&case(), |bytes| {
                let sent = strict::read_all(From::Client, &bytes);
                let reached = forwarded(&front, &bytes)?;
                all.fetch_add(sent.requests.len(), Ordering::Relaxed);
                whole.fetch_add(reached.len(), Ordering::Relaxed);
                let (_, extra) = in_order(&sent.requests, reached);
                // Beyond what a strict reader understands, only what may be served all the same.
                let allowed = match (mode, judge(&sent.unfinished)) {
                    ("strictest", _) | (_, RequestSafetyTier::Severe) => 0,
                    (_, RequestSafetyTier::Ambiguous) => 1,
                    (_, RequestSafetyTier::Acceptable | RequestSafetyTier::Compliant) => usize::MAX,
                };
                prop_assert!(
                    extra.len() <= allowed,
                    "{}: {} sent, but at the target also {}\n{}",
                    mode,
                    shown(&sent.requests.iter().collect::<Vec<_>>()),
                    shown(&extra.iter().collect::<Vec<_>>()),
                    bytes.escape_ascii()
                );
                Ok(())
            })
            .unwrap();
        front.judge();
        let (whole, all) = (whole.into_inner(), all.into_inner());
        println!("{mode:<9} {cases} pipelines: {all} whole requests sent, {whole} forwarded");
        assert!(whole * 2 > all, "{mode}: a test of nothing: {whole} of {all} forwarded");
    }
}

fn judge(bytes: &[u8]) -> RequestSafetyTier {
    // The library does not skip empty lines before the request line (RFC 9112 §2.2).
    let empty = bytes.iter().take_while(|byte| b"\r\n".contains(byte)).count();
    let bytes = &bytes[empty..];
    let verdict = HttpRequestData::analyze_raw_request(bytes);
    let suspicious = format!("{:?}", verdict.reason) == "SuspiciousHeader";
    if suspicious && !names_alike(bytes) { RequestSafetyTier::Acceptable } else { verdict.tier }
}

/// The library also suspects beginnings of the names, such as `Content-Lengt;`, which nobody could
/// take for them.
fn names_alike(bytes: &[u8]) -> bool {
    let letters = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.iter().filter(|b| b.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect()
    };
    bytes.split(|byte| *byte == b'\n').any(|line| {
        let letters: Vec<u8> = letters(line);
        letters == b"contentlength" || letters == b"transferencoding"
    })
}
