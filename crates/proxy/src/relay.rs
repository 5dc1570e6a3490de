//! One attempt at one target: the request goes up while the answer comes down.

mod heading;
mod transfer;

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use model::Refusal;
use verdict::journey::{Attempt, is_idempotent};

use self::heading::{Heading, Source};
use self::transfer::Answer;
use crate::connection::Connection;
use crate::core::Core;
use crate::exchange::{After, BodyTaken, Request};
use crate::forward::{Aimed, Prepared, body_free};
use crate::live::Live;
use crate::pump::{Pump, PumpError};
use crate::stream::Stream;
use crate::timer::millis;
use crate::tunnel::tunnel;

/// What may be read ahead of a client while its request is being served.
const PIPELINED_MAX: usize = 64 * 1024;
/// Bodies with at least so much left are moved by the kernel (PERF.md §3: the gain is above 64 KiB).
const SPLICE_MIN: u64 = 128 * 1024;
/// How long the target may still begin its answer once the client has closed its half. A client that
/// closed whole looks the same until it is written to, and nobody should work long for that one.
const HALF_CLOSED_MILLIS_MAX: u32 = 5000;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// An attempt that has had no byte of an answer.
#[derive(Debug)]
pub struct AttemptFailed {
    pub refusal: Refusal,
    pub attempt: Attempt,
    /// It is the target's failure, which anomaly detection counts.
    pub counts: bool,
}

/// An attempt whose answer has begun to reach the client.
pub struct Answered {
    pub after: After,
    /// The target's connection can be used again.
    pub reusable: bool,
}

/// The state of an attempt.
struct Relay<'c, 'r> {
    core: &'c Core,
    connection: &'r mut Connection,
    request: &'r mut Request,
    aimed: &'r Aimed<'r>,
    target: &'r mut Stream,
    idle_millis: u32,
    upload: Pump<'c>,
    uploading: Uploading,
    /// A response head that has not arrived whole.
    partial: Vec<u8>,
    /// Interim answers for the client, and how many of their bytes are written.
    interim: Vec<u8>,
    interim_written: usize,
    interims: u32,
    client: Client,
}

/// What is known of the client while it waits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    Here,
    /// It sends nothing more, but may still read (RFC 9293 §3.6).
    HalfClosed,
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Uploading {
    Going,
    Done,
    /// The target takes no more; it may still have answered.
    Broken,
}

#[expect(clippy::too_many_arguments, reason = "the whole context of a request meets here")]
pub async fn relay(
    core: &Core,
    live: &Rc<Live>,
    connection: &mut Connection,
    request: &mut Request,
    prepared: &Prepared<'_>,
    aimed: &Aimed<'_>,
    target: &mut Stream,
    reused: bool,
) -> Result<Answered, AttemptFailed> {
    let mut relay = Relay::new(core, live, connection, request, aimed, target)?;
    let begun = match poll_fn(|cx| relay.poll_head(cx)).await {
        Ok(heading) => relay.answer(live, prepared, heading),
        Err(refusal) => return Err(relay.failed(refusal, reused)),
    };
    match begun {
        Ok(Answer::Body(mut download, ending)) => {
            let end = relay.transfer(&mut download).await;
            Ok(relay.conclude(ending, download, end))
        }
        Ok(Answer::Tunnel(out)) => {
            let Relay { connection, request, target, aimed, idle_millis, .. } = relay;
            Box::pin(tunnel(core, connection, request, target, aimed, idle_millis, out)).await;
            Ok(Answered { after: After::Abort, reusable: false })
        }
        // Nothing of it has been said yet.
        Err(refusal) => {
            relay.nothing_said();
            Err(AttemptFailed { refusal, attempt: Attempt::Failed, counts: true })
        }
    }
}

/// Takes the part of the body that arrived with the head.
fn preload(
    upload: &mut Pump<'_>,
    connection: &mut Connection,
    request: &mut Request,
) -> Result<(), Refusal> {
    if upload.finished() || connection.pending.is_empty() {
        return Ok(());
    }
    let pending = std::mem::take(&mut connection.pending);
    request.body = BodyTaken::Part;
    let used = upload.preload(&pending).map_err(|_| {
        request.close = true;
        Refusal::RequestMalformed
    })?;
    connection.pending.extend_from_slice(&pending[used..]);
    Ok(())
}

impl<'c, 'r> Relay<'c, 'r> {
    fn new(
        core: &'c Core,
        live: &Live,
        connection: &'r mut Connection,
        request: &'r mut Request,
        aimed: &'r Aimed<'r>,
        target: &'r mut Stream,
    ) -> Result<Self, AttemptFailed> {
        let framing = request.head.framing;
        let head = std::mem::take(&mut request.out);
        let mut upload = Pump::new(&core.buffers, head, framing, framing);
        if let Err(refusal) = preload(&mut upload, connection, request) {
            return Err(AttemptFailed { refusal, attempt: Attempt::Failed, counts: false });
        }
        let attributes = &live.load_balancer(connection.load_balancer).attributes;
        let mut relay = Relay {
            core,
            connection,
            request,
            aimed,
            target,
            idle_millis: millis(attributes.idle_timeout.duration()),
            upload,
            uploading: Uploading::Going,
            partial: Vec::new(),
            interim: Vec::new(),
            interim_written: 0,
            interims: 0,
            client: Client::Here,
        };
        relay.expect_continue();
        relay.touch();
        Ok(relay)
    }

    /// No byte of an answer has come.
    fn failed(mut self, refusal: Refusal, reused: bool) -> AttemptFailed {
        let idempotent = is_idempotent(self.request.head.method_text.of(&self.request.bytes));
        let body_consumed = !body_free(self.request.head.framing);
        let attempt = match (refusal, reused) {
            (Refusal::TargetClosed, true) => Attempt::ReusedFailed { idempotent, body_consumed },
            (Refusal::TargetClosed, false) => Attempt::FreshClosed { idempotent, body_consumed },
            _ => Attempt::Failed,
        };
        self.nothing_said();
        AttemptFailed { refusal, attempt, counts: refusal.blame() == model::Blame::Target }
    }

    /// We answer `100 Continue` ourselves, at once; the target never sees the expectation
    /// (ALB.md §6a).
    fn expect_continue(&mut self) {
        if self.request.head.expect_continue && !self.request.http10() && !self.upload.finished() {
            self.interim.extend_from_slice(CONTINUE);
            self.request.head.expect_continue = false;
        }
    }

    /// The attempt is over, and the client has had nothing of an answer.
    fn nothing_said(&mut self) {
        self.request.record.unanswered();
        self.request.half_said |= (1..self.interim.len()).contains(&self.interim_written);
        self.request.body = if self.upload.finished() { BodyTaken::Whole } else { BodyTaken::Part };
    }

    /// Moves the deadline on from the last reading of the clock.
    fn touch(&self) {
        if self.client == Client::Here {
            self.connection.timer.set(self.core.deadline(self.idle_millis));
        }
    }

    /// Sends the request and waits for the head of the answer.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Heading<'c>, Refusal>> {
        if self.aimed.outstanding.target().expired() {
            return Poll::Ready(Err(Refusal::TargetDrainExpired));
        }
        self.poll_interim(cx);
        if let Err(refusal) = self.poll_upload(cx) {
            return Poll::Ready(Err(refusal));
        }
        if let Poll::Ready(result) = self.poll_answer(cx) {
            return Poll::Ready(result);
        }
        if self.uploading == Uploading::Done && self.client == Client::Here {
            self.client = self.watch_client(cx);
            match self.client {
                Client::Here => {}
                Client::HalfClosed => {
                    self.core.now();
                    let limit = self.idle_millis.min(HALF_CLOSED_MILLIS_MAX);
                    self.connection.timer.set(self.core.deadline(limit));
                }
                Client::Gone => return Poll::Ready(Err(Refusal::RequestClientClosed)),
            }
        }
        if std::mem::take(&mut self.upload.progressed) && self.uploading == Uploading::Going {
            self.core.now();
            self.touch();
        }
        self.connection.timer.poll_expired(cx).map(|()| {
            let waits_for_client = self.uploading == Uploading::Going && self.upload.drained();
            Err(if self.client == Client::HalfClosed {
                Refusal::RequestClientClosed
            } else if waits_for_client {
                Refusal::RequestBodyTimeout
            } else {
                Refusal::TargetResponseTimeout
            })
        })
    }

    /// Writes what it can of the interim answers; the rest goes out with the final head.
    fn poll_interim(&mut self, cx: &mut Context<'_>) {
        while self.interim_written < self.interim.len() {
            match self.connection.stream.poll_write(cx, &self.interim[self.interim_written..]) {
                Poll::Ready(Ok(count)) if count > 0 => self.interim_written += count,
                Poll::Ready(_) | Poll::Pending => return,
            }
            let _ = self.connection.stream.poll_flush(cx);
        }
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Refusal> {
        if self.uploading != Uploading::Going {
            return Ok(());
        }
        let Connection { stream, pending, .. } = &mut *self.connection;
        match self.upload.poll(cx, stream, self.target, Some(pending)) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                self.uploading = Uploading::Done;
                self.upload.recycle_out();
                self.request.record.sent(self.core.now());
                self.touch();
                Ok(())
            }
            Poll::Ready(Err(PumpError::Write)) => {
                self.uploading = Uploading::Broken;
                Ok(())
            }
            Poll::Ready(Err(PumpError::Truncated | PumpError::Read)) => {
                Err(Refusal::RequestBodyIncomplete)
            }
            Poll::Ready(Err(PumpError::BadFraming)) => {
                self.request.close = true;
                Err(Refusal::RequestMalformed)
            }
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Heading<'c>, Refusal>> {
        loop {
            let mut scratch = self.core.buffers.scratch();
            let length = match self.target.poll_read(cx, scratch.space()) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Refusal::TargetClosed)),
                Poll::Ready(Ok(length)) => length,
            };
            scratch.set_filled(length);
            self.core.now();
            self.touch();
            if let Some(result) = self.take_head(scratch) {
                return Poll::Ready(result);
            }
        }
    }

    /// Reads ahead a little to find out whether the client has closed.
    fn watch_client(&mut self, cx: &mut Context<'_>) -> Client {
        while self.connection.pending.len() < PIPELINED_MAX {
            let mut scratch = self.core.buffers.scratch();
            match self.connection.stream.poll_read(cx, scratch.space()) {
                Poll::Pending => return Client::Here,
                Poll::Ready(Ok(0)) => return Client::HalfClosed,
                Poll::Ready(Err(_)) => return Client::Gone,
                Poll::Ready(Ok(length)) => {
                    scratch.set_filled(length);
                    self.connection.pending.extend_from_slice(scratch.filled());
                }
            }
        }
        Client::Here
    }
}
