//! The answer on its way to the client, from its head to what becomes of both connections.

use std::future::poll_fn;
use std::task::{Context, Poll};

use http1::Framing;
use model::Refusal;
use net::splice::End;

use super::{Answered, Client, Heading, Relay, SPLICE_MIN, Source, Uploading};
use crate::exchange::After;
use crate::forward::Prepared;
use crate::live::Live;
use crate::pump::{Pump, PumpError};

/// An answer that is on its way.
pub(super) enum Answer<'c> {
    Body(Pump<'c>, Ending),
    /// After 101: the head, and what the target has already said.
    Tunnel(Vec<u8>),
}

/// What of a response's head is needed at its end.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    status: u16,
    /// The target's connection stays open behind this body.
    keeps: bool,
}

impl<'c> Relay<'c, '_> {
    /// Begins to pass the answer on. An error is one of which nothing has been said yet.
    pub(super) fn answer(
        &mut self,
        live: &Live,
        prepared: &Prepared<'_>,
        heading: Heading<'c>,
    ) -> Result<Answer<'c>, Refusal> {
        let head = &heading.head;
        // From here on, writing shows whether the client is there.
        self.client = Client::Here;
        self.touch();
        self.request.record.answered(head.status, self.core.clock.recent());
        if head.status >= 500 {
            self.aimed.outstanding.target().counters.answered_5xx();
        }
        let ending = Ending {
            status: head.status,
            keeps: head.keep_alive && head.framing != Framing::UntilClose,
        };
        if head.status != 101 {
            return Ok(Answer::Body(self.begin(live, prepared, heading)?, ending));
        }
        if !self.request.head.upgrade {
            // Nobody asked: what follows could be anything.
            return Err(Refusal::TargetMalformed);
        }
        Ok(Answer::Tunnel(self.begin(live, prepared, heading)?.into_out()))
    }

    /// Writes the head for the client and takes the first of the body.
    fn begin(
        &mut self,
        live: &Live,
        prepared: &Prepared<'_>,
        heading: Heading<'c>,
    ) -> Result<Pump<'c>, Refusal> {
        let Heading { head, source } = heading;
        let announced = match (head.framing, self.request.http10()) {
            (Framing::UntilClose, false) => Framing::Chunked,
            (Framing::Chunked | Framing::UntilClose, true) => Framing::UntilClose,
            (same @ (Framing::None | Framing::Length(_) | Framing::Chunked), _) => same,
        };
        if announced == Framing::UntilClose || self.uploading != Uploading::Done {
            self.request.close = true;
        }
        // A drain that began after the request: the client must not send another (RFC 9112 §9.6).
        if self.core.draining.get() && head.status != 101 {
            self.request.close = true;
        }
        let mut out = self.core.buffers.vector();
        out.extend_from_slice(&self.interim[self.interim_written..]);
        let partial = std::mem::take(&mut self.partial);
        let bytes = match &source {
            Source::Scratch(scratch) => scratch.filled(),
            Source::Partial => &partial[..],
        };
        let fields = self.core.fields.borrow();
        let mut cookies = Vec::new();
        crate::answer::sticky_cookies(
            self.core,
            live,
            self.request,
            prepared,
            self.aimed.key,
            bytes,
            &fields,
            &mut cookies,
        );
        let attributes = &live.listener(self.request.listener).attributes;
        let edit = http1::ResponseEdit {
            close: self.request.close,
            keep_alive_header: self.request.http10() && !self.request.close,
            framing: announced,
            remove_server: !attributes.server_header,
            overrides: &attributes.response_headers.0,
            raw_headers: &cookies,
            upgrade: head.status == 101,
        };
        http1::write_response(&mut out, bytes, &head, &fields, &edit);
        drop(fields);
        self.request.record.status(head.status);
        let mut download = if head.status == 101 {
            Pump::new(&self.core.buffers, out, Framing::UntilClose, Framing::UntilClose)
        } else {
            Pump::new(&self.core.buffers, out, head.framing, announced)
        };
        let taken = match source {
            Source::Scratch(scratch) if head.status != 101 => {
                download.preload_scratch(scratch, head.len)
            }
            Source::Scratch(scratch) => download.preload(&scratch.filled()[head.len..]).map(|_| ()),
            Source::Partial => {
                let body = &partial[head.len..];
                let used = download.preload(body);
                used.map(|used| download.overrun |= used < body.len())
            }
        };
        taken.map_err(|_| Refusal::TargetMalformed)?;
        Ok(download)
    }

    /// Both directions, until the answer is through.
    pub(super) async fn transfer(&mut self, download: &mut Pump<'c>) -> Result<(), Transfer> {
        self.request.record.responding(self.core.clock.recent());
        poll_fn(|cx| self.poll_transfer(cx, download, Until::Drained)).await?;
        if self.uploading == Uploading::Done
            && download.remaining_verbatim().is_some_and(|left| left >= SPLICE_MIN)
            && self.connection.stream.plain().is_some()
            && self.target.plain().is_some()
        {
            Box::pin(self.splice(download)).await?;
        }
        poll_fn(|cx| self.poll_transfer(cx, download, Until::Finished)).await
    }

    fn poll_transfer(
        &mut self,
        cx: &mut Context<'_>,
        download: &mut Pump<'c>,
        until: Until,
    ) -> Poll<Result<(), Transfer>> {
        if self.aimed.outstanding.target().expired() {
            return Poll::Ready(Err(Transfer::Target(Refusal::TargetDrainExpired)));
        }
        if self.poll_upload(cx).is_err() {
            self.uploading = Uploading::Broken;
        }
        let polled = match until {
            Until::Drained => {
                download.poll_drain(cx, &mut self.connection.stream).map_err(|_| PumpError::Write)
            }
            Until::Finished => download.poll(cx, self.target, &mut self.connection.stream, None),
        };
        if let Poll::Ready(result) = polled {
            return Poll::Ready(result.map_err(|error| match error {
                PumpError::Write => Transfer::Client(Refusal::RequestClientClosed),
                PumpError::Read | PumpError::Truncated | PumpError::BadFraming => {
                    Transfer::Target(Refusal::TargetBodyIncomplete)
                }
            }));
        }
        if std::mem::take(&mut download.progressed) | std::mem::take(&mut self.upload.progressed) {
            self.core.now();
            self.touch();
        }
        self.connection.timer.poll_expired(cx).map(|()| {
            Err(if download.drained() {
                Transfer::Target(Refusal::TargetBodyIncomplete)
            } else {
                Transfer::Client(Refusal::RequestClientStalled)
            })
        })
    }

    /// Lets the kernel move the body from socket to socket.
    async fn splice(&mut self, download: &mut Pump<'c>) -> Result<(), Transfer> {
        let (Some(from), Some(to)) = (self.target.plain(), self.connection.stream.plain()) else {
            return Ok(());
        };
        let Some(left) = download.remaining_verbatim() else { return Ok(()) };
        let progress = std::cell::Cell::new(false);
        let moving = net::splice::splice(from, to, left, &self.core.pipes, &progress);
        let mut moving = std::pin::pin!(moving);
        let timer = &mut self.connection.timer;
        let (core, idle_millis) = (self.core, self.idle_millis);
        let target = self.aimed.outstanding.target();
        let moved = poll_fn(|cx| {
            if target.expired() {
                return Poll::Ready(Err(Transfer::Target(Refusal::TargetDrainExpired)));
            }
            if let Poll::Ready(moved) = moving.as_mut().poll(cx) {
                return Poll::Ready(Ok(moved));
            }
            if progress.take() {
                core.now();
                timer.set(core.deadline(idle_millis));
            }
            timer.poll_expired(cx).map(|()| Err(Transfer::Client(Refusal::RequestClientStalled)))
        })
        .await?;
        let ended = matches!(moved.end, End::SourceEnded);
        download.moved_verbatim(moved.moved, ended);
        match moved.end {
            End::Complete => Ok(()),
            // A body with a length that is not complete will be missed when it is pumped on.
            End::SourceEnded => Ok(()),
            End::Sink(_) => Err(Transfer::Client(Refusal::RequestClientClosed)),
            End::Source(_) => Err(Transfer::Target(Refusal::TargetBodyIncomplete)),
        }
    }

    /// What becomes of the two connections.
    pub(super) fn conclude(
        self,
        ending: Ending,
        download: Pump<'c>,
        end: Result<(), Transfer>,
    ) -> Answered {
        let record = &mut self.request.record;
        record.transferred(self.upload.received, download.sent + self.interim_written as u64);
        match end {
            Err(Transfer::Target(refusal)) => {
                record.cause(refusal);
                self.aimed.outstanding.target().counters.failed();
                self.core.counters.refused(refusal);
                // The client must not take what it has for the whole.
                return Answered { after: After::Abort, reusable: false };
            }
            Err(Transfer::Client(refusal)) => {
                record.cause(refusal);
                self.core.counters.refused(refusal);
                return Answered { after: After::Abort, reusable: false };
            }
            Ok(()) => {}
        }
        if let Some(refusal) = Refusal::of_target_status(ending.status) {
            record.cause(refusal);
            self.core.counters.refused(refusal);
        }
        let uploaded = self.uploading == Uploading::Done;
        let reusable = uploaded && ending.keeps && !download.overrun && !self.request.desync_close;
        self.core.buffers.recycle(download.into_out());
        let after = match (uploaded, self.request.close) {
            (false, _) => After::Linger,
            (true, true) => After::Close,
            (true, false) => After::KeepAlive,
        };
        Answered { after, reusable }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Drained,
    Finished,
}

/// Who ended a transfer early.
pub(super) enum Transfer {
    Client(Refusal),
    Target(Refusal),
}
