//! Questions over TCP (RFC 7766): several on a connection, answered in their order.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::core::Core;
use crate::draft::Draft;
use crate::engine::{KEEPALIVE_TENTHS, Outcome};
use crate::limit;
use crate::message::{Code, Envelope, Options, TCP_MAX, Written, write};
use crate::question::{QUESTION_MAX, Query};
use crate::snapshot::Snapshot;
use crate::transfer::Transfer;

/// Connections of one core; one more is closed at once, and its client finds another server.
const CONNECTIONS_MAX: usize = 512;
/// Of those, by clients of one network: one client cannot take all.
const OF_NETWORK_MAX: u16 = 64;
/// Transfers that one core sends at a time.
const TRANSFERS_MAX: usize = 4;
/// How long a whole question is waited for (RFC 7766 §6.2.3), and that a client takes an answer.
const IDLE: Duration = Duration::from_millis(KEEPALIVE_TENTHS as u64 * 100);
/// Answers are sent when they are so many bytes, even if more questions are there.
const ANSWERS_BYTES: usize = 64 * 1024;
/// Messages of a transfer that wait for the client.
const AHEAD: usize = 2;
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) async fn accept(core: Rc<Core>, listener: std::net::TcpListener) {
    let Ok(listener) = net::listen::into_tokio(listener, false) else { return };
    loop {
        match listener.accept().await {
            Ok(_) if core.connections.get() >= CONNECTIONS_MAX => {
                core.counters.refused_connection()
            }
            Ok((stream, from)) => {
                let from = from.ip().to_canonical();
                let Some(held) = Held::count(&core, from) else {
                    core.counters.refused_connection();
                    continue;
                };
                tokio::task::spawn_local(async move {
                    // Whatever ends it, the client sees that it has ended.
                    let _ = Connection { core: &held.core, stream, from }.serve().await;
                });
            }
            // Without descriptors, or the client is gone.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// A connection that is counted while it lasts.
struct Held {
    core: Rc<Core>,
    network: [u8; 8],
}

impl Held {
    /// `None` if clients of its network have as many as they may.
    fn count(core: &Rc<Core>, from: IpAddr) -> Option<Held> {
        let network = limit::network(from);
        let mut networks = core.of_networks.borrow_mut();
        let count = networks.entry(network).or_default();
        if *count >= OF_NETWORK_MAX && !core.engine.borrow().exempts(from) {
            return None;
        }
        *count = count.saturating_add(1);
        core.connections.set(core.connections.get() + 1);
        Some(Held { core: Rc::clone(core), network })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.core.connections.set(self.core.connections.get() - 1);
        let mut networks = self.core.of_networks.borrow_mut();
        if let Some(count) = networks.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                networks.remove(&self.network);
            }
        }
    }
}

struct Connection<'c> {
    core: &'c Core,
    stream: TcpStream,
    from: IpAddr,
}

impl Connection<'_> {
    async fn serve(mut self) -> std::io::Result<()> {
        let _ = self.stream.set_nodelay(true);
        let mut questions: Vec<u8> = Vec::with_capacity(512);
        let (mut answers, mut one) = (Vec::new(), Vec::new());
        loop {
            // From the end of the last whole question: bytes that trickle do not prolong it.
            let deadline = Instant::now() + IDLE;
            while !has_whole(&questions) {
                if length(&questions).is_some_and(|length| length > QUESTION_MAX) {
                    return Ok(());
                }
                let read = self.stream.read_buf(&mut questions);
                if timeout_at(deadline, read).await?? == 0 {
                    return Ok(());
                }
            }
            let mut taken = 0;
            while let Some(question) = whole(questions.get(taken..).unwrap_or_default()) {
                taken += 2 + question.len();
                one.clear();
                match self.core.answer(question, self.from, &mut one) {
                    Outcome::Answered => append(&one, &mut answers),
                    // RFC 7766 §8: who sends no questions is no client.
                    Outcome::Silence => return Ok(()),
                    Outcome::Transfer { zone } => {
                        // Before anything is awaited: another snapshot may number zones otherwise.
                        let snapshot = self.core.engine.borrow().snapshot();
                        let question = question.to_vec();
                        self.send(&mut answers).await?;
                        self.transfer(question, zone, snapshot).await?;
                    }
                }
                if answers.len() >= ANSWERS_BYTES {
                    break;
                }
            }
            questions.drain(..taken);
            self.send(&mut answers).await?;
        }
    }

    async fn send(&mut self, answers: &mut Vec<u8>) -> std::io::Result<()> {
        if !answers.is_empty() {
            timeout(IDLE, self.stream.write_all(answers)).await??;
            answers.clear();
        }
        Ok(())
    }

    /// The messages are made on a thread that yields to the cores: a large zone takes seconds to
    /// sign.
    async fn transfer(
        &mut self,
        question: Vec<u8>,
        zone: u32,
        snapshot: Arc<Snapshot>,
    ) -> std::io::Result<()> {
        if self.core.transfers.get() >= TRANSFERS_MAX {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        let now = self.core.now().seconds;
        let (messages, mut made) = tokio::sync::mpsc::channel::<Option<Vec<u8>>>(AHEAD);
        net::core::yielding_alone("transfer", move || {
            let Ok(query) = Query::read(&question) else { return };
            let envelope = Envelope {
                head: query.head,
                question: query.question.as_ref(),
                code: Code::OK,
                authoritative: true,
                options: query.edns.map(|_| Options::default()),
            };
            let mut transfer = Transfer::new(snapshot, model::ZoneId(zone), now);
            let mut draft = Draft::default();
            while transfer.next(&mut draft) {
                let (mut one, mut message) = (Vec::new(), Vec::new());
                let message = match write(&envelope, &draft, TCP_MAX, &mut one) {
                    Written::Whole => {
                        append(&one, &mut message);
                        Some(message)
                    }
                    Written::Truncated => None,
                };
                if messages.blocking_send(message).is_err() {
                    return;
                }
            }
        })?;
        self.core.transfers.set(self.core.transfers.get() + 1);
        let sent = self.pass_on(&mut made).await;
        self.core.transfers.set(self.core.transfers.get() - 1);
        sent
    }

    async fn pass_on(
        &mut self,
        made: &mut tokio::sync::mpsc::Receiver<Option<Vec<u8>>>,
    ) -> std::io::Result<()> {
        while let Some(message) = made.recv().await {
            // A name with more than a message holds: half a zone must not be taken for it.
            let mut message = message.ok_or(std::io::ErrorKind::InvalidData)?;
            self.send(&mut message).await?;
        }
        Ok(())
    }
}

/// RFC 1035 §4.2.2: two octets before each message say how long it is.
fn length(bytes: &[u8]) -> Option<usize> {
    bytes.first_chunk().map(|two| usize::from(u16::from_be_bytes(*two)))
}

fn whole(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(2..2 + length(bytes)?)
}

fn has_whole(bytes: &[u8]) -> bool {
    whole(bytes).is_some()
}

fn append(message: &[u8], answers: &mut Vec<u8>) {
    // No message is longer than TCP_MAX.
    answers.extend_from_slice(&(message.len() as u16).to_be_bytes());
    answers.extend_from_slice(message);
}
