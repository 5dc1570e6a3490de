//! Handshakes that do not come about.

use std::io::{Read, Write};
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::support::{Origin, PATIENCE, Wire, at, until};
use super::{Front, Logs, Sees, Stage, close_half, get, look, reset};

/// A ClientHello as a library writes it.
fn client_hello() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| {
        let (sender, heard) = channel();
        let listening = Origin::start(move |wire| {
            wire.fill();
            let _ = sender.send(wire.buffer.clone());
        });
        // Any authority will do: the handshake gets no further.
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority.pem");
        std::fs::write(&authority, "").unwrap();
        let stream = Wire::to(listening.address).stream;
        let mut client =
            tls::blocking_client(stream, "test.example", &trusted(&authority)).unwrap();
        let _ = client.write_all(b"x");
        heard.recv_timeout(PATIENCE).unwrap()
    })
}

pub fn stages() -> Vec<Stage> {
    let stage = |name, sees, cause, act: fn(&mut Wire) -> Sees| Stage {
        name,
        tls: true,
        act,
        sees,
        logs: Logs::Handshake(cause),
    };
    vec![
        stage("silence", Sees::End, "tls/handshake-timeout", look),
        stage("half a ClientHello", Sees::End, "tls/handshake-timeout", |client| {
            let hello = client_hello();
            client.send(&hello[..hello.len() / 2]);
            look(client)
        }),
        stage("a ClientHello and silence", Sees::Nothing, "tls/handshake-timeout", |client| {
            client.send(client_hello());
            client.rest();
            Sees::Nothing
        }),
        stage("garbage", Sees::Nothing, "tls/handshake-failed", |client| {
            client.send([0x16, 3, 1, 0, 4, 1, 1, 1, 1]);
            client.rest();
            Sees::Nothing
        }),
        stage("noise", Sees::Nothing, "tls/handshake-failed", |client| {
            client.send([0x80; 600]);
            client.rest();
            Sees::Nothing
        }),
        stage("a reset in the handshake", Sees::Nothing, "tls/handshake-failed", |client| {
            client.send(client_hello());
            client.fill();
            reset(client);
            Sees::Nothing
        }),
        stage("a close in the handshake", Sees::Nothing, "tls/handshake-failed", |client| {
            client.send(&client_hello()[..20]);
            close_half(client);
            client.rest();
            Sees::Nothing
        }),
        stage("plain HTTP", Sees::Status(400), "tls/plain-http", |client| {
            client.send(get("/ok"));
            look(client)
        }),
    ]
}

/// A ClientHello that ends at every byte: each is a failed handshake, and nothing more.
pub fn truncate_a_client_hello(front: &Front) {
    let failed =
        || front.instance.status()["refusals"]["tls/handshake-failed"].as_u64().unwrap_or_default();
    let before = failed();
    let hello = client_hello();
    for cut in 0..hello.len() {
        let mut client = Wire::to(at(front.https));
        client.send(&hello[..cut]);
        close_half(&client);
        let answer = client.rest();
        // Nothing, or an alert.
        assert!(answer.is_empty() || answer[0] == 0x15, "cut at {cut}: {}", answer.escape_ascii());
    }
    let expected = before + hello.len() as u64;
    until("every cut to be counted", || (failed() == expected).then_some(()));
    front.serves_the_next("truncated ClientHellos");
}

/// RFC 8446 §6.1 wants a `close_notify`; clients that just close are as many as those that do not.
#[test]
fn a_close_without_close_notify() {
    let mut front = Front::start();
    let connect = || {
        let stream = Wire::to(at(front.https)).stream;
        let trusted = trusted(&front.instance.authority());
        tls::blocking_client(stream, "test.example", &trusted).unwrap()
    };
    let request = b"GET /ok HTTP/1.1\r\nHost: test.example\r\n\r\n";
    // After an answer, in a head, and while an answer is awaited.
    let mut answered = connect();
    answered.write_all(request).unwrap();
    let mut begin = [0; 12];
    answered.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    drop(answered.sock);
    let mut in_head = connect();
    in_head.write_all(&request[..20]).unwrap();
    drop(in_head.sock);
    let mut waiting = connect();
    waiting.write_all(b"GET /silent HTTP/1.1\r\nHost: test.example\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(waiting.sock);
    // In a body: what came is not taken for the whole.
    let mut in_body = connect();
    in_body
        .write_all(b"POST /ok HTTP/1.1\r\nHost: test.example\r\nContent-Length: 9\r\n\r\nabc")
        .unwrap();
    drop(in_body.sock);
    front.serves_the_next("connections without close_notify");
    front.await_rest();
    let (access, _) = front.logs();
    for (mark, cause) in [
        ("GET https", "request/client-closed"),
        ("/silent", "request/client-closed"),
        ("POST https", "request/body-incomplete"),
    ] {
        let mut lines = access.lines().filter(|line| line.contains(mark));
        assert!(lines.any(|line| line.contains(cause)), "{mark}: {cause} in\n{access}");
    }
}

fn trusted(authority: &std::path::Path) -> tls::Trusted {
    tls::Trusted::from_files([authority]).unwrap()
}
