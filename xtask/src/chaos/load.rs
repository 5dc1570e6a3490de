//! The load client: every request has a number, and what became of it is written down.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::wire;

/// Numbers of one worker's requests; the worker's own number stands above them.
const NUMBERS_OF_A_WORKER: u64 = 1 << 32;
/// After a connection was refused: the next is not tried at once.
const REFUSED_PAUSE: Duration = Duration::from_millis(5);

/// What is sent, and how fast.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Workers take turns with them.
    pub addresses: Vec<SocketAddr>,
    /// The number of the first worker: two loads at a time must not number alike.
    pub first_worker: u64,
    pub workers: u64,
    /// Between two requests of a worker.
    pub pause: Duration,
    /// How long an answer may take.
    pub patience: Duration,
    pub connections: Connections,
    /// Every how manyth request is a POST; 0 is none.
    pub post_every: u64,
    pub post_bytes: usize,
    /// A slow reader waits so long between reads of 64 KiB.
    pub read_pause: Duration,
    /// At most so many requests of a worker.
    pub requests_max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    Kept,
    /// One request each, closed by us.
    Short,
}

impl Plan {
    /// Steady, and far from what the machine can do: a request fails for its own reason only.
    pub fn steady(address: SocketAddr) -> Plan {
        Plan {
            addresses: vec![address],
            first_worker: 0,
            workers: 12,
            pause: Duration::from_millis(4),
            patience: Duration::from_secs(8),
            connections: Connections::Kept,
            post_every: 4,
            post_bytes: 100,
            read_pause: Duration::ZERO,
            requests_max: u64::MAX,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

impl Method {
    /// RFC 9110 §9.2.2: a client or a proxy may send it again.
    pub fn may_repeat(self) -> bool {
        match self {
            Method::Get => true,
            Method::Post => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Answered(u16),
    ConnectRefused,
    ConnectFailed,
    /// The connection ended before any byte of an answer.
    ResetBefore,
    /// The connection ended within the answer.
    ResetWithin,
    TimedOut,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Answered(status) => return write!(f, "{status}"),
            Outcome::ConnectRefused => "refused",
            Outcome::ConnectFailed => "not connected",
            Outcome::ResetBefore => "reset before",
            Outcome::ResetWithin => "reset within",
            Outcome::TimedOut => "timeout",
        })
    }
}

/// One request and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    pub id: u64,
    pub method: Method,
    pub began: Instant,
    /// Since when all of the request may be with the proxy; `None`: it could not be sent whole.
    pub sent: Option<Instant>,
    pub ended: Instant,
    pub outcome: Outcome,
    /// Which target says that it answered.
    pub target: Option<usize>,
}

impl Record {
    pub fn failed(&self) -> bool {
        self.outcome != Outcome::Answered(200)
    }

    pub fn in_flight_at(&self, moment: Instant) -> bool {
        self.began <= moment && moment <= self.ended
    }
}

/// A running load, which ends when dropped.
pub struct Load {
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<Vec<Record>>>,
}

// === impl Load ===

impl Load {
    pub fn start(plan: &Plan) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let work = |number: u64| {
            let turn = usize::try_from(number).unwrap_or(0) % plan.addresses.len();
            let worker = Worker {
                plan: plan.clone(),
                address: plan.addresses[turn],
                first: number * NUMBERS_OF_A_WORKER,
                stream: None,
                records: Vec::new(),
            };
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || worker.run(&stop))
        };
        Load {
            workers: (plan.first_worker..plan.first_worker + plan.workers).map(work).collect(),
            stop,
        }
    }

    /// No new requests; waits for those that have begun.
    pub fn stop(mut self) -> Vec<Record> {
        self.stop.store(true, Ordering::Relaxed);
        self.collect()
    }

    /// Waits until every worker has sent as many requests as the plan allows.
    pub fn finish(mut self) -> Vec<Record> {
        self.collect()
    }

    fn collect(&mut self) -> Vec<Record> {
        let workers = self.workers.drain(..);
        workers.flat_map(|worker| worker.join().unwrap_or_default()).collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Worker {
    plan: Plan,
    address: SocketAddr,
    first: u64,
    stream: Option<TcpStream>,
    records: Vec<Record>,
}

// === impl Worker ===

impl Worker {
    fn run(mut self, stop: &AtomicBool) -> Vec<Record> {
        for number in 0..self.plan.requests_max {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            // Workers send theirs at different times: there is always some of each in flight.
            let turn = number + self.first / NUMBERS_OF_A_WORKER;
            let post = self.plan.post_every > 0 && turn.is_multiple_of(self.plan.post_every);
            let method = if post { Method::Post } else { Method::Get };
            let began = Instant::now();
            let mut record = Record {
                id: self.first + number,
                method,
                began,
                sent: None,
                ended: began,
                outcome: Outcome::ConnectFailed,
                target: None,
            };
            record.outcome = self.exchange(&mut record).unwrap_or_else(|failure| failure);
            record.ended = Instant::now();
            self.records.push(record);
            let refused =
                matches!(record.outcome, Outcome::ConnectRefused | Outcome::ConnectFailed);
            std::thread::sleep(if refused { REFUSED_PAUSE } else { self.plan.pause });
        }
        self.records
    }

    /// One request. The connection is kept only after a whole answer that does not end it.
    fn exchange(&mut self, record: &mut Record) -> Result<Outcome, Outcome> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let sent = stream.write_all(&request(record.method, record.id, self.plan.post_bytes));
        // An answer may already be there, although not all of the request was taken.
        match sent {
            Ok(()) => record.sent = Some(Instant::now()),
            Err(error) if timed_out(&error) => return Err(Outcome::TimedOut),
            Err(_) => {}
        }
        let answer = self.answer(&mut stream)?;
        record.target = answer.target;
        if answer.keep && record.sent.is_some() && self.plan.connections == Connections::Kept {
            self.stream = Some(stream);
        }
        Ok(Outcome::Answered(answer.status))
    }

    fn connect(&self) -> Result<TcpStream, Outcome> {
        let stream = TcpStream::connect_timeout(&self.address, self.plan.patience);
        let stream = stream.map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => Outcome::ConnectRefused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Outcome::TimedOut,
            _ => Outcome::ConnectFailed,
        })?;
        let limit = Some(self.plan.patience);
        let set = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(limit))
            .and_then(|()| stream.set_write_timeout(limit));
        set.map_err(|_| Outcome::ConnectFailed)?;
        Ok(stream)
    }

    fn answer(&self, stream: &mut TcpStream) -> Result<Answer, Outcome> {
        let mut buffer = Vec::new();
        let mut bytes = vec![0; 64 * 1024];
        let end = loop {
            if let Some(end) = wire::head_length(&buffer) {
                break end;
            }
            let before =
                if buffer.is_empty() { Outcome::ResetBefore } else { Outcome::ResetWithin };
            let count = read(stream, &mut bytes).map_err(|error| failure(&error, before))?;
            if count == 0 {
                return Err(before);
            }
            buffer.extend_from_slice(&bytes[..count]);
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let status = wire::status(&head).ok_or(Outcome::ResetWithin)?;
        let length = wire::content_length(&head).ok_or(Outcome::ResetWithin)?;
        let mut left = (length + end).checked_sub(buffer.len()).ok_or(Outcome::ResetWithin)?;
        while left > 0 {
            std::thread::sleep(self.plan.read_pause);
            let count = read(stream, &mut bytes);
            let count = count.map_err(|error| failure(&error, Outcome::ResetWithin))?;
            if count == 0 || count > left {
                return Err(Outcome::ResetWithin);
            }
            left -= count;
        }
        let closes = wire::header(&head, "connection").is_some_and(|value| value == "close");
        let target = wire::header(&head, super::target::HEADER).and_then(|v| v.parse().ok());
        Ok(Answer { status, keep: !closes, target })
    }
}

struct Answer {
    status: u16,
    keep: bool,
    target: Option<usize>,
}

fn request(method: Method, id: u64, post_bytes: usize) -> Vec<u8> {
    match method {
        Method::Get => {
            format!("GET /?id={id} HTTP/1.1\r\nHost: chaos.example\r\n\r\n").into_bytes()
        }
        Method::Post => {
            let head = format!(
                "POST /?id={id} HTTP/1.1\r\nHost: chaos.example\r\nContent-Length: {post_bytes}\r\n\r\n"
            );
            let mut request = head.into_bytes();
            request.resize(request.len() + post_bytes, b'y');
            request
        }
    }
}

/// A read with a time limit is interrupted also where no signal has a handler (signal(7)), and the
/// connection is none the worse for it.
fn read(stream: &mut TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn failure(error: &io::Error, otherwise: Outcome) -> Outcome {
    if timed_out(error) { Outcome::TimedOut } else { otherwise }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    /// One request to a server that says `said` (after it has read something) and closes.
    fn outcome_of(said: &'static str) -> Outcome {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(said.as_bytes()).unwrap();
        });
        let plan = Plan { workers: 1, requests_max: 1, ..Plan::steady(address) };
        let records = Load::start(&plan).finish();
        server.join().unwrap();
        records[0].outcome
    }

    #[test]
    fn how_a_request_failed_is_told_apart() {
        for (said, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Outcome::Answered(200)),
            ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", Outcome::Answered(502)),
            ("", Outcome::ResetBefore),
            ("HTTP/1.1 200 OK\r\n", Outcome::ResetWithin),
            ("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok", Outcome::ResetWithin),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok", Outcome::ResetWithin),
        ] {
            assert_eq!(outcome_of(said), expected, "{said:?}");
        }
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let plan = Plan { workers: 1, requests_max: 1, ..Plan::steady(nobody) };
        assert_eq!(Load::start(&plan).finish()[0].outcome, Outcome::ConnectRefused);
    }

    #[test]
    fn numbers_are_unique_and_every_fourth_is_a_post() {
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let plan = Plan { workers: 3, requests_max: 8, ..Plan::steady(nobody) };
        let records = Load::start(&plan).finish();
        let mut ids: Vec<u64> = records.iter().map(|record| record.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 24);
        assert_eq!(records.iter().filter(|r| !r.method.may_repeat()).count(), 6);
    }
}
