//! The lines of a head: where it ends, and its header lines as [`Fields`].

use memchr::{memchr, memchr_iter};
use model::DesyncReason;

use crate::bytes::{PORTABLE, TOKEN, class, is_blank, is_control, trim, trim_end};
use crate::field::resembles;
use crate::{FIELDS_MAX, Field, FieldKind, Fields, HEADER_LINE_MAX, Reasons, Span};

/// What the head's lines have in common, which tells later steps what they need not look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// A value goes on over several lines.
    pub folded: bool,
    /// A line ends in LF alone.
    pub bare_line_feed: bool,
    /// `Connection` names headers that are to be removed.
    pub connection_lists: bool,
    /// Bytes of the target have to be percent-encoded.
    pub target_unclean: bool,
    /// The target is in absolute form.
    pub absolute: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinesError {
    TooLarge,
    /// NUL, or CR that does not end a line.
    Dangerous,
    /// A header that we have to understand is folded.
    Folded,
}

/// The offset behind the empty line, looking from `start`.
pub fn head_end(buf: &[u8], start: usize) -> Result<Option<usize>, LinesError> {
    let rest = buf.get(start..).unwrap_or_default();
    // One line more than there can be fields is the start line, and one the empty line.
    for (count, at) in memchr_iter(b'\n', rest).enumerate() {
        if count > FIELDS_MAX + 1 {
            return Err(LinesError::TooLarge);
        }
        match rest.get(at + 1..) {
            Some([b'\n', ..]) => return Ok(Some(start + at + 2)),
            Some([b'\r', b'\n', ..]) => return Ok(Some(start + at + 3)),
            _ => {}
        }
    }
    Ok(None)
}

/// Counted over a whole head at once, so that lines need not be searched one by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Census {
    pub carriage_returns: usize,
    /// There is a control character that is not HTAB, CR or LF.
    pub controls: bool,
}

impl Census {
    pub fn of(head: &[u8]) -> Self {
        // Branch-free in pieces that keep the counts in bytes: the compiler makes vectors of it.
        const PIECE: usize = 64;
        let mut census = Census::default();
        for piece in head.chunks(PIECE) {
            let (mut returns, mut controls) = (0u8, 0u8);
            for &byte in piece {
                returns += u8::from(byte == b'\r');
                let ordinary = (byte >= b' ') | (byte == b'\t') | (byte == b'\r') | (byte == b'\n');
                controls |= u8::from(!ordinary | (byte == 0x7f));
            }
            census.carriage_returns += usize::from(returns);
            census.controls |= controls != 0;
        }
        census
    }
}

/// The lines of a head, without their terminators.
pub struct Lines<'a> {
    buf: &'a [u8],
    at: usize,
    /// Behind the empty line.
    end: usize,
    /// Lines that ended in CRLF.
    pub crlf: usize,
    pub bare: bool,
}

impl<'a> Lines<'a> {
    /// `end` is from [`head_end`].
    pub fn new(buf: &'a [u8], start: usize, end: usize) -> Self {
        Lines { buf, at: start, end, crlf: 0, bare: false }
    }

    /// The next line and its offset; `None` behind the last.
    #[inline]
    pub fn next_line(&mut self) -> Option<(usize, &'a [u8])> {
        let start = self.at;
        let rest = self.buf.get(start..self.end)?;
        let length = memchr(b'\n', rest)?;
        self.at = start + length + 1;
        match &rest[..length] {
            [line @ .., b'\r'] => {
                self.crlf += 1;
                Some((start, line))
            }
            line => {
                self.bare = true;
                Some((start, line))
            }
        }
    }
}

/// Reads header lines up to the empty one.
pub fn parse_fields(
    lines: &mut Lines<'_>,
    census: Census,
    fields: &mut Fields,
    quirks: &mut Quirks,
    reasons: &mut Reasons,
) -> Result<(), LinesError> {
    while let Some((start, line)) = lines.next_line() {
        let Some(&first) = line.first() else { break };
        if line.len() > HEADER_LINE_MAX || fields.len() >= FIELDS_MAX {
            return Err(LinesError::TooLarge);
        }
        if census.controls {
            check_controls(line, reasons)?;
        }
        if is_blank(first) {
            continue_field(start, line, fields, quirks, reasons)?;
        } else {
            fields.0.push(parse_field(start, line, reasons));
        }
    }
    // Every CR that does not end a line is inside one.
    if census.carriage_returns != lines.crlf {
        return Err(LinesError::Dangerous);
    }
    if lines.bare {
        quirks.bare_line_feed = true;
        reasons.insert(DesyncReason::NonCrLfLineTermination);
    }
    Ok(())
}

/// `field-line = field-name ":" OWS field-value OWS` (RFC 9112 §5).
#[inline]
fn parse_field(start: usize, line: &[u8], reasons: &mut Reasons) -> Field {
    let mut common = TOKEN | PORTABLE;
    let mut colon = None;
    for (at, &byte) in line.iter().enumerate() {
        if byte == b':' {
            colon = Some(at);
            break;
        }
        common &= class(byte);
    }
    let Some(colon) = colon else {
        reasons.insert(DesyncReason::MissingHeaderColon);
        return Field {
            name: Span::new(start, start + line.len()),
            value: Span::new(start + line.len(), start + line.len()),
            kind: suspect(line, reasons),
        };
    };
    let name = &line[..colon];
    let kind = if name.is_empty() {
        reasons.insert(DesyncReason::EmptyHeader);
        FieldKind::NotToken
    } else if common & TOKEN == 0 {
        reasons.insert(DesyncReason::NonCompliantHeader);
        suspect(name, reasons)
    } else {
        let kind = FieldKind::of_token(name, common & PORTABLE != 0);
        if let FieldKind::LookAlike(_) = kind {
            reasons.insert(DesyncReason::SuspiciousHeader);
        }
        kind
    };
    let value = span_of(start, line, trim(&line[colon + 1..]), colon + 1);
    Field { name: Span::new(start, start + colon), value, kind }
}

/// The span of `part`, a part of `line`; of `empty_at` if it is empty.
fn span_of(start: usize, line: &[u8], part: &[u8], empty_at: usize) -> Span {
    if part.is_empty() {
        return Span::new(start + empty_at, start + empty_at);
    }
    let offset = part.as_ptr() as usize - line.as_ptr() as usize;
    Span::new(start + offset, start + offset + part.len())
}

/// The kind of a name that is no token.
fn suspect(name: &[u8], reasons: &mut Reasons) -> FieldKind {
    match resembles(name) {
        Some(framer) => {
            reasons.insert(DesyncReason::SuspiciousHeader);
            FieldKind::LookAlike(framer)
        }
        None => FieldKind::NotToken,
    }
}

/// A line that begins with white space goes on with the one before (RFC 9112 §5.2, `obs-fold`).
#[cold]
fn continue_field(
    start: usize,
    line: &[u8],
    fields: &mut Fields,
    quirks: &mut Quirks,
    reasons: &mut Reasons,
) -> Result<(), LinesError> {
    reasons.insert(DesyncReason::MultilineHeader);
    quirks.folded = true;
    let length = memchr(b':', line).unwrap_or(line.len());
    let name = trim(&line[..length]);
    if name.is_empty() && length < line.len() {
        reasons.insert(DesyncReason::EmptyHeader);
    }
    let kind = suspect(name, reasons);
    let last = match fields.0.last_mut() {
        Some(last) if kind == FieldKind::NotToken => last,
        // Nothing to continue, or some readers would take it for a framing header of its own: kept
        // as something that is judged, but not passed on.
        _ => {
            let after = (length + 1).min(line.len());
            let value = span_of(start, line, trim(&line[after..]), after);
            fields.0.push(Field { name: Span::new(start, start + length), value, kind });
            return Ok(());
        }
    };
    if last.kind.is_read() {
        return Err(LinesError::Folded);
    }
    let content = trim_end(line);
    if !content.is_empty() {
        last.value.end = (start + content.len()) as u32;
    }
    if last.value.end - last.name.start > HEADER_LINE_MAX as u32 {
        return Err(LinesError::TooLarge);
    }
    Ok(())
}

/// ALB.md §6c: NUL is `BadHeader`, other control characters are `NonCompliantHeader`.
#[cold]
fn check_controls(line: &[u8], reasons: &mut Reasons) -> Result<(), LinesError> {
    for &byte in line {
        if byte == 0 {
            return Err(LinesError::Dangerous);
        }
        // A CR here is found by the census.
        if is_control(byte) && byte != b'\r' {
            reasons.insert(DesyncReason::NonCompliantHeader);
        }
    }
    Ok(())
}
