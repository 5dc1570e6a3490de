//! Where a request ends, as the target sees it: whatever a client sends, its target gets whole
//! requests with one reading, and never one more than was sent (docs/trust.md).

#[path = "framing/generated.rs"]
mod generated;
#[path = "framing/guardian.rs"]
mod guardian;
#[path = "framing/mutated.rs"]
mod mutated;
mod support;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use support::recorder::{ROW, Recorder, Told, answers, row_of};
use support::strict::Request;
use support::{Instance, Wire, at, free_port, site};

/// A load balancer in one desync mode, in front of a target that records.
struct Front {
    port: u16,
    instance: Instance,
    recorder: Recorder,
}

impl Front {
    fn start(mode: &str) -> Front {
        let port = free_port();
        let recorder = Recorder::start();
        let attributes = format!(
            "  desync_mitigation_mode = \"{mode}\"\n  idle_timeout = \"2s\"\n  head_timeout = \"2s\"\n"
        );
        let default = "    default {\n      forward = target_group.app\n    }\n";
        let site = site(port, &attributes, default, &[recorder.origin.address]);
        let (before, _) = site.split_once("  health_check {").unwrap();
        let quiet = format!("{before}  health_check {{\n    enabled = false\n  }}\n}}\n");
        Front { port, instance: Instance::start(&quiet), recorder }
    }

    /// A client from an address of this front's own: thousands of connections, closed a moment ago,
    /// would leave other tests without ports.
    fn client(&self) -> Wire {
        let [high, low] = self.port.to_be_bytes();
        Wire::from_source(Ipv4Addr::new(127, high, low, 1).into(), at(self.port))
    }

    /// Sends bytes in one write and reads until the connection ends.
    fn say(&self, bytes: &[u8]) -> Vec<Told> {
        let mut client = self.client();
        client.send(bytes);
        answers(&client.rest())
    }

    /// Ends the load balancer and judges every byte that the target got. Answers the requests of
    /// each connection.
    fn judge(self) -> Vec<Vec<Request>> {
        let Front { instance, recorder, .. } = self;
        drop(instance);
        let verdicts = recorder.last_verdicts();
        verdicts
            .into_iter()
            .map(|verdict| {
                let unfinished = verdict.unfinished.escape_ascii();
                assert_eq!(verdict.wrong, None, "leaked: {unfinished}");
                verdict.requests
            })
            .collect()
    }
}

/// The request behind the one that is tried: it is answered as itself, or not at all. Then the
/// connection ends.
fn canary(row: &str) -> String {
    format!("GET /canary HTTP/1.1\r\nHost: canary\r\n{ROW}: {row}\r\nConnection: close\r\n\r\n")
}

/// What a body holds: whoever reads it as a request leaks.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: smuggled\r\n\r\n";

/// What came of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Forwarded, and the connection went on.
    Kept,
    /// Forwarded, and the connection ended with the answer.
    Closed,
    /// Forwarded, and what followed was refused.
    ThenRefused,
    /// Answered by the load balancer, and the connection ended.
    Refused(u16),
    /// Answered by the load balancer: a whole request, but not one that is served.
    TurnedAway(u16),
}

/// Judges what the client heard of a row with its canary: every answer of the target belongs to the
/// request it answers.
fn outcome(name: &str, row: &str, told: &[Told]) -> Outcome {
    let of_target = |told: &Told| support::header(&told.head, ROW).map(str::to_owned);
    let is_canary =
        |told: &Told| support::header(&told.head, "x-target").is_some_and(|t| t == "/canary");
    for answer in told {
        if let Some(answered) = of_target(answer) {
            assert_eq!(answered, row, "{name}: another row's answer: {told:?}");
        }
    }
    match told {
        [first] if of_target(first).is_some() && !is_canary(first) => {
            let close = support::header(&first.head, "connection");
            assert_eq!(close, Some("close"), "{name}: closed without a word: {told:?}");
            Outcome::Closed
        }
        [first] if of_target(first).is_none() => Outcome::Refused(first.status),
        [first, second] if of_target(first).is_none() && is_canary(second) => {
            Outcome::TurnedAway(first.status)
        }
        [first, second] if of_target(first).is_some() && !is_canary(first) && is_canary(second) => {
            Outcome::Kept
        }
        [first, second] if of_target(first).is_some() && of_target(second).is_none() => {
            Outcome::ThenRefused
        }
        _ => panic!("{name}: {told:?}"),
    }
}

/// The law for rows that hold one request each, followed by a canary: at the target, at most one of
/// each, and nothing else. Answers, per row, how many requests it became without canaries.
fn count_by_row(connections: &[Vec<Request>]) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    let mut canaries = BTreeMap::new();
    for request in connections.iter().flatten() {
        assert_ne!(request.target, "/smuggled", "a body became a request: {request:?}");
        let row = row_of(request).unwrap_or_else(|| panic!("of no row: {request:?}"));
        if request.target == "/canary" {
            assert_eq!(request.body, b"", "the canary of {row} got a body");
            assert_eq!(request.method, "GET", "{row}");
            assert!(request.field("host").unwrap().starts_with("canary"), "{row}: {request:?}");
            *canaries.entry(row).or_insert(0) += 1;
        } else {
            *rows.entry(row).or_insert(0) += 1;
        }
    }
    for (row, count) in rows.iter().chain(&canaries) {
        assert!(*count <= 1, "row {row} became {count} requests");
    }
    rows
}
