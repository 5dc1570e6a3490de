use crate::bytes::push_field_tame;
use crate::target::push_clean;

/// A health check's request (ALB.md §5e): `GET`, on a connection of its own.
pub fn write_probe(out: &mut Vec<u8>, host: &str, path: &str, user_agent: &str) {
    out.extend_from_slice(b"GET ");
    push_clean(out, path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    push_field_tame(out, "Host", host.as_bytes());
    push_field_tame(out, "User-Agent", user_agent.as_bytes());
    out.extend_from_slice(b"Accept-Encoding: gzip, compressed\r\nConnection: close\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fields, Method, Parsed, parse_request};

    #[test]
    fn is_a_compliant_request() {
        let mut out = Vec::new();
        write_probe(&mut out, "10.0.0.1:8080", "/health check", "ELB-HealthChecker/2.0");
        let mut fields = Fields::new();
        let Ok(Parsed::Complete(head)) = parse_request(&out, &mut fields) else { panic!() };
        assert_eq!((head.len, head.method, head.keep_alive), (out.len(), Method::Get, false));
        assert!(head.reasons.is_empty(), "{:?}", head.reasons);
        assert_eq!(head.path.of(&out), b"/health%20check");
    }
}
