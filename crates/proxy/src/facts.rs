//! What `verdict` asks of a request, read from the bytes of its head.

use std::net::SocketAddr;

use http1::{Fields, Method, RequestHead};
use verdict::request::HeadFacts;
use verdict::route::Headers;

/// The headers of a head, found by scanning: a rule asks for few, and most rules for none.
pub struct HeadHeaders<'a> {
    pub bytes: &'a [u8],
    pub fields: &'a Fields,
}

impl Headers for HeadHeaders<'_> {
    fn any(&self, name: &str, each: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields.values(self.bytes, name).any(each)
    }
}

pub fn head_facts(head: &RequestHead) -> HeadFacts {
    HeadFacts {
        refused_method: matches!(head.method, Method::Trace | Method::Connect),
        class: head.class,
        forwarded_addresses: head.forwarded_for_count,
    }
}

/// Host and port of a `Host` header: `[::1]:80`, `a.example:80`, `a.example`.
pub fn split_host(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    let after_bracket = host.iter().rposition(|b| *b == b']').map_or(0, |at| at + 1);
    match host[after_bracket..].iter().position(|b| *b == b':') {
        Some(at) => (&host[..after_bracket + at], Some(&host[after_bracket + at + 1..])),
        None => (host, None),
    }
}

/// The `Host` that the target sees (ALB.md §6a): lower case; the port goes where it is 80 or 443 and
/// comes where it is another.
pub fn target_host(host: &[u8], listener_port: u16, out: &mut Vec<u8>) {
    let (name, port) = split_host(host);
    out.extend(name.iter().map(u8::to_ascii_lowercase));
    match (listener_port, port) {
        (80 | 443, _) => {}
        (_, Some(port)) => {
            out.push(b':');
            out.extend_from_slice(port);
        }
        (other, None) => {
            use std::io::Write;
            let _ = write!(out, ":{other}");
        }
    }
}

/// The address of a client as in `X-Forwarded-For` (ALB.md §6a).
pub fn forwarded_address(peer: SocketAddr, with_port: bool, out: &mut Vec<u8>) {
    use std::io::Write;
    let _ = if with_port { write!(out, "{peer}") } else { write!(out, "{}", peer.ip()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let rows: &[(&str, u16, &str)] = &[
            ("A.example", 80, "a.example"),
            ("a.example:80", 80, "a.example"),
            ("a.example:8443", 443, "a.example"),
            ("a.example", 8080, "a.example:8080"),
            ("a.example:9", 8080, "a.example:9"),
            ("[::1]:80", 8080, "[::1]:80"),
            ("[::1]", 8080, "[::1]:8080"),
            ("", 80, ""),
        ];
        for (host, port, expected) in rows {
            let mut out = Vec::new();
            target_host(host.as_bytes(), *port, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), *expected, "{host} on {port}");
        }
    }
}
