//! Paths as nginx reads and writes them.

/// Decoded, with joined slashes and without dot segments; `None` is a bad request: a broken escape,
/// a zero byte, or a way above the root.
pub fn decoded(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let byte = if first == b'%' {
            let (pair, tail) = tail.split_at_checked(2)?;
            rest = tail;
            hex(pair)?
        } else {
            first
        };
        if byte == 0 {
            return None;
        }
        bytes.push(byte);
    }
    if bytes.first() != Some(&b'/') {
        return None;
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut ends_in_slash = false;
    for segment in bytes.split(|byte| *byte == b'/').skip(1) {
        ends_in_slash = true;
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop()?;
            }
            name => {
                segments.push(name);
                ends_in_slash = false;
            }
        }
    }
    let mut out = Vec::with_capacity(bytes.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if ends_in_slash || out.is_empty() {
        out.push(b'/');
    }
    Some(out)
}

/// Two digits: a sign is none, as `from_str_radix` would have it.
fn hex(pair: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(pair).ok()?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all.then(|| u8::from_str_radix(digits, 16).ok())?
}

/// The groups of an expression, `$0` first. An expression without groups captures nothing.
pub fn captured(captures: &regex::bytes::Captures<'_>) -> Vec<Vec<u8>> {
    let group = |group: Option<regex::bytes::Match<'_>>| {
        group.map_or(Vec::new(), |group| group.as_bytes().to_vec())
    };
    captures.iter().map(group).collect()
}

/// nginx's `NGX_ESCAPE_ARGS`, for captures that go into a query or a redirect.
pub fn escaped(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            0..=0x20
            | 0x7f..
            | b'"'
            | b'#'
            | b'%'
            | b'&'
            | b'+'
            | b';'
            | b'<'
            | b'>'
            | b'?'
            | b'\\'
            | b'^'
            | b'`'
            | b'{'
            | b'|'
            | b'}' => {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
            other => out.push(other),
        }
    }
}

/// nginx's `NGX_UNESCAPE_REDIRECT`: visible characters up to the question mark.
pub fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'?' {
            break;
        }
        rest = tail;
        let pair = (first == b'%').then(|| tail.get(..2)).flatten();
        match pair.and_then(hex) {
            Some(byte) if byte > b'%' && byte < 0x7f => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
                if byte == b'?' {
                    break;
                }
            }
            Some(_) | None => out.push(first),
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_have_two_digits() {
        let rows = [
            ("digits", "/a%62", Some("/ab"), "/ab"),
            ("a sign", "/%+f", None, "/%+f"),
            ("one digit", "/%6", None, "/%6"),
            ("no digits", "/%zz", None, "/%zz"),
        ];
        for (name, text, path, redirect) in rows {
            assert_eq!(decoded(text).as_deref(), path.map(str::as_bytes), "{name}");
            assert_eq!(unescaped(text.as_bytes()), redirect.as_bytes(), "{name}");
        }
    }
}
