//! A client's connection between and around its requests.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Instant;

use model::{ListenerId, LoadBalancerId};
use verdict::journey::{Live as LiveMode, Secured};

use crate::buffers::Scratch;
use crate::core::Core;
use crate::exchange::{After, exchange};
use crate::live::Live;
use crate::stream::Stream;
use crate::timer::{Timer, millis};

/// After the last answer of a connection whose client may still be sending: how long and how much is
/// read and thrown away, so that the answer is not lost to a reset (RFC 9112 §9.6).
const LINGER_MILLIS: u32 = 2000;
const LINGER_BYTES_MAX: usize = 1024 * 1024;

pub struct Connection {
    pub stream: Stream,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    pub secured: Secured<LiveMode>,
    pub handshake: Option<Box<tls::HandshakeFacts>>,
    /// Bytes that were read and not yet used: a partial head, or pipelined requests.
    pub pending: Vec<u8>,
    pub timer: Timer,
    /// `client_keep_alive`, fixed when the connection opened (ALB.md §6b).
    pub expires: Instant,
    /// Ties the access log to the connection log.
    pub trace: u64,
    pub load_balancer: LoadBalancerId,
    /// The listener in the generation it was looked up in.
    pub listener: (u64, ListenerId),
    /// It has had an answer: between requests it may be closed at any time (RFC 9112 §9.5).
    answered: bool,
    idle_millis: u32,
    head_millis: u32,
}

impl Connection {
    #[expect(clippy::too_many_arguments, reason = "each is a fact of its own, used once")]
    pub fn new(
        core: &Core,
        live: &Live,
        stream: Stream,
        peer: SocketAddr,
        local: SocketAddr,
        listener: ListenerId,
        secured: Secured<LiveMode>,
        handshake: Option<tls::HandshakeFacts>,
    ) -> Self {
        let load_balancer = live.listener(listener).load_balancer;
        let attributes = &live.load_balancer(load_balancer).attributes;
        let now = core.now();
        let idle_millis = millis(attributes.idle_timeout.duration());
        Connection {
            stream,
            peer,
            local,
            secured,
            handshake: handshake.map(Box::new),
            pending: Vec::new(),
            timer: Timer::new(&core.deadlines, core.deadline(idle_millis)),
            expires: now + attributes.client_keep_alive.duration(),
            trace: core.random.borrow_mut().next_u64(),
            load_balancer,
            listener: (live.snapshot.world.generation, listener),
            answered: false,
            idle_millis,
            head_millis: millis(attributes.head_timeout.duration()),
        }
    }

    /// From now on a head has to come to its end in time.
    pub fn limit_head(&self, core: &Core) {
        self.timer.set(core.deadline(self.head_millis));
    }
}

/// Serves requests until the connection ends.
pub async fn serve(core: &Core, connection: &mut Connection) {
    poll_fn(|cx| {
        connection.timer.register(cx);
        Poll::Ready(())
    })
    .await;
    loop {
        let Some(first) = next_bytes(core, connection).await else { break };
        // Boxed, so that an idle connection holds none of a request's state.
        let after = Box::pin(exchange(core, connection, first)).await;
        match after {
            After::KeepAlive => connection.answered = true,
            After::Close => {
                let _ = poll_fn(|cx| connection.stream.poll_shutdown(cx)).await;
                break;
            }
            After::Linger => {
                Box::pin(linger(core, &mut connection.stream)).await;
                break;
            }
            After::Abort => break,
        }
    }
}

/// Waits for the first bytes of a request without holding a buffer. `None`: the connection is over.
async fn next_bytes<'c>(core: &'c Core, connection: &mut Connection) -> Option<Scratch<'c>> {
    if !connection.pending.is_empty() {
        return Some(core.buffers.scratch());
    }
    // Pipelined requests may have left capacity behind: an idle connection holds no buffer.
    connection.pending = Vec::new();
    connection.timer.set(core.deadline(connection.idle_millis));
    let mut may_close = connection.answered;
    poll_fn(|cx| {
        let mut scratch = core.buffers.scratch();
        match connection.stream.poll_read(cx, scratch.space()) {
            Poll::Ready(Ok(length)) if length > 0 => {
                scratch.set_filled(length);
                return Poll::Ready(Some(scratch));
            }
            Poll::Ready(_) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        // A new connection was promised one look for a request.
        let over =
            || core.draining.get() || listener_gone(core, connection.listener.0, connection.local);
        if may_close && over() {
            return Poll::Ready(None);
        }
        may_close = true;
        connection.timer.poll_expired(cx).map(|()| None)
    })
    .await
}

/// Whether the generation that is served has no listener at `local` any more.
fn listener_gone(core: &Core, generation: u64, local: SocketAddr) -> bool {
    let live = core.live();
    live.world().generation != generation && live.world().listener_at(local).is_none()
}

/// Closes our side and reads what still comes, within limits.
pub async fn linger(core: &Core, stream: &mut Stream) {
    core.now();
    let mut timer = Timer::new(&core.deadlines, core.deadline(LINGER_MILLIS));
    let mut left = LINGER_BYTES_MAX;
    let mut closed = false;
    poll_fn(|cx| {
        if timer.poll_expired(cx).is_ready() {
            return Poll::Ready(());
        }
        if !closed {
            match stream.poll_shutdown(cx) {
                Poll::Ready(Ok(())) => closed = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        loop {
            let mut scratch = core.buffers.scratch();
            match stream.poll_read(cx, scratch.space()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(length)) if length > 0 && length <= left => left -= length,
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    })
    .await;
}
