use super::*;
use crate::{Fields, Framing, Method, Parsed, ResponseHead, parse_response};

const ANSWER: Generated<'static> = Generated {
    status: 503,
    date: b"Sun, 06 Nov 1994 08:49:37 GMT",
    server: "awselb/2.0",
    keep_alive: true,
    content_type: "text/html",
    location: None,
    body: Body::Page,
    head_only: false,
    overrides: &[],
    cause: None,
};

fn write(answer: &Generated<'_>) -> String {
    let mut out = Vec::new();
    write_generated(&mut out, answer);
    String::from_utf8(out).expect("UTF-8")
}

fn parse(text: &str, request: Method) -> ResponseHead {
    match parse_response(text.as_bytes(), &mut Fields::new(), request) {
        Ok(Parsed::Complete(head)) => head,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_whole_page() {
    let expected = "HTTP/1.1 503 Service Temporarily Unavailable\r\nServer: awselb/2.0\r\n\
        Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/html\r\nContent-Length: 162\r\n\
        Connection: keep-alive\r\n\r\n\
        <html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n\
        <center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n";
    assert_eq!(write(&ANSWER), expected);
}

/// ALB.md §6e lists these lengths.
#[test]
fn page_lengths() {
    let rows: &[(u16, u64)] =
        &[(503, 162), (502, 122), (400, 122), (403, 118), (504, 132), (301, 134), (302, 110)];
    for (status, length) in rows {
        let text = write(&Generated { status: *status, ..ANSWER });
        let head = parse(&text, Method::Get);
        assert_eq!(head.framing, Framing::Length(*length), "{status}");
        assert_eq!(text.len(), head.len + *length as usize, "{status}");
    }
}

#[test]
fn headers() {
    let chosen = [("server".to_owned(), "mine".to_owned())];
    let rows: &[(&str, Generated<'_>, &[&str], &[&str])] = &[
        ("no server", Generated { server: "", ..ANSWER }, &[], &["Server"]),
        ("close", Generated { keep_alive: false, ..ANSWER }, &["Connection: close"], &[]),
        (
            "redirect",
            Generated { status: 301, location: Some(b"https://a:443/"), ..ANSWER },
            &["Location: https://a:443/"],
            &[],
        ),
        ("overrides", Generated { overrides: &chosen, ..ANSWER }, &["server: mine"], &["Server:"]),
        ("cause", Generated { cause: Some("a/b"), ..ANSWER }, &["X-Pointsman-Cause: a/b"], &[]),
        (
            "text",
            Generated { content_type: "text/plain", body: Body::Text(b"hi"), ..ANSWER },
            &["Content-Type: text/plain; charset=utf-8", "Content-Length: 2"],
            &[],
        ),
        (
            "text with its own charset",
            Generated { content_type: "text/css; charset=x", body: Body::Text(b""), ..ANSWER },
            &["Content-Type: text/css; charset=x", "Content-Length: 0"],
            &[],
        ),
        ("no content", Generated { status: 204, ..ANSWER }, &[], &["Content-", "<html>"]),
        ("head", Generated { head_only: true, ..ANSWER }, &["Content-Length: 162"], &["<html>"]),
        ("named", Generated { body: Body::Named("a"), ..ANSWER }, &["<title>a</title>"], &["h1>5"]),
    ];
    for (name, answer, present, absent) in rows {
        let text = write(answer);
        let request = if answer.head_only { Method::Head } else { Method::Get };
        let head = parse(&text, request);
        let body = match head.framing {
            Framing::Length(length) => length as usize,
            Framing::None | Framing::Chunked | Framing::UntilClose => 0,
        };
        assert_eq!(text.len(), head.len + body, "{name}: {text}");
        assert_eq!((head.status, head.keep_alive), (answer.status, answer.keep_alive), "{name}");
        for part in *present {
            assert!(text.contains(part), "{name}: {part} not in {text}");
        }
        for part in *absent {
            assert!(!text.contains(part), "{name}: {part} in {text}");
        }
    }
}

#[test]
fn every_refusal_has_words() {
    for refusal in model::Refusal::ALL {
        if let Some(status) = refusal.status() {
            let phrase = reason_phrase(status);
            assert!(!["Client Error", "Server Error"].contains(&phrase), "{refusal} {status}");
        }
    }
}
