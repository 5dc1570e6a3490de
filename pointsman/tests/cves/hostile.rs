//! Targets that answer with malice: a client gets one whole answer or an error, and the next client
//! gets its own.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use super::support::recorder::answers;
use super::{Instance, Origin, Wire, at, free_port, simple};

/// Serves `/evil` with the bytes of the row, and every other path with its own name. The flag says
/// that a connection was used again after `/evil`.
fn evil(answer: Vec<u8>) -> (Origin, Arc<AtomicBool>) {
    let reused = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&reused);
    let origin = Origin::start(move |wire| {
        let mut spoilt = false;
        while let Some(request) = wire.request() {
            flag.fetch_or(spoilt, Ordering::SeqCst);
            let path = request.split(' ').nth(1).unwrap_or_default();
            if path == "/evil" {
                spoilt = true;
                wire.send(&answer);
            } else {
                let length = path.len();
                wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}"));
            }
        }
    });
    (origin, reused)
}

const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/// What the client of `/evil` gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gets {
    /// This status, whole.
    Whole(u16),
    /// The beginning of the target's answer, and the end of the connection.
    Part,
}
use Gets::{Part, Whole};

fn rows() -> Vec<(&'static str, Gets, Vec<u8>)> {
    let ok =
        |headers: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}").into_bytes();
    let flood = |count: usize| {
        let one = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        [one.repeat(count).into_bytes(), ok("Content-Length: 2\r\n", "ok")].concat()
    };
    let poisoned = |head: &str| format!("{head}{POISON}").into_bytes();
    vec![
        (
            "both framings",
            Whole(502),
            ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ),
        ("two lengths", Whole(502), ok("Content-Length: 2\r\nContent-Length: 3\r\n", "ok")),
        ("list of lengths", Whole(502), ok("Content-Length: 2, 3\r\n", "ok")),
        ("length with a sign", Whole(502), ok("Content-Length: +2\r\n", "ok")),
        ("length too large", Whole(502), ok("Content-Length: 18446744073709551616\r\n", "ok")),
        ("empty length", Whole(502), ok("Content-Length:\r\n", "ok")),
        ("chunked twice", Whole(502), ok("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
        ("unknown coding", Whole(502), ok("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
        ("look-alike", Whole(502), ok("Transfer_Encoding: chunked\r\nContent-Length: 2\r\n", "ok")),
        ("look-alike with a space", Whole(502), ok("Content-Length : 2\r\n", "ok")),
        ("empty name", Whole(502), ok(": x\r\nContent-Length: 2\r\n", "ok")),
        ("no colon", Whole(502), ok("what\r\nContent-Length: 2\r\n", "ok")),
        ("NUL", Whole(502), ok("X: a\0b\r\nContent-Length: 2\r\n", "ok")),
        ("bare CR", Whole(502), ok("X: a\rSet-Cookie: b\r\nContent-Length: 2\r\n", "ok")),
        (
            "bad chunk at once",
            Whole(502),
            ok("Transfer-Encoding: chunked\r\n", "zz\r\nok\r\n0\r\n\r\n"),
        ),
        (
            "bad chunk later",
            Part,
            ok(
                "Transfer-Encoding: chunked\r\n",
                &format!("61a80\r\n{}\r\nzz\r\n", "x".repeat(400_000)),
            ),
        ),
        (
            "chunk overflow",
            Whole(502),
            ok("Transfer-Encoding: chunked\r\n", "10000000000000002\r\nok\r\n0\r\n\r\n"),
        ),
        ("interim answers", Whole(200), flood(32)),
        ("a flood of them", Whole(502), flood(33)),
        (
            "switching unasked",
            Whole(502),
            poisoned(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            ),
        ),
        (
            "204 with a body",
            Whole(204),
            poisoned("HTTP/1.1 204 No Content\r\nContent-Length: 45\r\n\r\n"),
        ),
        (
            "304 with a body",
            Whole(304),
            poisoned("HTTP/1.1 304 Not Modified\r\nContent-Length: 45\r\n\r\n"),
        ),
        ("behind the body", Whole(200), ok("Content-Length: 2\r\n", &format!("ok{POISON}"))),
        (
            "behind the last chunk",
            Whole(200),
            ok("Transfer-Encoding: chunked\r\n", &format!("2\r\nok\r\n0\r\n\r\n{POISON}")),
        ),
        ("behind no body", Whole(200), ok("Content-Length: 0\r\n", POISON)),
        ("status of two digits", Whole(502), b"HTTP/1.1 20 OK\r\n\r\n".to_vec()),
        ("status of four digits", Whole(502), b"HTTP/1.1 2000 OK\r\n\r\n".to_vec()),
        ("status below 100", Whole(502), b"HTTP/1.1 099 OK\r\n\r\n".to_vec()),
        ("another version", Whole(502), b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()),
        ("another protocol", Whole(502), b"ICY 200 OK\r\n\r\n".to_vec()),
        ("no head", Whole(502), b"poison".repeat(20_000)),
    ]
}

#[test]
fn hostile_answers() {
    let mut differing = Vec::new();
    for (name, gets, bytes) in rows() {
        let (origin, reused) = evil(bytes);
        let port = free_port();
        let _instance = Instance::start(&simple(port, origin.address));
        let mut client = Wire::to(at(port));
        client.send("GET /evil HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let received = client.rest();
        let right = match gets {
            Whole(status) => {
                let told: Vec<u16> = if received.starts_with(b"HTTP/1.1 ") {
                    answered(&received)
                } else {
                    Vec::new()
                };
                told == [status]
            }
            Part => received.starts_with(b"HTTP/1.1 200 ") && !received.ends_with(b"0\r\n\r\n"),
        };
        if !right {
            let shown = received[..received.len().min(300)].escape_ascii();
            differing.push(format!("{name}: {gets:?}, but `{shown}`"));
        }
        for path in ["/one", "/two"] {
            assert_eq!(Wire::to(at(port)).get(path).text(), path, "{name}: the next client");
        }
        let harmless = name == "interim answers";
        assert_eq!(
            reused.load(Ordering::SeqCst),
            harmless,
            "{name}: the connection was used again"
        );
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// The statuses of final answers in what a client received; chunked bodies are taken whole.
fn answered(received: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(received);
    if let Some((head, body)) = text.split_once("\r\n\r\n")
        && head.to_ascii_lowercase().contains("transfer-encoding: chunked")
    {
        assert_eq!(body, "2\r\nok\r\n0\r\n\r\n", "{head}");
        return vec![head.split(' ').nth(1).unwrap().parse().unwrap()];
    }
    if received.starts_with(b"HTTP/1.1 204 ") {
        assert!(received.ends_with(b"\r\n\r\n"), "{text}");
        return vec![204];
    }
    answers(received).iter().map(|told| told.status).collect()
}

/// The body of an answer to HEAD is the next answer in someone else's reading.
#[test]
fn an_answer_to_head_with_a_body() {
    let (origin, reused) =
        evil(format!("HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n{POISON}").into_bytes());
    let port = free_port();
    let _instance = Instance::start(&simple(port, origin.address));
    let mut client = Wire::to(at(port));
    client.send("HEAD /evil HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(client.get("/mine").text(), "/mine");
    assert!(!reused.load(Ordering::SeqCst));
}

/// An answer that was there before the request is nobody's.
#[test]
fn an_answer_on_an_idle_connection() {
    let (sender, said) = channel();
    let sender = Mutex::new(sender);
    let origin = Origin::start(move |wire| {
        while let Some(request) = wire.request() {
            let path = request.split(' ').nth(1).unwrap_or_default();
            let length = path.len();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}"));
            if path == "/evil" {
                // The test speaks when the client has its answer.
                let _ = sender.lock().unwrap().send(wire.stream.try_clone().unwrap());
            }
        }
    });
    let port = free_port();
    let _instance = Instance::start(&simple(port, origin.address));
    for round in 0..50 {
        let mut client = Wire::to(at(port));
        assert_eq!(client.get("/evil").text(), "/evil", "round {round}");
        let mut stream = said.recv_timeout(super::support::PATIENCE).unwrap();
        // Not held back until the answer before is acknowledged.
        stream.set_nodelay(true).unwrap();
        stream.write_all(POISON.as_bytes()).unwrap();
        assert_eq!(client.get("/mine").text(), "/mine", "round {round}");
    }
}

/// A connection whose request was never finished carries no other.
#[test]
fn an_answer_before_the_request_is_whole() {
    let origin = Origin::start(|wire| {
        while let Some(head) = wire.head() {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let length = path.len();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}"));
        }
    });
    let port = free_port();
    let _instance = Instance::start(&simple(port, origin.address));
    let mut client = Wire::to(at(port));
    client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    assert_eq!(client.response().text(), "/early");
    // What would be the rest of the body, or a request: the connection is over.
    client.send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.rest(), b"");
    assert_eq!(Wire::to(at(port)).get("/mine").text(), "/mine");
}
