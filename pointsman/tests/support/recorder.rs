//! A target that keeps every byte it is sent, and reads strictly.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::strict::{self, From, Read, Request, Verdict};
use super::{Origin, Wire, until};

/// The header by which requests and answers are told apart; see [`Recorder`].
pub const ROW: &str = "X-Row";

/// Answers every whole request with 200, the request's [`ROW`] and its target, and every wrong byte
/// with the end of the connection.
pub struct Recorder {
    pub origin: Origin,
    connections: Arc<Mutex<Vec<Vec<u8>>>>,
    open: Arc<AtomicUsize>,
}

impl Recorder {
    pub fn start() -> Recorder {
        let connections: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let open: Arc<AtomicUsize> = Arc::default();
        let (record, count) = (Arc::clone(&connections), Arc::clone(&open));
        let origin = Origin::start(move |wire| {
            count.fetch_add(1, Ordering::SeqCst);
            let slot = {
                let mut all = record.lock().unwrap();
                all.push(Vec::new());
                all.len() - 1
            };
            serve(wire, |bytes| record.lock().unwrap()[slot].extend_from_slice(bytes));
            count.fetch_sub(1, Ordering::SeqCst);
        });
        Recorder { origin, connections, open }
    }

    /// What a strict reader makes of each connection so far; without those that carried nothing.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let all = self.connections.lock().unwrap();
        let used = all.iter().filter(|bytes| !bytes.is_empty());
        used.map(|bytes| strict::read_all(From::LoadBalancer, bytes)).collect()
    }

    /// As [`Recorder::verdicts`], when the load balancer has closed all its connections.
    pub fn last_verdicts(&self) -> Vec<Verdict> {
        until("the connections to end", || (self.open.load(Ordering::SeqCst) == 0).then_some(()));
        self.verdicts()
    }
}

/// Serves one connection; `keep` gets every byte that was read.
fn serve(wire: &mut Wire, mut keep: impl FnMut(&[u8])) {
    loop {
        let length = wire.buffer.len();
        if !wire.fill() {
            return;
        }
        keep(&wire.buffer[length..]);
        loop {
            match strict::read(&wire.buffer) {
                Read::Whole(request, length) => {
                    wire.buffer.drain(..length);
                    let row = row_of(&request).unwrap_or_default();
                    wire.send(format!(
                        "HTTP/1.1 200 OK\r\n{ROW}: {row}\r\nX-Target: {}\r\nContent-Length: 0\r\n\r\n",
                        request.target
                    ));
                }
                Read::More => break,
                Read::Wrong(_) => return,
            }
        }
    }
}

/// The first word of the header: a folded line may have been joined to it.
pub fn row_of(request: &Request) -> Option<String> {
    request.field(ROW)?.split_whitespace().next().map(str::to_owned)
}

/// What a client was told: status and head of each final answer on its connection.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub head: String,
}

/// Takes apart everything that a client received until the end of its connection.
pub fn answers(received: &[u8]) -> Vec<Told> {
    let mut answers = Vec::new();
    let mut rest = received;
    while !rest.is_empty() {
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("half a head: {}", rest.escape_ascii())) + 4;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end..];
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {head}"));
        if status < 200 {
            continue;
        }
        let length = super::header(&head, "content-length").expect("a length").parse().unwrap();
        // The answer to HEAD names the length of a body that does not come.
        if !rest.is_empty() && !rest.starts_with(b"HTTP/1.") {
            rest = rest.get(length..).expect("a whole body");
        }
        answers.push(Told { status, head });
    }
    answers
}
