//! Clients that are slow, leave, or do not listen.

use std::time::Duration;

use super::support::Wire;
use super::{Logs, Sees, Stage, close_half, get, look, reset};

const POST: &str =
    "POST /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 20\r\n\r\n";

pub fn stages() -> Vec<Stage> {
    let stage =
        |name, sees, logs, act: fn(&mut Wire) -> Sees| Stage { name, tls: false, act, sees, logs };
    let cause = Logs::Cause;
    vec![
        stage("sends nothing", Sees::End, Logs::NoLine, look),
        stage("half a request line", Sees::Status(408), cause("request/head-timeout"), |client| {
            client.send("GET /ok HT");
            look(client)
        }),
        stage("half the headers", Sees::Status(408), cause("request/head-timeout"), |client| {
            client.send("GET /ok HTTP/1.1\r\nHost: a\r\nX: ");
            look(client)
        }),
        stage("slow headers", Sees::Status(408), cause("request/head-timeout"), |client| {
            // Every byte comes within the idle timeout, but the head never ends.
            let reading = client.stream.try_clone().unwrap();
            let writing = std::thread::spawn(move || {
                let mut writer = Wire::over(reading);
                for byte in get("/ok").bytes().chain([b'x'; 30]).take(35) {
                    writer.send([byte]);
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
            let seen = look(client);
            writing.join().unwrap();
            seen
        }),
        stage("a slow body", Sees::Status(200), Logs::Served, |client| {
            // Longer than the idle timeout, but never idle for so long.
            client.send(POST);
            for _ in 0..5 {
                std::thread::sleep(Duration::from_millis(400));
                client.send("xxxx");
            }
            look(client)
        }),
        stage("a body that stops", Sees::Status(408), cause("request/body-timeout"), |client| {
            client.send(POST);
            client.send("xxxx");
            look(client)
        }),
        stage("a huge header", Sees::Status(400), cause("request/head-too-large"), |client| {
            client
                .send(format!("GET /ok HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(17_000)));
            look(client)
        }),
        stage("very many headers", Sees::Status(400), cause("request/head-too-large"), |client| {
            let many = "X: 1\r\n".repeat(600);
            client.send(format!("GET /ok HTTP/1.1\r\nHost: a\r\n{many}\r\n"));
            look(client)
        }),
        stage("closes its half in a head", Sees::End, cause("request/client-closed"), |client| {
            client.send("GET /ok HTTP/1.1\r\nHo");
            close_half(client);
            look(client)
        }),
        stage("closes its half after a request", Sees::Status(200), Logs::Served, |client| {
            client.send(get("/late"));
            close_half(client);
            look(client)
        }),
        stage("closes its half after a body", Sees::Status(200), Logs::Served, |client| {
            client.send(POST.replace("/ok", "/late"));
            client.send("x".repeat(20));
            close_half(client);
            look(client)
        }),
        stage(
            "closes its half in a body",
            Sees::Status(400),
            cause("request/body-incomplete"),
            |client| {
                client.send(POST);
                client.send("xxxx");
                close_half(client);
                look(client)
            },
        ),
        stage("closes its half before", Sees::End, Logs::NoLine, |client| {
            close_half(client);
            look(client)
        }),
        stage("leaves before the answer", Sees::End, cause("request/client-closed"), |client| {
            client.send(get("/silent"));
            close_half(client);
            look(client)
        }),
        stage("resets at once", Sees::Nothing, Logs::NoLine, |client| {
            leave(client, "");
            Sees::Nothing
        }),
        stage("resets in a head", Sees::Nothing, cause("request/client-closed"), |client| {
            leave(client, "GET /ok HTTP/1.1\r\nHo");
            Sees::Nothing
        }),
        stage("resets in a body", Sees::Nothing, cause("request/body-incomplete"), |client| {
            leave(client, &format!("{POST}xxxx"));
            Sees::Nothing
        }),
        stage("resets while waiting", Sees::Nothing, cause("request/client-closed"), |client| {
            leave(client, &get("/silent"));
            Sees::Nothing
        }),
        stage("resets in the answer", Sees::Nothing, cause("request/client-closed"), |client| {
            client.send(get("/large"));
            client.exactly(100_000);
            leave(client, "");
            Sees::Nothing
        }),
        stage("does not read", Sees::Nothing, cause("request/client-stalled"), |client| {
            client.send(get("/large"));
            // Held until the load balancer has given up, which the log tells.
            std::thread::sleep(Duration::from_millis(2500));
            Sees::Nothing
        }),
    ]
}

/// Sends bytes, lets them arrive, and resets the connection.
fn leave(client: &mut Wire, bytes: &str) {
    client.send(bytes);
    // A reset overtakes what has not been read yet.
    std::thread::sleep(Duration::from_millis(200));
    let nobody = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let other = std::net::TcpStream::connect(nobody.local_addr().unwrap()).unwrap();
    reset(client);
    drop(std::mem::replace(&mut client.stream, other));
}
