//! The chunked transfer coding (RFC 9112 §7.1), strictly: CRLF ends lines, sizes are hexadecimal
//! digits and nothing else.

use std::fmt;

use crate::bytes::{is_blank, is_control, is_token};
use crate::{FieldKind, bytes};

/// Bytes of chunk extensions in one body: they carry nothing, and many small chunks with large
/// extensions make a client's bytes cheap and ours dear.
pub const EXTENSIONS_MAX: u32 = 16 * 1024;
/// Bytes of the trailer section.
pub const TRAILERS_MAX: u32 = 8 * 1024;
/// Bytes of one trailer's name; it is kept aside until it is known whether it passes.
pub const TRAILER_NAME_MAX: usize = 64;
/// Digits of a chunk size.
const SIZE_DIGITS_MAX: u8 = 16;

/// Where in a chunked body the next byte belongs.
///
/// ```text
/// Size -> SizeEnd -> Data -> DataCr -> DataLf -> Size        (a chunk)
///   |                 `-> (size 0) TrailerStart
///   `-> Blank/Extension -> SizeEnd
/// TrailerStart -> TrailerName -> TrailerValue -> TrailerLf -> TrailerStart
///   `-> End -> Done
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Chunks {
    state: State,
    /// Of the size: digits so far.
    digits: u8,
    /// Of the trailer being read: its name and whether it passes.
    name_len: u8,
    passing: bool,
    /// The chunk's size, or what is left of its data.
    left: u64,
    extensions: u32,
    trailers: u32,
    name: [u8; TRAILER_NAME_MAX],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    /// White space behind the size; an extension must follow.
    Blank,
    Extension,
    /// The LF of the size line.
    SizeLf {
        extended: bool,
    },
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    /// The LF of the last line.
    EndLf,
    Done,
}

/// What a call took in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fed {
    /// Bytes that belong to the body. All of them, unless it is done.
    pub consumed: usize,
    /// `input[..consumed]` may be forwarded as it is: no extensions, no trailers.
    pub verbatim: bool,
    pub done: bool,
}

/// Why bytes are no chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    Size,
    SizeTooLarge,
    /// A control character in an extension, or no extension where one was begun.
    Extension,
    ExtensionsTooLarge,
    /// Something else than CRLF.
    LineEnd,
    Trailer,
    TrailersTooLarge,
}

impl Default for Chunks {
    fn default() -> Self {
        Chunks::new()
    }
}

impl Chunks {
    pub const fn new() -> Self {
        Chunks {
            state: State::Size,
            digits: 0,
            name_len: 0,
            passing: false,
            left: 0,
            extensions: 0,
            trailers: 0,
            name: [0; TRAILER_NAME_MAX],
        }
    }

    /// Follows the body without copying it.
    ///
    /// When the answer is not `verbatim`, put back the state of before and call
    /// [`Chunks::reframe`] with the same input: what was forwarded so far fits what it writes.
    pub fn feed(&mut self, input: &[u8]) -> Result<Fed, ChunkError> {
        let mut follow = Follow { next: 0, verbatim: true };
        let consumed = self.run(input, &mut follow)?;
        let verbatim = follow.verbatim && follow.next == consumed;
        Ok(Fed { consumed, verbatim, done: self.state == State::Done })
    }

    /// Appends the body to `out` in chunked coding, without extensions and without trailers that
    /// must not be there (RFC 9110 §6.5.1).
    pub fn reframe(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Fed, ChunkError> {
        let consumed = self.run(input, &mut Reframe { input, out })?;
        Ok(Fed { consumed, verbatim: false, done: self.state == State::Done })
    }

    /// Appends the data to `out`.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Fed, ChunkError> {
        let consumed = self.run(input, &mut Decode { input, out })?;
        Ok(Fed { consumed, verbatim: false, done: self.state == State::Done })
    }

    /// The state machine; answers how much of `input` belongs to the body.
    fn run(&mut self, input: &[u8], sink: &mut impl Sink) -> Result<usize, ChunkError> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Size => {
                    self.size(byte)?;
                    if self.state == State::Size
                        || self.state == (State::SizeLf { extended: false })
                    {
                        sink.framing(at, at + 1);
                    }
                    at += 1;
                }
                State::Blank | State::Extension => {
                    self.extension(byte)?;
                    at += 1;
                }
                State::SizeLf { extended } => {
                    expect(byte, b'\n')?;
                    if extended {
                        sink.insert(b"\r\n");
                    } else {
                        sink.framing(at, at + 1);
                    }
                    self.digits = 0;
                    self.state = if self.left == 0 { State::TrailerStart } else { State::Data };
                    at += 1;
                }
                State::Data => {
                    let here = (input.len() - at) as u64;
                    let taken = self.left.min(here) as usize;
                    sink.data(at, at + taken);
                    self.left -= taken as u64;
                    if self.left == 0 {
                        self.state = State::DataCr;
                    }
                    at += taken;
                }
                State::DataCr => {
                    expect(byte, b'\r')?;
                    sink.framing(at, at + 1);
                    self.state = State::DataLf;
                    at += 1;
                }
                State::DataLf => {
                    expect(byte, b'\n')?;
                    sink.framing(at, at + 1);
                    self.state = State::Size;
                    at += 1;
                }
                State::TrailerStart if byte == b'\r' => {
                    sink.framing(at, at + 1);
                    self.state = State::EndLf;
                    at += 1;
                }
                State::EndLf => {
                    expect(byte, b'\n')?;
                    sink.framing(at, at + 1);
                    self.state = State::Done;
                    at += 1;
                }
                State::TrailerStart
                | State::TrailerName
                | State::TrailerValue
                | State::TrailerLf => {
                    self.trailer(byte, at, sink)?;
                    at += 1;
                }
                State::Done => break,
            }
        }
        Ok(at)
    }

    /// `chunk-size = 1*HEXDIG`.
    fn size(&mut self, byte: u8) -> Result<(), ChunkError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if self.digits > 0 => {
                self.state = State::SizeLf { extended: false };
                return Ok(());
            }
            b';' if self.digits > 0 => {
                self.state = State::Extension;
                return Ok(());
            }
            _ if is_blank(byte) && self.digits > 0 => {
                self.state = State::Blank;
                return Ok(());
            }
            _ => return Err(ChunkError::Size),
        };
        if self.digits == SIZE_DIGITS_MAX {
            return Err(ChunkError::SizeTooLarge);
        }
        self.digits += 1;
        // Sixteen digits fit; a set sign bit is a negative size to some.
        self.left = self.left << 4 | u64::from(digit);
        if self.left > i64::MAX as u64 {
            return Err(ChunkError::SizeTooLarge);
        }
        Ok(())
    }

    /// `chunk-ext = *( BWS ";" BWS chunk-ext-name [ ... ] )`, of which only the end matters.
    #[cold]
    fn extension(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.extensions += 1;
        if self.extensions > EXTENSIONS_MAX {
            return Err(ChunkError::ExtensionsTooLarge);
        }
        self.state = match (self.state, byte) {
            (State::Blank, b';') => State::Extension,
            (State::Blank, _) if is_blank(byte) => State::Blank,
            (State::Extension, b'\r') => State::SizeLf { extended: true },
            (State::Extension, _) if !is_control(byte) => State::Extension,
            _ => return Err(ChunkError::Extension),
        };
        Ok(())
    }

    /// `trailer-section = *( field-line CRLF )`.
    #[cold]
    fn trailer(&mut self, byte: u8, at: usize, sink: &mut impl Sink) -> Result<(), ChunkError> {
        self.trailers += 1;
        if self.trailers > TRAILERS_MAX {
            return Err(ChunkError::TrailersTooLarge);
        }
        match self.state {
            State::TrailerStart | State::TrailerName if byte == b':' => {
                let name = &self.name[..usize::from(self.name_len)];
                if !is_token(name) {
                    return Err(ChunkError::Trailer);
                }
                self.passing = passes(name);
                if self.passing {
                    sink.insert(name);
                    sink.insert(b":");
                }
                self.name_len = 0;
                self.state = State::TrailerValue;
            }
            State::TrailerStart | State::TrailerName => {
                let place =
                    self.name.get_mut(usize::from(self.name_len)).ok_or(ChunkError::Trailer)?;
                *place = byte;
                self.name_len += 1;
                self.state = State::TrailerName;
            }
            State::TrailerValue if byte == b'\r' => self.state = State::TrailerLf,
            State::TrailerValue => {
                if is_control(byte) {
                    return Err(ChunkError::Trailer);
                }
                if self.passing {
                    sink.framing(at, at + 1);
                }
            }
            State::TrailerLf => {
                expect(byte, b'\n')?;
                if self.passing {
                    sink.insert(b"\r\n");
                }
                self.state = State::TrailerStart;
            }
            _ => {}
        }
        Ok(())
    }
}

fn expect(byte: u8, wanted: u8) -> Result<(), ChunkError> {
    if byte == wanted { Ok(()) } else { Err(ChunkError::LineEnd) }
}

/// RFC 9110 §6.5.1: no framing, routing, authentication, or what else must be known before.
fn passes(name: &[u8]) -> bool {
    const FORBIDDEN: [&str; 16] = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-range",
        "content-type",
        "expires",
        "forwarded",
        "location",
        "max-forwards",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "vary",
        "www-authenticate",
        "x-forwarded-host",
    ];
    let known = FieldKind::of_token(name, bytes::all(name, bytes::PORTABLE));
    known == FieldKind::Other
        && !FORBIDDEN.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

/// Takes what leaves: parts of the input by their offsets, and bytes that are put in.
trait Sink {
    fn framing(&mut self, start: usize, end: usize);
    fn data(&mut self, start: usize, end: usize);
    fn insert(&mut self, bytes: &[u8]);
}

/// Watches whether everything leaves as it came.
struct Follow {
    next: usize,
    verbatim: bool,
}

impl Sink for Follow {
    #[inline]
    fn framing(&mut self, start: usize, end: usize) {
        self.verbatim &= start == self.next;
        self.next = end;
    }

    #[inline]
    fn data(&mut self, start: usize, end: usize) {
        self.framing(start, end);
    }

    #[inline]
    fn insert(&mut self, _: &[u8]) {
        self.verbatim = false;
    }
}

struct Reframe<'a> {
    input: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Sink for Reframe<'_> {
    #[inline]
    fn framing(&mut self, start: usize, end: usize) {
        self.out.extend_from_slice(self.input.get(start..end).unwrap_or_default());
    }

    #[inline]
    fn data(&mut self, start: usize, end: usize) {
        self.framing(start, end);
    }

    #[inline]
    fn insert(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}

struct Decode<'a> {
    input: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Sink for Decode<'_> {
    #[inline]
    fn framing(&mut self, _: usize, _: usize) {}

    #[inline]
    fn data(&mut self, start: usize, end: usize) {
        self.out.extend_from_slice(self.input.get(start..end).unwrap_or_default());
    }

    #[inline]
    fn insert(&mut self, _: &[u8]) {}
}

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ChunkError::Size => "a chunk size is not hexadecimal",
            ChunkError::SizeTooLarge => "a chunk size is too large",
            ChunkError::Extension => "a chunk extension is malformed",
            ChunkError::ExtensionsTooLarge => "the chunk extensions are too large",
            ChunkError::LineEnd => "a line of the chunked body does not end in CRLF",
            ChunkError::Trailer => "a trailer is malformed",
            ChunkError::TrailersTooLarge => "the trailers are too large",
        })
    }
}

impl std::error::Error for ChunkError {}

#[cfg(test)]
mod tests;
