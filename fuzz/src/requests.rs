//! A request head: what we accept an independent parser reads the same way, and what we send on is
//! one request to the strictest reader.

use http1::{Fields, ForwardedFor, Framing, HostEdit, Parsed, RequestEdit, RequestHead};

use crate::reader;

/// `parse_request` never reads another head from the same bytes once there are more of them.
pub fn check(bytes: &[u8]) {
    let mut fields = Fields::new();
    let parsed = http1::parse_request(bytes, &mut fields);
    let Ok(Parsed::Complete(head)) = parsed else {
        // What is not refused and not whole must not be whole earlier.
        if matches!(parsed, Ok(Parsed::Partial)) {
            no_prefix_is_complete(bytes);
        }
        return;
    };
    for end in 0..head.len {
        let mut earlier = Fields::new();
        let at_end = http1::parse_request(&bytes[..end], &mut earlier);
        assert!(!matches!(at_end, Ok(Parsed::Complete(_))), "complete already at {end}");
    }
    agrees_with_httparse(bytes, &head, &fields);
    let written = forward(bytes, &head, &fields);
    let read = judge(&written, head.framing);
    assert_eq!(read.body.len() as u64, body_of(head.framing), "framing is kept");
    // Once more through ours: nothing is left that we would judge otherwise.
    let mut again = Fields::new();
    match http1::parse_request(&written, &mut again) {
        Ok(Parsed::Complete(second)) => {
            assert_eq!(second.method_text.of(&written), head.method_text.of(bytes));
            assert_eq!(second.class, model::DesyncClass::Compliant.max(second.class));
            let twice = forward(&written, &second, &again);
            assert_eq!(judge(&twice, second.framing).start, read.start);
        }
        other => panic!("what we send we do not accept: {other:?}"),
    }
}

fn no_prefix_is_complete(bytes: &[u8]) {
    for end in 0..bytes.len() {
        let mut fields = Fields::new();
        let parsed = http1::parse_request(&bytes[..end], &mut fields);
        assert!(matches!(parsed, Ok(Parsed::Partial)), "at {end} of a partial head: {parsed:?}");
    }
}

/// httparse is a parser of another author. It is laxer in some places, never in names and values.
fn agrees_with_httparse(bytes: &[u8], head: &RequestHead, fields: &Fields) {
    let folded = fields.iter().any(|field| field.value.of(bytes).contains(&b'\n'));
    let nameless = fields.iter().any(|field| field.kind == http1::FieldKind::NotToken);
    let mut headers = vec![httparse::EMPTY_HEADER; http1::FIELDS_MAX + 1];
    let mut theirs = httparse::Request::new(&mut headers);
    // It knows no folding, no name with a space and no absent version: those we drop or refuse.
    let Ok(httparse::Status::Complete(length)) = theirs.parse(&bytes[..head.len]) else { return };
    if folded || nameless {
        return;
    }
    assert_eq!(length, head.len, "where the head ends");
    assert_eq!(theirs.method.unwrap_or_default().as_bytes(), head.method_text.of(bytes));
    assert_eq!(theirs.path.unwrap_or_default().as_bytes(), head.target.of(bytes));
    assert_eq!(theirs.headers.len(), fields.len(), "number of headers");
    for (their, our) in theirs.headers.iter().zip(fields) {
        assert_eq!(their.name.as_bytes(), our.name.of(bytes));
        assert_eq!(their.value.trim_ascii(), our.value.of(bytes).trim_ascii());
    }
}

/// The head as the proxy would send it.
pub fn forward(bytes: &[u8], head: &RequestHead, fields: &Fields) -> Vec<u8> {
    let edit = RequestEdit {
        // HTTP/1.0 knows requests without one.
        host: if head.host.is_some() { HostEdit::Keep } else { HostEdit::Set(b"a.example") },
        target: None,
        forwarded_for: ForwardedFor::Append(b"192.0.2.1"),
        scheme: "http",
        port: "80",
        trace_id: b"Root=1-00000000-000000000000000000000000",
        drop_invalid_names: false,
        upgrade: head.upgrade,
        tls: None,
        client: None,
    };
    let mut out = Vec::new();
    http1::write_request(&mut out, bytes, head, fields, &edit);
    out
}

/// What a small body would be for a framing.
fn body_of(framing: Framing) -> u64 {
    match framing {
        Framing::Length(length) if length <= LENGTH_MAX => length,
        Framing::None | Framing::Length(_) | Framing::Chunked | Framing::UntilClose => 0,
    }
}

const LENGTH_MAX: u64 = 4096;

/// The strict reader's view of a head that we wrote, with a body that fits it.
fn judge(head: &[u8], framing: Framing) -> reader::Message {
    let mut stream = head.to_vec();
    match framing {
        Framing::Length(length) if length <= LENGTH_MAX => {
            stream.resize(stream.len() + length as usize, b'x');
        }
        // A body that is not at hand: only the head can be judged.
        Framing::Length(_) => {
            let text = String::from_utf8_lossy(head).to_ascii_lowercase();
            assert_eq!(text.matches("\r\ncontent-length:").count(), 1, "{text}");
            assert!(!text.contains("\r\ntransfer-encoding:"), "{text}");
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            let zero: Vec<String> = String::from_utf8_lossy(head)
                .split("\r\n")
                .map(|line| match line.split_once(": ") {
                    Some((name, value))
                        if name.eq_ignore_ascii_case("content-length") && digits(value) =>
                    {
                        format!("{name}: 0")
                    }
                    _ => line.to_owned(),
                })
                .collect();
            // Lossy conversion only matters in values, which are not compared here.
            stream = zero.join("\r\n").into_bytes();
        }
        Framing::Chunked => stream.extend_from_slice(b"0\r\n\r\n"),
        Framing::None | Framing::UntilClose => {}
    }
    match reader::requests(&stream) {
        Ok(mut messages) if messages.len() == 1 => messages.remove(0),
        other => panic!("{other:?}\n{}", stream.escape_ascii()),
    }
}
