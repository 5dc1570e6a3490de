//! What the log line of a request will say, collected while the request is served.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use model::{DesyncReason, GroupId, ListenerId, Refusal, Rule};
use signal::{Actions, Kind, RequestEvent, TransformStatus};

use crate::connection::Connection;
use crate::core::Core;
use crate::exchange::Request;
use crate::live::Live;

/// The log's matched rule priority: the default action (ALB.md §7a, field 21).
const DEFAULT_PRIORITY: i32 = 0;
/// The cause of a request that only the default action caught (DECISIONS 3).
const DEFAULT_CAUSE: &str = "route/default";

/// Filled by whoever learns something.
pub struct Record {
    created: (u64, u32),
    heard: Instant,
    sent: Option<Instant>,
    answered: Option<Instant>,
    responding: Option<Instant>,
    status: Option<u16>,
    target_status: Option<u16>,
    target: Option<SocketAddr>,
    group: Option<GroupId>,
    priority: Option<i32>,
    actions: Actions,
    received: u64,
    sent_bytes: u64,
    cause: Option<&'static str>,
    tunnelled: bool,
    rewritten: bool,
}

impl Record {
    /// `head_bytes` have been received so far.
    pub fn new(heard: Instant, created: (u64, u32), head_bytes: u64) -> Self {
        Record {
            created,
            heard,
            sent: None,
            answered: None,
            responding: None,
            status: None,
            target_status: None,
            target: None,
            group: None,
            priority: None,
            actions: Actions::NONE,
            received: head_bytes,
            sent_bytes: 0,
            cause: None,
            tunnelled: false,
            rewritten: false,
        }
    }

    pub fn created_seconds(&self) -> i64 {
        i64::try_from(self.created.0).unwrap_or(i64::MAX)
    }

    pub fn routed(&mut self, rules: &[Rule], rule: Option<usize>) {
        match rule.and_then(|at| rules.get(at)) {
            Some(rule) => self.priority = i32::try_from(rule.priority).ok(),
            None => {
                self.priority = Some(DEFAULT_PRIORITY);
                self.cause = Some(DEFAULT_CAUSE);
            }
        }
    }

    pub fn forwarded(&mut self, group: GroupId) {
        self.group = Some(group);
        self.actions.insert(Actions::FORWARD);
    }

    pub fn redirected(&mut self) {
        self.actions.insert(Actions::REDIRECT);
    }

    pub fn fixed_response(&mut self) {
        self.actions.insert(Actions::FIXED_RESPONSE);
    }

    pub fn rewritten(&mut self) {
        self.rewritten = true;
        self.actions.insert(Actions::REWRITE);
    }

    /// An address of the target that is tried.
    pub fn aimed(&mut self, address: Option<SocketAddr>) {
        self.target = address;
    }

    pub fn sent(&mut self, now: Instant) {
        self.sent = Some(now);
    }

    /// The attempt failed; another one may follow.
    pub fn unanswered(&mut self) {
        self.answered = None;
    }

    pub fn answered(&mut self, status: u16, now: Instant) {
        self.target_status = Some(status);
        self.answered = Some(now);
        self.sent.get_or_insert(now);
    }

    pub fn responding(&mut self, now: Instant) {
        self.responding.get_or_insert(now);
    }

    pub fn status(&mut self, status: u16) {
        self.status = Some(status);
    }

    pub fn cause(&mut self, refusal: Refusal) {
        self.cause = Some(refusal.code());
    }

    /// Body bytes received and all bytes sent, besides what is already counted.
    pub fn transferred(&mut self, received: u64, sent: u64) {
        self.received += received;
        self.sent_bytes += sent;
    }

    pub fn tunnelled(&mut self) {
        self.tunnelled = true;
    }

    fn times(&self) -> [Option<Duration>; 3] {
        let between =
            |from: Instant, to: Option<Instant>| to.map(|to| to.saturating_duration_since(from));
        [
            between(self.heard, self.sent),
            self.sent.and_then(|sent| between(sent, self.answered)),
            self.answered.and_then(|answered| between(answered, self.responding)),
        ]
    }

    /// Everything that does not come from the head.
    fn event<'a>(
        &'a self,
        core: &Core,
        live: &'a Live,
        connection: &'a Connection,
        listener: ListenerId,
    ) -> RequestEvent<'a> {
        let (seconds, micros) = core.clock.wall();
        let [request_time, target_time, response_time] = self.times();
        let listener = live.listener(listener);
        let facts = connection.handshake.as_deref();
        RequestEvent {
            kind: Kind::of(listener.protocol, self.tunnelled),
            seconds,
            micros,
            load_balancer: &live.load_balancer(connection.load_balancer).name,
            client: connection.peer,
            target: self.target.filter(|_| self.group.is_some()),
            request_time,
            target_time,
            response_time,
            status: self.status,
            target_status: self.target_status,
            received: self.received,
            sent: self.sent_bytes,
            scheme: listener.protocol.scheme(),
            port: listener.port,
            tls: facts.map(|f| (f.cipher, f.version)),
            target_group: self.group.map(|group| live.target_group(group).name.as_str()),
            sni: facts.filter(|f| f.covered).and_then(|f| f.server_name.as_deref()),
            certificate: facts.map(|f| if f.resumed { "session-reused" } else { &*f.certificate }),
            priority: self.priority,
            created_seconds: self.created.0,
            created_micros: self.created.1,
            actions: self.actions,
            trace: connection.trace,
            local: connection.local.ip(),
            core: core.index(),
            cause: self.cause,
            ..RequestEvent::default()
        }
    }
}

/// The line of a request that was read.
pub fn write(core: &Core, live: &Live, connection: &Connection, request: &Request) {
    let record = &request.record;
    core.counters.answered(record.status.unwrap_or(0), record.received, record.sent_bytes);
    let Some(log) = live.log(connection.load_balancer) else { return };
    let head = &request.head;
    let bytes = &request.bytes[..];
    let mut event = record.event(core, live, connection, request.listener);
    event.method = head.method_text.of(bytes);
    event.host = request.note(&request.host);
    event.uri = head.target.of(bytes);
    event.version = if request.http10() { "HTTP/1.0" } else { "HTTP/1.1" };
    event.user_agent = request.user_agent();
    event.trace_id = request.note(&request.trace);
    event.redirect_url = request.note(&request.location);
    event.classification = head.class;
    event.classification_reason = head.reasons.iter().find(|reason| reason.class() == head.class);
    event.transformed_host =
        request.rewritten_host.as_ref().map_or(&[][..], |range| request.note(range));
    event.transformed_uri =
        request.rewritten_url.as_ref().map_or(&[][..], |range| request.note(range));
    if record.rewritten {
        event.transform_status = Some(TransformStatus::Success);
    }
    log.borrow_mut().append(&event);
}

/// The line of bytes that were no request (ALB.md §7a: malformed requests are logged).
pub fn write_headless(
    core: &Core,
    live: &Live,
    connection: &Connection,
    listener: ListenerId,
    record: &Record,
    seen: &[u8],
    reason: Option<DesyncReason>,
) {
    core.counters.answered(record.status.unwrap_or(0), record.received, record.sent_bytes);
    let Some(log) = live.log(connection.load_balancer) else { return };
    let mut event = record.event(core, live, connection, listener);
    let line = seen.split(|byte| *byte == b'\r' || *byte == b'\n').find(|line| !line.is_empty());
    let mut words = line.unwrap_or_default().splitn(3, |byte| *byte == b' ');
    event.method = words.next().unwrap_or_default();
    event.uri = words.next().unwrap_or_default();
    event.classification = reason.map(DesyncReason::class).unwrap_or_default();
    event.classification_reason = reason;
    log.borrow_mut().append(&event);
}
