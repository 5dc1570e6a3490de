//! Targets that refuse, leave, or do not answer.

use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use super::support::{Origin, Wire, at, free_port};
use super::{Logs, Sees, Stage, get, look, reset};

pub struct Targets {
    pub misbehaving: SocketAddr,
    pub refusing: SocketAddr,
}

/// A target that behaves as the path says, once a connection.
pub fn start() -> Targets {
    let misbehaving = Origin::start(|wire| {
        let Some(head) = wire.head() else { return };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        behave(&path, &head, wire);
    });
    Targets { misbehaving: misbehaving.address, refusing: at(free_port()) }
}

const OK: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

fn behave(path: &str, head: &str, wire: &mut Wire) {
    let answer = |wire: &mut Wire, bytes: &str| {
        wire.send(bytes);
        let _ = wire.stream.shutdown(Shutdown::Write);
        wire.rest();
    };
    match path {
        "/closes" => {}
        "/resets" => reset(wire),
        "/resets-in-head" => {
            wire.send("HTTP/1.1 200 OK\r\nContent-Le");
            std::thread::sleep(Duration::from_millis(100));
            reset(wire);
        }
        "/closes-its-half" => answer(wire, ""),
        "/short" => answer(wire, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
        "/short-chunk" => {
            answer(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc");
        }
        "/no-last-chunk" => {
            answer(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        }
        "/half-head" => {
            wire.send("HTTP/1.1 200 OK\r\nContent-Le");
            wire.rest();
        }
        "/stalls" => {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
            wire.rest();
        }
        "/silent" => drop(wire.rest()),
        "/early" => answer(
            wire,
            "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        ),
        "/deaf" => std::thread::sleep(Duration::from_secs(4)),
        "/large" => {
            let _ = wire.stream.set_write_timeout(Some(Duration::from_secs(10)));
            wire.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100000000\r\n\r\n");
            wire.send(vec![b'x'; 100_000_000]);
        }
        _ => {
            let length = super::support::header(head, "content-length");
            let length: usize = length.map_or(0, |text| text.parse().unwrap());
            while wire.buffer.len() < length {
                if !wire.fill() {
                    return;
                }
            }
            if path == "/late" {
                std::thread::sleep(Duration::from_millis(400));
            }
            wire.send(OK);
        }
    }
}

pub fn stages() -> Vec<Stage> {
    let stage = |name, sees, cause, act: fn(&mut Wire) -> Sees| Stage {
        name,
        tls: false,
        act,
        sees,
        logs: Logs::Cause(cause),
    };
    vec![
        stage("a target that refuses", Sees::Status(502), "target/refused", |client| {
            client.send(get("/refuses"));
            look(client)
        }),
        stage("a target that closes at once", Sees::Status(502), "target/closed", |client| {
            client.send(get("/closes"));
            look(client)
        }),
        stage("a target that resets", Sees::Status(502), "target/closed", |client| {
            client.send(get("/resets"));
            look(client)
        }),
        stage("a target that resets in its head", Sees::Status(502), "target/closed", |client| {
            client.send(get("/resets-in-head"));
            look(client)
        }),
        stage("a target that closes its half", Sees::Status(502), "target/closed", |client| {
            client.send(get("/closes-its-half"));
            look(client)
        }),
        stage("a short body", Sees::Part(200), "target/body-incomplete", |client| {
            client.send(get("/short"));
            look(client)
        }),
        stage("a short chunk", Sees::Part(200), "target/body-incomplete", |client| {
            client.send(get("/short-chunk"));
            look(client)
        }),
        stage("no last chunk", Sees::Part(200), "target/body-incomplete", |client| {
            client.send(get("/no-last-chunk"));
            look(client)
        }),
        stage("a body that stalls", Sees::Part(200), "target/body-incomplete", |client| {
            client.send(get("/stalls"));
            look(client)
        }),
        stage("half a head", Sees::Status(504), "target/response-timeout", |client| {
            client.send(get("/half-head"));
            look(client)
        }),
        stage("no answer", Sees::Status(504), "target/response-timeout", |client| {
            client.send(get("/silent"));
            look(client)
        }),
        Stage {
            logs: Logs::Served,
            ..stage("an early answer", Sees::Status(413), "", |client| {
                client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nxxx");
                look(client)
            })
        },
        stage("a deaf target", Sees::Status(504), "target/response-timeout", |client| {
            client.send("POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
            let mut writer = Wire::over(client.stream.try_clone().unwrap());
            let writing = std::thread::spawn(move || {
                writer.stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
                writer.send(vec![b'x'; 100_000_000]);
            });
            let answer = client.response();
            // The load balancer may have closed already.
            let _ = client.stream.shutdown(Shutdown::Both);
            writing.join().unwrap();
            Sees::Status(answer.status)
        }),
    ]
}
