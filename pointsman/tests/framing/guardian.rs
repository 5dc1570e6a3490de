//! The vectors of http-desync-guardian over real sockets, in every mode: ALB.md §6c.

use std::collections::BTreeMap;

use super::support::recorder::ROW;
use super::support::strict::Request;
use super::{Front, Outcome, SMUGGLED, canary, count_by_row, outcome};

const MODES: [&str; 3] = ["monitor", "defensive", "strictest"];

struct Vector {
    name: String,
    class: String,
    row: String,
    /// The request whole, with a body if it declares one.
    bytes: Vec<u8>,
}

fn vectors() -> Vec<Vector> {
    let table = include_str!("../../../crates/http1/src/request/tests/guardian.tsv");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let read = |(number, line): (usize, &str)| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [class, _, name, raw] = columns[..] else { panic!("{line}") };
        let row = number.to_string();
        let marked = raw.replacen("Host: h\\r\\n", &format!("Host: h\\r\\n{ROW}: {row}\\r\\n"), 1);
        let mut bytes = unescape(&marked);
        let body = body_of(&bytes);
        bytes.extend(body);
        Vector { name: format!("{name}: {raw}"), class: class.to_owned(), row, bytes }
    };
    lines.enumerate().map(read).collect()
}

/// The escapes of the table: `\r`, `\n`, `\t`, `\\`, `\xHH`.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
                digit() * 16 + digit()
            }
            other => panic!("{other:?} in {text}"),
        });
    }
    out
}

/// A body for the framing headers that are spelt right; a smuggled request stands in it.
fn body_of(head: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = |name: &str| {
        let of = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned());
        text.split("\r\n").find_map(of)
    };
    if value("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        return format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()).into_bytes();
    }
    let length = value("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    // Longer ones are no numbers that anyone would send.
    if length > 5_000_000 {
        return Vec::new();
    }
    let mut body = SMUGGLED.repeat(length / SMUGGLED.len() + 1).into_bytes();
    body.truncate(length);
    body
}

/// Vectors that are refused in every mode, by what stands in them: the marks, the answer and why.
const REFUSED: &[(&[&str], u16, &str)] = &[
    (
        &[
            "r-Encoding: gzip",
            "r-Encoding:  gzip",
            "r-Encoding:    gzip",
            "r-Encoding:  deflate",
            "custom_param",
            "xchunked",
            "cow",
            ": chunk\\r",
            ":  chunk\\r",
        ],
        501,
        "ALB.md §6b: 501; a length that we cannot know is no request in any mode (DECISIONS 16)",
    ),
    (
        &["/bar HTTP/0.9", "/bar \\r"],
        400,
        "an answer of HTTP/0.9 has no head, so nothing that routes can say what went wrong",
    ),
    (&["GET  HTTP/1.1"], 400, "there is no target that could be matched or forwarded"),
];

/// Vectors of another class than the table says, by their names.
const RECLASSED: &[(&[&str], &str, &str)] = &[
    (
        &[
            "Transfer-Encoding[white-space] and ",
            "[white-space]Transfer-Encoding and ",
            "Transfer-Encoding[tab]: chunked",
        ],
        "Severe",
        "SuspiciousTeClPresent of ALB.md §6c; the library of 2020 has only SuspiciousHeader",
    ),
    (
        &[
            "Http Engine missed LF: POST /foo/bar HTTP/1.1\\r\\nContent-Length: 1000\\r\\nSome-Custom-Header: Parser",
        ],
        "Ambiguous",
        "describes a parser; as raw bytes the library calls it MultilineHeader",
    ),
    (
        &["[space] in URI resulted in a bad version"],
        "Acceptable",
        "describes a parser; as raw bytes the library calls it SpaceInUri",
    ),
];

fn class_of(vector: &Vector) -> &str {
    let named = |(names, ..): &&(&[&str], &'static str, &str)| {
        names.iter().any(|name| vector.name.starts_with(name))
    };
    RECLASSED.iter().find(named).map_or(&vector.class, |(_, class, _)| class)
}

fn always_refused(vector: &Vector) -> Option<u16> {
    let marked =
        |(marks, ..): &&(&[&str], u16, &str)| marks.iter().any(|mark| vector.name.contains(mark));
    REFUSED.iter().find(marked).map(|(_, status, _)| *status)
}

/// ALB.md §6c.
fn allowed(class: &str, mode: &str, outcome: Outcome) -> bool {
    use Outcome::{Closed, Kept, Refused};
    match (class, mode) {
        ("Compliant", _) => outcome == Kept,
        ("Acceptable", "monitor" | "defensive") => outcome == Kept,
        // Where it ends may be in doubt: then the connection is not used again in any mode.
        ("Ambiguous", "monitor") => matches!(outcome, Kept | Closed),
        ("Ambiguous", "defensive") => outcome == Closed,
        // What cannot be framed is refused in every mode (DECISIONS 16).
        ("Severe", "monitor") => matches!(outcome, Kept | Closed | Refused(_)),
        ("Severe", "defensive") | ("Acceptable" | "Ambiguous" | "Severe", "strictest") => {
            outcome == Refused(400)
        }
        other => panic!("{other:?}"),
    }
}

/// The class in the guardian's table, the mode, the outcome, and how many.
const COUNTS: &[&str] = &[
    "Acceptable defensive Kept         13",
    "Acceptable defensive Refused(400) 2",
    "Acceptable monitor   Kept         13",
    "Acceptable monitor   Refused(400) 2",
    "Acceptable strictest Refused(400) 15",
    "Ambiguous  defensive Closed       44",
    "Ambiguous  defensive Refused(400) 9",
    "Ambiguous  defensive Refused(501) 4",
    "Ambiguous  monitor   Kept         9",
    "Ambiguous  monitor   Closed       40",
    "Ambiguous  monitor   Refused(400) 4",
    "Ambiguous  monitor   Refused(501) 4",
    "Ambiguous  strictest Refused(400) 53",
    "Ambiguous  strictest Refused(501) 4",
    "Compliant  defensive Kept         20",
    "Compliant  defensive Refused(400) 1",
    "Compliant  defensive Refused(501) 7",
    "Compliant  monitor   Kept         20",
    "Compliant  monitor   Refused(400) 1",
    "Compliant  monitor   Refused(501) 7",
    "Compliant  strictest Kept         20",
    "Compliant  strictest Refused(400) 1",
    "Compliant  strictest Refused(501) 7",
    "Severe     defensive Kept         1",
    "Severe     defensive Closed       1",
    "Severe     defensive Refused(400) 52",
    "Severe     defensive Refused(501) 4",
    "Severe     monitor   Kept         2",
    "Severe     monitor   Closed       7",
    "Severe     monitor   Refused(400) 45",
    "Severe     monitor   Refused(501) 4",
    "Severe     strictest Refused(400) 54",
    "Severe     strictest Refused(501) 4",
];

#[test]
fn every_vector_in_every_mode() {
    let vectors = vectors();
    let mut table: BTreeMap<(String, &str, Outcome), usize> = BTreeMap::new();
    let mut differing = Vec::new();
    for mode in MODES {
        let front = Front::start(mode);
        let mut outcomes = BTreeMap::new();
        for vector in &vectors {
            let mut bytes = vector.bytes.clone();
            bytes.extend(canary(&vector.row).bytes());
            let told = front.say(&bytes);
            let outcome = outcome(&vector.name, &vector.row, &told);
            let class = class_of(vector);
            let right = match always_refused(vector) {
                Some(status) => outcome == Outcome::Refused(status),
                None => allowed(class, mode, outcome),
            };
            if !right {
                differing.push(format!("{class} in {mode}: {outcome:?}: {}", vector.name));
            }
            *table.entry((vector.class.clone(), mode, outcome)).or_insert(0) += 1;
            outcomes.insert(vector.row.clone(), outcome);
        }
        // Takes a connection that was kept for reuse, if there is one.
        front.say(canary("last").as_bytes());
        let connections = front.judge();
        let forwarded = count_by_row(&connections);
        for vector in &vectors {
            let refused = matches!(outcomes[&vector.row], Outcome::Refused(_));
            let expected = usize::from(!refused);
            let count = forwarded.get(&vector.row).copied().unwrap_or(0);
            assert_eq!(count, expected, "{mode}: at the target: {}", vector.name);
            if class_of(vector) == "Ambiguous" && mode == "defensive" {
                assert_last_of_its_connection(&connections, vector);
            }
        }
    }
    let table: Vec<String> = table
        .iter()
        .map(|((class, mode, outcome), count)| {
            format!("{class:<10} {mode:<9} {:<12} {count}", format!("{outcome:?}"))
        })
        .collect();
    println!("{}", table.join("\n"));
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert_eq!(table, COUNTS, "{}", table.join("\n"));
}

/// ALB.md §6c: "close client and target connections".
fn assert_last_of_its_connection(connections: &[Vec<Request>], vector: &Vector) {
    let is_it = |request: &Request| {
        request.target != "/canary" && request.field(ROW).as_ref() == Some(&vector.row)
    };
    for connection in connections {
        let at = connection.iter().position(is_it);
        assert!(at.is_none_or(|at| at + 1 == connection.len()), "used again: {}", vector.name);
    }
}
