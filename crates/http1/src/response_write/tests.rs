use super::*;
use crate::test_bytes::unescape;
use crate::{Method, Parsed, parse_response};

const EDIT: ResponseEdit<'static> = ResponseEdit {
    close: false,
    keep_alive_header: false,
    framing: Framing::None,
    remove_server: false,
    overrides: &[],
    raw_headers: b"",
    upgrade: false,
};

fn parse(raw: &[u8], request: Method) -> (ResponseHead, Fields) {
    let mut fields = Fields::new();
    match parse_response(raw, &mut fields, request) {
        Ok(Parsed::Complete(head)) => (head, fields),
        other => panic!("{}: {other:?}", raw.escape_ascii()),
    }
}

/// Passed on with the framing that the target chose, unless the row says another.
fn write(raw: &str, request: Method, framing: Option<Framing>, edit: &ResponseEdit<'_>) -> String {
    let raw = unescape(raw);
    let (head, fields) = parse(&raw, request);
    let mut out = Vec::new();
    let edit = ResponseEdit { framing: framing.unwrap_or(head.framing), ..*edit };
    write_response(&mut out, &raw, &head, &fields, &edit);
    String::from_utf8(out).expect("UTF-8").escape_default().to_string()
}

#[test]
fn heads() {
    use Method::{Get, Head};
    let close = ResponseEdit { close: true, ..EDIT };
    let keep = ResponseEdit { keep_alive_header: true, ..EDIT };
    let no_server = ResponseEdit { remove_server: true, ..EDIT };
    let cookie = ResponseEdit { raw_headers: b"Set-Cookie: a=b\r\n", ..EDIT };
    let upgrade = ResponseEdit { upgrade: true, ..EDIT };
    let chosen = [("X-Frame-Options".to_owned(), "DENY\r\nX: y".to_owned())];
    let overrides = ResponseEdit { overrides: &chosen, ..EDIT };
    type Row<'a> =
        (&'a str, &'a str, Method, Option<Framing>, &'a ResponseEdit<'a>, &'a str, &'a str);
    let until = Some(Framing::UntilClose);
    let chunked = Some(Framing::Chunked);
    let rows: &[Row<'_>] = &[
        // Byte for byte where nothing is to be changed.
        (
            "HTTP/1.1 200 OK",
            r"A:b\r\ncontent-length: 5\r\nServer: x\r\nC:  d\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 200 OK",
            r"A:b\r\ncontent-length: 5\r\nServer: x\r\nC:  d\r\n",
        ),
        (
            "HTTP/1.0 404",
            r"Content-Length: 0\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 404 ",
            r"Content-Length: 0\r\n",
        ),
        // One framing header.
        (
            "HTTP/1.1 200 R",
            r"Content-Length: 5\r\nContent-Length: 5\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 200 R",
            r"Content-Length: 5\r\n",
        ),
        (
            "HTTP/1.1 200 R",
            r"Content-Length: 05\r\nA: b\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 200 R",
            r"Content-Length: 5\r\nA: b\r\n",
        ),
        (
            "HTTP/1.1 200 R",
            r"transfer-encoding: identity, CHUNKED\r\nA: b\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 200 R",
            r"Transfer-Encoding: chunked\r\nA: b\r\n",
        ),
        (
            "HTTP/1.1 200 R",
            r"A: b\r\n",
            Get,
            chunked,
            &EDIT,
            "HTTP/1.1 200 R",
            r"A: b\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "HTTP/1.1 200 R",
            r"A: b\r\nTransfer-Encoding: chunked\r\n",
            Get,
            until,
            &close,
            "HTTP/1.1 200 R",
            r"A: b\r\nConnection: close\r\n",
        ),
        (
            "HTTP/1.1 200 R",
            r"Transfer-Encoding: identity\r\n",
            Get,
            until,
            &close,
            "HTTP/1.1 200 R",
            r"Connection: close\r\n",
        ),
        // No body: HEAD and 304 may say how long it would be, 204 may not.
        (
            "HTTP/1.1 200 R",
            r"Content-Length: 5\r\n",
            Head,
            None,
            &EDIT,
            "HTTP/1.1 200 R",
            r"Content-Length: 5\r\n",
        ),
        (
            "HTTP/1.1 200 R",
            r"Transfer-Encoding: chunked\r\n",
            Head,
            None,
            &EDIT,
            "HTTP/1.1 200 R",
            "",
        ),
        (
            "HTTP/1.1 304 R",
            r"Content-Length: 5\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 304 R",
            r"Content-Length: 5\r\n",
        ),
        (
            "HTTP/1.1 204 R",
            r"Content-Length: 0\r\nA: b\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 204 R",
            r"A: b\r\n",
        ),
        // The next hop.
        (
            "HTTP/1.1 204 R",
            r"Connection: x, close\r\nKeep-Alive: 5\r\nX: y\r\nUpgrade: h2\r\nZ: z\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 204 R",
            r"Z: z\r\n",
        ),
        ("HTTP/1.1 204 R", "", Get, None, &close, "HTTP/1.1 204 R", r"Connection: close\r\n"),
        ("HTTP/1.1 204 R", "", Get, None, &keep, "HTTP/1.1 204 R", r"Connection: keep-alive\r\n"),
        (
            "HTTP/1.1 101 R",
            r"Upgrade: websocket\r\nConnection: Upgrade\r\nS: t\r\n",
            Get,
            None,
            &upgrade,
            "HTTP/1.1 101 R",
            r"Upgrade: websocket\r\nS: t\r\nConnection: upgrade\r\n",
        ),
        // Attributes.
        (
            "HTTP/1.1 204 R",
            r"A: b\r\nserver: x\r\nC: d\r\n",
            Get,
            None,
            &no_server,
            "HTTP/1.1 204 R",
            r"A: b\r\nC: d\r\n",
        ),
        (
            "HTTP/1.1 204 R",
            r"x-frame-options: a\r\nA: b\r\n",
            Get,
            None,
            &overrides,
            "HTTP/1.1 204 R",
            r"A: b\r\nX-Frame-Options: DENY  X: y\r\n",
        ),
        (
            "HTTP/1.1 204 R",
            r"Set-Cookie: c=d\r\n",
            Get,
            None,
            &cookie,
            "HTTP/1.1 204 R",
            r"Set-Cookie: c=d\r\nSet-Cookie: a=b\r\n",
        ),
        // Mended.
        (
            "HTTP/1.1 204 R",
            r"A : b\r\nC: d\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 204 R",
            r"A: b\r\nC: d\r\n",
        ),
        (
            "HTTP/1.1 204 R",
            r"A: b\r\n c\r\nD: e\r\n",
            Get,
            None,
            &EDIT,
            "HTTP/1.1 204 R",
            r"A: b   c\r\nD: e\r\n",
        ),
    ];
    for (line, lines, request, framing, edit, expected_line, expected) in rows {
        let raw = format!(r"{line}\r\n{lines}\r\n");
        let got = write(&raw, *request, *framing, edit);
        assert_eq!(got, format!(r"{expected_line}\r\n{expected}\r\n"), "{line} {lines}");
    }
}

#[test]
fn interim() {
    let raw = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\nX: y\r\n\
        Content-Length: 0\r\n\r\n";
    let (head, fields) = parse(raw, Method::Get);
    let mut out = Vec::new();
    write_interim(&mut out, raw, &head, &fields);
    assert_eq!(out.escape_ascii().to_string(), r"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}
