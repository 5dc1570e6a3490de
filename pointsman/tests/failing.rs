//! Every way a request fails: what the client sees, and the code in the log.

mod support;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::{Instance, Origin, Wire, at, free_port, simple, site, until};

const DEFAULT: &str = "    default {\n      forward = target_group.app\n    }\n";

/// Sends bytes to a listener whose target behaves in a certain way; checks status and cause.
fn fails(name: &str, attributes: &str, request: &[u8], origin: &Origin, status: u16, cause: &str) {
    let port = free_port();
    let instance = Instance::start(&site(port, attributes, DEFAULT, &[origin.address]));
    let mut client = Wire::to(at(port));
    client.send(request);
    let response = client.response();
    assert_eq!(response.status, status, "{name}: {}", response.head);
    let line = instance.log_line(cause);
    assert!(line.contains(&format!(" {status} ")), "{name}: {line}");
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn what_is_wrong_with_a_request() {
    let origin = Origin::answering("ok");
    let long = |n: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(n));
    let many: String = (0..31).map(|i| format!("1.1.1.{i}, ")).collect();
    let rows: Vec<(&str, String, u16, &str)> = vec![
        ("no http", "HELO\r\n\r\n".into(), 400, "request/malformed"),
        (
            "two lengths",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".into(),
            400,
            "request/",
        ),
        (
            "bad length",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na".into(),
            400,
            "request/",
        ),
        ("nul in header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n".into(), 400, "request/"),
        (
            "gzip te",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n".into(),
            501,
            "request/transfer-encoding",
        ),
        (
            "bad chunk",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".into(),
            400,
            "request/malformed",
        ),
        ("line too long", long(20_000), 414, "request/line-too-long"),
        (
            "head too large",
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(17_000)),
            400,
            "request/head-too-large",
        ),
        ("trace", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 405, "request/method"),
        ("http/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n".into(), 505, "request/version"),
        (
            "forwarded",
            format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {many}1.1.1.1\r\n\r\n"),
            463,
            "request/forwarded-for",
        ),
    ];
    let port = free_port();
    let instance = Instance::start(&simple(port, origin.address));
    for (name, request, status, cause) in rows {
        let mut client = Wire::to(at(port));
        client.send(&request);
        let response = client.response();
        assert_eq!(response.status, status, "{name}: {}", response.head);
        let line = instance.log_line(cause);
        assert!(line.contains(cause), "{name}: {line}");
    }
    assert!(
        origin.requests().iter().all(|r| !r.contains("Content-Length: 2")),
        "{:?}",
        origin.requests()
    );
}

#[test]
fn desync_modes() {
    let ambiguous = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for (mode, status) in [("monitor", 200), ("defensive", 200), ("strictest", 400)] {
        let origin = Origin::answering("ok");
        let port = free_port();
        let attributes = format!("  desync_mitigation_mode = \"{mode}\"\n");
        let instance = Instance::start(&site(port, &attributes, DEFAULT, &[origin.address]));
        let mut client = Wire::to(at(port));
        client.send(ambiguous);
        let response = client.response();
        assert_eq!(response.status, status, "{mode}");
        // Where a request ends is in doubt: nothing more is read, whatever the mode.
        assert_eq!(response.header("connection"), Some("close"), "{mode}: {}", response.head);
        for seen in origin.requests() {
            assert!(!seen.to_lowercase().contains("content-length"), "{mode}: {seen}");
        }
        if status == 400 {
            let line = instance.log_line("request/desync");
            assert!(line.contains("Ambiguous") && line.contains("BothTeClPresent"), "{line}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_target() {
    let closing = Origin::start(|wire| {
        wire.head();
    });
    fails("closes", "", GET, &closing, 502, "target/closed");
    let garbage = Origin::start(|wire| {
        wire.head();
        wire.send("what?\r\n\r\n");
    });
    fails("garbage", "", GET, &garbage, 502, "target/malformed");
    let two_lengths = Origin::start(|wire| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
    });
    fails("two lengths", "", GET, &two_lengths, 502, "target/malformed");
    let large = Origin::start(|wire| {
        wire.head();
        wire.send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(40_000)));
    });
    fails("large head", "", GET, &large, 502, "target/head-too-large");
    let silent = Origin::start(|wire| {
        wire.head();
        wire.rest();
    });
    fails("silent", "  idle_timeout = \"1s\"\n", GET, &silent, 504, "target/response-timeout");
    let broken = Origin::start(|wire| {
        while wire.request().is_some() {
            wire.send("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        }
    });
    fails("its own 502", "", GET, &broken, 502, "target/answered-502");
}

#[test]
fn a_refused_target_fails_open_and_is_named() {
    let (port, nobody) = (free_port(), free_port());
    let instance = Instance::start(&simple(port, at(nobody)));
    let response = Wire::to(at(port)).get("/");
    assert_eq!(response.status, 502);
    assert!(
        response.text().contains("<center><h1>502 Bad Gateway</h1></center>"),
        "{}",
        response.text()
    );
    assert_eq!(response.header("server"), Some("awselb/2.0"));
    let line = instance.log_line("target/refused");
    assert!(line.contains(&format!("127.0.0.1:{nobody}")), "{line}");
    let target = instance.await_target("app", "unhealthy");
    assert_eq!(target["reason"], "Target.FailedHealthChecks");
    assert_eq!(instance.status()["target_groups"][0]["fail_open"], true);
}

#[test]
fn a_group_without_targets() {
    let port = free_port();
    let instance = Instance::start(&site(port, "", DEFAULT, &[]));
    assert_eq!(Wire::to(at(port)).get("/").status, 503);
    instance.log_line("target/none-registered");
}

#[test]
fn an_unresolvable_name_takes_down_that_target_only() {
    let origin = Origin::answering("ok");
    let port = free_port();
    let configuration = simple(port, origin.address)
        .replace("targets = [", "targets = [\"no-such-host.invalid:80\", ");
    let _instance = Instance::start(&configuration);
    for _ in 0..4 {
        assert_eq!(Wire::to(at(port)).get("/").status, 200);
    }
}

#[test]
fn slow_and_vanishing_clients() {
    let origin = Origin::answering("ok");
    let port = free_port();
    let attributes = "  head_timeout = \"1s\"\n  idle_timeout = \"1s\"\n";
    let instance = Instance::start(&site(port, attributes, DEFAULT, &[origin.address]));
    let mut slow_head = Wire::to(at(port));
    slow_head.send("GET / HT");
    let mut slow_body = Wire::to(at(port));
    slow_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    assert_eq!(slow_head.response().status, 408);
    assert_eq!(slow_body.response().status, 408);
    instance.log_line("request/head-timeout");
    instance.log_line("request/body-timeout");
    let mut idle = Wire::to(at(port));
    assert_eq!(idle.get("/").status, 200);
    assert!(idle.is_closed(), "an idle connection is closed without a word");
    let mut vanishing = Wire::to(at(port));
    vanishing.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    drop(vanishing);
    instance.log_line("request/body-incomplete");
}

#[test]
fn a_client_that_leaves_before_the_answer() {
    let origin = Origin::start(|wire| {
        wire.head();
        wire.rest();
    });
    let port = free_port();
    let instance = Instance::start(&simple(port, origin.address));
    let mut client = Wire::to(at(port));
    client.send(GET);
    support::until("the request to arrive", || {
        (!origin.requests().is_empty()).then_some(()).or(Some(()))
    });
    drop(client);
    let line = instance.log_line("request/client-closed");
    assert!(line.contains(" 460 "), "{line}");
}

#[test]
fn a_body_cut_short_is_not_taken_for_the_whole() {
    let origin = Origin::start(|wire| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    });
    let port = free_port();
    let instance = Instance::start(&simple(port, origin.address));
    let mut client = Wire::to(at(port));
    client.send(GET);
    client.head().unwrap();
    assert_eq!(client.rest(), b"short");
    instance.log_line("target/body-incomplete");
}

#[test]
fn retries_where_the_protocol_lets_us_and_only_there() {
    // Closes each connection after one answer without saying so.
    let origin = Origin::start(|wire| {
        if wire.request().is_some() {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            wire.head();
        }
    });
    let port = free_port();
    let _instance = Instance::start(&simple(port, origin.address));
    let mut client = Wire::to(at(port));
    assert_eq!(client.get("/1").status, 200);
    assert_eq!(client.get("/2").status, 200, "GET is sent again on a fresh connection");
    client.send("POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(client.response().status, 502, "POST is not");
    // A refused connection goes to the next target, whatever the method.
    let working = Origin::answering("ok");
    let port = free_port();
    let _instance = Instance::start(&site(port, "", DEFAULT, &[at(free_port()), working.address]));
    for i in 0..6 {
        let mut client = Wire::to(at(port));
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!(client.response().status, 200, "request {i}");
    }
}

#[test]
fn resets_at_every_stage_leave_it_serving() {
    let origin = Origin::answering("ok");
    let port = free_port();
    let _instance = Instance::start(&simple(port, origin.address));
    let request = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    for cut in 0..=request.len() {
        let client = Wire::to(at(port));
        (&client.stream).write_all(&request[..cut]).unwrap();
        let _ = client.stream.set_nodelay(true);
        drop(client);
    }
    std::thread::sleep(Duration::from_millis(1));
    assert_eq!(Wire::to(at(port)).get("/").status, 200);
}

#[test]
fn a_dying_target_loses_no_request_that_may_be_repeated() {
    // Answers once on a connection; at the second request it dies, and takes with it whatever has
    // been connected by then.
    let dying = Arc::new(AtomicBool::new(false));
    let dead = Arc::clone(&dying);
    let first = Origin::start(move |wire| {
        if dead.load(Ordering::SeqCst) || wire.request().is_none() {
            return;
        }
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
        wire.head();
        dead.store(true, Ordering::SeqCst);
    });
    let second = Origin::answering("second");
    let port = free_port();
    let instance = Instance::start(&site(port, "", DEFAULT, &[first.address, second.address]));
    until("both targets to be healthy", || {
        let status = instance.status();
        let targets = status["target_groups"][0]["targets"].as_array()?;
        targets.iter().all(|target| target["state"] == "healthy").then_some(())
    });
    let mut client = Wire::to(at(port));
    while !dying.load(Ordering::SeqCst) {
        let response = client.get("/");
        assert_eq!(response.status, 200, "{}", response.head);
    }
}
