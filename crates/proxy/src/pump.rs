//! Moves one body from one stream to another, re-framed, with back pressure: nothing more is read
//! until what was read is written.

use std::io;
use std::task::{Context, Poll, ready};

use http1::{Chunks, Framing};

use crate::buffers::{Buffers, Scratch};
use crate::stream::Stream;

/// A body piece up to this size is copied behind the head, so that one write carries both.
const COPY_MAX: usize = 16 * 1024;

/// How the body that is read becomes the body that is written.
#[derive(Clone, Copy)]
enum Shape {
    Finished,
    /// So many bytes are left.
    Length(u64),
    /// Chunked on both sides: canonical chunks pass as they are, others are rewritten.
    Chunked(Chunks),
    /// Chunked in, bare data out, for an HTTP/1.0 client.
    Unchunk(Chunks),
    /// Until the end of the stream on both sides.
    UntilClose,
    /// Until the end of the stream in, chunked out.
    Enchunk {
        first: bool,
    },
}

/// Why a body did not make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PumpError {
    /// The source failed.
    Read,
    /// The source ended before the body did.
    Truncated,
    BadFraming,
    /// The sink failed.
    Write,
}

pub struct Pump<'c> {
    shape: Shape,
    buffers: &'c Buffers,
    /// To be written first: a head, a small body piece, or rewritten chunks.
    out: Vec<u8>,
    written: usize,
    /// To be written after `out`: a piece of what was read last.
    piece: Option<(Scratch<'c>, usize, usize)>,
    /// Body bytes read, in wire form.
    pub received: u64,
    /// All bytes written, head included.
    pub sent: u64,
    pub progressed: bool,
    /// Bytes arrived behind the end of the body.
    pub overrun: bool,
}

impl<'c> Pump<'c> {
    /// `out` holds the head. `from` is the framing that is read, `to` the one that was announced.
    pub fn new(buffers: &'c Buffers, out: Vec<u8>, from: Framing, to: Framing) -> Self {
        let shape = match (from, to) {
            (Framing::None | Framing::Length(0), _) => Shape::Finished,
            (Framing::Length(n), _) => Shape::Length(n),
            (Framing::Chunked, Framing::Chunked) => Shape::Chunked(Chunks::new()),
            (Framing::Chunked, _) => Shape::Unchunk(Chunks::new()),
            (Framing::UntilClose, Framing::Chunked) => Shape::Enchunk { first: true },
            (Framing::UntilClose, _) => Shape::UntilClose,
        };
        Pump {
            shape,
            buffers,
            out,
            written: 0,
            piece: None,
            received: 0,
            sent: 0,
            progressed: false,
            overrun: false,
        }
    }

    /// The whole body has been read (not necessarily written).
    pub fn finished(&self) -> bool {
        matches!(self.shape, Shape::Finished)
    }

    /// Nothing waits to be written.
    pub fn drained(&self) -> bool {
        self.piece.is_none() && self.written >= self.out.len()
    }

    /// Whether the rest is so many bytes that pass unchanged.
    pub fn remaining_verbatim(&self) -> Option<u64> {
        match self.shape {
            Shape::Length(n) => Some(n),
            Shape::UntilClose => Some(u64::MAX),
            Shape::Finished | Shape::Chunked(_) | Shape::Unchunk(_) | Shape::Enchunk { .. } => None,
        }
    }

    /// So many of the [`Pump::remaining_verbatim`] bytes were moved past the pump.
    pub fn moved_verbatim(&mut self, moved: u64, at_end: bool) {
        self.received += moved;
        self.sent += moved;
        self.shape = match self.shape {
            Shape::Length(n) if n > moved => Shape::Length(n - moved),
            Shape::UntilClose if !at_end => Shape::UntilClose,
            _ => Shape::Finished,
        };
    }

    /// What was to be written first.
    pub fn into_out(self) -> Vec<u8> {
        self.out
    }

    /// Gives the buffer back.
    pub fn recycle_out(&mut self) {
        self.written = 0;
        self.buffers.recycle(std::mem::take(&mut self.out));
    }

    /// Bytes that were read before the pump started; answers how many belong to the body.
    pub fn preload(&mut self, bytes: &[u8]) -> Result<usize, PumpError> {
        let (range, used) = self.take(bytes)?;
        if let Some((start, end)) = range {
            self.out.extend_from_slice(&bytes[start..end]);
        }
        Ok(used)
    }

    /// As [`Pump::preload`], but a large piece keeps its buffer instead of being copied. Whatever
    /// follows the body is an overrun.
    pub fn preload_scratch(&mut self, scratch: Scratch<'c>, from: usize) -> Result<(), PumpError> {
        let bytes = &scratch.filled()[from..];
        let (range, used) = self.take(bytes)?;
        self.overrun |= used < bytes.len();
        if let Some((start, end)) = range {
            if end - start <= COPY_MAX {
                self.out.extend_from_slice(&bytes[start..end]);
            } else {
                self.piece = Some((scratch, from + start, from + end));
            }
        }
        Ok(())
    }

    /// Ready when the body is finished and written. What follows the body goes to `spill` (pipelined
    /// requests) or, without one, is an overrun.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        mut spill: Option<&mut Vec<u8>>,
    ) -> Poll<Result<(), PumpError>> {
        loop {
            ready!(self.poll_drain(cx, to)).map_err(|_| PumpError::Write)?;
            if self.finished() {
                return to.poll_flush(cx).map_err(|_| PumpError::Write);
            }
            let mut scratch = self.buffers.scratch();
            let length = match from.poll_read(cx, scratch.space()) {
                Poll::Pending => {
                    // TLS may still hold bytes that nobody would push otherwise.
                    ready!(to.poll_flush(cx)).map_err(|_| PumpError::Write)?;
                    return Poll::Pending;
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(PumpError::Read)),
                Poll::Ready(Ok(length)) => length,
            };
            self.progressed = true;
            if length == 0 {
                self.end_of_stream()?;
                continue;
            }
            scratch.set_filled(length);
            let (range, used) = self.take(scratch.filled())?;
            if used < length {
                match &mut spill {
                    Some(spill) => spill.extend_from_slice(&scratch.filled()[used..]),
                    None => self.overrun = true,
                }
            }
            if let Some((start, end)) = range {
                self.piece = Some((scratch, start, end));
            }
        }
    }

    /// Writes what is waiting.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<io::Result<()>> {
        loop {
            let head = &self.out[self.written..];
            let count = match (&self.piece, head.is_empty()) {
                (None, true) => {
                    self.out.clear();
                    self.written = 0;
                    return Poll::Ready(Ok(()));
                }
                (None, false) => ready!(to.poll_write(cx, head))?,
                (Some((scratch, start, end)), true) => {
                    ready!(to.poll_write(cx, &scratch.filled()[*start..*end]))?
                }
                (Some((scratch, start, end)), false) => {
                    ready!(to.poll_write_two(cx, head, &scratch.filled()[*start..*end]))?
                }
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.progressed = true;
            self.sent += count as u64;
            self.advance(count);
        }
    }

    fn advance(&mut self, count: usize) {
        let from_out = count.min(self.out.len() - self.written);
        self.written += from_out;
        if let Some((_, start, end)) = &mut self.piece {
            *start += count - from_out;
            if start >= end {
                self.piece = None;
            }
        }
    }

    fn end_of_stream(&mut self) -> Result<(), PumpError> {
        match self.shape {
            Shape::UntilClose => {}
            Shape::Enchunk { first } => {
                self.out.extend_from_slice(if first { b"0\r\n\r\n" } else { b"\r\n0\r\n\r\n" });
            }
            Shape::Finished | Shape::Length(_) | Shape::Chunked(_) | Shape::Unchunk(_) => {
                return Err(PumpError::Truncated);
            }
        }
        self.shape = Shape::Finished;
        Ok(())
    }

    /// Interprets bytes as body: answers which part of them is to be written as it is (after
    /// `self.out`), and how many of them belong to the body.
    fn take(&mut self, bytes: &[u8]) -> Result<(Option<(usize, usize)>, usize), PumpError> {
        let everything = (!bytes.is_empty()).then_some((0, bytes.len()));
        let (range, used) = match &mut self.shape {
            Shape::Finished => (None, 0),
            Shape::Length(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= used as u64;
                if *left == 0 {
                    self.shape = Shape::Finished;
                }
                ((used > 0).then_some((0, used)), used)
            }
            Shape::UntilClose => (everything, bytes.len()),
            Shape::Enchunk { first } => {
                if !bytes.is_empty() {
                    let lead = if *first { "" } else { "\r\n" };
                    *first = false;
                    use io::Write;
                    let _ = write!(self.out, "{lead}{:x}\r\n", bytes.len());
                }
                (everything, bytes.len())
            }
            Shape::Chunked(chunks) => {
                let before = *chunks;
                let mut fed = chunks.feed(bytes).map_err(|_| PumpError::BadFraming)?;
                let mut range = (fed.consumed > 0).then_some((0, fed.consumed));
                if !fed.verbatim {
                    *chunks = before;
                    fed =
                        chunks.reframe(bytes, &mut self.out).map_err(|_| PumpError::BadFraming)?;
                    range = None;
                }
                if fed.done {
                    self.shape = Shape::Finished;
                }
                (range, fed.consumed)
            }
            Shape::Unchunk(chunks) => {
                let fed = chunks.decode(bytes, &mut self.out).map_err(|_| PumpError::BadFraming)?;
                if fed.done {
                    self.shape = Shape::Finished;
                }
                (None, fed.consumed)
            }
        };
        self.received += used as u64;
        Ok((range, used))
    }
}
