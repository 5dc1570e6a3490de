//! Connections whose TLS ends at the target: the ClientHello is read, a target is chosen by its server name,
//! and then bytes go both ways. Nothing of the handshake is answered or changed.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;

use model::Refusal;
use signal::Passed;
use tls::{HELLO_BYTES_MAX, Peeked, peek_hello};
use tokio::net::TcpStream;
use verdict::journey::{ATTEMPTS_MAX, Admitted, Live as LiveMode};
use verdict::pass::Greeting;

use crate::accept::{Knock, passed, refuse_passed};
use crate::answer;
use crate::core::Core;
use crate::forward::{Aimed, Course, Prepared, aim, connect};
use crate::live::Live;
use crate::stream::Stream;
use crate::timer::{Timer, millis};
use crate::tunnel::{Ends, Moved, both_ways};

/// What is known of a connection so far, for its line in the log.
#[derive(Default)]
struct Story {
    server_name: Option<String>,
    rule: Option<String>,
    target: Option<SocketAddr>,
}

impl Story {
    fn told(&self, moved: &Moved) -> Passed<'_> {
        Passed {
            server_name: self.server_name.as_deref(),
            rule: self.rule.as_deref(),
            target: self.target,
            received: moved.up,
            sent: moved.down,
        }
    }
}

/// Serves the connection until it ends.
pub async fn pass(
    core: &Core,
    live: Rc<Live>,
    tcp: TcpStream,
    knock: Knock,
    admitted: Admitted<LiveMode>,
) {
    let mut stream = Stream::Plain(tcp);
    let mut story = Story::default();
    match carry(core, &live, &mut stream, &knock, admitted, &mut story).await {
        Ok(moved) => passed(core, &live, &knock, story.told(&moved), moved.cause),
        Err(refusal) => {
            if let (Refusal::TlsPlainHttp, Stream::Plain(tcp)) = (refusal, stream) {
                answer::plain_http(core, &live, knock.listener, tcp).await;
            }
            let nothing = Moved { up: 0, down: 0, cause: None };
            refuse_passed(core, &live, &knock, story.told(&nothing), refusal);
        }
    }
}

/// An error is one before any byte was passed on: the client sees its connection closed.
async fn carry(
    core: &Core,
    live: &Rc<Live>,
    stream: &mut Stream,
    knock: &Knock,
    admitted: Admitted<LiveMode>,
    story: &mut Story,
) -> Result<Moved, Refusal> {
    let listener = live.listener(knock.listener);
    let attributes = &live.load_balancer(listener.load_balancer).attributes;
    let limit = attributes.handshake_timeout.duration();
    let (hello, server_name) = match tokio::time::timeout(limit, read_hello(core, stream)).await {
        Ok(read) => read?,
        Err(_) => return Err(Refusal::TlsHandshakeTimeout),
    };
    story.server_name = server_name;
    let name = story.server_name.as_deref().unwrap_or_default();
    let greeting = Greeting { server_name: name.as_bytes(), source: knock.peer.ip() };
    let table = live.world().table(knock.listener);
    let passed = admitted.pass(table, greeting, &mut ());
    let rule = match &passed {
        Ok((routed, _)) => routed.rule,
        Err(closed) => closed.rule,
    };
    story.rule = rule.and_then(|at| listener.rules.get(at)).map(|rule| rule.name.clone());
    let (routed, action) = passed.map_err(|closed| closed.refusal)?;
    let draw = core.random.borrow_mut().next_u64();
    let group = routed.group(action, None, draw)?;
    let prepared = Prepared { routed, action, group, sticky: None };
    let (mut target, aimed) = reach(core, live, knock, &prepared, story).await?;
    core.now();
    let idle_millis = millis(attributes.idle_timeout.duration());
    let mut timer = Timer::new(&core.deadlines, core.deadline(idle_millis));
    let ends = Ends { client: stream, target: &mut target, timer: &mut timer };
    let mut moved = both_ways(core, ends, &aimed, idle_millis, hello, Vec::new()).await;
    // A client that hangs up has had what it came for, as far as can be seen from here.
    moved.cause = moved.cause.filter(|cause| *cause != Refusal::RequestClientClosed);
    Ok(moved)
}

/// Reads until there is a whole ClientHello: its bytes, with what came after it, and the name in it.
async fn read_hello(
    core: &Core,
    stream: &mut Stream,
) -> Result<(Vec<u8>, Option<String>), Refusal> {
    let mut hello: Vec<u8> = Vec::new();
    let mut wanted = 1;
    loop {
        let read = poll_fn(|cx| {
            let mut scratch = core.buffers.scratch();
            let room = HELLO_BYTES_MAX.saturating_sub(hello.len());
            let space = scratch.space();
            let length = space.len().min(room);
            stream.poll_read(cx, &mut space[..length]).map_ok(|length| {
                scratch.set_filled(length);
                hello.extend_from_slice(scratch.filled());
                length
            })
        });
        match read.await {
            Ok(length) if length > 0 => {}
            Ok(_) | Err(_) => return Err(Refusal::TlsNoClientHello),
        }
        if hello.len() < wanted {
            continue;
        }
        match peek_hello(&hello) {
            Peeked::Partial { needed } => wanted = needed,
            Peeked::Hello { server_name } => return Ok((hello, server_name)),
            Peeked::PlainHttp => return Err(Refusal::TlsPlainHttp),
            Peeked::NoHello => return Err(Refusal::TlsNoClientHello),
        }
    }
}

/// A connection to a target; another one is tried where it cannot be made (DECISIONS 15).
async fn reach<'l>(
    core: &Core,
    live: &'l Rc<Live>,
    knock: &Knock,
    prepared: &Prepared<'l>,
    story: &mut Story,
) -> Result<(Stream, Aimed<'l>), Refusal> {
    let load_balancer = live.listener(knock.listener).load_balancer;
    let (board, group) = live.group(prepared.group).ok_or(Refusal::TargetNoneRegistered)?;
    let mut course = Course::default();
    for _ in 0..ATTEMPTS_MAX {
        let aimed = course.aim(|tried| aim(core, live, prepared, board, group, tried))?;
        aimed.outstanding.target().counters.requested();
        let trying = |address| story.target = Some(address);
        match connect(core, live, load_balancer, prepared.group, aimed.board, trying).await {
            Ok(stream) => return Ok((stream, aimed)),
            Err(failed) => course.after(&failed, &aimed, None)?,
        }
        core.counters.retry();
    }
    Err(course.last.unwrap_or(Refusal::TargetNoneInService))
}
