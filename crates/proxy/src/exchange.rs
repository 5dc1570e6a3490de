//! One request, from its head to its log line.

mod head;
pub mod rewritten;

use std::ops::Range;
use std::rc::Rc;

use http1::{Field, RequestHead, Span, Version};
use model::{Action, InvalidHeaders, ListenerId, Refusal};
use verdict::host::split_host;
use verdict::journey::{Live as LiveMode, Routed};
use verdict::request::Handling;
use verdict::route::RequestFacts;

use self::head::{Taken, rest_of_head, take_head};
use self::rewritten::{redirect_location, target_head, transform, write_trace};
use crate::answer;
use crate::buffers::Scratch;
use crate::connection::Connection;
use crate::core::Core;
use crate::facts::{HeadHeaders, head_facts};
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
    /// The head for the target until an attempt takes it.
    pub out: Vec<u8>,
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
    pub body: BodyTaken,
    /// An interim answer is only partly written: nothing that follows would be understood.
    pub half_said: bool,
}

/// How much of a request's body is no longer on its connection: what follows is the next request
/// only if that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyTaken {
    Nothing,
    Part,
    Whole,
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
            out: Vec::new(),
            desync_close: false,
            body: BodyTaken::Nothing,
            half_said: false,
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
    Redirect {
        status: u16,
    },
    Fixed(&'l model::FixedResponse),
    /// What a certificate authority looks for.
    Proof(&'l str),
}

/// Reads the rest of a head, decides, and answers. `first` holds the first bytes, unless they are
/// already in `connection.pending`.
pub async fn exchange<'c>(
    core: &'c Core,
    connection: &mut Connection,
    first: Scratch<'c>,
) -> After {
    let (bytes, head) = match take_head(core, connection, first) {
        Taken::Whole(bytes, head) => (bytes, head),
        // Rare, and larger than all the rest.
        taken => match Box::pin(rest_of_head(core, connection, taken)).await {
            Ok(heard) => heard,
            Err(after) => return after,
        },
    };
    // From here to the end of `decide` nothing is awaited, so `core.fields` is this head's.
    let live = core.live();
    let Some(listener) = current_listener(&live, connection) else { return After::Abort };
    let mut request = Request::new(core, connection, listener, bytes, head);
    core.counters.request();
    let after = match decide(core, &live, connection, &mut request) {
        Ok(Step::Forward(prepared)) => {
            match forward::forward(core, &live, connection, &mut request, prepared).await {
                Ok(after) => after,
                Err(refusal) => {
                    answer::refuse(core, &live, connection, &mut request, refusal).await
                }
            }
        }
        Ok(Step::Redirect { status }) => {
            answer::redirect(core, &live, connection, &mut request, status).await
        }
        Ok(Step::Proof(text)) => answer::proof(core, &live, connection, &mut request, text).await,
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
    let (method, path) =
        (request.head.method_text.of(&request.bytes), request.head.path.of(&request.bytes));
    let protocol = live.listener(request.listener).protocol;
    if let Some(text) = heard.proves(protocol, &live.snapshot.challenges, method, path) {
        return Ok(Step::Proof(text));
    }
    let headers = HeadHeaders { bytes: &request.bytes, fields: &fields };
    let facts = RequestFacts {
        method,
        host: request.note(&request.host),
        path,
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
            request.out = target_head(core, live, connection, request, &fields);
            let sticky = forward::sticky_target(live, group, request, &fields);
            Ok(Step::Forward(Prepared { routed, action, group, sticky }))
        }
        Action::Redirect(action) => {
            write_trace(core, request, &fields);
            redirect_location(live, request, action)?;
            Ok(Step::Redirect { status: action.status.code() })
        }
        // No HTTP listener has it.
        Action::Close => Err(Refusal::TlsClosedByRule),
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

/// A routed request of the data plane.
pub type LiveRouted<'l> = Routed<'l, LiveMode>;
