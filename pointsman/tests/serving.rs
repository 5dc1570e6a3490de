//! HTTP/1.1 through the program: what clients and targets see.

mod support;

use support::{Instance, Origin, Wire, at, free_port, header, simple, site};

fn serve(origin: &Origin) -> (Instance, u16) {
    let port = free_port();
    (Instance::start(&simple(port, origin.address)), port)
}

#[test]
fn a_request_and_its_headers() {
    let origin = Origin::answering("hello");
    let (instance, port) = serve(&origin);
    let mut client = Wire::to(at(port));
    client.send(
        "GET /a/b?c=d HTTP/1.1\r\nHost: Shop.Example\r\nUser-Agent: t\"est\r\nX-Forwarded-For: 9.9.9.9\r\n\
         X-Forwarded-Port: 1\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nAccept: */*\r\n\r\n",
    );
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (200, "hello"));
    let seen = origin.last_request();
    assert!(seen.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{seen}");
    let expect = |name: &str, value: Option<&str>| {
        assert_eq!(header(&seen, name), value, "{name} in {seen}")
    };
    expect("host", Some(&format!("shop.example:{port}")));
    expect("x-forwarded-for", Some("9.9.9.9, 127.0.0.1"));
    expect("x-forwarded-proto", Some("http"));
    expect("x-forwarded-port", Some(&port.to_string()));
    expect("x-hop", None);
    expect("keep-alive", None);
    expect("accept", Some("*/*"));
    assert!(header(&seen, "x-amzn-trace-id").unwrap().starts_with("Root=1-"), "{seen}");
    // The same connection serves the next request, over the same connection to the target.
    assert_eq!(client.get("/again").status, 200);
    let line = instance.log_line("/a/b?c=d");
    assert!(line.starts_with("http "), "{line}");
    assert!(
        line.contains(&format!("\"GET http://shop.example:{port}/a/b?c=d HTTP/1.1\"")),
        "{line}"
    );
    assert!(line.contains(" 200 200 "), "{line}");
}

#[test]
fn bodies_in_every_framing() {
    let origin = Origin::start(|wire| {
        while let Some(request) = wire.request() {
            let body = request.split_once("\r\n\r\n").unwrap().1.to_owned();
            let path = request.split(' ').nth(1).unwrap();
            match path {
                "/chunked" => wire.send(format!(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x};ext=1\r\n{body}\r\n0\r\nX-Sum: 1\r\n\r\n",
                    body.len()
                )),
                "/close" => {
                    wire.send(format!("HTTP/1.1 200 OK\r\n\r\n{body}"));
                    return;
                }
                _ => wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())),
            }
        }
    });
    let (_instance, port) = serve(&origin);
    let big = "x".repeat(300_000);
    for path in ["/length", "/chunked", "/close"] {
        for body in ["small", big.as_str()] {
            let mut client = Wire::to(at(port));
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ));
            let response = client.response();
            assert_eq!(response.status, 200, "{path}");
            assert!(
                response.text() == body,
                "{path}: {} of {} bytes",
                response.body.len(),
                body.len()
            );
            // Whatever the target's framing was, the client's connection can go on.
            client.send(format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            ));
            let response = client.response();
            assert!(response.text() == body, "chunked to {path}: {} bytes", response.body.len());
        }
    }
}

#[test]
fn http_1_0_head_and_close() {
    let origin = Origin::start(|wire| {
        while let Some(request) = wire.request() {
            if request.starts_with("HEAD ") {
                wire.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
            } else {
                wire.send(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                );
            }
        }
    });
    let (_instance, port) = serve(&origin);
    let mut old = Wire::to(at(port));
    old.send("GET / HTTP/1.0\r\n\r\n");
    let head = old.head().unwrap();
    assert_eq!(header(&head, "transfer-encoding"), None, "{head}");
    assert_eq!(old.rest(), b"abc");
    let mut client = Wire::to(at(port));
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head().unwrap();
    assert_eq!(header(&head, "content-length"), Some("1000"), "{head}");
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let response = client.response();
    assert_eq!(response.header("connection"), Some("close"), "{}", response.head);
    assert!(client.is_closed());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::start(|wire| {
        while let Some(request) = wire.request() {
            let path = request.split(' ').nth(1).unwrap().to_owned();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()));
        }
    });
    let (_instance, port) = serve(&origin);
    let mut client = Wire::to(at(port));
    let all: String = (0..20).map(|i| format!("GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(all);
    for i in 0..20 {
        assert_eq!(client.response().text(), format!("/{i}"));
    }
}

#[test]
fn expect_continue_and_interim_answers() {
    let origin = Origin::start(|wire| {
        while let Some(_request) = wire.request() {
            wire.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let (_instance, port) = serve(&origin);
    let mut client = Wire::to(at(port));
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 100 "));
    client.send("body");
    let hints = client.head().unwrap();
    assert!(hints.starts_with("HTTP/1.1 103 "), "{hints}");
    assert_eq!(header(&hints, "link"), Some("</a>"));
    assert_eq!(client.response().text(), "ok");
    let seen = origin.last_request();
    assert_eq!(header(&seen, "expect"), None, "{seen}");
    assert!(seen.ends_with("\r\n\r\nbody"), "{seen}");
}

#[test]
fn an_upgrade_becomes_a_tunnel_and_only_then() {
    let origin = Origin::start(|wire| {
        while let Some(request) = wire.request() {
            if request.starts_with("GET /ws ") {
                wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello");
                let said = wire.exactly(4);
                wire.send(said);
                return;
            }
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
        }
    });
    let (instance, port) = serve(&origin);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n";
    let mut client = Wire::to(at(port));
    client.send(format!("GET /ws HTTP/1.1\r\nHost: a\r\n{upgrade}"));
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(header(&head, "upgrade"), Some("websocket"));
    assert_eq!(client.exactly(5), b"hello");
    client.send("ping");
    assert_eq!(client.exactly(4), b"ping");
    assert!(client.is_closed());
    drop(client);
    assert!(instance.log_line("/ws").starts_with("ws "));
    // An answer other than 101 leaves the connection an ordinary one: what was sent behind the
    // request is the next request, and goes through the rules (CVE-2026-2833).
    let mut client = Wire::to(at(port));
    client.send(format!(
        "GET /no HTTP/1.1\r\nHost: a\r\n{upgrade}GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
    ));
    assert_eq!(client.response().text(), "no");
    assert_eq!(client.response().text(), "no");
    assert!(origin.last_request().starts_with("GET /second "));
}

#[test]
fn a_target_that_answers_early() {
    let origin = Origin::start(|wire| {
        wire.head();
        wire.send(
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
        );
        // Nothing more is read.
        std::thread::sleep(std::time::Duration::from_millis(300));
    });
    let (_instance, port) = serve(&origin);
    let mut client = Wire::to(at(port));
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n");
    let mut sender = client.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        use std::io::Write;
        let piece = vec![b'x'; 65536];
        while sender.write_all(&piece).is_ok() {}
    });
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (413, "big"));
    drop(client);
    let _ = sending.join();
}

#[test]
fn rules_and_actions() {
    let origin = Origin::answering("app");
    let port = free_port();
    let listener = r##"
    rule "moved" {
      priority = 1
      path     = "/old/*"

      redirect {
        status   = 302
        host     = "new.example"
        path     = "/new/#{path}"
      }
    }

    rule "teapot" {
      priority = 2
      host     = "*.tea.example"
      method   = ["GET", "BREW"]

      fixed_response {
        status       = 418
        content_type = "text/plain"
        body         = "short and stout"
      }
    }

    rule "rewritten" {
      priority = 3
      path     = "/v1/*"

      rewrite {
        path_regex = "^/v1/(.*)$"
        path       = "/api/$1"
      }

      forward = target_group.app
    }

    rule "debug" {
      priority = 4

      header {
        name   = "X-Debug"
        values = ["y*"]
      }

      query {
        key   = "v"
        value = "2"
      }

      source_ip = ["127.0.0.0/8"]

      fixed_response {
        status       = 200
        content_type = "text/plain"
        body         = "debug"
      }
    }

    default {
      fixed_response {
        status       = 404
        content_type = "text/plain"
        body         = "nothing here"
      }
    }
"##;
    let instance = Instance::start(&site(port, "", listener, &[origin.address]));
    let mut client = Wire::to(at(port));
    let response = client.get("/old/a?b=1");
    assert_eq!(response.status, 302);
    assert_eq!(
        response.header("location"),
        Some(&*format!("http://new.example:{port}/new/old/a?b=1"))
    );
    client.send("BREW /pot HTTP/1.1\r\nHost: Green.TEA.example\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (418, "short and stout"));
    assert_eq!(client.get("/v1/x?y=z").text(), "app");
    assert!(
        origin.last_request().starts_with("GET /api/x?y=z HTTP/1.1"),
        "{}",
        origin.last_request()
    );
    client.send("GET /?v=2 HTTP/1.1\r\nHost: a\r\nx-debug: Yes\r\n\r\n");
    assert_eq!(client.response().text(), "debug");
    // A body that no one reads does not become the next request.
    client.send("POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (404, "nothing here"));
    let response = client.get("/after");
    assert_eq!(response.status, 404);
    assert_eq!(origin.requests().len(), 1);
    let line = instance.log_line("/none");
    assert!(line.contains("route/default"), "{line}");
}

#[test]
fn large_answers_pass_whole_and_unchanged() {
    let origin = Origin::start(|wire| {
        while let Some(_request) = wire.request() {
            let body: Vec<u8> = (0..5_000_000u32).map(|i| (i % 251) as u8).collect();
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            wire.send(body);
        }
    });
    let (_instance, port) = serve(&origin);
    let mut client = Wire::to(at(port));
    for _ in 0..3 {
        let response = client.get("/");
        assert_eq!(response.body.len(), 5_000_000);
        assert!(response.body.iter().enumerate().all(|(i, b)| *b == (i as u32 % 251) as u8));
    }
}
