//! The head of an answer, however it arrives.

use http1::{Parsed, ResponseHead};
use model::Refusal;

use super::Relay;
use crate::buffers::Scratch;

/// Interim answers that one request may get.
const INTERIM_MAX: u32 = 32;

/// A whole final head, with what followed it.
pub(super) struct Heading<'c> {
    pub head: ResponseHead,
    pub source: Source<'c>,
}

/// Where the bytes of a response head are.
pub(super) enum Source<'c> {
    Scratch(Scratch<'c>),
    Partial,
}

impl<'c> Relay<'c, '_> {
    /// Parses what has arrived; `None` if the final head is not whole.
    pub(super) fn take_head(
        &mut self,
        scratch: Scratch<'c>,
    ) -> Option<Result<Heading<'c>, Refusal>> {
        let buffered = !self.partial.is_empty();
        if buffered {
            self.partial.extend_from_slice(scratch.filled());
        }
        let mut skip = 0;
        loop {
            let bytes = if buffered { &self.partial[..] } else { scratch.filled() };
            let bytes = &bytes[skip..];
            let fields = &mut self.core.fields.borrow_mut();
            let head = match http1::parse_response(bytes, fields, self.request.head.method) {
                Err(error) => return Some(Err(error.refusal())),
                Ok(Parsed::Partial) => break,
                Ok(Parsed::Complete(head)) => head,
            };
            if head.status >= 200 || head.status == 101 {
                self.partial.drain(..if buffered { skip } else { 0 });
                if !buffered && skip > 0 {
                    // Rare: an interim answer in the same read. The spans start at the final head.
                    self.partial.extend_from_slice(&scratch.filled()[skip..]);
                }
                let source =
                    if buffered || skip > 0 { Source::Partial } else { Source::Scratch(scratch) };
                return Some(Ok(Heading { head, source }));
            }
            self.interims += 1;
            if self.interims > INTERIM_MAX {
                return Some(Err(Refusal::TargetMalformed));
            }
            // Ours is the only `100 Continue`, and HTTP/1.0 knows no interim answers.
            if head.status != 100 && !self.request.http10() {
                http1::write_interim(&mut self.interim, bytes, &head, fields);
            }
            skip += head.len;
        }
        if buffered {
            self.partial.drain(..skip);
        } else {
            self.partial.extend_from_slice(&scratch.filled()[skip..]);
        }
        None
    }
}
