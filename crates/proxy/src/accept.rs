//! From a knock to a connection: admission, limits and the TLS handshake.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use model::{Deny, Listener, ListenerId, ListenerProtocol, Refusal, canonical};
use signal::{ClientCertificateFields, ConnectionEvent, Passed, VerifyStatus};
use tls::Accepted;
use tokio::net::TcpStream;
use verdict::journey::{Knocked, Live as LiveMode, Secured};

use crate::answer;
use crate::connection::{Connection, serve};
use crate::core::Core;
use crate::live::Live;
use crate::pass::pass;
use crate::stream::Stream;

/// After the descriptor limit is met: time for others to close theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// DECISIONS 10.
const HELD_MAX: u32 = 1024;
const HELD_FOR: Duration = Duration::from_secs(10);

/// Accepts until it is aborted.
pub async fn accept_loop(
    core: Rc<Core>,
    address: SocketAddr,
    socket: std::net::TcpListener,
    shared: bool,
) {
    let listener = match net::listen::into_tokio(socket, shared) {
        Ok(listener) => listener,
        Err(_) => return,
    };
    loop {
        match net::stream::accept(&listener).await {
            Ok((stream, peer)) => knock(&core, stream, peer, address),
            Err(error) if transient(&error) => {}
            // Out of descriptors or memory: shed and recover.
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn transient(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}

/// A connection attempt as far as it has come.
pub struct Knock {
    pub peer: SocketAddr,
    pub local: SocketAddr,
    pub listener: ListenerId,
}

fn knock(core: &Rc<Core>, stream: TcpStream, peer: SocketAddr, address: SocketAddr) {
    let live = core.live();
    let Some(listener) = live.world().listener_at(address) else { return };
    let peer = SocketAddr::new(canonical(peer.ip()), peer.port());
    let knock = Knock { peer, local: address, listener };
    core.counters.accepted();
    let load_balancer = live.listener(listener).load_balancer;
    let admission = live.world().ingress(load_balancer);
    match Knocked::<LiveMode>::live(peer.ip(), address.port()).admit(admission, &mut ()) {
        Err(refused) => turn_away(core, live, stream, knock, refused.refusal),
        Ok(_) if core.active.get() >= live.snapshot.core_connections_max => {
            refuse(core, &live, &knock, Refusal::AdmitConnectionLimit);
            net::stream::reset(stream);
        }
        Ok(admitted) => {
            detach_filter(&live, &stream, &knock);
            let guard = Active::new(core);
            match live.listener(listener).protocol {
                ListenerProtocol::Http => {
                    let (stream, secured) = (Stream::Plain(stream), admitted.plain());
                    let mut connection = connection(core, &live, stream, &knock, secured, None);
                    tokio::task::spawn_local(async move {
                        let guard = guard;
                        serve(&guard.0, &mut connection).await;
                    });
                }
                ListenerProtocol::TlsPassthrough => {
                    tokio::task::spawn_local(async move {
                        let guard = guard;
                        Box::pin(pass(&guard.0, live, stream, knock, admitted)).await;
                    });
                }
                ListenerProtocol::Https => {
                    tokio::task::spawn_local(async move {
                        let guard = guard;
                        let core = &guard.0;
                        let secured = admitted.secured();
                        let shaken = Box::pin(shake(core, live, stream, knock, secured)).await;
                        if let Some(mut connection) = shaken {
                            serve(core, &mut connection).await;
                        }
                    });
                }
            }
        }
    }
}

/// An accepted socket inherits the filter of its listener, which would be run for every packet and
/// stay as it is when the listener's is replaced (DECISIONS 8, 11).
fn detach_filter(live: &Live, stream: &TcpStream, knock: &Knock) {
    let load_balancer = live.listener(knock.listener).load_balancer;
    let filtered = live.load_balancer(load_balancer).deny == Deny::Drop
        && !live.world().admits_everyone(knock.listener);
    if filtered {
        // Without a filter of its own, it had none to begin with.
        let _ = net::filter::detach(stream);
    }
}

/// Counts a connection as active for as long as its task lives, even if it panics.
struct Active(Rc<Core>);

impl Active {
    fn new(core: &Rc<Core>) -> Self {
        core.active.set(core.active.get() + 1);
        core.counters.opened();
        Active(Rc::clone(core))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
        self.0.counters.closed();
    }
}

fn connection(
    core: &Core,
    live: &Live,
    stream: Stream,
    knock: &Knock,
    secured: Secured<LiveMode>,
    handshake: Option<tls::HandshakeFacts>,
) -> Connection {
    let Knock { peer, local, listener } = *knock;
    Connection::new(core, live, stream, peer, local, listener, secured, handshake)
}

/// Boxed as well, so that the task of the connection holds one word of it.
async fn shake(
    core: &Core,
    live: Rc<Live>,
    stream: TcpStream,
    knock: Knock,
    secured: Secured<LiveMode>,
) -> Option<Box<Connection>> {
    let (stream, facts) = handshake(core, &live, stream, &knock).await?;
    Some(Box::new(connection(core, &live, stream, &knock, secured, Some(facts))))
}

async fn handshake(
    core: &Core,
    live: &Live,
    stream: TcpStream,
    knock: &Knock,
) -> Option<(Stream, tls::HandshakeFacts)> {
    let listener = live.listener(knock.listener);
    let load_balancer = live.load_balancer(listener.load_balancer);
    let settings = live.snapshot.tls.get(knock.listener.0 as usize)?.as_ref()?;
    let limit = load_balancer.attributes.handshake_timeout.duration();
    let started = core.now();
    let accepting = settings.settings.accept(stream, &live.snapshot.alpn_challenges);
    let accepted = match tokio::time::timeout(limit, accepting).await {
        Ok(Ok(Accepted::Wanted(wanted))) => {
            let left = limit.saturating_sub(core.now().saturating_duration_since(started));
            crate::visit::wait(core, live, knock.listener, *wanted, left).await
        }
        accepted => accepted,
    };
    let refusal = match accepted {
        Ok(Ok(Accepted::Client(stream, facts))) => {
            core.counters.handshake_completed();
            if let Some(log) = live.connection_log(listener.load_balancer) {
                let latency = core.now().saturating_duration_since(started);
                log.borrow_mut().append(&event(
                    core,
                    live,
                    knock,
                    Some(&facts),
                    Some(latency),
                    None,
                ));
            }
            return Some((Stream::Server(stream), facts));
        }
        Ok(Ok(Accepted::Challenge)) => {
            core.counters.handshake_completed();
            return None;
        }
        // Waited for already.
        Ok(Ok(Accepted::Wanted(wanted))) => {
            wanted.turn_away().await;
            Refusal::TlsCertificatePending
        }
        Ok(Err(failure)) => {
            if let Some(stream) = failure.plain {
                answer::plain_http(core, live, knock.listener, stream).await;
            }
            failure.refusal
        }
        Err(_) => Refusal::TlsHandshakeTimeout,
    };
    core.counters.handshake_failed();
    refuse(core, live, knock, refusal);
    None
}

/// Counts a refusal before any request and writes it to the connection log.
fn refuse(core: &Core, live: &Live, knock: &Knock, refusal: Refusal) {
    core.counters.refused(refusal);
    let load_balancer = live.listener(knock.listener).load_balancer;
    if let Some(log) = live.connection_log(load_balancer) {
        log.borrow_mut().append(&event(core, live, knock, None, None, Some(refusal)));
    }
}

/// Counts a connection that was passed through and is over, and writes it to the connection log.
pub fn passed(core: &Core, live: &Live, knock: &Knock, passed: Passed<'_>, cause: Option<Refusal>) {
    core.counters.passed(passed.received, passed.sent);
    if let Some(cause) = cause {
        core.counters.refused(cause);
    }
    log_passed(core, live, knock, passed, cause);
}

/// As [`refuse`], where TLS is passed through: with what is known of the connection.
pub fn refuse_passed(
    core: &Core,
    live: &Live,
    knock: &Knock,
    passed: Passed<'_>,
    refusal: Refusal,
) {
    core.counters.refused(refusal);
    log_passed(core, live, knock, passed, Some(refusal));
}

fn log_passed(core: &Core, live: &Live, knock: &Knock, passed: Passed<'_>, cause: Option<Refusal>) {
    if let Some(log) = live.connection_log(live.listener(knock.listener).load_balancer) {
        let event = event(core, live, knock, None, None, cause);
        log.borrow_mut().append(&ConnectionEvent { passed: Some(passed), ..event });
    }
}

fn event<'a>(
    core: &Core,
    live: &'a Live,
    knock: &'a Knock,
    facts: Option<&'a tls::HandshakeFacts>,
    latency: Option<Duration>,
    refusal: Option<Refusal>,
) -> ConnectionEvent<'a> {
    let (seconds, micros) = core.clock.wall();
    ConnectionEvent {
        seconds,
        micros,
        client: knock.peer,
        local: knock.local,
        tls: facts.map(|f| (f.cipher, f.version)),
        key_exchange: facts.and_then(|f| f.key_exchange),
        handshake: latency,
        load_balancer: &live.load_balancer(live.listener(knock.listener).load_balancer).name,
        client_certificate: facts.and_then(|f| f.client.as_deref()).map(|client| {
            ClientCertificateFields {
                subject: &client.subject,
                validity: &client.validity,
                serial: &client.serial,
            }
        }),
        verify_status: verify_status(live.listener(knock.listener), facts, refusal),
        trace: 0,
        cause: refusal.map(Refusal::code),
        passed: None,
    }
}

/// ALB.md §7b, field 11: only of listeners that ask for certificates.
fn verify_status(
    listener: &Listener,
    facts: Option<&tls::HandshakeFacts>,
    refusal: Option<Refusal>,
) -> Option<VerifyStatus> {
    listener.client_certificates.as_ref()?;
    match (facts, refusal.and_then(Refusal::client_certificate_reason)) {
        (_, Some(reason)) => Some(VerifyStatus::Failed(reason)),
        (Some(_), None) => Some(VerifyStatus::Success),
        (None, None) => None,
    }
}

/// What an unadmitted client experiences where the kernel has not already dropped it.
fn turn_away(core: &Rc<Core>, live: Rc<Live>, stream: TcpStream, knock: Knock, refusal: Refusal) {
    refuse(core, &live, &knock, refusal);
    let client = knock.peer.ip();
    let (now, _) = core.clock.wall();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let network = live.world().network_name(client);
    core.refused.borrow_mut().add(knock.local, network, client, now);
    let listener = live.listener(knock.listener);
    match live.load_balancer(listener.load_balancer).deny {
        Deny::Reset => net::stream::reset(stream),
        Deny::Drop => hold(core, stream),
        Deny::Page => {
            let guard = Active::new(core);
            tokio::task::spawn_local(async move {
                let core = &guard.0;
                Box::pin(show_page(core, &live, stream, &knock, refusal)).await;
            });
        }
    }
}

/// Silence (DECISIONS 10): nothing is read, and at last the connection is reset.
fn hold(core: &Rc<Core>, stream: TcpStream) {
    if core.held.get() >= HELD_MAX {
        return net::stream::reset(stream);
    }
    core.held.set(core.held.get() + 1);
    let core = Rc::clone(core);
    tokio::task::spawn_local(async move {
        tokio::time::sleep(HELD_FOR).await;
        net::stream::reset(stream);
        core.held.set(core.held.get() - 1);
    });
}

async fn show_page(core: &Core, live: &Live, stream: TcpStream, knock: &Knock, refusal: Refusal) {
    let stream = match live.listener(knock.listener).protocol {
        ListenerProtocol::Http => Stream::Plain(stream),
        ListenerProtocol::Https => match handshake(core, live, stream, knock).await {
            Some((stream, _)) => stream,
            None => return,
        },
        // No page can be shown to who does not speak TLS with us.
        ListenerProtocol::TlsPassthrough => return net::stream::reset(stream),
    };
    answer::denied(core, live, knock.listener, stream, refusal).await;
}
