//! Words as values: variables, expressions, times.

use model::Seconds;
use model::application::{Part, Value};
use regex::bytes::{Regex, RegexBuilder};

/// Compiled size of one expression.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// `text$name${name}$1`.
pub fn value(word: &str) -> Value {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        let after = after.get(1..).unwrap_or_default();
        let (part, length) = variable(after);
        match part {
            Some(part) => {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(part);
            }
            None => text.push('$'),
        }
        rest = after.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Value(parts)
}

/// What follows a dollar sign, and its length; `None`: the sign is itself.
fn variable(after: &str) -> (Option<Part>, usize) {
    let digit = after.bytes().next().filter(|byte| (b'1'..=b'9').contains(byte));
    if let Some(digit) = digit {
        return (Some(Part::Capture(digit - b'0')), 1);
    }
    let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
    if let Some((name, _)) = braced.filter(|(name, _)| !name.is_empty()) {
        return (Some(Part::Variable(name.to_ascii_lowercase())), name.len() + 2);
    }
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = after.bytes().take_while(is_name).count();
    match length {
        0 => (None, 0),
        _ => {
            let name = after.get(..length).unwrap_or_default().to_ascii_lowercase();
            (Some(Part::Variable(name)), length)
        }
    }
}

/// Whether letter case counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Counts,
    Ignored,
}

/// `None`: only nginx's library can read it (look-around, references back).
pub fn regex(source: &str, case: Case) -> Option<Regex> {
    RegexBuilder::new(source)
        .case_insensitive(case == Case::Ignored)
        .unicode(false)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .ok()
}

/// `75s`, `65`, `1m30s`, `500ms`: whole seconds.
pub fn seconds(word: &str) -> Option<Seconds> {
    let mut milliseconds: u64 = 0;
    let mut rest = word;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let unit: u64 = match unit {
            "ms" => 1,
            "" | "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(unit)?;
        milliseconds = milliseconds.checked_add(part)?;
        rest = after.trim_start();
    }
    u32::try_from(milliseconds / 1000).ok().map(Seconds)
}
