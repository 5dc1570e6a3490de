//! The `Host` header on its way to a target.

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
