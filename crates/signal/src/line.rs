//! Writing fields of a line: no allocation beyond the buffer, no formatting machinery.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A number in decimal.
pub fn number(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
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

/// A number with leading zeros.
pub fn padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut rest = value;
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

pub fn address(out: &mut Vec<u8>, ip: IpAddr) {
    use std::io::Write;
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            for (at, octet) in [a, b, c, d].into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                number(out, octet.into());
            }
        }
        IpAddr::V6(v6) => {
            let _ = write!(out, "{v6}");
        }
    }
}

/// `1.2.3.4:80`, `[::1]:80`.
pub fn socket(out: &mut Vec<u8>, socket: SocketAddr) {
    if socket.is_ipv6() {
        out.push(b'[');
    }
    address(out, socket.ip());
    if socket.is_ipv6() {
        out.push(b']');
    }
    out.push(b':');
    number(out, socket.port().into());
}

/// Seconds with three decimals; -1 if there is none (ALB.md §7a, 6–8).
pub fn seconds(out: &mut Vec<u8>, duration: Option<Duration>) {
    match duration {
        None => out.extend_from_slice(b"-1"),
        Some(duration) => {
            number(out, duration.as_secs());
            out.push(b'.');
            padded(out, u64::from(duration.subsec_millis()), 3);
        }
    }
}

/// `2026-11-23T12:00:00.123456Z`. The date is kept between calls: most are in the same second.
pub fn time(out: &mut Vec<u8>, cache: &mut TimeCache, unix: u64, micros: u32) {
    if cache.second != unix || cache.text[0] == 0 {
        cache.second = unix;
        cache.text = civil(unix);
    }
    out.extend_from_slice(&cache.text);
    out.push(b'.');
    padded(out, micros.into(), 6);
    out.push(b'Z');
}

#[derive(Default)]
pub struct TimeCache {
    second: u64,
    text: [u8; 19],
}

/// `2026-11-23T12:00:00`, by the days-to-civil algorithm of the proleptic Gregorian calendar.
fn civil(unix: u64) -> [u8; 19] {
    let (days, second) = (unix / 86_400, unix % 86_400);
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let mut text = Vec::with_capacity(19);
    padded(&mut text, year, 4);
    for (mark, value) in [
        (b'-', month),
        (b'-', day),
        (b'T', second / 3600),
        (b':', second / 60 % 60),
        (b':', second % 60),
    ] {
        text.push(mark);
        padded(&mut text, value, 2);
    }
    text.try_into().unwrap_or([b'0'; 19])
}

/// Bytes for between quotes, at most `limit` of them: a quote, a backslash, and whatever is not
/// visible ASCII or a space, become `\xNN`, so that a line is one line and splits at its quotes.
pub fn escaped(out: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in &bytes[..bytes.len().min(limit)] {
        match byte {
            b'"' | b'\\' | 0..=0x1f | 0x7f..=0xff => {
                let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
                out.extend_from_slice(&[b'\\', b'x', high, low]);
            }
            _ => out.push(byte),
        }
    }
}

/// `"…"`; `"-"` for nothing.
pub fn quoted(out: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    out.push(b'"');
    if bytes.is_empty() {
        out.push(b'-');
    } else {
        escaped(out, bytes, limit);
    }
    out.push(b'"');
}

/// An unquoted name: `-` for nothing, and no spaces.
pub fn word(out: &mut Vec<u8>, text: Option<&str>) {
    match text.filter(|text| !text.is_empty()) {
        None => out.push(b'-'),
        Some(text) => {
            let start = out.len();
            escaped(out, text.as_bytes(), usize::MAX);
            out[start..].iter_mut().filter(|b| **b == b' ').for_each(|b| *b = b'_');
        }
    }
}

pub fn hex(out: &mut Vec<u8>, value: u64) {
    for shift in (0..16).rev() {
        out.push(b"0123456789abcdef"[(value >> (shift * 4) & 15) as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let rows = [
            (0, "1970-01-01T00:00:00.000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000007Z"),
            (1_795_435_200, "2026-11-23T12:00:00.000007Z"),
            (4_102_444_799, "2099-12-31T23:59:59.000007Z"),
        ];
        let mut cache = TimeCache::default();
        for (unix, expected) in rows {
            for _ in 0..2 {
                let mut out = Vec::new();
                time(&mut out, &mut cache, unix, 7);
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }

    #[test]
    fn words_and_quotes() {
        let mut out = Vec::new();
        quoted(&mut out, b"a\"b\\c\n\xff d", 100);
        quoted(&mut out, b"", 100);
        quoted(&mut out, b"abcdef", 3);
        word(&mut out, Some("a b"));
        word(&mut out, None);
        seconds(&mut out, Some(Duration::from_millis(1023)));
        seconds(&mut out, None);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\"a\\x22b\\x5Cc\\x0A\\xFF d\"\"-\"\"abc\"a_b-1.023-1"
        );
    }
}
