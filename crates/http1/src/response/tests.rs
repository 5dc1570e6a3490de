use proptest::prelude::*;

use super::*;
use crate::test_bytes::unescape;

fn parse(raw: &[u8], request: Method) -> Result<(ResponseHead, Fields), ResponseError> {
    let mut fields = Fields::new();
    match parse_response(raw, &mut fields, request)? {
        Parsed::Complete(head) => Ok((head, fields)),
        Parsed::Partial => panic!("partial: {}", raw.escape_ascii()),
    }
}

#[test]
fn status_lines() {
    type Row = (&'static str, Option<(Version, u16, &'static str)>);
    use Version::*;
    let rows: &[Row] = &[
        ("HTTP/1.1 200 OK", Some((Http11, 200, "OK"))),
        ("HTTP/1.0 404 Not Found", Some((Http10, 404, "Not Found"))),
        ("HTTP/1.1 200 ", Some((Http11, 200, ""))),
        ("HTTP/1.1 200", Some((Http11, 200, ""))),
        ("HTTP/1.2 200 OK", Some((Http11, 200, "OK"))),
        ("HTTP/1.1 999 \u{e9}\t!", Some((Http11, 999, "\u{e9}\t!"))),
        ("HTTP/1.1 20 OK", None),
        ("HTTP/1.1 2000 OK", None),
        ("HTTP/1.1 099 OK", None),
        ("HTTP/1.1 +20 OK", None),
        ("HTTP/1.1  200 OK", None),
        ("HTTP/2.0 200 OK", None),
        ("HTTP/1.1\t200 OK", None),
        ("http/1.1 200 OK", None),
        ("ICY 200 OK", None),
        ("HTTP/1.1 200 O\\x00K", None),
        ("HTTP/1.1 200 O\\rK", None),
        ("HTTP/1.1 200 O\\x1bK", None),
        ("\\r\\nHTTP/1.1 200 OK", None),
    ];
    for (line, expected) in rows {
        let raw = unescape(&format!(r"{line}\r\n\r\n"));
        let got = parse(&raw, Method::Get).ok().map(|(head, _)| {
            (head.version, head.status, String::from_utf8(head.reason.of(&raw).to_vec()).unwrap())
        });
        assert_eq!(got, expected.map(|(v, s, reason)| (v, s, reason.to_owned())), "{line}");
    }
}

/// RFC 9112 §2.2: "either reject the message as invalid or consume each whitespace-preceded line".
#[test]
fn a_line_that_continues_nothing_is_no_header() {
    for (headers, refused) in [
        (r" A: b\r\n", true),
        (r"\tA: b\r\nB: c\r\n", true),
        (r"B: c\r\n more\r\n", false),
        (r"B: c\r\n A: b\r\n", false),
    ] {
        let raw = unescape(&format!(r"HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n"));
        assert_eq!(parse(&raw, Method::Get).is_err(), refused, "{headers}");
    }
}

#[test]
fn framing_and_connection() {
    use Framing::*;
    use Method::{Get, Head};
    type Row = (&'static str, &'static str, Method, Option<(Framing, bool)>);
    let rows: &[Row] = &[
        ("1.1 200", "", Get, Some((UntilClose, false))),
        ("1.1 200", r"Content-Length: 5\r\n", Get, Some((Length(5), true))),
        ("1.1 200", r"Content-Length: 0\r\n", Get, Some((Length(0), true))),
        ("1.1 200", r"Content-Length: 5\r\nContent-Length: 5\r\n", Get, Some((Length(5), true))),
        ("1.1 200", r"Content-Length: 5\r\nConnection: close\r\n", Get, Some((Length(5), false))),
        ("1.0 200", r"Content-Length: 5\r\n", Get, Some((Length(5), false))),
        (
            "1.0 200",
            r"Content-Length: 5\r\nConnection: keep-alive\r\n",
            Get,
            Some((Length(5), true)),
        ),
        ("1.1 200", r"Transfer-Encoding: chunked\r\n", Get, Some((Chunked, true))),
        ("1.1 200", r"Transfer-Encoding: identity\r\n", Get, Some((UntilClose, false))),
        ("1.1 200", r"Content-Length: 5\r\n", Head, Some((None, true))),
        ("1.1 200", r"Transfer-Encoding: chunked\r\n", Head, Some((None, true))),
        ("1.1 200", "", Head, Some((None, true))),
        ("1.1 304", r"Content-Length: 5\r\n", Get, Some((None, true))),
        ("1.1 204", "", Get, Some((None, true))),
        ("1.1 204", r"Content-Length: 5\r\n", Get, Some((None, false))),
        ("1.1 204", r"Transfer-Encoding: chunked\r\n", Get, Some((None, false))),
        ("1.1 100", "", Get, Some((None, true))),
        ("1.1 200", r"X: y\nContent-Length: 5\n", Get, Some((Length(5), true))),
        // Two readings.
        ("1.1 200", r"Content-Length: 5\r\nContent-Length: 6\r\n", Get, Option::None),
        ("1.1 200", r"Content-Length: 5, 5\r\n", Get, Option::None),
        ("1.1 200", r"Content-Length: +5\r\n", Get, Option::None),
        ("1.1 200", r"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Get, Option::None),
        ("1.1 200", r"Transfer-Encoding: gzip, chunked\r\n", Get, Option::None),
        ("1.1 200", r"Transfer-Encoding: chunked, chunked\r\n", Get, Option::None),
        ("1.1 200", r"Transfer-Encoding: xchunked\r\n", Get, Option::None),
        ("1.0 200", r"Transfer-Encoding: chunked\r\n", Get, Option::None),
        ("1.1 200", r"Transfer-Encoding:\r\n chunked\r\n", Get, Option::None),
        ("1.1 200", r"Transfer_Encoding: chunked\r\n", Get, Option::None),
        ("1.1 200", r"Content-Length : 5\r\n", Get, Option::None),
        ("1.1 200", r"X: y\r\n Content-Length: 5\r\n", Get, Option::None),
        // Splitting.
        ("1.1 200", r"X: a\rb\r\n", Get, Option::None),
        ("1.1 200", r"X: a\x00b\r\n", Get, Option::None),
        ("1.1 200", r"X: a\r\nHTTP/1.1 200 OK\r\n", Get, Option::None),
        ("1.1 200", r": a\r\n", Get, Option::None),
        ("1.1 200", r"X Y: a\r\n", Get, Option::None),
        ("1.1 200", r"Connection : close\r\n", Get, Option::None),
    ];
    for (line, lines, request, expected) in rows {
        let raw = unescape(&format!(r"HTTP/{line} R\r\n{lines}\r\n"));
        let got = parse(&raw, *request).ok().map(|(head, _)| (head.framing, head.keep_alive));
        assert_eq!(got, *expected, "{line} {lines} {request:?}");
    }
}

#[test]
fn switching() {
    let rows: &[(&str, bool)] = &[
        ("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", true),
        ("HTTP/1.1 101 S\r\n\r\n", false),
        ("HTTP/1.1 426 U\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n", false),
    ];
    for (raw, expected) in rows {
        let (head, _) = parse(raw.as_bytes(), Method::Get).unwrap();
        assert_eq!(head.upgrade, *expected, "{raw}");
    }
}

#[test]
fn limits() {
    use ResponseError as E;
    let long = "a".repeat(RESPONSE_HEAD_MAX);
    let many = "X: y\r\n".repeat(crate::FIELDS_MAX + 1);
    let rows: &[(&str, String, Option<E>)] = &[
        ("nothing", "".into(), None),
        ("begun", "HTTP/1".into(), None),
        ("line", "HTTP/1.1 200 OK\r\n".into(), None),
        ("not HTTP", "SSH-2.0".into(), Some(E::StatusLine)),
        ("one line", format!("HTTP/1.1 200 OK\r\nX: {}", &long[..17_000]), Some(E::HeadTooLarge)),
        ("many lines", format!("HTTP/1.1 200 OK\r\n{many}\r\n"), Some(E::HeadTooLarge)),
        (
            "all",
            format!("HTTP/1.1 200 OK\r\nA: {0}\r\nB: {0}\r\nC: {0}\r\n", &long[..12_000]),
            Some(E::HeadTooLarge),
        ),
        (
            "all at once",
            format!("HTTP/1.1 200 OK\r\nA: {0}\r\nB: {0}\r\nC: {0}\r\n\r\n", &long[..12_000]),
            Some(E::HeadTooLarge),
        ),
    ];
    for (name, raw, expected) in rows {
        let got = parse_response(raw.as_bytes(), &mut Fields::new(), Method::Get);
        assert_eq!(got.as_ref().err(), expected.as_ref(), "{name}");
        assert!(expected.is_some() || matches!(got, Ok(Parsed::Partial)), "{name}");
    }
}

proptest! {
    #![proptest_config(crate::test_bytes::cases(10_000))]

    #[test]
    fn never_panics(mut raw in crate::test_bytes::heads(), line in any::<bool>()) {
        if line {
            raw.splice(..0, *b"HTTP/1.1 200 OK\r\n");
        }
        raw.extend_from_slice(b"\r\n\r\n");
        let _ = parse_response(&raw, &mut Fields::new(), Method::Get);
    }

    /// A head that is accepted looks the same to httparse.
    #[test]
    fn agrees_with_httparse(rest in crate::test_bytes::heads()) {
        let mut raw = b"HTTP/1.1 200 OK\r\n".to_vec();
        raw.extend_from_slice(&rest);
        raw.extend_from_slice(b"\r\n\r\n");
        let mut fields = Fields::new();
        let Ok(Parsed::Complete(head)) = parse_response(&raw, &mut fields, Method::Get) else {
            return Ok(());
        };
        let untidy = |byte: &u8| crate::bytes::is_control(*byte) && !b"\r\n".contains(byte);
        if head.quirks.folded || raw[..head.len].iter().any(untidy) {
            return Ok(());
        }
        let mut theirs = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut theirs);
        let status = httparse::ParserConfig::default()
            .allow_spaces_after_header_name_in_responses(true)
            .parse_response(&mut response, &raw);
        prop_assert_eq!(status, Ok(httparse::Status::Complete(head.len)), "{}", raw.escape_ascii());
        prop_assert_eq!(response.headers.len(), fields.len());
        for (ours, theirs) in fields.iter().zip(response.headers.iter()) {
            prop_assert_eq!(ours.name.of(&raw), theirs.name.as_bytes());
            prop_assert_eq!(ours.value.of(&raw), crate::bytes::trim(theirs.value));
        }
    }
}
