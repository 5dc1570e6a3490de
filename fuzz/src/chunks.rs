//! The chunked coding: however the bytes are cut, we read what a naive decoder reads from the whole,
//! and what we write in their place means the same.

use http1::Chunks;

use crate::reader;

pub fn check(bytes: &[u8]) {
    // The first byte chooses where the stream is cut.
    let Some((&step, bytes)) = bytes.split_first() else { return };
    let step = usize::from(step % 32) + 1;
    let whole = decode(bytes, bytes.len().max(1));
    let cut = decode(bytes, step);
    assert_eq!(whole, cut, "cut every {step} bytes");
    let mut reframed = Vec::new();
    let consumed = reframe(bytes, step, &mut reframed);
    // What a strict decoder reads we must read as well, and the same.
    if let Ok((body, rest)) = reader::chunked(bytes)
        && let Some((ours, consumed)) = &whole
    {
        assert_eq!(ours, &body);
        assert_eq!(*consumed, bytes.len() - rest.len());
    }
    if let Some((body, length)) = &whole {
        assert_eq!(consumed, Some(*length), "reframing consumes the same");
        let (again, rest) = reader::chunked(&reframed).expect("what we write is strict");
        assert!(rest.is_empty());
        assert_eq!(&again, body, "reframed from {}", bytes.escape_ascii());
    }
}

/// Body and length of a complete coding.
fn decode(bytes: &[u8], step: usize) -> Option<(Vec<u8>, usize)> {
    let mut chunks = Chunks::new();
    let mut body = Vec::new();
    let consumed = each(bytes, step, |piece| {
        chunks.decode(piece, &mut body).ok().map(|fed| (fed.consumed, fed.done))
    })?;
    Some((body, consumed))
}

/// As the pump does it: verbatim where that is allowed, rewritten where it is not.
pub fn reframe(bytes: &[u8], step: usize, out: &mut Vec<u8>) -> Option<usize> {
    let mut chunks = Chunks::new();
    each(bytes, step, |piece| {
        let before = chunks;
        let fed = chunks.feed(piece).ok()?;
        if fed.verbatim {
            out.extend_from_slice(&piece[..fed.consumed]);
            return Some((fed.consumed, fed.done));
        }
        chunks = before;
        let again = chunks.reframe(piece, out).ok()?;
        assert_eq!((again.consumed, again.done), (fed.consumed, fed.done));
        Some((again.consumed, again.done))
    })
}

/// Feeds pieces until one is the last; `None` if it is refused or never ends.
fn each(
    bytes: &[u8],
    step: usize,
    mut feed: impl FnMut(&[u8]) -> Option<(usize, bool)>,
) -> Option<usize> {
    let mut consumed = 0;
    for piece in bytes.chunks(step) {
        let (used, done) = feed(piece)?;
        consumed += used;
        if done {
            return Some(consumed);
        }
        assert_eq!(used, piece.len(), "all of it, unless the body is done");
    }
    None
}
