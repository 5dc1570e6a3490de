//! A response head: what a client gets from us is one message to the strictest reader, whatever the
//! target said.

use http1::{Fields, Framing, Method, Parsed, ResponseEdit};

use crate::reader::{self, Unframed};

pub fn check(bytes: &[u8]) {
    // The first byte chooses what was asked, and how the client is spoken to.
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let method = if choice & 1 == 0 { Method::Get } else { Method::Head };
    let mut fields = Fields::new();
    let Ok(Parsed::Complete(head)) = http1::parse_response(bytes, &mut fields, method) else {
        return;
    };
    for end in 0..head.len {
        let mut earlier = Fields::new();
        let parsed = http1::parse_response(&bytes[..end], &mut earlier, method);
        assert!(!matches!(parsed, Ok(Parsed::Complete(_))), "complete already at {end}");
    }
    if head.status < 200 && head.status != 101 {
        let mut out = Vec::new();
        http1::write_interim(&mut out, bytes, &head, &fields);
        if !out.is_empty() {
            let read = reader::message(&out, Unframed::Empty);
            assert!(matches!(&read, Ok((_, rest)) if rest.is_empty()), "{read:?}");
        }
        return;
    }
    let announced = match head.framing {
        Framing::UntilClose if choice & 2 == 0 => Framing::Chunked,
        same => same,
    };
    let edit = ResponseEdit {
        close: announced == Framing::UntilClose || choice & 4 != 0,
        keep_alive_header: false,
        framing: announced,
        remove_server: choice & 8 != 0,
        overrides: &[],
        raw_headers: b"",
        upgrade: head.status == 101,
    };
    let mut out = Vec::new();
    http1::write_response(&mut out, bytes, &head, &fields, &edit);
    let has_body = !(method == Method::Head || matches!(head.status, 101 | 204 | 304));
    if !has_body {
        // Length fields describe what a GET would have had; they frame nothing here.
        let text = String::from_utf8_lossy(&out).to_ascii_lowercase();
        let framers = text.matches("\r\ncontent-length:").count()
            + text.matches("\r\ntransfer-encoding:").count();
        assert!(framers <= 1, "{text}");
        return;
    }
    match announced {
        Framing::Chunked => out.extend_from_slice(b"3\r\nabc\r\n0\r\n\r\n"),
        Framing::Length(length) if length <= 4096 => {
            out.resize(out.len() + length as usize, b'x');
        }
        Framing::Length(_) => return,
        Framing::None | Framing::UntilClose => {}
    }
    match reader::message(&out, Unframed::Rest) {
        Ok((message, rest)) => {
            assert!(rest.is_empty(), "{message:?} and more");
            let status = format!("HTTP/1.1 {}", head.status);
            assert!(message.start.starts_with(status.as_bytes()), "{message:?}");
        }
        Err(error) => panic!("{error}\n{}", out.escape_ascii()),
    }
}
