use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

/// Compiled size of one expression; ALB limits its source to 128 characters (ALB.md §4b).
const REGEX_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Error)]
pub enum PatternError {
    #[error("not a regular expression")]
    Regex(#[source] Box<regex::Error>),
    #[error("a backslash at the end escapes nothing")]
    DanglingEscape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    One,
    Many,
}

/// A pattern with `*` (any bytes) and `?` (one byte) (ALB.md §4b).
#[derive(Clone, PartialEq, Eq)]
pub struct Wildcard {
    source: String,
    pieces: Vec<Piece>,
    fold_case: bool,
}

impl Wildcard {
    /// Every character but `*` and `?` is itself.
    pub fn sensitive(source: &str) -> Self {
        Wildcard { source: source.to_owned(), pieces: pieces(source.bytes()), fold_case: false }
    }

    /// As [`Wildcard::sensitive`], but ASCII case is ignored.
    pub fn insensitive(source: &str) -> Self {
        let lower = source.bytes().map(|b| b.to_ascii_lowercase());
        Wildcard { source: source.to_owned(), pieces: pieces(lower), fold_case: true }
    }

    /// Case-insensitive, with `\*`, `\?` and `\\` for the characters themselves.
    pub fn escaped_insensitive(source: &str) -> Result<Self, PatternError> {
        let mut out = Vec::new();
        let mut bytes = source.bytes();
        while let Some(byte) = bytes.next() {
            out.push(match byte {
                b'*' => Piece::Many,
                b'?' => Piece::One,
                b'\\' => Piece::Byte(
                    bytes.next().ok_or(PatternError::DanglingEscape)?.to_ascii_lowercase(),
                ),
                other => Piece::Byte(other.to_ascii_lowercase()),
            });
        }
        Ok(Wildcard { source: source.to_owned(), pieces: out, fold_case: true })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// The bytes before the first wildcard, lower-cased if case is ignored.
    pub fn literal_prefix(&self) -> Vec<u8> {
        self.pieces
            .iter()
            .map_while(|p| match p {
                Piece::Byte(b) => Some(*b),
                Piece::One | Piece::Many => None,
            })
            .collect()
    }

    /// The bytes after the last wildcard, lower-cased if case is ignored.
    pub fn literal_suffix(&self) -> Vec<u8> {
        let mut suffix: Vec<u8> = self
            .pieces
            .iter()
            .rev()
            .map_while(|p| match p {
                Piece::Byte(b) => Some(*b),
                Piece::One | Piece::Many => None,
            })
            .collect();
        suffix.reverse();
        suffix
    }

    /// True when there is no wildcard in it.
    pub fn is_literal(&self) -> bool {
        self.pieces.iter().all(|p| matches!(p, Piece::Byte(_)))
    }

    /// Time is at most pattern × text, never exponential.
    pub fn matches(&self, text: &[u8]) -> bool {
        let (mut p, mut t) = (0, 0);
        let (mut star, mut retry) = (None, 0);
        while t < text.len() {
            let byte = if self.fold_case { text[t].to_ascii_lowercase() } else { text[t] };
            match self.pieces.get(p) {
                Some(Piece::Many) => {
                    star = Some(p);
                    retry = t;
                    p += 1;
                }
                Some(Piece::One) => {
                    p += 1;
                    t += 1;
                }
                Some(Piece::Byte(expected)) if *expected == byte => {
                    p += 1;
                    t += 1;
                }
                Some(Piece::Byte(_)) | None => match star {
                    Some(position) => {
                        retry += 1;
                        t = retry;
                        p = position + 1;
                    }
                    None => return false,
                },
            }
        }
        self.pieces[p..].iter().all(|piece| *piece == Piece::Many)
    }
}

impl fmt::Debug for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wildcard({:?})", self.source)
    }
}

fn pieces(bytes: impl Iterator<Item = u8>) -> Vec<Piece> {
    bytes
        .map(|byte| match byte {
            b'*' => Piece::Many,
            b'?' => Piece::One,
            other => Piece::Byte(other),
        })
        .collect()
}

/// One comparison string of a condition.
#[derive(Clone, Debug)]
pub enum Matcher {
    Wildcard(Wildcard),
    Regex(Regex),
}

impl Matcher {
    /// A whole-text or partial match as the expression's own anchors say; linear time.
    pub fn regex(source: &str, fold_case: bool) -> Result<Self, PatternError> {
        RegexBuilder::new(source)
            .case_insensitive(fold_case)
            .unicode(false)
            .size_limit(REGEX_BYTES_MAX)
            .build()
            .map(Matcher::Regex)
            .map_err(|error| PatternError::Regex(Box::new(error)))
    }

    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Matcher::Wildcard(wildcard) => wildcard.matches(text),
            Matcher::Regex(regex) => regex.is_match(text),
        }
    }

    pub fn source(&self) -> &str {
        match self {
            Matcher::Wildcard(wildcard) => wildcard.source(),
            Matcher::Regex(regex) => regex.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let rows = [
            ("/products*", "/products", true),
            ("/products*", "/product", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", "www.example.com", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXcXb", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(
                Wildcard::sensitive(pattern).matches(text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(!Wildcard::sensitive("/A").matches(b"/a"));
        assert!(Wildcard::insensitive("WWW.*").matches(b"www.x"));
        assert!(Wildcard::escaped_insensitive("a\\*").unwrap().matches(b"A*"));
        assert!(!Wildcard::escaped_insensitive("a\\*").unwrap().matches(b"ab"));
        assert!(Wildcard::escaped_insensitive("a\\").is_err());
    }
}
