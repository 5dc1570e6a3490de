use proptest::prelude::*;

use super::*;
use crate::Framing::{Chunked, Length};
use crate::FramingError;
use crate::test_bytes::{heads, unescape};

mod guardian;

fn parse(raw: &[u8]) -> Result<(RequestHead, Fields), RequestError> {
    let mut fields = Fields::new();
    match parse_request(raw, &mut fields)? {
        Parsed::Complete(head) => Ok((head, fields)),
        Parsed::Partial => panic!("partial: {}", raw.escape_ascii()),
    }
}

/// `Host: h` first, then the given lines.
fn with_lines(line: &str, lines: &str) -> Vec<u8> {
    unescape(&format!(r"{line}\r\nHost: h\r\n{lines}\r\n"))
}

#[test]
fn request_lines() {
    use RequestError as E;
    use Version::*;
    type Row = (&'static str, Result<(Method, &'static str, Option<&'static str>, Version), E>);
    let rows: &[Row] = &[
        ("GET / HTTP/1.1", Ok((Method::Get, "/", None, Http11))),
        ("GET /a?b=c?d HTTP/1.0", Ok((Method::Get, "/a", Some("b=c?d"), Http10))),
        ("GET /a? HTTP/1.1", Ok((Method::Get, "/a", Some(""), Http11))),
        ("OPTIONS * HTTP/1.1", Ok((Method::Options, "*", None, Http11))),
        ("PROPFIND /x HTTP/1.1", Ok((Method::Other, "/x", None, Http11))),
        ("get / HTTP/1.1", Ok((Method::Other, "/", None, Http11))),
        ("CONNECT a.example:443 HTTP/1.1", Ok((Method::Connect, "", None, Http11))),
        ("GET http://a.example/x?y HTTP/1.1", Ok((Method::Get, "/x", Some("y"), Http11))),
        ("GET HTTPS://a.example HTTP/1.1", Ok((Method::Get, "/", None, Http11))),
        ("GET http://a.example?y HTTP/1.1", Ok((Method::Get, "/", Some("y"), Http11))),
        ("GET / HTTP/1.9", Ok((Method::Get, "/", None, Http11))),
        ("GET  /  HTTP/1.1 ", Ok((Method::Get, "/", None, Http11))),
        ("GET /a b HTTP/1.1", Ok((Method::Get, "/a b", None, Http11))),
        ("GET /\u{e9} HTTP/1.1", Ok((Method::Get, "/\u{e9}", None, Http11))),
        ("GET / HTTP/0.9", Err(E::SimpleRequest)),
        ("GET /", Err(E::SimpleRequest)),
        ("GET", Err(E::TargetMissing)),
        ("GET HTTP/1.1", Err(E::TargetMissing)),
        ("GET  HTTP/1.1", Err(E::TargetMissing)),
        ("GET / HTTP/2.0", Err(E::VersionUnsupported)),
        ("PRI * HTTP/2.0", Err(E::VersionUnsupported)),
        ("GET / HTTP/1.10", Err(E::Version)),
        ("GET / http/1.1", Err(E::Version)),
        ("GET / HTTP/11", Err(E::Version)),
        ("GET / HTTP/1.1x", Err(E::Version)),
        ("GET a HTTP/1.1", Err(E::TargetForm)),
        ("GET * HTTP/1.1", Err(E::TargetForm)),
        ("GET ftp://a/ HTTP/1.1", Err(E::TargetForm)),
        ("GET http://a#b HTTP/1.1", Err(E::TargetForm)),
        ("GET http:/// HTTP/1.1", Err(E::Host)),
        ("GET http://u@a/ HTTP/1.1", Err(E::Host)),
        (r"GET /\x00 HTTP/1.1", Err(E::Target)),
        (r"GET /\ra HTTP/1.1", Err(E::Target)),
        (" GET / HTTP/1.1", Err(E::Method)),
        ("G(T / HTTP/1.1", Err(E::Method)),
        (r"GET\t/ HTTP/1.1", Err(E::Method)),
        (":method / HTTP/1.1", Err(E::Method)),
    ];
    for (line, expected) in rows {
        let raw = with_lines(line, "");
        let got = parse(&raw).map(|(head, _)| {
            let text = |span: Span| String::from_utf8(span.of(&raw).to_vec()).unwrap();
            let query = head.has_query.then(|| text(head.query));
            (head.method, text(head.path), query, head.version)
        });
        let expected =
            expected.map(|(m, path, q, v)| (m, path.to_owned(), q.map(str::to_owned), v));
        assert_eq!(got, expected, "{line}");
    }
}

#[test]
fn empty_lines_before_the_request_line() {
    let rows: &[(&str, &[DesyncReason])] = &[
        (r"\r\n", &[]),
        (r"\r\n\r\n", &[]),
        (r"\n", &[DesyncReason::NonCrLfLineTermination]),
        (r"\r\n\n", &[DesyncReason::NonCrLfLineTermination]),
    ];
    for (empty, reasons) in rows {
        let raw = [unescape(empty), with_lines("GET / HTTP/1.1", "")].concat();
        let (head, _) = parse(&raw).unwrap();
        assert_eq!(head.reasons, Reasons::of(reasons), "{empty}");
        assert_eq!(head.len, raw.len(), "{empty}");
    }
}

#[test]
fn framing() {
    use FramingError::*;
    type Row = (&'static str, Result<Framing, FramingError>);
    let rows: &[Row] = &[
        ("", Ok(Framing::None)),
        (r"Content-Length: 0\r\n", Ok(Length(0))),
        (r"Content-Length: 5\r\n", Ok(Length(5))),
        (r"content-LENGTH:\t 5 \t\r\n", Ok(Length(5))),
        (r"Content-Length: 007\r\n", Ok(Length(7))),
        (r"Content-Length: 5\r\nContent-Length: 5\r\n", Ok(Length(5))),
        (r"Content-Length: 9223372036854775807\r\n", Ok(Length(i64::MAX as u64))),
        (r"Content-Length: 9223372036854775808\r\n", Err(LengthMalformed)),
        (r"Content-Length: 99999999999999999999999\r\n", Err(LengthMalformed)),
        (r"Content-Length: 5\r\nContent-Length: 6\r\n", Err(LengthsDiffer)),
        (r"Content-Length: 5, 5\r\n", Err(LengthMalformed)),
        (r"Content-Length: +5\r\n", Err(LengthMalformed)),
        (r"Content-Length: -5\r\n", Err(LengthMalformed)),
        (r"Content-Length: 0x5\r\n", Err(LengthMalformed)),
        (r"Content-Length: 5_0\r\n", Err(LengthMalformed)),
        (r"Content-Length:\r\n", Err(LengthMalformed)),
        (r"Content-Length: \x0b5\r\n", Err(LengthMalformed)),
        (r"Transfer-Encoding: chunked\r\n", Ok(Chunked)),
        (r"Transfer-Encoding: CHUNKED\r\n", Ok(Chunked)),
        (r"Transfer-Encoding: identity, chunked\r\n", Ok(Chunked)),
        (r"Transfer-Encoding: identity\r\n", Ok(Framing::None)),
        (r"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", Ok(Length(5))),
        (r"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Ok(Chunked)),
        (r"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Ok(Chunked)),
        (r"Transfer-Encoding: chunked, identity\r\n", Err(CodingMalformed)),
        (r"Transfer-Encoding: chunked, chunked\r\n", Err(ChunkedTwice)),
        (r"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(ChunkedTwice)),
        (r"Transfer-Encoding: gzip, chunked\r\n", Err(CodingUnsupported)),
        (r"Transfer-Encoding: chunked, gzip\r\n", Err(CodingUnsupported)),
        (r"Transfer-Encoding: xchunked\r\n", Err(CodingUnknown)),
        (r"Transfer-Encoding: chunked;q=1\r\n", Err(CodingUnknown)),
        (r"Transfer-Encoding: chunked\x0b\r\n", Err(CodingMalformed)),
        (r"Transfer-Encoding: \x0bchunked\r\n", Err(CodingMalformed)),
        (r#"Transfer-Encoding: "chunked"\r\n"#, Err(CodingMalformed)),
        (r"Transfer-Encoding: chunked,\r\n", Err(CodingMalformed)),
        (r"Transfer-Encoding:\r\n", Err(CodingMalformed)),
        // Look-alikes never frame.
        (r"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", Ok(Length(5))),
        (r"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", Ok(Length(5))),
        (r"\x0bTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", Ok(Length(5))),
        (r"X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Ok(Length(5))),
        (r"X: y\nContent-Length: 5\n", Ok(Length(5))),
    ];
    for (lines, expected) in rows {
        let raw = with_lines("POST / HTTP/1.1", lines);
        let expected = expected.map_err(RequestError::Framing);
        assert_eq!(parse(&raw).map(|(head, _)| head.framing), expected, "{lines}");
    }
}

/// What is said in one way only by one reader closes the connection, whatever the mode.
#[test]
fn connections() {
    type Row = (&'static str, &'static str, bool, &'static [DesyncReason]);
    use DesyncReason::*;
    let rows: &[Row] = &[
        ("1.1", "", true, &[]),
        ("1.1", r"Connection: close\r\n", false, &[]),
        ("1.1", r"Connection: foo, CLOSE ,bar\r\n", false, &[]),
        ("1.1", r"Connection: keep-alive, close\r\n", false, &[]),
        ("1.0", "", false, &[]),
        ("1.0", r"Connection: Keep-Alive\r\n", true, &[]),
        ("1.0", r"Connection: keep-alive\r\nConnection: close\r\n", false, &[]),
        (
            "1.0",
            r"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
            false,
            &[UndefinedTransferEncodingSemantics],
        ),
        ("1.1", r"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", false, &[BothTeClPresent]),
        ("1.1", r"Transfer-Encoding: identity\r\n", false, &[UndefinedTransferEncodingSemantics]),
        ("1.1", r"Content-Length : 3\r\n", false, &[NonCompliantHeader, SuspiciousHeader]),
        ("1.1", r"Content_Length: 3\r\n", false, &[SuspiciousHeader]),
        (
            "1.1",
            r"Content_Length: 3\r\nTransfer-Encoding: chunked\r\n",
            false,
            &[SuspiciousHeader, SuspiciousTeClPresent],
        ),
        (
            "1.1",
            r"Content_Length: 3\r\nContent-Length: 4\r\n",
            false,
            &[SuspiciousHeader, MultipleContentLength],
        ),
        ("1.1", r"GET /admin HTTP/1.1\r\n", false, &[MissingHeaderColon]),
        ("1.1", r": x\r\n", false, &[EmptyHeader]),
        ("1.1", r"X: a\nY: b\r\n", true, &[NonCrLfLineTermination]),
        ("1.1", r"X: a\r\n b\r\n", true, &[MultilineHeader]),
        ("1.1", r"X: a\x01\r\n", true, &[NonCompliantHeader]),
        ("1.1", r"X Y: a\r\n", true, &[NonCompliantHeader]),
        ("1.1", r"X: \xffa\r\n", true, &[]),
        ("1.5", "", true, &[NonCompliantVersion]),
    ];
    for (version, lines, keep_alive, reasons) in rows {
        let raw = with_lines(&format!("POST / HTTP/{version}"), lines);
        let (head, _) = parse(&raw).unwrap_or_else(|error| panic!("{lines}: {error}"));
        assert_eq!(head.keep_alive, *keep_alive, "{version} {lines}");
        assert_eq!(head.reasons, Reasons::of(reasons), "{version} {lines}");
        assert_eq!(head.class, head.reasons.class(), "{version} {lines}");
    }
}

#[test]
fn headers_that_no_mode_routes() {
    use RequestError as E;
    let rows: &[(&str, E)] = &[
        (r"X: a\x00b\r\n", E::Header),
        (r"X\x00: a\r\n", E::Header),
        (r"X: a\rb\r\n", E::Header),
        (r"X: a\r\r\n", E::Header),
        (r"\rX: a\r\n", E::Header),
        (r"X: a\rContent-Length: 5\r\n", E::Header),
        (r"Transfer-Encoding:\r\n chunked\r\n", E::Folded),
        (r"Content-Length: 1\r\n 0\r\n", E::Folded),
        (r"Connection: close\r\n\tx\r\n", E::Folded),
        (r"Host: a\r\n b\r\n", E::Folded),
        (r"Host: a b\r\n", E::Host),
        (r"Host: a/b\r\n", E::Host),
        (r"Host: u@a\r\n", E::Host),
        (r"Host: \xc3\xa9\r\n", E::Host),
    ];
    for (lines, expected) in rows {
        let raw = with_lines("GET / HTTP/1.1", lines);
        assert_eq!(parse(&raw).map(|_| ()), Err(*expected), "{lines}");
    }
}

#[test]
fn hosts() {
    type Row = (&'static str, Result<Option<&'static str>, RequestError>);
    let rows: &[Row] = &[
        (r"GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", Ok(Some("a:80"))),
        (r"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", Ok(Some("[::1]:80"))),
        (r"GET / HTTP/1.1\r\nHost:\r\n\r\n", Ok(Some(""))),
        (r"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Ok(Some("a"))),
        (r"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Ok(Some("b"))),
        (r"GET http://b/ HTTP/1.1\r\n\r\n", Ok(Some("b"))),
        (r"GET / HTTP/1.0\r\n\r\n", Ok(None)),
        (r"GET / HTTP/1.1\r\n\r\n", Err(RequestError::HostMissing)),
        (r"GET / HTTP/1.1\r\nHost : a\r\n\r\n", Err(RequestError::HostMissing)),
    ];
    for (raw, expected) in rows {
        let raw_bytes = unescape(raw);
        let got = parse(&raw_bytes)
            .map(|(head, _)| head.host.map(|host| host.of(&raw_bytes).escape_ascii().to_string()));
        assert_eq!(got, expected.map(|host| host.map(str::to_owned)), "{raw}");
    }
}

#[test]
fn upgrades_and_expectations() {
    // Upgrade, WebSocket, 100-continue.
    let rows: &[(&str, &str, [bool; 3])] = &[
        ("1.1", r"Connection: Upgrade\r\nUpgrade: websocket\r\n", [true, true, false]),
        ("1.1", r"Connection: a, upgrade\r\nUpgrade: x, WebSocket\r\n", [true, true, false]),
        ("1.1", r"Connection: upgrade\r\nUpgrade: other\r\n", [true, false, false]),
        ("1.1", r"Upgrade: websocket\r\n", [false, false, false]),
        ("1.1", r"Connection: upgrade\r\n", [false, false, false]),
        ("1.0", r"Connection: upgrade\r\nUpgrade: websocket\r\n", [false, false, false]),
        ("1.1", r"Connection: upgrade\r\nUpgrade: h2c\r\n", [false, false, false]),
        ("1.1", r"Connection: upgrade\r\nUpgrade: websocket, H2C\r\n", [false, false, false]),
        ("1.1", r"Expect: 100-Continue\r\n", [false, false, true]),
        ("1.0", r"Expect: 100-continue\r\n", [false, false, false]),
        ("1.1", r"Expect: other\r\n", [false, false, false]),
    ];
    for (version, lines, expected) in rows {
        let raw = with_lines(&format!("GET / HTTP/{version}"), lines);
        let (head, _) = parse(&raw).unwrap();
        let got = [head.upgrade, head.websocket, head.expect_continue];
        assert_eq!(got, *expected, "{version} {lines}");
    }
}

#[test]
fn forwarded_addresses_are_counted() {
    let rows: &[(&str, u32)] = &[
        ("", 0),
        (r"X-Forwarded-For: a\r\n", 1),
        (r"X-Forwarded-For: a, b,c\r\nx-forwarded-for: d\r\n", 4),
        (r"X-Forwarded-For: , ,\r\n", 0),
    ];
    for (lines, expected) in rows {
        let raw = with_lines("GET / HTTP/1.1", lines);
        assert_eq!(parse(&raw).unwrap().0.forwarded_for_count, *expected, "{lines}");
    }
}

#[test]
fn look_alikes() {
    let rows: &[(&str, bool)] = &[
        ("Transfer_Encoding", true),
        ("Transfer--Encoding", true),
        ("Transfer.Encoding", true),
        ("-Content-Length", true),
        ("Content-Length ", true),
        ("_content_length_", true),
        (r"\xa0Content-Length", true),
        (r"Tran\xc5\xbffer-Encoding", true),
        (r"Transfer-Encod\xc4\xb1ng", true),
        ("Content-Lengths", false),
        ("Content-Length2", false),
        ("Content-Encoding", false),
        ("TE-Transfer-Encoding", false),
        ("X-Content-Length", false),
        ("ContentLength", false),
    ];
    for (name, expected) in rows {
        let raw = with_lines("POST / HTTP/1.1", &format!(r"{name}: 5\r\n"));
        let (head, fields) = parse(&raw).unwrap();
        let found = fields.iter().any(|field| matches!(field.kind, FieldKind::LookAlike(_)));
        assert_eq!(found, *expected, "{name}");
        assert_eq!(head.reasons.contains(DesyncReason::SuspiciousHeader), *expected, "{name}");
    }
}

#[test]
fn limits() {
    use RequestError as E;
    let long = |length: usize| "a".repeat(length);
    let lines = |count: usize| r"A: b\r\n".repeat(count);
    let line = |length: usize| format!("GET /{} HTTP/1.1", long(length - 14));
    let headers = |count: usize| format!(r"A: {}\r\n", long(8000)).repeat(count);
    let rows: &[(&str, Vec<u8>, Option<E>)] = &[
        ("line at its limit", with_lines(&line(REQUEST_LINE_MAX), ""), None),
        ("line too long", with_lines(&line(REQUEST_LINE_MAX + 1), ""), Some(E::LineTooLong)),
        (
            "header at its limit",
            with_lines("GET / HTTP/1.1", &format!(r"A: {}\r\n", long(HEADER_LINE_MAX - 3))),
            None,
        ),
        (
            "header too long",
            with_lines("GET / HTTP/1.1", &format!(r"A: {}\r\n", long(HEADER_LINE_MAX - 2))),
            Some(E::HeadTooLarge),
        ),
        (
            "folded header too long",
            with_lines("GET / HTTP/1.1", &format!(r"A: {0}\r\n {0}\r\n", long(9000))),
            Some(E::HeadTooLarge),
        ),
        ("eight large headers", with_lines("GET / HTTP/1.1", &headers(8)), None),
        ("nine large headers", with_lines("GET / HTTP/1.1", &headers(9)), Some(E::HeadTooLarge)),
        ("many headers", with_lines("GET / HTTP/1.1", &lines(crate::FIELDS_MAX - 1)), None),
        (
            "too many headers",
            with_lines("GET / HTTP/1.1", &lines(crate::FIELDS_MAX)),
            Some(E::HeadTooLarge),
        ),
        ("far too many", with_lines("GET / HTTP/1.1", &lines(9000)), Some(E::HeadTooLarge)),
    ];
    for (name, raw, expected) in rows {
        assert_eq!(parse(raw).err(), *expected, "{name}");
    }
}

#[test]
fn partial_heads() {
    use RequestError as E;
    let long = "a".repeat(REQUEST_HEAD_MAX);
    let rows: &[(&str, String, Option<E>)] = &[
        ("nothing", "".into(), None),
        ("an empty line begun", r"\r".into(), None),
        ("empty lines", r"\r\n\r\n".into(), None),
        ("too many empty lines", r"\r\n".repeat(5), Some(E::Method)),
        ("half a method", "GE".into(), None),
        ("half a line", "GET / HT".into(), None),
        ("line end begun", r"GET / HTTP/1.1\r".into(), None),
        ("no blank line yet", r"GET / HTTP/1.1\r\nHost: h\r\n".into(), None),
        ("blank line begun", r"GET / HTTP/1.1\r\nHost: h\r\n\r".into(), None),
        ("TLS", r"\x16\x03\x01\x02\x00\x01".into(), Some(E::Method)),
        ("endless method", long[..200].into(), Some(E::Method)),
        (
            "endless target",
            format!("GET /{long}")[..REQUEST_LINE_MAX + 2].into(),
            Some(E::LineTooLong),
        ),
        (
            "endless header",
            format!(r"GET / HTTP/1.1\r\nA: {}", &long[..HEADER_LINE_MAX - 1]),
            Some(E::HeadTooLarge),
        ),
    ];
    for (name, text, expected) in rows {
        let raw = unescape(text);
        let mut fields = Fields::new();
        match (parse_request(&raw, &mut fields), expected) {
            (Ok(Parsed::Partial), None) => {}
            (Err(error), Some(expected)) => assert_eq!(error, *expected, "{name}"),
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn every_prefix_is_partial() {
    let raw = with_lines(
        r"\r\nPOST /a?b HTTP/1.1",
        r"X: y\r\n z\r\nContent-Length: 5\nConnection: close\r\n",
    );
    let mut fields = Fields::new();
    for length in 0..raw.len() {
        let got = parse_request(&raw[..length], &mut fields);
        assert!(matches!(got, Ok(Parsed::Partial)), "{length}: {got:?}");
    }
    let mut more = raw.clone();
    more.extend_from_slice(b"hello\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    let (head, fields) = parse(&more).unwrap();
    assert_eq!((head.len, head.framing), (raw.len(), Length(5)));
    assert_eq!(fields.values(&more, "x").collect::<Vec<_>>(), [b"y\r\n z"]);
}

proptest! {
    #![proptest_config(crate::test_bytes::cases(2_000))]

    #[test]
    fn never_panics(raw in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_request(&raw, &mut Fields::new());
    }

    /// A head that is accepted looks the same to httparse, name by name and value by value.
    #[test]
    fn agrees_with_httparse(mut raw in heads()) {
        raw.extend_from_slice(b"\r\n\r\n");
        let mut fields = Fields::new();
        let Ok(Parsed::Complete(head)) = parse_request(&raw, &mut fields) else { return Ok(()) };
        prop_assert!(head.len <= raw.len());
        // httparse knows no folding, no bad names, and none of what ALB lets pass.
        let plain = Reasons::of(&[
            DesyncReason::DuplicateContentLength,
            DesyncReason::BothTeClPresent,
            DesyncReason::UndefinedTransferEncodingSemantics,
            DesyncReason::UndefinedContentLengthSemantics,
            DesyncReason::GetHeadZeroContentLength,
        ]);
        if head.reasons.iter().any(|reason| !plain.contains(reason)) {
            return Ok(());
        }
        let mut theirs = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut theirs);
        let status = request.parse(&raw);
        if status == Err(httparse::Error::Token) && head.path.of(&raw).iter().any(|b| *b >= 0x80) {
            return Ok(());
        }
        prop_assert_eq!(status, Ok(httparse::Status::Complete(head.len)));
        prop_assert_eq!(request.method.map(str::as_bytes), Some(head.method_text.of(&raw)));
        prop_assert_eq!(request.path.map(str::as_bytes), Some(head.target.of(&raw)));
        prop_assert_eq!(request.headers.len(), fields.len());
        for (ours, theirs) in fields.iter().zip(request.headers.iter()) {
            prop_assert_eq!(ours.name.of(&raw), theirs.name.as_bytes());
            prop_assert_eq!(ours.value.of(&raw), crate::bytes::trim(theirs.value));
        }
    }

    /// However the bytes arrive, the answer is the same.
    #[test]
    fn pieces_do_not_matter(raw in heads()) {
        let mut fields = Fields::new();
        let whole = parse_request(&raw, &mut fields);
        for length in 0..raw.len() {
            match parse_request(&raw[..length], &mut fields) {
                Ok(Parsed::Partial) => {}
                Ok(Parsed::Complete(early)) => {
                    let Ok(Parsed::Complete(head)) = &whole else { panic!("{whole:?}") };
                    prop_assert_eq!(early.len, head.len);
                    prop_assert_eq!(early.framing, head.framing);
                    prop_assert_eq!(early.reasons, head.reasons);
                    break;
                }
                Err(early) => {
                    prop_assert_eq!(early.refusal(), whole.unwrap_err().refusal());
                    break;
                }
            }
        }
    }
}
