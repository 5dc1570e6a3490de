//! A table of doubtful requests, made by combination.

use super::support::recorder::ROW;
use super::{Front, Outcome, SMUGGLED, canary, count_by_row, outcome};

/// What has to come of a row in defensive mode; the law of [`count_by_row`] holds for all, in every
/// mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Forwarded,
    Refused,
    /// A whole request that is not served: 405 and the like.
    TurnedAway,
    /// Several answers are right, but the connection is not used again.
    NotKept,
    Anything,
}
use Expect::{Anything, Forwarded, NotKept, Refused, TurnedAway};

struct Row {
    name: String,
    /// `@@` stands for the number of the row.
    bytes: Vec<u8>,
    expect: Expect,
}

type Bytes = &'static [u8];

/// A request from the parts that rows vary.
fn request(line: &[u8], headers: &[u8], body: &[u8]) -> Vec<u8> {
    let row = format!("\r\nHost: a\r\n{ROW}: @@\r\n");
    [line, row.as_bytes(), headers, b"\r\n", body].concat()
}

fn post(headers: &[u8], body: &[u8]) -> Vec<u8> {
    request(b"POST /row HTTP/1.1", headers, body)
}

fn chunked(body: &[u8]) -> Vec<u8> {
    post(b"Transfer-Encoding: chunked\r\n", body)
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add(&mut self, expect: Expect, bytes: Vec<u8>) {
        let shown = bytes.escape_ascii().to_string();
        let (number, short) = (self.0.len(), shown.chars().take(400).collect::<String>());
        self.0.push(Row { name: format!("row {number}: {short}"), bytes, expect });
    }
}

const LENGTHS_GOOD: [Bytes; 6] = [b"42", b" 42", b"42 ", b"\t42\t", b"042", b"0000000042"];
const LENGTHS_BAD: [Bytes; 26] = [
    b"+42",
    b"-42",
    b"0x2a",
    b"42,42",
    b"42, 42",
    b"42;",
    b"42 42",
    b"4 2",
    b"42a",
    b"2a",
    b"42.0",
    b"4_2",
    b"42\x0b",
    b"42\x0c",
    b"\x0b42",
    b"42\0",
    b"\"42\"",
    b"'42'",
    b"42e0",
    b"42\x7f",
    b"42\xc2\xa0",
    b"\xd9\xa4\xd9\xa2",
    b"18446744073709551616",
    b"99999999999999999999999999",
    b"42\r",
    b",42",
];
const CODINGS_GOOD: [Bytes; 6] =
    [b"chunked", b"Chunked", b"CHUNKED", b"\tchunked", b"chunked \t", b"identity, chunked"];
const CODINGS_BAD: [Bytes; 27] = [
    b"xchunked",
    b"chunkedx",
    b"chunke",
    b"chunked\x0b",
    b"\x0bchunked",
    b"chunked\x0c",
    b"chunked\0",
    b"\"chunked\"",
    b"'chunked'",
    b"chunked;q=1",
    b"chunked;",
    b"chunked, identity",
    b"chunked, chunked",
    b"chunked,chunked",
    b"chun ked",
    b"chunked chunked",
    b"gzip, chunked",
    b"chunked, gzip",
    b"gzip",
    b"chunked\xc2\xa0",
    b"\xe2\x80\x8bchunked",
    b"ch\xc3\xbcnked",
    b"chunked\x7f",
    b"chunked\x01",
    b"chunked\r",
    b"=chunked",
    b"chunked/1.0",
];

/// Names that a lenient reader could take for one of the two framing headers.
const CODING_LIKE: [Bytes; 17] = [
    b"Transfer_Encoding",
    b"Transfer.Encoding",
    b"Transfer Encoding",
    b"Transfer-Encoding ",
    b"Transfer-Encoding\t",
    b"Transfer\tEncoding",
    b"Transfer--Encoding",
    b"Transfer-Encoding\0",
    b"\0Transfer-Encoding",
    b"Transfer-Encoding\x0b",
    b"Transfer-\x0bEncoding",
    b"Tran\xc5\xbffer-Encoding",
    b"Transfer\xe2\x80\x90Encoding",
    b"\xef\xbb\xbfTransfer-Encoding",
    b" Transfer-Encoding",
    b"Transfer-Encoding\x7f",
    b"TRANSFER_ENCODING",
];
const LENGTH_LIKE: [Bytes; 14] = [
    b"Content_Length",
    b"Content.Length",
    b"Content Length",
    b"Content-Length ",
    b"Content-Length\t",
    b"Content\tLength",
    b"Content-Length\0",
    b"\x01Content-Length",
    b"Content-Length\xc2\xa0",
    b"\xef\xbb\xbfContent-Length",
    b" Content-Length",
    b"Content--Length",
    b"Content-Length\x0b",
    b"content_length",
];

fn framing_headers(table: &mut Table) {
    let body = SMUGGLED.as_bytes();
    assert_eq!(body.len(), 42, "the tables below count on it");
    let length = |value: &[u8]| [b"Content-Length:", value, b"\r\n"].concat();
    for (expect, values) in [(Forwarded, &LENGTHS_GOOD[..]), (Refused, &LENGTHS_BAD[..])] {
        for value in values {
            table.add(expect, post(&length(value), body));
            table.add(expect, request(b"GET /row HTTP/1.1", &length(value), body));
        }
        for (first, second) in values.iter().flat_map(|v| [(*v, &b"42"[..]), (b"42", *v)]) {
            table.add(expect, post(&[length(first), length(second)].concat(), body));
        }
    }
    for (first, second) in [("42", "43"), ("42", "0"), ("0", "42"), ("42", ""), ("", "42")] {
        let both = [length(first.as_bytes()), length(second.as_bytes())].concat();
        table.add(Refused, post(&both, body));
    }
    let in_chunks = format!("2a\r\n{SMUGGLED}\r\n0\r\n\r\n");
    let coding = |value: &[u8]| [b"Transfer-Encoding:", value, b"\r\n"].concat();
    for (expect, values) in [(Forwarded, &CODINGS_GOOD[..]), (Refused, &CODINGS_BAD[..])] {
        let both = if expect == Forwarded { NotKept } else { Refused };
        for value in values {
            let all = in_chunks.as_bytes();
            let right = length(all.len().to_string().as_bytes());
            let short = length(b"4");
            table.add(expect, post(&coding(value), all));
            table.add(expect, request(b"POST /row HTTP/1.0", &coding(value), all));
            table.add(both, post(&[coding(value), right.clone()].concat(), all));
            table.add(both, post(&[short, coding(value)].concat(), all));
        }
        for (first, second) in values.iter().flat_map(|v| [(*v, &b"chunked"[..]), (b"chunked", *v)])
        {
            table.add(
                Refused,
                post(&[coding(first), coding(second)].concat(), in_chunks.as_bytes()),
            );
        }
    }
    for value in [&b""[..], b" ", b",", b"identity", b"identity,identity", b"chunked,", b",chunked"]
    {
        table.add(NotKept, post(&coding(value), in_chunks.as_bytes()));
        table.add(NotKept, post(&[coding(value), length(b"42")].concat(), body));
    }
}

fn look_alikes(table: &mut Table) {
    let in_chunks = format!("2a\r\n{SMUGGLED}\r\n0\r\n\r\n");
    let body = SMUGGLED.as_bytes();
    let severe = |name: &[u8]| if name.contains(&0) { Refused } else { NotKept };
    for name in CODING_LIKE {
        let like = [name, b": chunked\r\n"].concat();
        table.add(severe(name), post(&like, b""));
        table.add(Refused, post(&[&like, &b"Content-Length: 42\r\n"[..]].concat(), body));
        table.add(Refused, post(&[b"Content-Length: 42\r\n", &like[..]].concat(), body));
        let real = [&like, &b"Transfer-Encoding: chunked\r\n"[..]].concat();
        table.add(Refused, post(&real, in_chunks.as_bytes()));
    }
    // The bare letters are another name.
    table.add(Forwarded, post(b"TransferEncoding: chunked\r\nContentLength: 4\r\n", b""));
    for name in LENGTH_LIKE {
        for value in ["0", "42", "43"] {
            let like = [name, b": ", value.as_bytes(), b"\r\n"].concat();
            table.add(severe(name), post(&like, b""));
            table.add(NotKept, post(&[&like, &b"Content-Length: 42\r\n"[..]].concat(), body));
        }
        let like = [name, b": 4\r\nTransfer-Encoding: chunked\r\n"].concat();
        table.add(Refused, post(&like, in_chunks.as_bytes()));
    }
}

fn chunk_lines(table: &mut Table) {
    let good: [&[u8]; 8] = [
        b"2a",
        b"2A",
        b"02a",
        b"000000000000002a",
        b"2a;x",
        b"2a;x=1",
        b"2a;x=\"q;\\\"\"",
        b"2a;;",
    ];
    let bad: [&[u8]; 25] = [
        b"0x2a",
        b"+2a",
        b"-2a",
        b" 2a",
        b"2a ",
        b"2a\t",
        b"2g",
        b"",
        b"2a\x0b",
        b"2a\0",
        b"2a\r",
        b"2a,",
        b"2a=",
        b"2a:1",
        b"2a\x7f",
        b"00000000000000000000000002a",
        b"1000000000000002a",
        b"fffffffffffffffff",
        b"2a;a\nb",
        b"2a;a\rb",
        b"2a;\"\r\n\"",
        b"2a;\0",
        b"2a\xc2\xa0",
        b"\n2a",
        b"\r\n2a",
    ];
    let long = [b"2a;", &[b'x'; 17_000][..]].concat();
    for (expect, sizes) in
        [(Forwarded, &good[..]), (Refused, &bad[..]), (Refused, &[&long[..]][..])]
    {
        for size in sizes {
            let data = [*size, b"\r\n", SMUGGLED.as_bytes(), b"\r\n"].concat();
            table.add(expect, chunked(&[&data, &b"0\r\n\r\n"[..]].concat()));
            table.add(expect, chunked(&[b"1\r\nx\r\n", &data[..], b"0\r\n\r\n"].concat()));
        }
    }
    for end in [&b"\n"[..], b"\r", b"", b"x\r\n", b"\r\r\n", b"\n\r", b" \r\n", b"\0\r\n"] {
        let data = [b"2a\r\n", SMUGGLED.as_bytes(), end, b"0\r\n\r\n"].concat();
        table.add(Refused, chunked(&data));
    }
    table.add(Refused, chunked(&[b"2a\n", SMUGGLED.as_bytes(), b"\r\n0\r\n\r\n"].concat()));
}

fn last_chunks(table: &mut Table) {
    let good: [&[u8]; 5] =
        [b"0\r\n\r\n", b"000\r\n\r\n", b"0;x\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"0\r\nX:\r\n\r\n"];
    let bad: [&[u8]; 13] = [
        b"0\n\n",
        b"0\r\n\n",
        b"0\n\r\n",
        b"0\r\n",
        b"0\r\r\n\r\n",
        b"-0\r\n\r\n",
        b"0\r\nX: \0\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n: y\r\n\r\n",
        b"0\r\nX: a\nY: b\r\n\r\n",
        b"0\r\nX: a\rY: b\r\n\r\n",
        b"0\r\n folded: x\r\n\r\n",
        b"0\r\nX : y\r\n\r\n",
    ];
    for (expect, ends) in [(Forwarded, &good[..]), (Refused, &bad[..])] {
        for end in ends {
            table.add(expect, chunked(&[b"2a\r\n", SMUGGLED.as_bytes(), b"\r\n", end].concat()));
            table.add(expect, chunked(end));
        }
    }
    // Dropped, or refused; the strict reader objects if they arrive.
    for name in CODING_LIKE.iter().chain(&LENGTH_LIKE).chain(&[
        &b"Transfer-Encoding"[..],
        b"Content-Length",
        b"Host",
        b"Connection",
        b"Authorization",
    ]) {
        table.add(Anything, chunked(&[b"0\r\n", *name, b": 42\r\n\r\n"].concat()));
    }
}

fn line_ends(table: &mut Table) {
    let ends: [(Expect, &[u8]); 8] = [
        (Anything, b"\n"),
        (Refused, b"\r"),
        (Refused, b"\r\r\n"),
        (Refused, b"\n\r"),
        (Refused, b"\0\r\n"),
        (Anything, b"\x0b\r\n"),
        (Anything, b" \r\n"),
        (Anything, b"\r\n "),
    ];
    for (expect, end) in ends {
        for place in 0..5 {
            let mut bytes = Vec::new();
            let lines = ["POST /row HTTP/1.1", "Host: a", "X-Row: @@", "Content-Length: 42", ""];
            for (number, line) in lines.iter().enumerate() {
                bytes.extend(line.bytes());
                bytes.extend(if number == place { end } else { b"\r\n" });
            }
            bytes.extend(SMUGGLED.bytes());
            // A head that ends otherwise goes on with the body, as far as that is one.
            table.add(if place == 4 && end != b"\n" { Anything } else { expect }, bytes);
        }
    }
    for (count, expect) in [(1, Forwarded), (2, Forwarded), (3, Forwarded), (200, Refused)] {
        for end in ["\r\n", "\n"] {
            let empty = end.repeat(count).into_bytes();
            table.add(expect, [empty, post(b"", b"")].concat());
        }
    }
}

fn request_lines(table: &mut Table) {
    let refused: [&[u8]; 27] = [
        b"G@T /row HTTP/1.1",
        b" /row HTTP/1.1",
        b"GET\t/row HTTP/1.1",
        b"GET\0 /row HTTP/1.1",
        b"GET HTTP/1.1",
        b"GET /row",
        b"GET /row HTTP/1.10",
        b"GET /row HTTP/01.1",
        b"GET /row http/1.1",
        b"GET /row HTTP/2.0",
        b"GET /row HTTP/1.1x",
        b"GET /row HTTP/1,1",
        b"GET /row HTTP/11",
        b"GET /row HTTP/0.9",
        b"GET /row HTTP/-1.1",
        b"GET /row\0 HTTP/1.1",
        b"GET /row\r HTTP/1.1",
        b"GET row HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET ftp://a/ HTTP/1.1",
        b"GET http:///row HTTP/1.1",
        b"GET http://a b/row HTTP/1.1",
        b"GET http:/row HTTP/1.1",
        b"GET http://a#x/row HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"(GET) /row HTTP/1.1",
        b"\xff /row HTTP/1.1",
    ];
    for line in refused {
        table.add(Refused, request(line, b"", b""));
    }
    for line in [&b"CONNECT a:80 HTTP/1.1"[..], b"CONNECT /row HTTP/1.1", b"TRACE /row HTTP/1.1"] {
        table.add(TurnedAway, request(line, b"", b""));
    }
    for line in [&b"GET /row/../x HTTP/1.1"[..], b"GET //row HTTP/1.1", b"GET /a\\row HTTP/1.1"] {
        table.add(Anything, request(line, b"", b""));
    }
    let forwarded: [&[u8]; 13] = [
        b"GET /row HTTP/1.1",
        b"get /row HTTP/1.1",
        b"BREW /row HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET http://b/row HTTP/1.1",
        b"GET https://b/row?x HTTP/1.1",
        b"GET HTTP://b/row HTTP/1.1",
        b"GET http://b HTTP/1.1",
        b"GET /row HTTP/1.2",
        b"GET /row HTTP/1.0",
        b"GET /row?a#b HTTP/1.1",
        b"GET /row?\xff HTTP/1.1",
        b"GET /row?a b HTTP/1.1",
    ];
    for line in forwarded {
        table.add(Forwarded, request(line, b"", b""));
        table.add(Forwarded, request(line, b"Content-Length: 42\r\n", SMUGGLED.as_bytes()));
    }
    let in_chunks = format!("2a\r\n{SMUGGLED}\r\n0\r\n\r\n");
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "BREW"] {
        let line = format!("{method} /row HTTP/1.1");
        let coding = b"Transfer-Encoding: chunked\r\n";
        table.add(
            Forwarded,
            request(line.as_bytes(), b"Content-Length: 42\r\n", SMUGGLED.as_bytes()),
        );
        table.add(Forwarded, request(line.as_bytes(), coding, in_chunks.as_bytes()));
    }
    let long = |n: usize| ["GET /", &"a".repeat(n), " HTTP/1.1"].concat();
    table.add(Forwarded, request(long(16_000).as_bytes(), b"", b""));
    table.add(Refused, request(long(17_000).as_bytes(), b"", b""));
    table.add(
        Refused,
        request(["M".repeat(200), " /row HTTP/1.1".into()].concat().as_bytes(), b"", b""),
    );
}

fn other_headers(table: &mut Table) {
    for host in
        ["a b", "a/b", "a\0", "a#b", "a?b", "a\tb", "\u{fffd}\0", "a\\b", "a\"b", "a<b>", "a\rb"]
    {
        let bytes = format!("GET /row HTTP/1.1\r\nHost: {host}\r\n{ROW}: @@\r\n\r\n");
        table.add(Refused, bytes.into_bytes());
    }
    for host in ["a@b", "a,b", "a:99999", "a:b", "[::1", "\u{fc}"] {
        let bytes = format!("GET /row HTTP/1.1\r\nHost: {host}\r\n{ROW}: @@\r\n\r\n");
        table.add(Anything, bytes.into_bytes());
    }
    table.add(Refused, format!("GET /row HTTP/1.1\r\n{ROW}: @@\r\n\r\n").into_bytes());
    for second in ["a", "b", ""] {
        table.add(Anything, post(format!("Host: {second}\r\n").as_bytes(), b""));
        table.add(Anything, post(format!("Host : {second}\r\n").as_bytes(), b""));
        table.add(Anything, post(format!(" Host: {second}\r\n").as_bytes(), b""));
    }
    let whole = b"Content-Length: 42\r\n";
    for extra in [
        "Expect: 100-continue",
        "Expect: 100-Continue",
        "Expect: 100-continue, x",
        "Expect: 200-ok",
        "Expect:",
        "Expect: 100-continue\r\nExpect: 100-continue",
        "Connection: content-length",
        "Connection: transfer-encoding",
        "Connection: host",
        "Connection: close, content-length",
        "Connection: keep-alive, Content-Length",
        "Connection: x-forwarded-for",
        "Connection: upgrade",
        "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
        "Connection: upgrade\r\nUpgrade: websocket",
        "Upgrade: websocket",
        "TE: chunked",
        "TE: trailers",
        "Trailer: Content-Length",
        "Keep-Alive: 1",
        "Proxy-Connection: close",
        "X: \u{1}",
        "X: \u{7f}",
        "X-\u{1}: 1",
        "Max-Forwards: 0",
        "Content-Encoding: chunked",
    ] {
        let headers = [extra.as_bytes(), b"\r\n", whole].concat();
        table.add(Forwarded, post(&headers, SMUGGLED.as_bytes()));
        let headers = [whole, extra.as_bytes(), b"\r\n"].concat();
        table.add(Forwarded, post(&headers, SMUGGLED.as_bytes()));
    }
    let folded = [
        "X: a\r\n b",
        "X: a\r\n\tb",
        "Content-Length:\r\n 42",
        "Content-Length: 4\r\n 2",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: chunked\r\n , identity",
    ];
    for lines in folded {
        table.add(NotKept, post(format!("{lines}\r\n").as_bytes(), b""));
    }
    for line in [": x", "x", ":", "no colon here", "=: x", "\t: x", "@: x"] {
        let headers = [line.as_bytes(), b"\r\n", whole].concat();
        table.add(Anything, post(&headers, SMUGGLED.as_bytes()));
    }
    let many = |n: usize| (0..n).map(|i| format!("X{i}: {i}\r\n")).collect::<String>();
    table.add(Forwarded, post(many(400).as_bytes(), b""));
    table.add(Refused, post(many(600).as_bytes(), b""));
    table.add(Refused, post(format!("X: {}\r\n", "a".repeat(17_000)).as_bytes(), b""));
    table.add(Forwarded, post(format!("X: {}\r\n", "a".repeat(15_000)).as_bytes(), b""));
    table.add(Refused, post(format!("{}: 1\r\n", "a".repeat(17_000)).as_bytes(), b""));
    table.add(Refused, post(format!("X: {}\r\n", "a".repeat(15_000)).repeat(5).as_bytes(), b""));
}

fn table() -> Vec<Row> {
    let mut table = Table::default();
    framing_headers(&mut table);
    look_alikes(&mut table);
    chunk_lines(&mut table);
    last_chunks(&mut table);
    line_ends(&mut table);
    request_lines(&mut table);
    other_headers(&mut table);
    table.0
}

fn meets(expect: Expect, outcome: Outcome) -> bool {
    use Outcome::{Closed, Kept, ThenRefused};
    let met = match expect {
        Forwarded => matches!(outcome, Kept | Closed),
        Refused => matches!(outcome, Outcome::Refused(400..=505)),
        TurnedAway => matches!(outcome, Outcome::Refused(405) | Outcome::TurnedAway(405)),
        NotKept => !matches!(outcome, Kept | Outcome::TurnedAway(_)),
        Anything => true,
    };
    // What follows a request is a request, unless the row says that it may not be.
    met && (outcome != ThenRefused || matches!(expect, NotKept | Anything))
}

#[test]
fn every_row_in_every_mode() {
    let table = table();
    assert!(table.len() >= 200);
    for mode in ["monitor", "defensive", "strictest"] {
        let front = Front::start(mode);
        let mut differing = Vec::new();
        let mut outcomes = Vec::new();
        for (number, row) in table.iter().enumerate() {
            let number = number.to_string();
            let mut bytes = Vec::new();
            let mut rest = &row.bytes[..];
            while let Some(at) = rest.windows(2).position(|pair| pair == b"@@") {
                bytes.extend_from_slice(&rest[..at]);
                bytes.extend(number.bytes());
                rest = &rest[at + 2..];
            }
            bytes.extend_from_slice(rest);
            bytes.extend(canary(&number).bytes());
            let outcome = outcome(&row.name, &number, &front.say(&bytes));
            let right = match (mode, row.expect) {
                ("defensive", expect) => meets(expect, outcome),
                // Stricter is allowed, milder is not.
                ("strictest", Refused) => meets(Refused, outcome),
                ("strictest", NotKept) => meets(NotKept, outcome),
                _ => true,
            };
            if !right {
                let Row { name, expect, .. } = row;
                differing.push(format!("{mode}: {expect:?}, but {outcome:?}: {name}"));
            }
            outcomes.push(outcome);
        }
        let forwarded = count_by_row(&front.judge());
        for (number, (row, outcome)) in table.iter().zip(&outcomes).enumerate() {
            let reached = forwarded.contains_key(&number.to_string());
            let answered = !matches!(outcome, Outcome::Refused(_) | Outcome::TurnedAway(_));
            assert_eq!(reached, answered, "{mode}: {outcome:?}: {}", row.name);
        }
        assert!(differing.is_empty(), "{} rows:\n{}", differing.len(), differing.join("\n"));
        let count = |kind: fn(&Outcome) -> bool| outcomes.iter().filter(|o| kind(o)).count();
        println!(
            "{mode:<9} {} rows: {} forwarded and kept, {} forwarded and closed, {} refused",
            table.len(),
            count(|o| *o == Outcome::Kept),
            count(|o| matches!(o, Outcome::Closed | Outcome::ThenRefused)),
            count(|o| matches!(o, Outcome::Refused(_) | Outcome::TurnedAway(_))),
        );
    }
}
