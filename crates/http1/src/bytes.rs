//! Byte classes and the small grammars that several readers share.

/// RFC 9110 §5.6.2, `tchar`.
pub const TOKEN: u8 = 1;
/// The names that ALB calls valid: `[-A-Za-z0-9]` (ALB.md §6c).
pub const PORTABLE: u8 = 2;
/// Passes in a request target as it is; others are percent-encoded when written.
pub const TARGET: u8 = 4;
/// May occur in a `Host` or authority (RFC 3986 §3.2.2, without userinfo).
pub const HOST: u8 = 8;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let portable = b.is_ascii_alphanumeric() || b == b'-';
        if portable {
            classes[byte] |= TOKEN | PORTABLE | HOST;
        }
        // A fragment is not part of a target (RFC 9112 §3.2.1); `#` would end the path for some.
        if b > b' ' && b != 0x7f && b != b'#' {
            classes[byte] |= TARGET;
        }
        byte += 1;
    }
    classes = with(classes, b"!#$%&'*+.^_`|~", TOKEN);
    with(classes, b"!$%&'()*+,.:;=[]_~", HOST)
};

const fn with(mut classes: [u8; 256], members: &[u8], class: u8) -> [u8; 256] {
    let mut at = 0;
    while at < members.len() {
        classes[members[at] as usize] |= class;
        at += 1;
    }
    classes
}

#[inline(always)]
pub fn class(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

pub fn all(bytes: &[u8], wanted: u8) -> bool {
    bytes.iter().fold(wanted, |common, byte| common & class(*byte)) != 0
}

pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TOKEN)
}

/// RFC 9110 §5.6.3, `OWS`.
pub fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_blank(*first)
    {
        bytes = rest;
    }
    trim_end(bytes)
}

pub fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes
        && is_blank(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The elements of a list field (RFC 9110 §5.6.1) whose elements contain no quoted commas.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim)
}

/// `1*DIGIT`, up to what a signed 64-bit length can hold, because targets may keep it in one.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    let mut number: u64 = 0;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (!digits.is_empty() && number <= i64::MAX as u64).then_some(number)
}

pub fn push_decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

pub fn push_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// As [`push_field`], for text that an operator or a neighbour wrote: it cannot end the line.
pub fn push_field_tame(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend(value.iter().map(|byte| if is_line_breaking(*byte) { b' ' } else { *byte }));
    out.extend_from_slice(b"\r\n");
}

/// RFC 9110 §5.5: "CR, LF, and NUL characters are invalid and dangerous".
pub fn is_line_breaking(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// Control characters other than HTAB (RFC 9110 §5.5).
pub fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}
