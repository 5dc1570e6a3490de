//! Bytes both ways until both sides are done: after `101 Switching Protocols` (ALB.md §6b), and where TLS
//! is passed through.

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
use crate::timer::Timer;

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
    request.record.responding(core.now());
    let ends = Ends { client: &mut connection.stream, target, timer: &mut connection.timer };
    let moved = both_ways(core, ends, aimed, idle_millis, early, out).await;
    request.record.transferred(moved.up, moved.down);
    request.record.tunnelled();
    if let Some(refusal) = moved.cause {
        request.record.cause(refusal);
    }
}

/// Between whom bytes are moved, and the timer of their connection.
pub struct Ends<'a> {
    pub client: &'a mut Stream,
    pub target: &'a mut Stream,
    pub timer: &'a mut Timer,
}

/// How many bytes were written to the target and to the client, and what ended it early.
pub struct Moved {
    pub up: u64,
    pub down: u64,
    pub cause: Option<Refusal>,
}

/// Until both sides have closed, one of them breaks, nothing comes for the idle timeout, or the target is
/// gone for good. `up` and `down` are written first.
pub async fn both_ways(
    core: &Core,
    ends: Ends<'_>,
    aimed: &Aimed<'_>,
    idle_millis: u32,
    up: Vec<u8>,
    down: Vec<u8>,
) -> Moved {
    let Ends { client, target, timer } = ends;
    let mut up = Pump::new(&core.buffers, up, Framing::UntilClose, Framing::UntilClose);
    let mut down = Pump::new(&core.buffers, down, Framing::UntilClose, Framing::UntilClose);
    let (mut up_way, mut down_way) = (Way::Open, Way::Open);
    let mut target_done = false;
    timer.set(core.deadline(idle_millis));
    let cause = poll_fn(|cx| {
        if aimed.outstanding.target().expired() {
            return Poll::Ready(Some(Refusal::TargetDrainExpired));
        }
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
            timer.set(core.deadline(idle_millis.min(CLOSING_MILLIS_MAX)));
        } else if progressed && !target_done {
            core.now();
            timer.set(core.deadline(idle_millis));
        }
        timer.poll_expired(cx).map(|()| None)
    })
    .await;
    Moved { up: up.sent, down: down.sent, cause }
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
