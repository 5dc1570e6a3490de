//! One request, from its head to its log line.

use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;

use http1::{Field, Fields, Parsed, RequestHead, Span, Version};
use model::{Action, ForwardedForMode, InvalidHeaders, ListenerId, Refusal};
use verdict::journey::{Live as LiveMode, Routed};
use verdict::redirect::{RedirectFacts, location};
use verdict::request::Handling;
use verdict::rewrite::rewrite;
use verdict::route::RequestFacts;

use crate::answer;
use crate::buffers::Scratch;
use crate::connection::Connection;
use crate::core::Core;
use crate::facts::{HeadHeaders, forwarded_address, head_facts, split_host, target_host};
use crate::forward::{self, Prepared};
use crate::live::Live;
use crate::record::Record;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    KeepAlive,
    Close,
    /// Close, but read what the client is still sending.
    Linger,
    /// The client is gone, or must not get more.
    Abort,
}

/// A request whose head has been read.
pub struct Request {
    pub listener: ListenerId,
    /// The bytes of the head; the spans of `head` point into them.
    pub bytes: Vec<u8>,
    pub head: RequestHead,
    /// Texts made for this request; the ranges below point into it.
    pub notes: Vec<u8>,
    /// For rules: lower case, without port.
    pub host: Range<usize>,
    pub user_agent: Option<Span>,
    pub trace: Range<usize>,
    pub location: Range<usize>,
    pub rewritten_host: Option<Range<usize>>,
    pub rewritten_url: Option<Range<usize>>,
    pub record: Record,
    /// The client's connection closes after the answer.
    pub close: bool,
    /// So does the target's (ALB.md §6c, Ambiguous in defensive mode).
    pub desync_close: bool,
}

impl Request {
    fn new(
        core: &Core,
        connection: &Connection,
        listener: ListenerId,
        bytes: Vec<u8>,
        head: RequestHead,
    ) -> Self {
        let mut notes = core.buffers.vector();
        let host = head.host.map_or(&[][..], |span| span.of(&bytes));
        notes.extend(split_host(host).0.iter().map(u8::to_ascii_lowercase));
        let host = 0..notes.len();
        let now = core.now();
        Request {
            listener,
            head,
            host,
            user_agent: None,
            trace: 0..0,
            location: 0..0,
            rewritten_host: None,
            rewritten_url: None,
            record: Record::new(now, core.clock.wall(), bytes.len() as u64),
            desync_close: false,
            close: !head.keep_alive || core.draining.get() || now >= connection.expires,
            notes,
            bytes,
        }
    }

    pub fn note(&self, range: &Range<usize>) -> &[u8] {
        self.notes.get(range.clone()).unwrap_or_default()
    }

    pub fn user_agent(&self) -> &[u8] {
        self.user_agent.map_or(&[][..], |span| span.of(&self.bytes))
    }

    pub fn http10(&self) -> bool {
        self.head.version == Version::Http10
    }
}

/// What the decision comes to.
enum Step<'l> {
    Forward(Prepared<'l>),
    Redirect { status: u16 },
    Fixed(&'l model::FixedResponse),
}

/// Reads the rest of a head, decides, and answers. `first` holds the first bytes, unless they are
/// already in `connection.pending`.
pub async fn exchange<'c>(
    core: &'c Core,
    connection: &mut Connection,
    first: Scratch<'c>,
) -> After {
    let heard = match read_head(core, connection, first).await {
        Ok(heard) => heard,
        Err(after) => return after,
    };
    // From here to the end of `decide` nothing is awaited, so `core.fields` is this head's.
    let live = core.live();
    let Some(listener) = current_listener(&live, connection) else { return After::Abort };
    let (bytes, head) = heard;
    let mut request = Request::new(core, connection, listener, bytes, head);
    core.counters.request();
    let after = match decide(core, &live, connection, &mut request) {
        Ok(Step::Forward(prepared)) => {
            forward::forward(core, &live, connection, &mut request, prepared).await
        }
        Ok(Step::Redirect { status }) => {
            answer::redirect(core, &live, connection, &mut request, status).await
        }
        Ok(Step::Fixed(fixed)) => answer::fixed(core, &live, connection, &mut request, fixed).await,
        Err(refusal) => answer::refuse(core, &live, connection, &mut request, refusal).await,
    };
    finish(core, &live, connection, request);
    after
}

/// Writes the log line and gives the buffers back.
fn finish(core: &Core, live: &Live, connection: &Connection, request: Request) {
    crate::record::write(core, live, connection, &request);
    core.buffers.recycle(request.bytes);
    core.buffers.recycle(request.notes);
}

/// The listener of this connection in the generation that is served now; `None` if it is gone.
pub fn current_listener(live: &Live, connection: &mut Connection) -> Option<ListenerId> {
    let generation = live.world().generation;
    if connection.listener.0 != generation {
        let listener = live.world().listener_at(connection.local)?;
        connection.listener = (generation, listener);
        connection.load_balancer = live.listener(listener).load_balancer;
    }
    Some(connection.listener.1)
}

/// The bytes of a complete head and what they say; `core.fields` is filled. What follows the head
/// goes to `connection.pending`.
async fn read_head<'c>(
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

/// Every decision about a request up to, and without, the choice of a target.
fn decide<'l>(
    core: &Core,
    live: &'l Rc<Live>,
    connection: &Connection,
    request: &mut Request,
) -> Result<Step<'l>, Refusal> {
    let fields = core.fields.borrow();
    let attributes = &live.load_balancer(connection.load_balancer).attributes;
    let named = |field: &&Field| field.name.of(&request.bytes).eq_ignore_ascii_case(b"user-agent");
    request.user_agent = fields.iter().find(named).map(|field| field.value);
    count_invalid_headers(core, request, attributes.invalid_headers);
    if request.head.class != model::DesyncClass::Compliant {
        core.counters.non_compliant();
    }
    let heard = connection
        .secured
        .hear(head_facts(&request.head), attributes.desync_mitigation_mode)
        .map_err(|refused| refused.refusal)?;
    if heard.handling == Handling::CloseAfter {
        request.close = true;
        request.desync_close = true;
    }
    let headers = HeadHeaders { bytes: &request.bytes, fields: &fields };
    let facts = RequestFacts {
        method: request.head.method_text.of(&request.bytes),
        host: request.note(&request.host),
        path: request.head.path.of(&request.bytes),
        query: request.head.query.of(&request.bytes),
        headers: &headers,
        source: connection.peer.ip(),
    };
    let table = live.world().table(request.listener);
    let routed = heard.route(table, &facts, &mut core.route_scratch.borrow_mut(), &mut ())?;
    request.record.routed(&live.listener(request.listener).rules, routed.rule);
    match routed.action {
        Action::Forward(action) => {
            transform(live, request, routed.rule)?;
            write_trace(core, request, &fields);
            let group = forward::draw_group(core, live, &routed, action, request, &fields)?;
            let out = target_head(core, live, connection, request, &fields);
            let sticky = forward::sticky_target(core, live, group, request, &fields);
            Ok(Step::Forward(Prepared { routed, action, group, sticky, out }))
        }
        Action::Redirect(action) => {
            write_trace(core, request, &fields);
            redirect_location(live, request, action)?;
            Ok(Step::Redirect { status: action.status.code() })
        }
        Action::FixedResponse(action) => {
            write_trace(core, request, &fields);
            Ok(Step::Fixed(action))
        }
    }
}

fn count_invalid_headers(core: &Core, request: &Request, handling: InvalidHeaders) {
    if request.head.invalid_names {
        match handling {
            InvalidHeaders::Drop => core.counters.invalid_headers_dropped(),
            InvalidHeaders::Forward => core.counters.invalid_headers_forwarded(),
        }
    }
}

fn redirect_location(
    live: &Live,
    request: &mut Request,
    action: &model::Redirect,
) -> Result<(), Refusal> {
    let listener = live.listener(request.listener);
    let mut notes = std::mem::take(&mut request.notes);
    let start = notes.len();
    // The host is in the notes that are being written: it is short, so a copy is kept aside.
    let mut host = [0u8; 256];
    let length = request.host.len().min(host.len());
    host[..length].copy_from_slice(&notes[request.host.start..request.host.start + length]);
    let facts = RedirectFacts {
        protocol: listener.protocol.scheme(),
        host: &host[..length],
        port: listener.port,
        path: request.head.path.of(&request.bytes),
        query: request.head.query.of(&request.bytes),
    };
    let made = location(action, &facts, &mut notes);
    request.location = start..notes.len();
    request.notes = notes;
    made
}

/// Applies the transforms of the rule (ALB.md §4c); few rules have any.
fn transform(live: &Live, request: &mut Request, rule: Option<usize>) -> Result<(), Refusal> {
    let rules = &live.listener(request.listener).rules;
    let Some(rule) = rule.and_then(|at| rules.get(at)).filter(|rule| !rule.transforms.is_empty())
    else {
        return Ok(());
    };
    let (mut host, mut url) = (Vec::new(), Vec::new());
    let received_host = request.head.host.map_or(&[][..], |span| span.of(&request.bytes));
    let mut received_url = request.head.path.of(&request.bytes).to_vec();
    if request.head.has_query {
        received_url.push(b'?');
        received_url.extend_from_slice(request.head.query.of(&request.bytes));
    }
    let done = rewrite(&rule.transforms, received_host, &received_url, &mut host, &mut url)?;
    request.record.rewritten();
    if done.host {
        let start = request.notes.len();
        request.notes.extend_from_slice(&host);
        request.rewritten_host = Some(start..request.notes.len());
    }
    if done.url {
        let start = request.notes.len();
        request.notes.extend_from_slice(&url);
        request.rewritten_url = Some(start..request.notes.len());
    }
    Ok(())
}

fn write_trace(core: &Core, request: &mut Request, fields: &Fields) {
    let received = fields.values(&request.bytes, "x-amzn-trace-id").next();
    let start = request.notes.len();
    let random: [u8; 12] = core.random.borrow_mut().bytes();
    let seconds = request.record.created_seconds();
    http1::write_trace_id(
        &mut request.notes,
        received,
        seconds as u32,
        &random,
        request.bytes.len(),
    );
    request.trace = start..request.notes.len();
}

/// The head that goes to the target (ALB.md §6a).
fn target_head(
    core: &Core,
    live: &Live,
    connection: &Connection,
    request: &Request,
    fields: &Fields,
) -> Vec<u8> {
    let listener = live.listener(request.listener);
    let attributes = &live.load_balancer(connection.load_balancer).attributes;
    let mut host = core.buffers.vector();
    let host_edit = match (&request.rewritten_host, request.head.host) {
        (Some(range), _) => http1::HostEdit::Set(request.note(range)),
        (None, Some(_)) if attributes.preserve_host_header => http1::HostEdit::Keep,
        (None, Some(span)) => {
            target_host(span.of(&request.bytes), listener.port, &mut host);
            http1::HostEdit::Set(&host)
        }
        // HTTP/1.0 without Host: the load balancer's own name; ours is its address.
        (None, None) => {
            use std::io::Write;
            let _ = write!(host, "{}", connection.local);
            http1::HostEdit::Set(&host)
        }
    };
    let mut client = core.buffers.vector();
    let forwarded_for = match attributes.forwarded_for {
        ForwardedForMode::Append => {
            forwarded_address(connection.peer, attributes.forwarded_for_client_port, &mut client);
            http1::ForwardedFor::Append(&client)
        }
        ForwardedForMode::Preserve => http1::ForwardedFor::Preserve,
        ForwardedForMode::Remove => http1::ForwardedFor::Remove,
    };
    let mut port = [0u8; 5];
    let edit = http1::RequestEdit {
        host: host_edit,
        target: request.rewritten_url.as_ref().map(|range| request.note(range)),
        forwarded_for,
        scheme: listener.protocol.scheme(),
        port: decimal(listener.port, &mut port),
        trace_id: request.note(&request.trace),
        drop_invalid_names: attributes.invalid_headers == InvalidHeaders::Drop,
        upgrade: request.head.upgrade,
        tls: connection
            .handshake
            .as_ref()
            .filter(|_| attributes.tls_version_and_cipher_headers)
            .map(|facts| (facts.version, facts.cipher)),
    };
    let mut out = core.buffers.vector();
    http1::write_request(&mut out, &request.bytes, &request.head, fields, &edit);
    core.buffers.recycle(host);
    core.buffers.recycle(client);
    out
}

fn decimal(number: u16, out: &mut [u8; 5]) -> &str {
    let mut at = out.len();
    let mut rest = number;
    loop {
        at -= 1;
        out[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    std::str::from_utf8(&out[at..]).unwrap_or_default()
}

/// A routed request of the data plane.
pub type LiveRouted<'l> = Routed<'l, LiveMode>;
