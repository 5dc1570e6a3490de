//! The cases, by what fails.

pub mod clock;
pub mod ending;
pub mod growth;
pub mod limits;
pub mod reloads;
pub mod targets;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::load::Record;
use super::target::Target;

fn addresses(targets: &[Target]) -> Vec<SocketAddr> {
    targets.iter().map(|target| target.address).collect()
}

/// The load goes on for so long.
fn go_on(time: Duration) {
    std::thread::sleep(time);
}

/// From `relief` to the end of the last failure; `None` if nothing went well after it.
fn recovery(records: &[Record], relief: Instant) -> Option<Duration> {
    let failures = records.iter().filter(|record| record.failed() && record.ended > relief);
    let last = failures.map(|record| record.ended).max().unwrap_or(relief);
    let went_well = records.iter().any(|record| !record.failed() && record.began >= last);
    went_well.then(|| last.saturating_duration_since(relief))
}

#[cfg(test)]
mod tests {
    use super::super::load::{Method, Outcome};
    use super::*;

    #[test]
    fn recovery_is_the_end_of_the_last_failure() {
        let relief = Instant::now();
        let at = |milliseconds: u64| relief + Duration::from_millis(milliseconds);
        let record = |from, to, status| Record {
            id: 0,
            method: Method::Get,
            began: at(from),
            sent: None,
            ended: at(to),
            outcome: Outcome::Answered(status),
            target: None,
        };
        let late = [record(1, 5, 502), record(1, 7, 502), record(8, 9, 200)];
        for (records, expected) in [
            (&late[..], Some(Duration::from_millis(7))),
            (&late[..2], None),
            (&late[2..], Some(Duration::ZERO)),
            (&[], None),
        ] {
            assert_eq!(recovery(records, relief), expected, "{records:?}");
        }
    }
}
