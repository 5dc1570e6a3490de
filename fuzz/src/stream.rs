//! Two requests never become three: a connection's bytes, cut and written again as the proxy does it,
//! hold as many requests for the strictest reader as for us, with the same bodies.

use http1::{Fields, Framing, Parsed};

use crate::{chunks, reader, requests};

pub fn check(bytes: &[u8]) {
    let mut rest = bytes;
    let (mut upstream, mut expected) = (Vec::new(), Vec::new());
    loop {
        let mut fields = Fields::new();
        let Ok(Parsed::Complete(head)) = http1::parse_request(rest, &mut fields) else { break };
        let written = requests::forward(rest, &head, &fields);
        let body = &rest[head.len..];
        let (sent, length) = match head.framing {
            Framing::None => (Vec::new(), 0),
            Framing::Length(length) => match usize::try_from(length) {
                Ok(length) if length <= body.len() => (body[..length].to_vec(), length),
                _ => break,
            },
            Framing::Chunked => {
                let mut out = Vec::new();
                match chunks::reframe(body, body.len().max(1), &mut out) {
                    Some(length) => (out, length),
                    None => break,
                }
            }
            Framing::UntilClose => panic!("a request until the end of the connection"),
        };
        expected.push(head.method_text.of(rest).to_vec());
        upstream.extend_from_slice(&written);
        upstream.extend_from_slice(&sent);
        rest = &body[length..];
        if !head.keep_alive {
            break;
        }
    }
    match reader::requests(&upstream) {
        Ok(read) => {
            assert_eq!(read.len(), expected.len(), "{}", upstream.escape_ascii());
            for (message, method) in read.iter().zip(&expected) {
                assert!(message.start.starts_with(method), "{message:?}");
            }
        }
        Err(error) => panic!("{error}\n{}", upstream.escape_ascii()),
    }
}
