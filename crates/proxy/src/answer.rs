//! Answers that the load balancer makes itself (ALB.md §6d, §6e).

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http1::{Body, Fields, Framing, Generated};
use machine::stickiness;
use model::{FixedResponse, ListenerId, Refusal, Seconds, Stickiness};
use tokio::net::TcpStream;

use crate::connection::{Connection, linger};
use crate::core::Core;
use crate::exchange::{After, BodyTaken, Request, current_listener};
use crate::forward::Prepared;
use crate::live::Live;
use crate::record;
use crate::stream::Stream;

/// A request body up to this size that has already arrived is skipped, so that the connection can
/// be kept; a larger one, or one still to come, closes it.
const SKIPPED_BODY_MAX: u64 = 64 * 1024;

/// What a generated answer says.
struct Saying<'a> {
    status: u16,
    content_type: &'a str,
    location: Option<&'a [u8]>,
    body: Body<'a>,
    cause: Option<&'static str>,
}

impl<'a> Saying<'a> {
    fn page(status: u16) -> Self {
        Saying { status, content_type: "text/html", location: None, body: Body::Page, cause: None }
    }
}

/// ALB's page for a refusal.
pub async fn refuse(
    core: &Core,
    live: &Rc<Live>,
    connection: &mut Connection,
    request: &mut Request,
    refusal: Refusal,
) -> After {
    core.counters.refused(refusal);
    request.record.cause(refusal);
    if request.head.class == model::DesyncClass::Severe || closes(refusal) {
        request.close = true;
    }
    match refusal.status() {
        None => After::Abort,
        Some(_) if request.half_said => After::Abort,
        // The client is gone: there is nobody to answer (ALB.md §6d, 460).
        Some(460) => {
            request.record.status(460);
            After::Abort
        }
        Some(status) => {
            let saying = Saying { cause: trusted_cause(refusal), ..Saying::page(status) };
            say(core, live, connection, request, saying).await
        }
    }
}

/// Refusals after which the next bytes of the connection cannot be trusted to be a request.
fn closes(refusal: Refusal) -> bool {
    matches!(
        refusal,
        Refusal::RequestDesync
            | Refusal::RequestFraming
            | Refusal::RequestMalformed
            | Refusal::RequestBodyIncomplete
            | Refusal::RequestBodyTimeout
            | Refusal::RequestTransferEncoding
    )
}

/// Which network is trusted with the cause is declared by a later part of the configuration; until
/// then only the log has it.
fn trusted_cause(_: Refusal) -> Option<&'static str> {
    None
}

pub async fn redirect(
    core: &Core,
    live: &Rc<Live>,
    connection: &mut Connection,
    request: &mut Request,
    status: u16,
) -> After {
    let location = request.note(&request.location).to_vec();
    request.record.redirected();
    let saying = Saying { location: Some(&location), ..Saying::page(status) };
    say(core, live, connection, request, saying).await
}

pub async fn fixed(
    core: &Core,
    live: &Rc<Live>,
    connection: &mut Connection,
    request: &mut Request,
    action: &FixedResponse,
) -> After {
    request.record.fixed_response();
    let saying = Saying {
        content_type: &action.content_type,
        body: Body::Text(action.body.as_bytes()),
        ..Saying::page(action.status)
    };
    say(core, live, connection, request, saying).await
}

/// RFC 8555 §8.3: the key authorization, and nothing else.
pub async fn proof(
    core: &Core,
    live: &Rc<Live>,
    connection: &mut Connection,
    request: &mut Request,
    text: &str,
) -> After {
    request.record.fixed_response();
    let saying = Saying {
        content_type: "application/octet-stream",
        body: Body::Text(text.as_bytes()),
        ..Saying::page(200)
    };
    say(core, live, connection, request, saying).await
}

async fn say(
    core: &Core,
    live: &Live,
    connection: &mut Connection,
    request: &mut Request,
    saying: Saying<'_>,
) -> After {
    let drained = match request.body {
        BodyTaken::Nothing => skip_body(connection, request.head.framing),
        BodyTaken::Part => false,
        // Skipping it again would take the next request for it.
        BodyTaken::Whole => true,
    };
    if !drained || core.draining.get() {
        request.close = true;
    }
    let status = saying.status;
    let mut out = core.buffers.vector();
    let head_only = request.head.method == http1::Method::Head;
    generate(core, live, request.listener, &saying, !request.close, head_only, &mut out);
    request.record.status(status);
    request.record.responding(core.clock.recent());
    let written = write_all(core, connection, &out).await;
    request.record.transferred(0, written as u64);
    let whole = written == out.len();
    core.buffers.recycle(out);
    match (whole, drained, request.close) {
        (false, _, _) => After::Abort,
        (true, false, _) => After::Linger,
        (true, true, true) => After::Close,
        (true, true, false) => After::KeepAlive,
    }
}

/// Removes a body that has already arrived; `false` if it has not, so that what follows on the
/// connection would be taken for a request.
fn skip_body(connection: &mut Connection, framing: Framing) -> bool {
    match framing {
        Framing::None => true,
        Framing::Length(length) => {
            let arrived = connection.pending.len() as u64 >= length && length <= SKIPPED_BODY_MAX;
            if arrived {
                connection.pending.drain(..length as usize);
            }
            arrived
        }
        Framing::Chunked | Framing::UntilClose => false,
    }
}

fn generate(
    core: &Core,
    live: &Live,
    listener: ListenerId,
    saying: &Saying<'_>,
    keep_alive: bool,
    head_only: bool,
    out: &mut Vec<u8>,
) {
    let attributes = &live.listener(listener).attributes;
    let date = core.date();
    let generated = Generated {
        status: saying.status,
        date: &date,
        server: if attributes.server_header { &live.snapshot.server } else { "" },
        keep_alive,
        content_type: saying.content_type,
        location: saying.location,
        body: saying.body,
        head_only,
        overrides: &attributes.response_headers.0,
        cause: saying.cause,
    };
    http1::write_generated(out, &generated);
}

/// How many bytes were written before the end, an error or the idle timeout.
async fn write_all(core: &Core, connection: &mut Connection, bytes: &[u8]) -> usize {
    connection.timer.set(core.deadline(ANSWER_MILLIS));
    let mut written = 0;
    poll_fn(|cx| {
        while written < bytes.len() {
            match connection.stream.poll_write(cx, &bytes[written..]) {
                Poll::Ready(Ok(count)) if count > 0 => written += count,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return connection.timer.poll_expired(cx),
            }
        }
        connection.stream.poll_flush(cx).map(|_| ())
    })
    .await;
    written
}

/// A generated answer is small: a client that does not take it in this time is not there.
const ANSWER_MILLIS: u32 = 10_000;

/// The answer to bytes that are no request.
pub async fn unreadable(
    core: &Core,
    connection: &mut Connection,
    seen: Vec<u8>,
    error: &http1::RequestError,
) -> After {
    let refusal = error.refusal();
    core.counters.request();
    core.counters.non_compliant();
    let reason = error.class_and_reason();
    headless(core, connection, seen, refusal, reason).await
}

/// The end of a head that did not arrive whole.
pub async fn unfinished(
    core: &Core,
    connection: &mut Connection,
    seen: Vec<u8>,
    refusal: Refusal,
) -> After {
    headless(core, connection, seen, refusal, None).await
}

/// Answers and logs without a head.
async fn headless(
    core: &Core,
    connection: &mut Connection,
    seen: Vec<u8>,
    refusal: Refusal,
    reason: Option<model::DesyncReason>,
) -> After {
    let live = core.live();
    let Some(listener) = current_listener(&live, connection) else { return After::Abort };
    core.counters.refused(refusal);
    let mut record = record::Record::new(core.now(), core.clock.wall(), seen.len() as u64);
    record.cause(refusal);
    let mut after = After::Abort;
    if let Some(status) = refusal.status() {
        record.status(status);
        if status != 460 {
            let mut out = Vec::new();
            generate(core, &live, listener, &Saying::page(status), false, false, &mut out);
            let written = write_all(core, connection, &out).await;
            record.transferred(0, written as u64);
            after = After::Linger;
        }
    }
    record::write_headless(core, &live, connection, listener, &record, &seen, reason);
    after
}

/// ALB.md §6d: "The plain HTTP request was sent to HTTPS port".
pub async fn plain_http(core: &Core, live: &Live, listener: ListenerId, tcp: TcpStream) {
    let body = Body::Named("400 The plain HTTP request was sent to HTTPS port");
    let saying = Saying { body, ..Saying::page(400) };
    last_words(core, live, listener, Stream::Plain(tcp), &saying).await;
}

/// The page of `deny = "page"`.
pub async fn denied(
    core: &Core,
    live: &Live,
    listener: ListenerId,
    stream: Stream,
    refusal: Refusal,
) {
    let saying = Saying { cause: Some(refusal.code()), ..Saying::page(403) };
    last_words(core, live, listener, stream, &saying).await;
}

/// Says something to a connection that gets nothing else.
async fn last_words(
    core: &Core,
    live: &Live,
    listener: ListenerId,
    mut stream: Stream,
    saying: &Saying<'_>,
) {
    let mut out = Vec::new();
    generate(core, live, listener, saying, false, false, &mut out);
    let mut written = 0;
    let writing = poll_fn(|cx| {
        while written < out.len() {
            match stream.poll_write(cx, &out[written..]) {
                Poll::Ready(Ok(count)) if count > 0 => written += count,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        stream.poll_flush(cx).map(|_| ())
    });
    let limit = Duration::from_millis(ANSWER_MILLIS.into());
    if tokio::time::timeout(limit, writing).await.is_ok() {
        linger(core, &mut stream).await;
    }
}

/// The `Set-Cookie` lines of stickiness (ALB.md §4c, §5c).
#[expect(clippy::too_many_arguments, reason = "the whole context of a request meets here")]
pub fn sticky_cookies(
    core: &Core,
    live: &Live,
    request: &Request,
    prepared: &Prepared<'_>,
    target_key: u64,
    response: &[u8],
    fields: &Fields,
    out: &mut Vec<u8>,
) {
    let now = request.record.created_seconds();
    let set = |kind: &stickiness::Cookie, key: u64, duration: Seconds, out: &mut Vec<u8>| {
        let nonce = core.random.borrow_mut().bytes();
        kind.write_set_cookie(out, &live.snapshot.stickiness_keys, key, now, duration, nonce);
    };
    if let Some(group) = prepared.action.stickiness {
        let key = machine::board::group_key(&live.target_group(prepared.group).name);
        set(&stickiness::TARGET_GROUP, key, group.duration, out);
    }
    match &live.target_group(prepared.group).stickiness {
        Stickiness::Off => {}
        Stickiness::LoadBalancerCookie { duration } => {
            set(&stickiness::LOAD_BALANCER, target_key, *duration, out);
        }
        Stickiness::AppCookie { name, duration } => {
            let mut cookies = fields.values(response, "set-cookie");
            let sets = cookies.any(|value| stickiness::sets_app_cookie(value, name));
            if sets || prepared.sticky.is_some() {
                let cross_site = stickiness::takes_cross_site(request.user_agent());
                let kind = if cross_site { &stickiness::APP_CROSS_SITE } else { &stickiness::APP };
                set(kind, target_key, *duration, out);
            }
        }
    }
}
