//! A target as a process of its own, which can be killed and stopped, and writes down every request
//! that it was given before it answers: what was sent twice is seen here and nowhere else.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;

use super::process::Guarded;
use crate::failed::Failed;

/// The verb under which this program is started as a target.
pub const VERB: &str = "chaos-target";
/// The header by which an answer names its target.
pub const HEADER: &str = "X-Target";

/// In the log: the connection that a request came on.
const KEPT: &str = "kept";
const NEW: &str = "new";
/// No request of ours is longer, head and body.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const SMALL_BODY: usize = 200;

/// How a target answers.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Before the first byte.
    pub wait: Duration,
    /// The body comes in so many pieces, `wait / pieces` apart.
    pub pieces: u32,
    pub size: usize,
}

pub const PROMPT: Manner = Manner { wait: Duration::ZERO, pieces: 1, size: SMALL_BODY };

// === the runner's end ===

/// A target that is started, killed and started again at one address.
pub struct Target {
    pub address: SocketAddr,
    pub name: usize,
    pub manner: Manner,
    log: PathBuf,
    process: Option<Guarded>,
}

/// What all targets of a case were given.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    gets: BTreeMap<u64, u32>,
    posts: BTreeMap<u64, u32>,
}

// === impl Target ===

impl Target {
    /// Starts on an address that no outgoing connection of this machine takes as its own: those
    /// come from 127.0.0.1, so that the port is free again as soon as the process is gone.
    pub fn start(folder: &Path, name: usize, manner: Manner) -> Result<Target, Failed> {
        let last = u8::try_from(11 + name).unwrap_or(u8::MAX);
        let host = Ipv4Addr::new(127, 0, 0, last);
        let reserved = TcpListener::bind((host, 0)).and_then(|socket| socket.local_addr());
        let address = reserved.map_err(|error| Failed::Unexpected(format!("{host}: {error}")))?;
        let log = folder.join(format!("target-{name}.log"));
        let mut target = Target { address, name, manner, log, process: None };
        target.start_again()?;
        Ok(target)
    }

    /// As many as wanted, all alike.
    pub fn several(folder: &Path, count: usize, manner: Manner) -> Result<Vec<Target>, Failed> {
        (0..count).map(|name| Target::start(folder, name, manner)).collect()
    }

    /// Answers when it listens.
    pub fn start_again(&mut self) -> Result<(), Failed> {
        let program = std::env::current_exe().map_err(Failed::file("xtask"))?;
        let mut command = Command::new(program);
        command.arg(VERB).arg(self.address.to_string()).arg(&self.log).args([
            self.name.to_string(),
            self.manner.wait.as_millis().to_string(),
            self.manner.pieces.to_string(),
            self.manner.size.to_string(),
        ]);
        self.process = Some(Guarded::start(&mut command)?);
        super::process::await_listener(self.address)
    }

    /// SIGKILL; it is gone when this returns.
    pub fn kill(&mut self) {
        self.process = None;
    }

    pub fn signal(&self, signal: Signal) -> Result<(), Failed> {
        self.process.as_ref().map_or(Ok(()), |process| process.signal(signal))
    }

    /// How many requests it has been given.
    pub fn count(&self) -> usize {
        fs::read(&self.log).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
    }
}

// === impl Seen ===

impl Seen {
    pub fn by(targets: &[Target]) -> Result<Seen, Failed> {
        let mut seen = Seen::default();
        for target in targets {
            let text = fs::read_to_string(&target.log).map_err(Failed::file(&target.log))?;
            for line in text.lines() {
                seen.take(line).ok_or_else(|| {
                    Failed::Unexpected(format!("{}: `{line}`", target.log.display()))
                })?;
            }
        }
        Ok(seen)
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        let (method, id, connection) = (words.next()?, words.next()?, words.next()?);
        let id = id.parse().ok()?;
        if ![KEPT, NEW].contains(&connection) {
            return None;
        }
        let counts = match method {
            "GET" => &mut self.gets,
            "POST" => &mut self.posts,
            _ => return None,
        };
        *counts.entry(id).or_default() += 1;
        Some(())
    }

    pub fn times(&self, id: u64) -> u32 {
        let of = |counts: &BTreeMap<u64, u32>| counts.get(&id).copied().unwrap_or(0);
        of(&self.gets) + of(&self.posts)
    }

    /// Requests that must not be repeated and were.
    pub fn posts_twice(&self) -> u64 {
        self.posts.values().filter(|times| **times > 1).count() as u64
    }
}

// === the target's end ===

/// Serves until it is killed, which also happens when its parent ends.
pub fn serve(arguments: &[String]) -> Result<(), Failed> {
    let wrong = || Failed::Usage(format!("`{VERB} {}`", arguments.join(" ")));
    let [address, log, name, wait, pieces, size] = arguments else { return Err(wrong()) };
    let number = |text: &String| text.parse::<u64>().map_err(|_| wrong());
    let address: SocketAddr = address.parse().map_err(|_| wrong())?;
    let manner = Manner {
        wait: Duration::from_millis(number(wait)?),
        pieces: u32::try_from(number(pieces)?.max(1)).map_err(|_| wrong())?,
        size: usize::try_from(number(size)?).map_err(|_| wrong())?,
    };
    super::process::end_with_parent()?;
    let file = OpenOptions::new().append(true).create(true).open(log).map_err(Failed::file(log))?;
    let listener = TcpListener::bind(address)
        .map_err(|error| Failed::Unexpected(format!("{address}: {error}")))?;
    let (file, answer) = (Arc::new(file), Arc::new(Answer::new(name, manner)));
    loop {
        let Ok((stream, _)) = listener.accept() else { continue };
        let (file, answer) = (Arc::clone(&file), Arc::clone(&answer));
        // A thread that cannot be had is a connection that is closed.
        let _ = std::thread::Builder::new().stack_size(128 * 1024).spawn(move || {
            // A proxy that goes away is no error.
            let _ = converse(stream, &file, &answer);
        });
    }
}

struct Answer {
    manner: Manner,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Answer {
    fn new(name: &str, manner: Manner) -> Answer {
        let head = format!(
            "HTTP/1.1 200 OK\r\n{HEADER}: {name}\r\nContent-Length: {}\r\n\r\n",
            manner.size
        );
        Answer { manner, head: head.into_bytes(), body: vec![b'x'; manner.size] }
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        std::thread::sleep(self.manner.wait);
        if self.manner.pieces == 1 {
            return stream.write_all(&[&self.head[..], &self.body].concat());
        }
        stream.write_all(&self.head)?;
        let piece = self.body.len().div_ceil(self.manner.pieces as usize).max(1);
        for piece in self.body.chunks(piece) {
            std::thread::sleep(self.manner.wait / self.manner.pieces);
            stream.write_all(piece)?;
        }
        Ok(())
    }
}

fn converse(mut stream: TcpStream, log: &File, answer: &Answer) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    let mut bytes = vec![0; 16 * 1024];
    let mut connection = NEW;
    loop {
        while let Some(end) = super::wire::head_length(&buffer) {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.drain(..end);
            // From here on it may have had an effect: a health check has no number.
            if let Some((method, id)) = request(&head) {
                let mut log = log;
                log.write_all(format!("{method} {id} {connection}\n").as_bytes())?;
            }
            let mut body = super::wire::content_length(&head).unwrap_or(0);
            while body > 0 {
                if buffer.is_empty() {
                    let count = stream.read(&mut bytes)?;
                    if count == 0 {
                        return Ok(());
                    }
                    buffer.extend_from_slice(&bytes[..count]);
                }
                let used = body.min(buffer.len());
                buffer.drain(..used);
                body -= used;
            }
            answer.send(&mut stream)?;
            connection = KEPT;
        }
        let count = stream.read(&mut bytes)?;
        if count == 0 || buffer.len() > HEAD_BYTES_MAX {
            return Ok(());
        }
        buffer.extend_from_slice(&bytes[..count]);
    }
}

/// The method and the number of a request of ours: `GET /?id=7 HTTP/1.1`.
fn request(head: &str) -> Option<(&str, u64)> {
    let mut words = head.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let (_, id) = path.split_once("id=")?;
    Some((method, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_that_is_seen_twice_is_counted_and_a_get_is_not() {
        let mut seen = Seen::default();
        for line in ["GET 1 new", "GET 1 kept", "POST 2 new", "POST 3 kept", "POST 3 new"] {
            assert!(seen.take(line).is_some(), "{line}");
        }
        assert_eq!((seen.posts_twice(), seen.times(1), seen.times(2), seen.times(9)), (1, 2, 1, 0));
        for line in ["PUT 1 new", "GET x new", "GET", "GET 1", "GET 1 old"] {
            assert!(seen.take(line).is_none(), "{line}");
        }
    }

    #[test]
    fn our_requests_have_numbers() {
        assert_eq!(request("POST /?id=77 HTTP/1.1\r\n\r\n"), Some(("POST", 77)));
        assert_eq!(request("GET /up HTTP/1.1\r\n\r\n"), None);
    }
}
