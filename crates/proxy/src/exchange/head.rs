//! Reading a head, however it arrives.

use std::future::poll_fn;
use std::task::Poll;

use http1::{Parsed, RequestHead};
use model::Refusal;

use super::After;
use crate::answer;
use crate::buffers::Scratch;
use crate::connection::Connection;
use crate::core::Core;

/// The bytes of a complete head and what they say; `core.fields` is filled. What follows the head
/// goes to `connection.pending`.
pub async fn read_head<'c>(
    core: &'c Core,
    connection: &mut Connection,
    first: Scratch<'c>,
) -> Result<(Vec<u8>, RequestHead), After> {
    let mut scratch = first;
    loop {
        let parsed = {
            let buffered = !connection.pending.is_empty();
            if buffered {
                connection.pending.extend_from_slice(scratch.filled());
            }
            let bytes = if buffered { &connection.pending[..] } else { scratch.filled() };
            http1::parse_request(bytes, &mut core.fields.borrow_mut()).map(|parsed| match parsed {
                Parsed::Complete(head) => {
                    let mut kept = core.buffers.vector();
                    kept.extend_from_slice(&bytes[..head.len]);
                    Some((kept, head, bytes.len()))
                }
                Parsed::Partial => None,
            })
        };
        match parsed {
            Ok(Some((kept, head, total))) => {
                if connection.pending.is_empty() {
                    if head.len < total {
                        connection.pending.extend_from_slice(&scratch.filled()[head.len..]);
                    }
                } else if head.len == total {
                    connection.pending = Vec::new();
                } else {
                    connection.pending.drain(..head.len);
                }
                return Ok((kept, head));
            }
            Err(error) => {
                let bytes = if connection.pending.is_empty() {
                    scratch.filled()
                } else {
                    &connection.pending
                };
                let seen = bytes[..bytes.len().min(http1::REQUEST_LINE_MAX)].to_vec();
                drop(scratch);
                connection.pending = Vec::new();
                return Err(answer::unreadable(core, connection, seen, &error).await);
            }
            Ok(None) => {
                if connection.pending.is_empty() {
                    connection.pending.extend_from_slice(scratch.filled());
                }
                drop(scratch);
                scratch = match more(core, connection).await {
                    Ok(scratch) => scratch,
                    Err(refusal) => {
                        let seen = std::mem::take(&mut connection.pending);
                        return Err(answer::unfinished(core, connection, seen, refusal).await);
                    }
                };
            }
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
