//! Names between the wire and the text that decisions read.

use std::fmt::Write;

/// RFC 1035 §2.3.4.
pub const NAME_MAX: usize = 255;
const LABEL_MAX: usize = 63;

/// Lower case, labels divided by dots, without a final one; the root is empty. An octet that no
/// declared name has is written as `\ddd` (RFC 4343 §2.1), so that no name looks like another.
pub fn write_text(wire: &[u8], text: &mut String) {
    text.clear();
    for label in labels(wire) {
        if !text.is_empty() {
            text.push('.');
        }
        for &octet in label {
            match octet {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*' => text.push(char::from(octet)),
                b'A'..=b'Z' => text.push(char::from(octet.to_ascii_lowercase())),
                // A `String` takes everything.
                other => drop(write!(text, "\\{other:03}")),
            }
        }
    }
}

/// The labels of an uncompressed name, without the root's.
pub fn labels(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first().filter(|(length, _)| **length != 0)?;
        let (label, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        Some(label)
    })
}

/// Appends the name in wire form, without compression: what [`write_text`] writes, and what may be
/// declared. Says whether it is a name; else nothing is appended.
pub fn append_wire(text: &str, wire: &mut Vec<u8>) -> bool {
    let start = wire.len();
    let good = try_append(text, wire).is_some() && wire.len() - start <= NAME_MAX;
    if !good {
        wire.truncate(start);
    }
    good
}

fn try_append(text: &str, wire: &mut Vec<u8>) -> Option<()> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if !text.is_empty() {
        for label in text.split('.') {
            let at = wire.len();
            wire.push(0);
            let mut octets = label.bytes();
            while let Some(octet) = octets.next() {
                wire.push(match octet {
                    b'\\' => escaped(&mut octets)?,
                    plain => plain,
                });
            }
            let length = wire.len() - at - 1;
            wire[at] =
                u8::try_from(length).ok().filter(|l| (1..=LABEL_MAX).contains(&usize::from(*l)))?;
        }
    }
    wire.push(0);
    Some(())
}

fn escaped(octets: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let mut number = 0u32;
    for _ in 0..3 {
        let digit = octets.next().filter(u8::is_ascii_digit)?;
        number = number * 10 + u32::from(digit - b'0');
    }
    u8::try_from(number).ok()
}

/// Makes every letter lower case, in wire form too: no length of a label is a letter's octet
/// (RFC 1035 §2.3.4; `A` is 65).
pub fn lower(wire: &mut [u8]) {
    wire.make_ascii_lowercase();
}

/// How many labels a name has without the root's and a wildcard's (RFC 4034 §3.1.3).
pub fn label_count(wire: &[u8]) -> u8 {
    let count = labels(wire).count() - usize::from(wire.starts_with(b"\x01*"));
    // At most 127.
    count as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_there_and_back() {
        let rows: [(&str, &[u8], &str); 6] = [
            ("root", b"\0", ""),
            ("plain", b"\x03WwW\x07example\x00", "www.example"),
            ("wildcard", b"\x01*\x01a\0", "*.a"),
            ("a dot inside", b"\x03a.b\x01c\0", "a\\046b.c"),
            ("octets", b"\x02\x00\xff\0", "\\000\\255"),
            ("a backslash", b"\x01\\\0", "\\092"),
        ];
        for (row, wire, text) in rows {
            let mut written = String::new();
            write_text(wire, &mut written);
            assert_eq!(written, text, "{row}");
            let mut back = Vec::new();
            assert!(append_wire(text, &mut back), "{row}");
            assert_eq!(back, wire.to_ascii_lowercase(), "{row}");
        }
        let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(62)].join(".");
        let bad = ["a..b", ".a", "\\25", "\\999", &"x".repeat(64), &long];
        for text in bad {
            let mut wire = vec![7];
            assert!(!append_wire(text, &mut wire), "{text}");
            assert_eq!(wire, [7], "{text}");
        }
        assert!(append_wire(&long[1..], &mut Vec::new()));
    }
}
