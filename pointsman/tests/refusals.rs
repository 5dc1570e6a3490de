//! The law of HOUSE.md: every refusal code is produced live.

mod support;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use model::Refusal;
use support::{Instance, Origin, Wire, at, free_port, until};

/// Codes that no test on one machine can produce without sending packets elsewhere or racing.
const NOT_HERE: &[(Refusal, &str)] =
    &[(Refusal::TargetUnreachable, "needs a network that says so: comes with the lab")];

/// What the parts of the test are called by.
struct Parts {
    http: u16,
    https: u16,
    guarded: u16,
    origin: Origin,
    silent: Origin,
    /// Speaks plain HTTP, whatever it hears.
    plain: Origin,
    closed: u16,
    deaf: SocketAddr,
}

impl Parts {
    fn configuration(&self, drained: &str) -> String {
        let to = |name: &str| format!("      forward = target_group.{name}\n");
        let mut rules = String::new();
        for name in [
            "none",
            "refused",
            "egress",
            "unresolved",
            "deaf",
            "plain",
            "mute",
            "drained",
            "silent",
            "app",
        ] {
            rules +=
                &format!("    rule \"{name}\" {{\n      path = \"/{name}*\"\n{}    }}\n", to(name));
        }
        let group = |name: &str, targets: &str, more: &str| {
            format!(
                "target_group \"{name}\" {{\n  targets = [{targets}]\n  deregistration_delay = \"1s\"\n{more}  health_check {{\n    enabled = false\n  }}\n}}\n"
            )
        };
        let quoted = |address: SocketAddr| format!("\"{address}\"");
        let tls = "  protocol = \"HTTPS\"\n";
        let groups = [
            group("none", "", ""),
            group("refused", &quoted(at(self.closed)), ""),
            group("egress", "\"127.0.0.1:9\"", ""),
            group("unresolved", "\"no-such-host.invalid:80\"", ""),
            group("deaf", &quoted(self.deaf), ""),
            group("plain", &quoted(self.plain.address), tls),
            group("mute", &quoted(self.silent.address), tls),
            group("drained", drained, ""),
            group("silent", &quoted(self.silent.address), ""),
            group("app", &quoted(self.origin.address), ""),
        ]
        .concat();
        format!(
            r#"load_balancer "test" {{
  addresses         = ["127.0.0.1"]
  security_groups   = [security_group.all]
  access_log        = "access.log"
  head_timeout      = "1s"
  idle_timeout      = "2s"
  handshake_timeout = "1s"
  connect_timeout   = "1s"

  listener "http" {{
    port = {http}
{rules}
    rule "weight" {{
      path = "/weight"
      forward {{
        group {{
          target = target_group.app
          weight = 0
        }}
      }}
    }}
    rule "transform" {{
      path    = "/transform"
      forward = target_group.app
      rewrite {{
        path_regex = "^/transform"
        path       = "relative"
      }}
    }}
    rule "redirect" {{
      path = "/redirect*"
      redirect {{
        path = "/to/#{{path}}"
        port = "1"
      }}
    }}
    default {{
      fixed_response {{
        status = 404
      }}
    }}
  }}

  listener "https" {{
    port         = {https}
    protocol     = "HTTPS"
    certificates = [certificate.test]
    default {{
      forward = target_group.app
    }}
  }}
}}

load_balancer "guarded" {{
  addresses       = ["127.0.0.1"]
  security_groups = [security_group.office]
  deny            = "reset"

  listener "http" {{
    port = {guarded}
    default {{
      forward = target_group.app
    }}
  }}
}}

certificate "test" {{
  development = true
}}

security_group "all" {{
  ingress {{
    ports = "all"
    from  = [anywhere]
  }}
  egress {{
    ports = ["10-65535"]
    to    = [anywhere]
  }}
}}

security_group "office" {{
  ingress {{
    ports = "all"
    from  = ["127.10.0.0/16"]
  }}
}}

{groups}"#,
            http = self.http,
            https = self.https,
            guarded = self.guarded,
        )
    }
}

fn origin() -> Origin {
    Origin::start(|wire| {
        while let Some(request) = wire.request() {
            let path = request.split(' ').nth(1).unwrap_or("").to_owned();
            match path.rsplit('/').next().unwrap_or("") {
                "close" => return,
                "garbage" => return wire.send("what\r\n\r\n"),
                "large" => {
                    return wire
                        .send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(40_000)));
                }
                "short" => return wire.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
                "flood" => {
                    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
                    wire.send(vec![b'x'; 100_000_000]);
                }
                status => {
                    wire.send(format!("HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n"))
                }
            }
        }
    })
}

fn count(instance: &Instance, refusal: Refusal) -> u64 {
    instance.status()["refusals"][refusal.code()].as_u64().unwrap_or(0)
}

#[test]
fn every_code_is_produced_live() {
    // Drops every SYN, as a target behind a security group that does not admit us.
    let deaf = net::listen::bind(at(0)).unwrap();
    let filtered =
        net::filter::attach(&deaf, &net::filter::Program::compile_v4(&[]).unwrap()).is_ok();
    let silent = Origin::start(|wire| {
        wire.rest();
    });
    let parts = Parts {
        http: free_port(),
        https: free_port(),
        guarded: free_port(),
        origin: origin(),
        silent,
        plain: Origin::start(|wire| {
            wire.fill();
            wire.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }),
        closed: free_port(),
        deaf: deaf.local_addr().unwrap(),
    };
    let drained = format!("\"{}\"", parts.silent.address);
    let instance = Instance::start(&parts.configuration(&drained));
    let mut produced: BTreeSet<Refusal> = NOT_HERE.iter().map(|(refusal, _)| *refusal).collect();
    // Each has a row of its own in tls.rs.
    let of_clients = Refusal::ALL.iter().filter(|r| r.client_certificate_reason().is_some());
    produced.extend(of_clients);
    produced.insert(Refusal::TargetTlsUntrusted);
    // With an authority, in acme/on_demand.rs.
    produced.extend([Refusal::TlsCertificatePending, Refusal::TlsCertificateDenied]);
    // And these in pass_through.rs.
    produced.extend([
        Refusal::TlsNoClientHello,
        Refusal::TlsNoRuleForName,
        Refusal::TlsClosedByRule,
    ]);
    let mut check = |refusal: Refusal| {
        until(refusal.code(), || (count(&instance, refusal) > 0).then_some(()));
        produced.insert(refusal);
    };

    // What one request brings about: the code, its status, and the bytes.
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let with = |head: &str| format!("POST /app/200 HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n");
    let forwarded =
        format!("X-Forwarded-For: {}1.1.1.1\r\nContent-Length: 0", "1.1.1.1,".repeat(30));
    let rows: Vec<(Refusal, u16, String)> = vec![
        (Refusal::RequestMalformed, 400, "nonsense\r\n\r\n".into()),
        (Refusal::RequestDesync, 400, with("Content-Length : 3\r\nTransfer-Encoding\x0b: chunked")),
        (Refusal::RequestFraming, 400, with("Content-Length: 1\r\nContent-Length: 2")),
        (Refusal::RequestLineTooLong, 414, get(&format!("/{}", "a".repeat(17_000)))),
        (Refusal::RequestHeadTooLarge, 400, with(&format!("X: {}", "a".repeat(17_000)))),
        (Refusal::RequestAmbiguousPath, 400, get("/x/..%2fapp/200")),
        (Refusal::RequestHeadTimeout, 408, "GET / HT".into()),
        (Refusal::RequestBodyTimeout, 408, with("Content-Length: 5")),
        (Refusal::RequestMethod, 405, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        (Refusal::RequestTransferEncoding, 501, with("Transfer-Encoding: gzip")),
        (Refusal::RequestVersion, 505, "GET / HTTP/3.0\r\nHost: a\r\n\r\n".into()),
        (Refusal::RequestForwardedFor, 463, with(&forwarded)),
        (Refusal::RouteNoHost, 401, "GET /redirect HTTP/1.0\r\n\r\n".into()),
        (Refusal::RouteRedirectTooLong, 507, get(&format!("/redirect{}", "a".repeat(9000)))),
        (Refusal::RouteTransformFailed, 500, get("/transform")),
        (Refusal::RouteNoWeight, 503, get("/weight")),
        (Refusal::TargetNoneRegistered, 503, get("/none")),
        (Refusal::TargetEgressDenied, 504, get("/egress")),
        (Refusal::TargetUnresolved, 502, get("/unresolved")),
        (Refusal::TargetRefused, 502, get("/refused")),
        (Refusal::TargetTlsFailed, 502, get("/plain/x")),
        (Refusal::TargetTlsTimeout, 504, get("/mute")),
        (Refusal::TargetClosed, 502, get("/app/close")),
        (Refusal::TargetMalformed, 502, get("/app/garbage")),
        (Refusal::TargetHeadTooLarge, 502, get("/app/large")),
        (Refusal::TargetResponseTimeout, 504, get("/silent")),
        (Refusal::TargetBodyIncomplete, 200, get("/app/short")),
        (Refusal::TargetAnswered500, 500, get("/app/500")),
        (Refusal::TargetAnswered502, 502, get("/app/502")),
        (Refusal::TargetAnswered503, 503, get("/app/503")),
        (Refusal::TargetAnswered504, 504, get("/app/504")),
        (Refusal::TargetAnswered5xx, 599, get("/app/599")),
    ];
    // All at once: some of them wait for a timer.
    let mut waiting = Vec::new();
    for (refusal, status, bytes) in rows {
        let mut client = Wire::to(at(parts.http));
        client.send(bytes);
        waiting.push((refusal, status, client));
    }
    for (refusal, status, mut client) in waiting {
        let head = client.head().unwrap_or_else(|| panic!("{refusal}: no answer"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{refusal}: {head}");
        check(refusal);
    }
    if filtered {
        let head = {
            let mut client = Wire::to(at(parts.http));
            client.send(get("/deaf"));
            client.head()
        };
        assert!(head.unwrap().starts_with("HTTP/1.1 504 "));
        check(Refusal::TargetConnectTimeout);
    } else {
        assert!(std::env::var_os("CI").is_none(), "socket filters need CAP_NET_ADMIN");
        eprintln!("SKIPPED {}: socket filters need CAP_NET_ADMIN", Refusal::TargetConnectTimeout);
    }

    // Clients that go away, or do not read.
    let mut leaving = Wire::to(at(parts.http));
    leaving.send(with("Content-Length: 5\r\nX: y"));
    drop(leaving);
    check(Refusal::RequestBodyIncomplete);
    let mut impatient = Wire::to(at(parts.http));
    impatient.send(get("/silent"));
    until("the request to be waiting", || {
        (instance.status()["connections"].as_u64()? >= 1).then_some(())
    });
    std::thread::sleep(Duration::from_millis(100));
    drop(impatient);
    check(Refusal::RequestClientClosed);
    let mut stalled = Wire::to(at(parts.http));
    stalled.send(get("/app/flood"));
    check(Refusal::RequestClientStalled);
    drop(stalled);

    // Before a request.
    assert_eq!(Wire::to(at(parts.https)).get("/").status, 400);
    check(Refusal::TlsPlainHttp);
    let mut babbling = Wire::to(at(parts.https));
    babbling.send([0x16, 3, 1, 0, 2, 1, 1, 1, 1]);
    check(Refusal::TlsHandshakeFailed);
    let mute = Wire::to(at(parts.https));
    check(Refusal::TlsHandshakeTimeout);
    drop(mute);
    let outsider = net::stream::connect_from(
        Ipv4Addr::new(127, 20, 0, 1).into(),
        at(parts.guarded),
        Duration::from_secs(2),
    );
    drop(outsider);
    check(Refusal::AdmitNoRule);

    // A target that is deregistered with a request outstanding.
    let mut outstanding = Wire::to(at(parts.http));
    outstanding.send(get("/drained"));
    std::thread::sleep(Duration::from_millis(200));
    instance.write(&parts.configuration(""));
    assert!(instance.reload().status.success());
    let late = Wire::to(at(parts.http)).get("/drained");
    assert_eq!(late.status, 503);
    check(Refusal::TargetNoneInService);
    assert_eq!(outstanding.response().status, 502);
    check(Refusal::TargetDrainExpired);

    // A load balancer that takes one connection.
    let limited = support::simple(free_port(), parts.origin.address);
    let port: u16 =
        limited.split("port = ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
    let limited =
        Instance::start(&limited.replace("  access_log", "  max_connections = 1\n  access_log"));
    let mut first = Wire::to(at(port));
    assert_eq!(first.get("/200").status, 200);
    // The reset may come before the attempt is over, or after.
    let second = net::stream::connect_from(Ipv4Addr::LOCALHOST.into(), at(port), support::PATIENCE);
    assert!(second.map_or(true, |stream| Wire::over(stream).is_closed()));
    until("the limit", || (count(&limited, Refusal::AdmitConnectionLimit) > 0).then_some(()));
    produced.insert(Refusal::AdmitConnectionLimit);
    if !filtered {
        produced.insert(Refusal::TargetConnectTimeout);
    }

    let missing: Vec<_> =
        Refusal::ALL.iter().filter(|refusal| !produced.contains(refusal)).collect();
    assert!(missing.is_empty(), "never produced: {missing:?}");
}
