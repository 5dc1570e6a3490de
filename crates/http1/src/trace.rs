//! `X-Amzn-Trace-Id` (ALB.md §6a).

use crate::bytes::{is_control, trim};

/// "If all headers > 7 KB", only the root is passed on.
pub const TRACE_HEADERS_MAX: usize = 7 * 1024;

/// Appends the value for the target to `out`.
///
/// A received `Root` is never replaced and its other fields are kept; `Self` is ours.
pub fn write_trace_id(
    out: &mut Vec<u8>,
    received: Option<&[u8]>,
    unix_seconds: u32,
    random: &[u8; 12],
    headers_len: usize,
) {
    let received = received
        .map(trim)
        .filter(|value| !value.is_empty() && !value.iter().any(|byte| is_control(*byte)));
    let parts = || received.into_iter().flat_map(parts);
    let root = parts().find(|part| is_named(part, "Root"));
    if headers_len > TRACE_HEADERS_MAX || (root.is_none() && !parts().any(is_self)) {
        match root {
            Some(root) => out.extend_from_slice(root),
            None => write_id(out, "Root", unix_seconds, random),
        }
        if headers_len > TRACE_HEADERS_MAX {
            return;
        }
    } else {
        write_id(out, "Self", unix_seconds, random);
    }
    for part in parts().filter(|part| !is_self(part)) {
        out.push(b';');
        out.extend_from_slice(part);
    }
}

fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b';').map(trim).filter(|part| !part.is_empty())
}

fn is_self(part: &[u8]) -> bool {
    is_named(part, "Self")
}

fn is_named(part: &[u8], name: &str) -> bool {
    part.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
}

/// `Root=1-HEX8(time)-HEX24`.
fn write_id(out: &mut Vec<u8>, name: &str, unix_seconds: u32, random: &[u8; 12]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=1-");
    push_hex(out, &unix_seconds.to_be_bytes());
    out.push(b'-');
    push_hex(out, random);
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        const NEW: &str = "1-5f000001-0102030405060708090a0b0c";
        let rows: &[(Option<&str>, usize, String)] = &[
            (None, 100, format!("Root={NEW}")),
            (Some(""), 100, format!("Root={NEW}")),
            (Some("Root=1-a-b"), 100, format!("Self={NEW};Root=1-a-b")),
            (
                Some("Root=1-a-b;CalledFrom=app"),
                100,
                format!("Self={NEW};Root=1-a-b;CalledFrom=app"),
            ),
            (Some("Self=1-x-y;Root=1-a-b"), 100, format!("Self={NEW};Root=1-a-b")),
            (Some("Root=1-a-b; Self=1-x-y ;k=v"), 100, format!("Self={NEW};Root=1-a-b;k=v")),
            (Some("Self=1-x-y;k=v"), 100, format!("Self={NEW};k=v")),
            (Some("k=v"), 100, format!("Root={NEW};k=v")),
            (Some("Root=1-a-b;k=v"), TRACE_HEADERS_MAX + 1, "Root=1-a-b".to_owned()),
            (Some("k=v"), TRACE_HEADERS_MAX + 1, format!("Root={NEW}")),
            (Some("Root=1-a-b;k=v\r\n x: y"), 100, format!("Root={NEW}")),
        ];
        for (received, length, expected) in rows {
            let mut out = Vec::new();
            let random = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
            write_trace_id(&mut out, received.map(str::as_bytes), 0x5f00_0001, &random, *length);
            assert_eq!(String::from_utf8(out).unwrap(), *expected, "{received:?} {length}");
        }
    }
}
