//! Every stage of a connection, and everything that may go wrong there: what the client sees, what
//! the log says, and that the next client is served as if nothing had been (docs/trust.md).

#[path = "stages/clients.rs"]
mod clients;
mod support;
#[path = "stages/targets.rs"]
mod targets;
#[path = "stages/tls.rs"]
mod tls_stages;

use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use socket2::SockRef;
use support::{Instance, Wire, at, free_port, until};

/// Where the clients of each round come from, and others: a port alone may be given out again.
const ROUNDS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)];
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);

/// What the client of a stage sees in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    Status(u16),
    /// A status, and less than the whole body.
    Part(u16),
    /// The end of the connection.
    End,
    /// It did not look.
    Nothing,
}

/// What the log says about the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logs {
    /// A line of the access log with this cause.
    Cause(&'static str),
    /// A line of the access log without one.
    Served,
    /// A line of the connection log with this cause.
    Handshake(&'static str),
    /// Neither log knows the connection.
    NoLine,
}

/// One way to misbehave at one stage.
struct Stage {
    name: &'static str,
    tls: bool,
    /// Answers what the client saw.
    act: fn(&mut Wire) -> Sees,
    sees: Sees,
    logs: Logs,
}

struct Front {
    http: u16,
    https: u16,
    instance: Instance,
}

impl Front {
    fn start() -> Front {
        let targets = targets::start();
        let (http, https) = (free_port(), free_port());
        let instance = Instance::start(&configuration(http, https, targets));
        Front { http, https, instance }
    }

    fn port(&self, stage: &Stage) -> u16 {
        if stage.tls { self.https } else { self.http }
    }

    /// Another client, which has done nothing wrong.
    fn serves_the_next(&self, name: &str) {
        let begun = Instant::now();
        let mut next = Wire::from_source(ELSEWHERE.into(), at(self.http));
        assert_eq!(next.get("/ok").status, 200, "after `{name}`");
        let taken = begun.elapsed();
        assert!(taken < Duration::from_secs(2), "after `{name}`: served within {taken:?}");
    }

    /// Runs all stages at once; answers the port of `source` that each came from.
    fn run(&self, stages: &[Stage], source: Ipv4Addr) -> Vec<u16> {
        std::thread::scope(|scope| {
            let begun: Vec<_> = stages
                .iter()
                .map(|stage| {
                    scope.spawn(move || {
                        let mut client = Wire::from_source(source.into(), at(self.port(stage)));
                        let port = client.stream.local_addr().unwrap().port();
                        let seen = (stage.act)(&mut client);
                        assert_eq!(seen, stage.sees, "{}", stage.name);
                        self.serves_the_next(stage.name);
                        port
                    })
                })
                .collect();
            begun.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.instance.child.id())).unwrap().count()
    }

    fn resident_kilobytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.instance.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn await_rest(&self) {
        until("every connection to end", || {
            (self.instance.status()["connections"].as_u64()? == 0).then_some(())
        });
    }

    /// Stops the program, which flushes its logs, and answers both.
    fn logs(&mut self) -> (String, String) {
        self.instance.signal("TERM");
        until("the end", || self.instance.child.try_wait().unwrap());
        let read = |name: &str| {
            std::fs::read_to_string(self.instance.folder.path().join(name)).unwrap_or_default()
        };
        (read("access.log"), read("connection.log"))
    }
}

fn configuration(http: u16, https: u16, targets: targets::Targets) -> String {
    let group = |name: &str, target: SocketAddr| {
        format!(
            "target_group \"{name}\" {{\n  targets = [\"{target}\"]\n  health_check {{\n    enabled = false\n  }}\n}}\n"
        )
    };
    format!(
        r#"load_balancer "test" {{
  addresses         = ["127.0.0.1"]
  security_groups   = [security_group.all]
  access_log        = "access.log"
  connection_log    = "connection.log"
  head_timeout      = "1s"
  idle_timeout      = "1s"
  handshake_timeout = "1s"

  listener "http" {{
    port = {http}
    rule "refuses" {{
      path    = "/refuses"
      forward = target_group.refusing
    }}
    default {{
      forward = target_group.app
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

certificate "test" {{
  development = true
  names       = ["test.example"]
}}

security_group "all" {{
  ingress {{
    ports = "all"
    from  = [anywhere]
  }}
}}

{}{}"#,
        group("app", targets.misbehaving),
        group("refusing", targets.refusing),
    )
}

// === what clients do ===

/// Closes with a reset.
fn reset(wire: &Wire) {
    SockRef::from(&wire.stream).set_linger(Some(Duration::ZERO)).unwrap();
    // Another handle would keep the connection; closing this one is what resets it.
    let _ = wire.stream.shutdown(Shutdown::Read);
}

/// Reads to the end, and says what came.
fn look(wire: &mut Wire) -> Sees {
    let received = wire.rest();
    let text = String::from_utf8_lossy(&received);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        assert!(text.is_empty(), "half a head: {text}");
        return Sees::End;
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let whole = match support::header(head, "content-length") {
        Some(length) => body.len() == length.parse::<usize>().unwrap(),
        None => body.ends_with("0\r\n\r\n"),
    };
    if whole { Sees::Status(status) } else { Sees::Part(status) }
}

fn close_half(wire: &Wire) {
    wire.stream.shutdown(Shutdown::Write).unwrap();
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

#[test]
fn every_misbehaviour_at_every_stage() {
    let stages: Vec<Stage> = [clients::stages(), targets::stages(), tls_stages::stages()]
        .into_iter()
        .flatten()
        .collect();
    let mut front = Front::start();
    // Once to grow what is kept, once to see that it is enough.
    let first = front.run(&stages, ROUNDS[0]);
    front.await_rest();
    let (descriptors, resident) = (front.descriptors(), front.resident_kilobytes());
    let second = front.run(&stages, ROUNDS[1]);
    tls_stages::truncate_a_client_hello(&front);
    front.await_rest();
    until("the descriptors to be closed", || (front.descriptors() <= descriptors).then_some(()));
    let grown = front.resident_kilobytes().saturating_sub(resident);
    println!("{} stages twice: {descriptors} descriptors, {grown} KB more memory", stages.len());
    assert!(grown < 8 * 1024, "memory grew by {grown} KB");

    let (access, connections) = front.logs();
    let mut differing = Vec::new();
    let rounds = [first, second].into_iter().zip(ROUNDS);
    let sources = rounds.flat_map(|(ports, ip)| ports.into_iter().map(move |port| (ip, port)));
    for (stage, (source, port)) in stages.iter().cycle().zip(sources) {
        let line = access.lines().find(|line| line.contains(&format!(" {source}:{port} ")));
        let shaken = format!(" {source} {port} {} ", front.port(stage));
        let handshake = connections.lines().find(|line| line.contains(&shaken));
        let codes = ["request/", "target/", "route/no"];
        let right = match (stage.logs, line, handshake) {
            (Logs::Cause(cause), Some(line), _) => line.contains(&format!(" {cause} ")),
            (Logs::Served, Some(line), _) => !codes.iter().any(|code| line.contains(code)),
            (Logs::Handshake(cause), None, Some(line)) => line.ends_with(&format!(" {cause}")),
            (Logs::NoLine, None, None) => true,
            _ => false,
        };
        if !right {
            let Stage { name, logs, .. } = stage;
            differing.push(format!("{name}: {logs:?}, but\n  {line:?}\n  {handshake:?}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
