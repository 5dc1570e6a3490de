//! After `101 Switching Protocols`: bytes both ways until both sides are done (ALB.md §6b).

use std::future::poll_fn;
use std::task::{Context, Poll};

use http1::Framing;
use model::Refusal;

use crate::connection::Connection;
use crate::core::Core;
use crate::exchange::Request;
use crate::forward::Aimed;
use crate::pump::{Pump, PumpError};
use crate::stream::Stream;

/// How long a client may keep its half open after the target has closed.
const CLOSING_MILLIS_MAX: u32 = 5000;

/// One direction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// All is written; our half has to be closed.
    Closing,
    Closed,
}

/// `out` is the head of the answer and what the target has already said. Bytes the client sent
/// before the answer are only passed on now: until here they could have been another request.
pub async fn tunnel(
    core: &Core,
    connection: &mut Connection,
    request: &mut Request,
    target: &mut Stream,
    aimed: &Aimed<'_>,
    idle_millis: u32,
    out: Vec<u8>,
) {
    let early = std::mem::take(&mut connection.pending);
    let mut up = Pump::new(&core.buffers, early, Framing::UntilClose, Framing::UntilClose);
    let mut down = Pump::new(&core.buffers, out, Framing::UntilClose, Framing::UntilClose);
    let (mut up_way, mut down_way) = (Way::Open, Way::Open);
    let mut target_done = false;
    request.record.responding(core.now());
    connection.timer.set(core.deadline(idle_millis));
    let cause = poll_fn(|cx| {
        if aimed.outstanding.target().expired() {
            return Poll::Ready(Some(Refusal::TargetDrainExpired));
        }
        let client = &mut connection.stream;
        if let Err(cause) =
            step(cx, &mut up, &mut up_way, client, target, Refusal::RequestClientClosed)
        {
            return Poll::Ready(Some(cause));
        }
        if let Err(cause) =
            step(cx, &mut down, &mut down_way, target, client, Refusal::TargetClosed)
        {
            return Poll::Ready(Some(cause));
        }
        if up_way == Way::Closed && down_way == Way::Closed {
            return Poll::Ready(None);
        }
        let progressed = std::mem::take(&mut up.progressed) | std::mem::take(&mut down.progressed);
        if down_way == Way::Closed && !target_done {
            // The target has said all: a client that does not close as well is not waited for long.
            target_done = true;
            core.now();
            connection.timer.set(core.deadline(idle_millis.min(CLOSING_MILLIS_MAX)));
        } else if progressed && !target_done {
            core.now();
            connection.timer.set(core.deadline(idle_millis));
        }
        connection.timer.poll_expired(cx).map(|()| None)
    })
    .await;
    request.record.transferred(up.sent, down.sent);
    request.record.tunnelled();
    if let Some(refusal) = cause {
        request.record.cause(refusal);
    }
}

fn step(
    cx: &mut Context<'_>,
    pump: &mut Pump<'_>,
    way: &mut Way,
    from: &mut Stream,
    to: &mut Stream,
    broken: Refusal,
) -> Result<(), Refusal> {
    if *way == Way::Open {
        match pump.poll(cx, from, to, None) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(())) => *way = Way::Closing,
            // The far side of this direction is gone: nothing more can be said to it.
            Poll::Ready(Err(PumpError::Write)) => *way = Way::Closed,
            Poll::Ready(Err(PumpError::Read | PumpError::Truncated | PumpError::BadFraming)) => {
                return Err(broken);
            }
        }
    }
    if *way == Way::Closing && to.poll_shutdown(cx).is_ready() {
        *way = Way::Closed;
    }
    Ok(())
}
