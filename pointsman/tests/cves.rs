//! The mistakes that other reverse proxies made, each by the name of its first case
//! (docs/trust.md).

#[path = "cves/hostile.rs"]
mod hostile;
#[path = "cves/paths.rs"]
mod paths;
mod support;

use std::io::Write;

use support::recorder::{Recorder, Told, answers};
use support::strict::Request;
use support::{Instance, Origin, Wire, at, free_port, header, simple, site};

const SMUGGLED: &str = "GET /app/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// The target is behind `/app`; `/moved` redirects, `/denied` is 403, and the rest 404.
const RULES: &str = r#"    rule "app" {
      path    = "/app*"
      forward = target_group.app
    }
    rule "moved" {
      path = "/moved*"
      redirect {
        path = "/to"
      }
    }
    rule "denied" {
      path = "/denied*"
      fixed_response {
        status = 403
      }
    }
    default {
      fixed_response {
        status = 404
      }
    }
"#;

struct Front {
    port: u16,
    instance: Instance,
    recorder: Recorder,
}

impl Front {
    fn start() -> Front {
        let (port, recorder) = (free_port(), Recorder::start());
        let instance = Instance::start(&site(port, "", RULES, &[recorder.origin.address]));
        Front { port, instance, recorder }
    }

    fn say(&self, bytes: impl AsRef<[u8]>) -> Vec<Told> {
        let mut client = Wire::to(at(self.port));
        client.send(bytes);
        answers(&client.rest())
    }

    /// Ends the load balancer; answers what its target got, every byte of it read strictly.
    fn judge(self) -> Vec<Request> {
        let Front { instance, recorder, .. } = self;
        drop(instance);
        let mut all = Vec::new();
        for verdict in recorder.last_verdicts() {
            assert_eq!(verdict.wrong, None, "leaked: {}", verdict.unfinished.escape_ascii());
            all.extend(verdict.requests);
        }
        all
    }
}

fn canary() -> &'static str {
    "GET /app/canary HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
}

fn statuses(told: &[Told]) -> Vec<u16> {
    told.iter().map(|answer| answer.status).collect()
}

fn targets(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| &*request.target).collect()
}

/// A body that nobody reads must not become the next request.
#[test]
fn cve_2025_4366_body_not_drained() {
    let front = Front::start();
    let long = format!("{SMUGGLED}{}", "x".repeat(100_000));
    let mut canaries = 0;
    for (path, status) in [("/nowhere", 404), ("/moved", 301), ("/denied", 403)] {
        for body in [SMUGGLED, &*long] {
            let length = format!("Content-Length: {}\r\n\r\n{body}", body.len());
            let chunked = format!(
                "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            );
            for rest in [length, chunked] {
                let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n");
                // At once; and with the body behind the answer.
                let told = front.say(format!("{head}{rest}{}", canary()));
                assert_eq!(told[0].status, status, "{path}: {told:?}");
                assert!(matches!(statuses(&told[1..])[..], [] | [200]), "{path}: {told:?}");
                canaries += told.len() - 1;
                let (framing, body) = rest.split_once("\r\n\r\n").unwrap();
                let mut client = Wire::to(at(front.port));
                client.send(format!("{head}{framing}\r\n\r\n"));
                assert_eq!(client.response().status, status, "{path}");
                let _ = write!(client.stream, "{body}{}", canary());
                let rest = client.rest();
                assert!(answers(&rest).is_empty(), "{path}: {}", rest.escape_ascii());
            }
        }
        let told = front.say(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 500\r\n\r\n{}",
            canary()
        ));
        assert_eq!(statuses(&told), [status], "an expectation at {path}: {told:?}");
    }
    assert!(canaries > 0, "no connection went on: a test of nothing");
    let reached = front.judge();
    assert_eq!(targets(&reached), vec!["/app/canary"; canaries]);
}

/// A body that a failing target has had must not be taken from what follows it.
#[test]
fn cve_2025_4366_body_drained_twice() {
    let origin = Origin::start(|wire| {
        while let Some(request) = wire.request() {
            if request.starts_with("POST /closes ") {
                return;
            }
            if request.starts_with("POST /garbage ") {
                return wire.send("what\r\n\r\n");
            }
            let path = request.split(' ').nth(1).unwrap_or_default();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()));
        }
    });
    let port = free_port();
    let _instance = Instance::start(&simple(port, origin.address));
    // As long as the beginning of the next request, so that a smuggled one would follow.
    let next = "GET /next HTTP/1.1\r\nHost: a\r\nX: ";
    for path in ["/closes", "/garbage"] {
        let mut client = Wire::to(at(port));
        let length = next.len();
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{}{next}{SMUGGLED}{}",
            "x".repeat(length),
            canary()
        ));
        assert_eq!(client.response().status, 502, "{path}");
        let mut bodies = Vec::new();
        while let Some(head) = client.head() {
            let length = header(&head, "content-length").unwrap().parse().unwrap();
            bodies.push(String::from_utf8(client.exactly(length)).unwrap());
        }
        let whole = ["/next".to_owned(), "/app/canary".to_owned()];
        assert!(bodies.is_empty() || bodies == whole, "{path}: {bodies:?}");
    }
    assert!(origin.requests().iter().all(|request| !request.starts_with("GET /app/smuggled")));
}

/// A connection is a tunnel after 101, not after the request for it.
#[test]
fn cve_2026_2833_upgrade_before_101() {
    let front = Front::start();
    for extra in ["", "Content-Length: 0\r\n", "Sec-WebSocket-Key: x\r\n"] {
        let told = front.say(format!(
            "GET /app/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{extra}\r\n\
             GET /denied HTTP/1.1\r\nHost: a\r\n\r\n{}",
            canary()
        ));
        assert_eq!(statuses(&told)[..1], [200], "{extra}: {told:?}");
        assert!(matches!(statuses(&told[1..])[..], [] | [403, 200]), "{extra}: {told:?}");
    }
    let told = front.say(format!(
        "GET /app/ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n\
         GET /denied HTTP/1.1\r\nHost: a\r\n\r\n{}",
        canary()
    ));
    assert_eq!(statuses(&told), [200, 403, 200]);
    for request in front.judge() {
        assert_ne!(request.target, "/denied");
        assert!(request.body.is_empty(), "{request:?}");
        if request.target == "/app/ws" {
            let upgrade = request.field("upgrade");
            assert_ne!(upgrade.as_deref(), Some("h2c"), "behind h2c no rule holds");
        }
    }
}

/// HTTP/1.0 knows neither chunks nor a body that ends with the connection.
#[test]
fn cve_2026_2835_http_1_0_with_transfer_encoding() {
    let front = Front::start();
    let chunks = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    for keep_alive in ["", "Connection: keep-alive\r\n"] {
        let head = format!("POST /app/old HTTP/1.0\r\nHost: a\r\n{keep_alive}");
        let told =
            front.say(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}{}", canary()));
        assert!(matches!(statuses(&told)[..], [200 | 400]), "chunked: {told:?}");
        for coding in ["identity", "gzip", "xchunked", ""] {
            let told = front
                .say(format!("{head}Transfer-Encoding: {coding}\r\n\r\n{SMUGGLED}{}", canary()));
            assert!(matches!(statuses(&told)[..], [200 | 400 | 501]), "{coding}: {told:?}");
        }
    }
    // Without a length there is no body, and without keep-alive no second request.
    let told = front.say(format!("POST /app/old HTTP/1.0\r\nHost: a\r\n\r\n{SMUGGLED}"));
    assert_eq!(statuses(&told), [200]);
    for request in front.judge() {
        assert_eq!(request.target, "/app/old", "{request:?}");
    }
}

/// A header name whose length overflowed a field of HAProxy's, so that the next length was another.
#[test]
fn cve_2021_40346_header_name_overflow() {
    let front = Front::start();
    let rest = "GET /app/smuggled HTTP/1.1\r\nX: ";
    for length in [255, 256, 257, 270, 512, 1024, 4096] {
        let name = format!("Content-Length0{}", "a".repeat(length - 15));
        let told = front.say(format!(
            "POST /app/{length} HTTP/1.1\r\nHost: a\r\n{name}:\r\nContent-Length: {}\r\n\r\n{rest}{}",
            rest.len(),
            canary()
        ));
        assert_eq!(statuses(&told), [200, 200], "{length}: {told:?}");
    }
    let reached = front.judge();
    assert_eq!(reached.len(), 14);
    for request in &reached {
        let body = if request.target == "/app/canary" { "" } else { rest };
        assert_eq!(request.body, body.as_bytes(), "{request:?}");
    }
}

/// An empty name ended HAProxy's list of headers: those behind it, such as the length, were lost.
#[test]
fn cve_2023_25725_empty_header_name() {
    let front = Front::start();
    for line in [": x", ":", " : x", "\t:", ":a:b"] {
        let told = front.say(format!(
            "POST /app/x HTTP/1.1\r\nHost: a\r\n{line}\r\nContent-Length: {}\r\nX-Kept: 1\r\n\r\n{SMUGGLED}{}",
            SMUGGLED.len(),
            canary()
        ));
        assert!(matches!(statuses(&told)[..], [400] | [200]), "`{line}`: {told:?}");
    }
    for request in front.judge() {
        assert_eq!(request.target, "/app/x");
        assert_eq!(request.body, SMUGGLED.as_bytes());
        assert_eq!(request.field("x-kept").as_deref(), Some("1"));
    }
}

#[test]
fn cve_2023_40225_empty_content_length() {
    let front = Front::start();
    for value in ["", " ", "\t", "\r\n ", ","] {
        for method in ["GET", "POST"] {
            let told = front.say(format!(
                "{method} /app/x HTTP/1.1\r\nHost: a\r\nContent-Length:{value}\r\n\r\n{SMUGGLED}"
            ));
            assert_eq!(statuses(&told), [400], "{method} `{value}`: {told:?}");
        }
    }
    assert!(front.judge().is_empty());
}

/// Two codings in two headers: hyper took the last, and RFC 9112 takes both.
#[test]
fn cve_2021_21299_transfer_encodings_in_two_headers() {
    let front = Front::start();
    for (first, second) in [("chunked", "identity"), ("chunked", "cow"), ("chunked", "chunked")] {
        let told = front.say(format!(
            "POST /app/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {first}\r\nTransfer-Encoding: {second}\r\n\
             Content-Length: 5\r\n\r\n0\r\n\r\n{SMUGGLED}"
        ));
        assert!(matches!(statuses(&told)[..], [400 | 501]), "{first}, {second}: {told:?}");
    }
    assert!(front.judge().is_empty());
}

#[test]
fn cve_2021_32715_content_length_with_a_plus() {
    let front = Front::start();
    let length = SMUGGLED.len();
    let told = front.say(format!(
        "POST /app/x HTTP/1.1\r\nHost: a\r\nContent-Length: +{length}\r\n\r\n{SMUGGLED}"
    ));
    assert_eq!(statuses(&told), [400]);
    assert!(front.judge().is_empty());
}

#[test]
fn cve_2021_32714_chunk_size_overflow() {
    let front = Front::start();
    for size in
        ["f0000000000000003", "10000000000000003", "fffffffffffffffff", "1".repeat(40).as_str()]
    {
        let told = front.say(format!(
            "POST /app/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nabc\r\n0\r\n\r\n{SMUGGLED}"
        ));
        assert_eq!(statuses(&told), [400], "{size}: {told:?}");
    }
    assert!(front.judge().is_empty());
}

/// What the load balancer says about the client cannot be said by the client.
#[test]
fn forwarded_headers_cannot_be_forged() {
    let origin = Origin::answering("ok");
    let port = free_port();
    let attributes = "  drop_invalid_header_fields = true\n";
    let default = "    default {\n      forward = target_group.app\n    }\n";
    let _instance = Instance::start(&site(port, attributes, default, &[origin.address]));
    let forged = "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\nX-Forwarded-Proto: https\r\n\
        x-forwarded-proto: https\r\nX-FORWARDED-PORT: 443\r\nX-Amzn-Tls-Version: TLSv1.3\r\n\
        X_Forwarded_For: 8.8.8.8\r\nX.Forwarded.Proto: https\r\nX-Forwarded-Proto : https\r\n";
    for connection in
        ["", "Connection: X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Port, Host\r\n"]
    {
        let mut client = Wire::to(at(port));
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{forged}{connection}\r\n"));
        assert_eq!(client.response().status, 200);
        let seen = origin.last_request();
        let values = |name: &str| -> Vec<String> {
            let lines = seen.lines().filter_map(|line| line.split_once(':'));
            let normal = |text: &str| text.trim().to_ascii_lowercase().replace(['_', '.'], "-");
            lines.filter(|(n, _)| normal(n) == name).map(|(_, v)| v.trim().to_owned()).collect()
        };
        assert_eq!(values("x-forwarded-for"), ["6.6.6.6, 7.7.7.7, 127.0.0.1"], "{seen}");
        assert_eq!(values("x-forwarded-proto"), ["http"], "{seen}");
        assert_eq!(values("x-forwarded-port"), [port.to_string()], "{seen}");
        assert_eq!(values("x-amzn-tls-version"), [""; 0], "{seen}");
        assert_eq!(header(&seen, "host"), Some(&*format!("a:{port}")), "{seen}");
    }
}
