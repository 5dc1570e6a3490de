//! Reading a head, however it arrives.

use std::future::poll_fn;
use std::task::Poll;

use http1::{Parsed, RequestError, RequestHead};
use model::Refusal;

use super::After;
use crate::answer;
use crate::buffers::Scratch;
use crate::connection::Connection;
use crate::core::Core;

/// What the bytes at hand are.
pub enum Taken {
    /// The bytes of a complete head and what they say; `core.fields` is filled. What follows the
    /// head is in `connection.pending`.
    Whole(Vec<u8>, RequestHead),
    /// All bytes are in `connection.pending`.
    Partial,
    Unreadable {
        seen: Vec<u8>,
        error: RequestError,
    },
}

/// Takes a head from what is pending and what was just read.
pub fn take_head(core: &Core, connection: &mut Connection, scratch: Scratch<'_>) -> Taken {
    let buffered = !connection.pending.is_empty();
    if buffered {
        connection.pending.extend_from_slice(scratch.filled());
    }
    let bytes = if buffered { &connection.pending[..] } else { scratch.filled() };
    match http1::parse_request(bytes, &mut core.fields.borrow_mut()) {
        Ok(Parsed::Complete(head)) => {
            let mut kept = core.buffers.vector();
            kept.extend_from_slice(&bytes[..head.len]);
            if !buffered {
                connection.pending.extend_from_slice(&scratch.filled()[head.len..]);
            } else if head.len == bytes.len() {
                connection.pending = Vec::new();
            } else {
                connection.pending.drain(..head.len);
            }
            Taken::Whole(kept, head)
        }
        Ok(Parsed::Partial) => {
            if !buffered {
                connection.pending.extend_from_slice(scratch.filled());
            }
            Taken::Partial
        }
        Err(error) => {
            let seen = bytes[..bytes.len().min(http1::REQUEST_LINE_MAX)].to_vec();
            connection.pending = Vec::new();
            Taken::Unreadable { seen, error }
        }
    }
}

/// Reads on until the head is whole.
pub async fn rest_of_head(
    core: &Core,
    connection: &mut Connection,
    mut taken: Taken,
) -> Result<(Vec<u8>, RequestHead), After> {
    core.now();
    connection.limit_head(core);
    loop {
        match taken {
            Taken::Whole(bytes, head) => return Ok((bytes, head)),
            Taken::Unreadable { seen, error } => {
                return Err(answer::unreadable(core, connection, seen, &error).await);
            }
            Taken::Partial => match more(core, connection).await {
                Ok(scratch) => taken = take_head(core, connection, scratch),
                Err(refusal) => {
                    let seen = std::mem::take(&mut connection.pending);
                    return Err(answer::unfinished(core, connection, seen, refusal).await);
                }
            },
        }
    }
}

/// Waits for more of a head.
async fn more<'c>(core: &'c Core, connection: &mut Connection) -> Result<Scratch<'c>, Refusal> {
    poll_fn(|cx| {
        let mut scratch = core.buffers.scratch();
        match connection.stream.poll_read(cx, scratch.space()) {
            Poll::Ready(Ok(length)) if length > 0 => {
                scratch.set_filled(length);
                Poll::Ready(Ok(scratch))
            }
            Poll::Ready(_) => Poll::Ready(Err(Refusal::RequestClientClosed)),
            Poll::Pending => {
                connection.timer.poll_expired(cx).map(|()| Err(Refusal::RequestHeadTimeout))
            }
        }
    })
    .await
}
