//! The forward action: a group, a target, an attempt, and perhaps another.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http1::{Fields, Framing};
use model::{Forward, GroupId, LoadBalancerId, Refusal, Stickiness, TargetProtocol};
use tls::TargetFailure;
use verdict::admit::admit;
use verdict::journey::{ATTEMPTS_MAX, Aim, Attempt, Retry, retry};

use crate::connection::Connection;
use crate::core::Core;
use crate::exchange::rewritten::target_head_again;
use crate::exchange::{After, LiveRouted, Request};
use crate::live::{GroupLive, Live};
use crate::relay::{AttemptFailed, relay};
use crate::stream::Stream;
use crate::target::{Outstanding, Terms, Tried, View};
use machine::board::{GroupBoard, TargetBoard};
use machine::stickiness;

/// A forward action with everything ready but the target.
pub struct Prepared<'l> {
    pub routed: LiveRouted<'l>,
    pub action: &'l Forward,
    pub group: GroupId,
    /// The key of the target that a valid cookie names.
    pub sticky: Option<u64>,
}

/// Draws the group, or keeps the one that the `AWSALBTG` cookie names.
pub fn draw_group(
    core: &Core,
    live: &Live,
    routed: &LiveRouted<'_>,
    action: &Forward,
    request: &mut Request,
    fields: &Fields,
) -> Result<GroupId, Refusal> {
    let mut sticky = None;
    if action.stickiness.is_some() {
        let cookies = fields.values(&request.bytes, "cookie");
        let now = request.record.created_seconds();
        if let Some(key) =
            stickiness::TARGET_GROUP.read(cookies, &live.snapshot.stickiness_keys, now)
        {
            let named = action.groups.iter().find(|g| group_key(live, g.group) == key);
            sticky = named.map(|g| g.group);
        }
    }
    let draw = core.random.borrow_mut().next_u64();
    routed.group(action, sticky, draw)
}

fn group_key(live: &Live, group: GroupId) -> u64 {
    machine::board::group_key(&live.target_group(group).name)
}

/// The target that a valid stickiness cookie of the group names.
pub fn sticky_target(
    live: &Live,
    group: GroupId,
    request: &Request,
    fields: &Fields,
) -> Option<u64> {
    let cookies = || fields.values(&request.bytes, "cookie");
    let now = request.record.created_seconds();
    let keys = &live.snapshot.stickiness_keys;
    match &live.target_group(group).stickiness {
        Stickiness::Off => None,
        Stickiness::LoadBalancerCookie { .. } => {
            stickiness::LOAD_BALANCER.read(cookies(), keys, now)
        }
        Stickiness::AppCookie { name, .. } => stickiness::read_app(cookies(), name, keys, now),
    }
}

/// A target that was chosen, in the board's and in the core's words.
pub struct Aimed<'a> {
    pub index: usize,
    pub board: &'a TargetBoard,
    pub outstanding: Outstanding,
    pub key: u64,
}

/// Forwards the request, and tries again where that is allowed (DECISIONS 15). An error is one of
/// which the client has heard nothing.
///
/// One function, although it is long for one: a future inside another is copied into its place for
/// every request, and these are the largest.
pub async fn forward(
    core: &Core,
    live: &Rc<Live>,
    connection: &mut Connection,
    request: &mut Request,
    prepared: Prepared<'_>,
) -> Result<After, Refusal> {
    request.record.forwarded(prepared.group);
    let (board, group) = live.group(prepared.group).ok_or(Refusal::TargetNoneRegistered)?;
    let terms = terms(live, prepared.group);
    let mut course = Course::default();
    for _ in 0..ATTEMPTS_MAX {
        let aimed = course.aim(|tried| aim(core, live, &prepared, board, group, tried))?;
        let target = aimed.outstanding.target();
        target.counters.requested();
        request.record.aimed(aimed.board.addresses.first().copied());
        let kept = if course.fresh { None } else { target.take_idle(terms) };
        let reused = kept.is_some();
        let stream = match kept {
            Some(stream) => Ok(stream),
            // Boxed: it is rare where connections are kept, and larger than a whole request.
            None => {
                let record = &mut request.record;
                let trying = |address| record.aimed(Some(address));
                let load_balancer = connection.load_balancer;
                Box::pin(connect(core, live, load_balancer, prepared.group, aimed.board, trying))
                    .await
            }
        };
        let failed = match stream {
            Err(failed) => failed,
            Ok(mut stream) => {
                if request.out.is_empty() {
                    target_head_again(core, live, connection, request);
                }
                let to = &mut stream;
                match relay(core, live, connection, request, &prepared, &aimed, to, reused).await {
                    Ok(answered) => {
                        if answered.reusable {
                            target.keep_idle(stream, terms, core.clock.recent());
                        }
                        return Ok(answered.after);
                    }
                    Err(failed) => failed,
                }
            }
        };
        course.after(&failed, &aimed, prepared.sticky)?;
        core.counters.retry();
    }
    Err(course.last.unwrap_or(Refusal::TargetNoneInService))
}

/// What the attempts so far leave to be tried.
#[derive(Default)]
pub struct Course {
    tried: Tried,
    /// A kept connection has failed: no other is used.
    fresh: bool,
    /// The target whose kept connection has failed.
    doubtful: Option<usize>,
    /// How often the request was sent on a new connection in vain.
    sent: u32,
    pub last: Option<Refusal>,
}

impl Course {
    pub fn aim<'a>(
        &mut self,
        aim: impl Fn(&Tried) -> Result<Aimed<'a>, Refusal>,
    ) -> Result<Aimed<'a>, Refusal> {
        let aimed = match (aim(&self.tried), self.doubtful) {
            // There is no other one.
            (Err(_), Some(index)) => {
                self.doubtful = None;
                self.tried.remove(index);
                aim(&self.tried)
            }
            (aimed, _) => aimed,
        };
        aimed.map_err(|refusal| self.last.unwrap_or(refusal))
    }

    pub fn after(
        &mut self,
        failed: &AttemptFailed,
        aimed: &Aimed<'_>,
        sticky: Option<u64>,
    ) -> Result<(), Refusal> {
        let retry = retry(failed.attempt, self.sent);
        if retry != Retry::FreshConnection && failed.counts {
            aimed.outstanding.target().counters.failed();
        }
        self.last = Some(failed.refusal);
        match retry {
            Retry::Never => return Err(failed.refusal),
            Retry::NextTarget => {
                self.tried.insert(aimed.index);
                self.sent += u32::from(failed.attempt != Attempt::ConnectFailed);
            }
            Retry::FreshConnection => {
                self.fresh = true;
                // The target may be dying, and a new connection to it be its last: another one is
                // better, unless it is this one that a cookie names.
                if sticky != Some(aimed.key) {
                    self.tried.insert(aimed.index);
                    self.doubtful = Some(aimed.index);
                }
            }
        }
        Ok(())
    }
}

pub fn aim<'a>(
    core: &Core,
    live: &Live,
    prepared: &Prepared<'_>,
    board: &'a GroupBoard,
    group: &'a GroupLive,
    tried: &Tried,
) -> Result<Aimed<'a>, Refusal> {
    let declared = live.target_group(prepared.group);
    let view = View { board, group, tried };
    let sticky = prepared.sticky.and_then(|key| board.targets.iter().position(|t| t.key == key));
    let mut cursor = group.cursor.get();
    let draw = core.random.borrow_mut().next_u64();
    let aim = Aim {
        algorithm: declared.algorithm,
        minimum_healthy: declared.minimum_healthy_targets,
        targets: &view,
        sticky,
        draw,
    };
    let aimed = prepared.routed.aim(aim, &mut cursor, &mut ());
    group.cursor.set(cursor);
    let index = aimed?.chosen.index;
    if tried.contains(index) {
        return Err(Refusal::TargetNoneInService);
    }
    let target = board.targets.get(index).ok_or(Refusal::TargetNoneInService)?;
    let state = group.targets.get(index).ok_or(Refusal::TargetNoneInService)?;
    Ok(Aimed { index, board: target, outstanding: Outstanding::new(state), key: target.key })
}

/// A connection to the first address of the target that takes one; `trying` hears of each.
pub async fn connect(
    core: &Core,
    live: &Live,
    load_balancer: LoadBalancerId,
    group: GroupId,
    target: &TargetBoard,
    mut trying: impl FnMut(SocketAddr),
) -> Result<Stream, AttemptFailed> {
    let failed = |refusal| AttemptFailed { refusal, attempt: Attempt::ConnectFailed, counts: true };
    let limit = live.load_balancer(load_balancer).attributes.connect_timeout.duration();
    let egress = live.world().egress(load_balancer);
    let mut refusal = Refusal::TargetUnresolved;
    for address in &target.addresses {
        trying(*address);
        if let Err(denied) = admit(egress, address.ip(), address.port(), &mut ()) {
            refusal =
                if denied == Refusal::AdmitNoRule { Refusal::TargetEgressDenied } else { denied };
            continue;
        }
        match tokio::time::timeout(limit, net::stream::connect(*address)).await {
            Ok(Ok(tcp)) => {
                core.counters.target_connection();
                return secure(live, limit, group, target, *address, tcp).await.map_err(failed);
            }
            Ok(Err(error)) => {
                refusal = connect_refusal(&error);
                if net::limits::is_exhausted(&error) {
                    // Ours, not the target's: anomaly detection must not hear of it.
                    return Err(AttemptFailed { counts: false, ..failed(refusal) });
                }
            }
            Err(_) => refusal = Refusal::TargetConnectTimeout,
        }
    }
    Err(failed(refusal))
}

/// A kept connection is good for requests that would make one like it.
fn terms(live: &Live, group: GroupId) -> Terms {
    match live.target_group(group).protocol {
        TargetProtocol::Http | TargetProtocol::Tcp => Terms::Plain,
        TargetProtocol::Https => Terms::Tls(live.snapshot.target_tls.of(group).terms()),
    }
}

async fn secure(
    live: &Live,
    limit: Duration,
    group: GroupId,
    target: &TargetBoard,
    address: SocketAddr,
    tcp: tokio::net::TcpStream,
) -> Result<Stream, Refusal> {
    match live.target_group(group).protocol {
        TargetProtocol::Http | TargetProtocol::Tcp => Ok(Stream::Plain(tcp)),
        TargetProtocol::Https => {
            let handshake = live.snapshot.target_tls.of(group).connect(
                tcp,
                target.server_name.as_deref(),
                address,
            );
            match tokio::time::timeout(limit, handshake).await {
                Ok(Ok(stream)) => Ok(Stream::Client(Box::new(stream))),
                Ok(Err(TargetFailure::Untrusted(_))) => Err(Refusal::TargetTlsUntrusted),
                Ok(Err(TargetFailure::Failed)) => Err(Refusal::TargetTlsFailed),
                Err(_) => Err(Refusal::TargetTlsTimeout),
            }
        }
    }
}

fn connect_refusal(error: &std::io::Error) -> Refusal {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => Refusal::TargetRefused,
        ErrorKind::TimedOut => Refusal::TargetConnectTimeout,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Refusal::TargetClosed,
        _ => Refusal::TargetUnreachable,
    }
}

/// Whether a failed request of this framing may be sent again on another connection.
pub fn body_free(framing: Framing) -> bool {
    matches!(framing, Framing::None | Framing::Length(0))
}
