//! Copies header lines from one head to another, as few runs of bytes.

use memchr::memchr2;

use crate::lines::Quirks;
use crate::{Field, FieldKind, Fields};

/// Lines that follow each other in the buffer are copied at once.
pub struct Copier<'a> {
    out: &'a mut Vec<u8>,
    buf: &'a [u8],
    quirks: Quirks,
    /// From the name of the first line to the value of the last; empty if nothing waits.
    start: usize,
    end: usize,
}

impl<'a> Copier<'a> {
    pub fn new(out: &'a mut Vec<u8>, buf: &'a [u8], quirks: Quirks) -> Self {
        Copier { out, buf, quirks, start: 0, end: 0 }
    }

    /// Copies the line as it is.
    #[inline]
    pub fn keep(&mut self, field: &Field) {
        if field.kind == FieldKind::NotToken {
            return self.keep_parts(field);
        }
        let (start, end) = (field.name.start as usize, field.value.end as usize);
        // Two bytes between a value and the next name are CRLF, unless LF can stand alone.
        let joinable = !self.quirks.bare_line_feed && !self.quirks.folded;
        let follows = joinable && start == self.end + 2 && self.start < self.end;
        if !follows {
            self.flush();
            self.start = start;
        }
        self.end = end;
    }

    /// For a line whose name and colon are not joined.
    #[cold]
    fn keep_parts(&mut self, field: &Field) {
        self.flush();
        self.out.extend_from_slice(field.name.of(self.buf));
        self.out.extend_from_slice(b": ");
        self.unfold(field.value.of(self.buf));
        self.out.extend_from_slice(b"\r\n");
    }

    /// What is written here stands between the lines kept before and after.
    pub fn insert(&mut self) -> &mut Vec<u8> {
        self.flush();
        self.out
    }

    #[inline]
    fn flush(&mut self) {
        let Some(run) = self.buf.get(self.start..self.end).filter(|run| !run.is_empty()) else {
            return;
        };
        if self.quirks.folded {
            self.unfold(run);
        } else {
            self.out.extend_from_slice(run);
        }
        self.out.extend_from_slice(b"\r\n");
        (self.start, self.end) = (0, 0);
    }

    /// RFC 9112 §5.2: "replace each received obs-fold with one or more SP octets".
    #[cold]
    fn unfold(&mut self, text: &[u8]) {
        if memchr2(b'\r', b'\n', text).is_none() {
            self.out.extend_from_slice(text);
        } else {
            let spaced = text.iter().map(|byte| if b"\r\n".contains(byte) { b' ' } else { *byte });
            self.out.extend(spaced);
        }
    }
}

impl Drop for Copier<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Whether a `Connection` header of the same head names this one (RFC 9110 §7.6.1).
#[cold]
pub fn is_listed(field: &Field, fields: &Fields, buf: &[u8]) -> bool {
    let name = field.name.of(buf);
    fields
        .iter()
        .filter(|other| other.kind == FieldKind::Connection)
        .flat_map(|other| crate::bytes::list(other.value.of(buf)))
        .any(|option| option.eq_ignore_ascii_case(name))
}
