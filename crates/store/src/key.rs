//! Names of what is kept.

use std::fmt;

/// Of one key.
pub const KEY_BYTES_MAX: usize = 512;

/// A path such as `certificate/site`: segments of printable ASCII without spaces, joined by slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// Why a text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("a key has at least one segment, and none of them is empty")]
    Empty,
    #[error("a key is longer than {KEY_BYTES_MAX} bytes")]
    TooLong,
    #[error("a key holds something else than printable ASCII without spaces")]
    Character,
}

impl Key {
    pub fn new(text: impl Into<String>) -> Result<Key, BadKey> {
        let text = text.into();
        if text.len() > KEY_BYTES_MAX {
            Err(BadKey::TooLong)
        } else if text.split('/').any(str::is_empty) {
            Err(BadKey::Empty)
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Err(BadKey::Character)
        } else {
            Ok(Key(text))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_key() {
        let long = "k".repeat(KEY_BYTES_MAX);
        let longer = "k".repeat(KEY_BYTES_MAX + 1);
        let rows: &[(&str, &str, Option<BadKey>)] = &[
            ("one segment", "meta", None),
            ("a path", "certificate/site", None),
            ("a wildcard", "order/*.example.com", None),
            ("the longest", &long, None),
            ("too long", &longer, Some(BadKey::TooLong)),
            ("nothing", "", Some(BadKey::Empty)),
            ("leading slash", "/a", Some(BadKey::Empty)),
            ("trailing slash", "a/", Some(BadKey::Empty)),
            ("two slashes", "a//b", Some(BadKey::Empty)),
            ("a space", "a b", Some(BadKey::Character)),
            ("a line end", "a\nb", Some(BadKey::Character)),
            ("a letter beyond ASCII", "a/ü", Some(BadKey::Character)),
        ];
        for (name, text, expected) in rows {
            assert_eq!(Key::new(*text).err(), *expected, "{name}");
        }
    }
}
