//! As much of a file as a change can concern: the top-level block around a place.

use model::Place;

use crate::blocks::TOP_LEVEL;
use crate::sources::Source;
use crate::split::skip;

/// A block where it stands in its file, with nothing but line breaks before it.
pub struct Part {
    pub source: Source,
    /// How many bytes they are.
    pub pad: usize,
}

/// `None` where no line above begins a top-level block, or where the block is not closed.
pub fn around(source: &Source, place: &Place) -> Option<Part> {
    let lines: Vec<usize> = std::iter::once(0)
        .chain(source.text.match_indices('\n').map(|(at, _)| at + 1))
        .take(place.line as usize)
        .collect();
    let begins = |at: &usize| {
        let line = &source.text[*at..];
        let rest = TOP_LEVEL.iter().find_map(|kind| line.strip_prefix(kind.name));
        rest.is_some_and(|rest| rest.starts_with([' ', '"', '{']))
    };
    let pad = lines.iter().rposition(begins)?;
    let text = &source.text[lines[pad]..];
    let text = &text[..end(text)?];
    let text = format!("{}{text}", "\n".repeat(pad));
    Some(Part { source: Source { text, ..source.clone() }, pad })
}

/// Behind the line on which the first brackets are closed.
fn end(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    let mut is_closed = false;
    while at < text.len() {
        let next = skip(text, at);
        match text.as_bytes()[at] {
            b'\n' if is_closed => return Some(next),
            b'{' | b'[' | b'(' if next == at + 1 => depth += 1,
            b'}' | b']' | b')' => {
                depth = depth.checked_sub(1)?;
                is_closed |= depth == 0;
            }
            _ => {}
        }
        at = next;
    }
    is_closed.then_some(text.len())
}
