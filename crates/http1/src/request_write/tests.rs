use proptest::prelude::*;

use super::*;
use crate::test_bytes::unescape;
use crate::{Parsed, RequestHead, parse_request};

const EDIT: RequestEdit<'static> = RequestEdit {
    client: None,
    host: HostEdit::Set(b"h"),
    target: None,
    forwarded_for: ForwardedFor::Append(b"9.9.9.9"),
    scheme: "http",
    port: "80",
    trace_id: b"Root=1",
    drop_invalid_names: false,
    upgrade: false,
    tls: None,
};

fn parse(raw: &[u8]) -> (RequestHead, Fields) {
    let mut fields = Fields::new();
    match parse_request(raw, &mut fields) {
        Ok(Parsed::Complete(head)) => (head, fields),
        other => panic!("{}: {other:?}", raw.escape_ascii()),
    }
}

fn write(raw: &[u8], edit: &RequestEdit<'_>) -> String {
    let (head, fields) = parse(raw);
    let mut out = Vec::new();
    write_request(&mut out, raw, &head, &fields, edit);
    String::from_utf8(out).expect("UTF-8")
}

/// The lines between ours, which [`EDIT`] puts around them.
fn kept(raw: &str, edit: &RequestEdit<'_>) -> String {
    let text = write(&unescape(raw), edit);
    let (_, text) = text.split_once("\r\nHost: h\r\n").expect("host");
    let (text, own) =
        text.split_once("X-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n").expect("own");
    assert!(own.ends_with("\r\n\r\n"), "{own}");
    text.strip_suffix("X-Forwarded-For: 9.9.9.9\r\n").unwrap_or(text).escape_default().to_string()
}

#[test]
fn a_whole_head() {
    let raw = b"POST /a?b HTTP/1.0\r\nAccept: */*\r\nHOST: X\r\nX-Forwarded-For: 1.1.1.1\r\n\
        content-length: 03\r\nConnection: keep-alive\r\nA:b\r\nC: d\r\n\r\nabc";
    let edit = RequestEdit { tls: Some(("TLSv1.3", "TLS_AES_128_GCM_SHA256")), ..EDIT };
    let expected = "POST /a?b HTTP/1.1\r\nHost: h\r\nAccept: */*\r\nA:b\r\nC: d\r\n\
        Content-Length: 3\r\nX-Forwarded-For: 1.1.1.1, 9.9.9.9\r\nX-Forwarded-Proto: http\r\n\
        X-Forwarded-Port: 80\r\nX-Amzn-Trace-Id: Root=1\r\nx-amzn-tls-version: TLSv1.3\r\n\
        x-amzn-tls-cipher-suite: TLS_AES_128_GCM_SHA256\r\n\r\n";
    assert_eq!(write(raw, &edit), expected);
}

#[test]
fn lines_that_are_kept() {
    let drop = RequestEdit { drop_invalid_names: true, ..EDIT };
    let upgrade = RequestEdit { upgrade: true, ..EDIT };
    let rows: &[(&str, &RequestEdit<'_>, &str)] = &[
        ("", &EDIT, ""),
        (r"A: b\r\nB:c\r\nC:  d  \r\n", &EDIT, r"A: b\r\nB:c\r\nC:  d\r\n"),
        (r"A:\r\nB: \r\nC: d\r\n", &EDIT, r"A:\r\nB:\r\nC: d\r\n"),
        (r"A: b\nB: c \nC: d\n", &EDIT, r"A: b\r\nB: c\r\nC: d\r\n"),
        (r"A: b\r\n c\r\n\td\r\nE: f\r\n", &EDIT, r"A: b   c  \td\r\nE: f\r\n"),
        (r"A:\r\n b\r\n", &EDIT, r"A:   b\r\n"),
        // Named in Connection.
        (r"Connection: X, close\r\nx: y\r\nZ: z\r\n", &EDIT, r"Z: z\r\n"),
        (r"Connection: Host, X-Forwarded-For\r\nZ: z\r\n", &EDIT, r"Z: z\r\n"),
        (r"Connection: content-length\r\nContent-Length: 5\r\n", &EDIT, r"Content-Length: 5\r\n"),
        // For us.
        (r"Keep-Alive: 1\r\nTE: trailers\r\nProxy-Connection: x\r\nA: b\r\n", &EDIT, r"A: b\r\n"),
        (r"Proxy-Authorization: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n", &EDIT, ""),
        (r"Expect: 100-continue\r\n", &EDIT, ""),
        (r"Expect: other\r\n", &EDIT, r"Expect: other\r\n"),
        // Said by us only.
        (r"X-Forwarded-Proto: https\r\nx-forwarded-port: 1\r\nX-Amzn-Trace-Id: x\r\n", &EDIT, ""),
        (r"X-Amzn-Tls-Version: x\r\nX-Amzn-Tls-Cipher-Suite: y\r\n", &EDIT, ""),
        // Names.
        (r"A_b: c\r\nD: e\r\n", &EDIT, r"A_b: c\r\nD: e\r\n"),
        (r"A_b: c\r\nD: e\r\n", &drop, r"D: e\r\n"),
        (r"A b: c\r\nD : e\r\nF: g\r\n", &EDIT, r"F: g\r\n"),
        (r"A: b\r\nGET /admin HTTP/1.1\r\nC: d\r\n", &EDIT, r"A: b\r\nC: d\r\n"),
        // Framing.
        (
            r"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            &EDIT,
            r"Transfer-Encoding: chunked\r\n",
        ),
        (r"Transfer-Encoding: identity, CHUNKED\r\n", &EDIT, r"Transfer-Encoding: chunked\r\n"),
        (r"Transfer-Encoding: identity\r\n", &EDIT, ""),
        (
            r"Content-Length: 5\r\nContent-Length: 5\r\nA: b\r\n",
            &EDIT,
            r"A: b\r\nContent-Length: 5\r\n",
        ),
        (r"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", &EDIT, r"Content-Length: 5\r\n"),
        (r"Transfer-Encoding : chunked\r\n", &EDIT, ""),
        (r"\x0bTransfer-Encoding: chunked\r\n", &EDIT, ""),
        (r"A: b\r\n Content-Length: 5\r\nC: d\r\n", &EDIT, r"A: b\r\nC: d\r\n"),
        // Upgrades.
        (
            r"Connection: upgrade, x\r\nUpgrade: websocket\r\nX: y\r\n",
            &upgrade,
            r"Upgrade: websocket\r\n",
        ),
    ];
    for (lines, edit, expected) in rows {
        let raw = format!(r"POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        assert_eq!(kept(&raw, edit), *expected, "{lines}");
    }
}

#[test]
fn upgrades_are_announced() {
    let raw = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    let text = write(raw, &RequestEdit { upgrade: true, ..EDIT });
    assert_eq!(text.matches("Connection: upgrade\r\n").count(), 1, "{text}");
}

#[test]
fn targets() {
    let rows: &[(&str, Option<&str>, &str)] = &[
        ("/", None, "/"),
        ("/a//b/../%2e?c=%20?d", None, "/a//b/../%2e?c=%20?d"),
        ("/a?", None, "/a?"),
        ("/a b", None, "/a%20b"),
        ("/a\t\x7f#b?c#d", None, "/a%09%7F%23b?c%23d"),
        ("http://x/y?z", None, "/y?z"),
        ("http://x", None, "/"),
        ("http://x?y", None, "/?y"),
        ("/a?b", Some("/c?d"), "/c?d"),
        ("/a?b", Some("/c d\r\nX: y"), "/c%20d%0D%0AX:%20y"),
    ];
    for (target, edited, expected) in rows {
        let raw = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let edit = RequestEdit { target: edited.map(str::as_bytes), ..EDIT };
        let text = write(raw.as_bytes(), &edit);
        let line = text.lines().next().unwrap_or_default();
        assert_eq!(line, format!("GET {expected} HTTP/1.1"), "{target}");
    }
}

#[test]
fn hosts() {
    let rows: &[(&str, &str, HostEdit<'_>, &[&str])] = &[
        ("/", "Host: a\r\n", HostEdit::Set(b"b"), &["b"]),
        ("/", "Host: a\r\nhost: b\r\n", HostEdit::Set(b"c"), &["c"]),
        ("/", "Host: A\r\nhost: b\r\n", HostEdit::Keep, &["A", "b"]),
        ("http://x/", "Host: a\r\n", HostEdit::Keep, &["x"]),
        ("http://x/", "", HostEdit::Keep, &["x"]),
        ("/", "Host: a\r\n", HostEdit::Set(b"b\r\nX: y"), &["b  X: y"]),
    ];
    for (target, lines, host, expected) in rows {
        let raw = format!("GET {target} HTTP/1.1\r\n{lines}\r\n");
        let text = write(raw.as_bytes(), &RequestEdit { host: *host, ..EDIT });
        let hosts: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
            .map(|(_, value)| value)
            .collect();
        assert_eq!(hosts, *expected, "{target} {lines}");
    }
}

#[test]
fn forwarded_for() {
    use super::ForwardedFor::*;
    let two = "X-Forwarded-For: 1.1.1.1 , 2.2.2.2\r\nx-forwarded-for: 3.3.3.3\r\n";
    let rows: &[(&str, ForwardedFor<'_>, &str)] = &[
        ("", Append(b"9.9.9.9"), "X-Forwarded-For: 9.9.9.9\r\n"),
        (two, Append(b"[::1]:5"), "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, [::1]:5\r\n"),
        ("X-Forwarded-For:\r\n", Append(b"9.9.9.9"), "X-Forwarded-For: 9.9.9.9\r\n"),
        (two, Preserve, two),
        (two, Remove, ""),
        ("", Preserve, ""),
    ];
    for (lines, edit, expected) in rows {
        let raw = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let text = write(raw.as_bytes(), &RequestEdit { forwarded_for: *edit, ..EDIT });
        let found: String = text
            .split_inclusive("\r\n")
            .filter(|line| line.to_ascii_lowercase().starts_with("x-forwarded-for:"))
            .collect();
        assert_eq!(found, *expected, "{lines} {edit:?}");
    }
}

proptest! {
    #![proptest_config(crate::test_bytes::cases(20_000))]

    /// What leaves has the meaning of what came, and one meaning only: nothing about it is
    /// doubtful any more, and one framing header at most says where it ends.
    #[test]
    fn what_leaves_is_compliant(mut raw in crate::test_bytes::heads()) {
        raw.extend_from_slice(b"\r\n\r\n");
        let mut fields = Fields::new();
        let Ok(Parsed::Complete(head)) = parse_request(&raw, &mut fields) else { return Ok(()) };
        if head.method == crate::Method::Connect {
            return Ok(());
        }
        let mut out = Vec::new();
        let edit = RequestEdit { upgrade: head.upgrade, ..EDIT };
        write_request(&mut out, &raw, &head, &fields, &edit);
        let text = out.escape_ascii().to_string();
        let mut again_fields = Fields::new();
        let again = match parse_request(&out, &mut again_fields) {
            Ok(Parsed::Complete(again)) => again,
            other => return Err(TestCaseError::fail(format!("{other:?}: {text}"))),
        };
        prop_assert_eq!(again.len, out.len(), "{}", text);
        prop_assert_eq!(again.framing, head.framing, "{}", text);
        let framers = again_fields.iter().filter(|field| {
            matches!(field.kind, FieldKind::ContentLength | FieldKind::TransferEncoding)
        });
        prop_assert_eq!(framers.count(), usize::from(head.framing != Framing::None), "{}", text);
        // A body with GET stays; so do control characters that break nothing.
        let remaining = crate::Reasons::of(&[
            model::DesyncReason::UndefinedContentLengthSemantics,
            model::DesyncReason::UndefinedTransferEncodingSemantics,
            model::DesyncReason::GetHeadZeroContentLength,
            model::DesyncReason::NonCompliantHeader,
        ]);
        let doubts = again.reasons.iter().find(|reason| !remaining.contains(*reason));
        prop_assert_eq!(doubts, None, "{}", text);
        prop_assert_eq!(again.upgrade, head.upgrade, "{}", text);
        prop_assert!(!again.expect_continue, "{}", text);
        prop_assert!(!out.contains(&0), "{}", text);
        prop_assert!(again_fields.iter().all(|field| field.kind != FieldKind::NotToken), "{}", text);
    }
}
