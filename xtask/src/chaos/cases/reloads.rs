//! Reloads under load.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{addresses, go_on};
use crate::chaos::Stage;
use crate::chaos::instance::{Instance, Site};
use crate::chaos::load::{Load, Plan};
use crate::chaos::process::PATIENCE;
use crate::chaos::row::Row;
use crate::chaos::target::{Manner, PROMPT, Seen, Target};
use crate::chaos::wire;
use crate::failed::Failed;

/// Set by the listener, and different in each configuration.
const MARK: &str = "X-Configuration";
const RELOAD_EVERY: Duration = Duration::from_millis(200);
const BROKEN_EVERY: u64 = 5;
/// Exit code of a refused configuration.
const REFUSED: i32 = 2;

pub fn reload(stage: &Stage) -> Result<Row, Failed> {
    let targets = Target::several(&stage.folder, 3, PROMPT)?;
    let site = Site::new(addresses(&targets))?;
    let with = |mark: u64| {
        let listener = format!("    response_headers = {{ \"{MARK}\" = \"{mark}\" }}\n");
        // Every second one has other timeouts and one target less.
        let fewer = usize::from(mark % 2 == 1);
        Site {
            listener,
            attributes: format!("  idle_timeout = \"{}s\"\n", 30 + fewer),
            targets: site.targets[fewer..].to_vec(),
            ..site.clone()
        }
    };
    let instance = Instance::start(stage, &with(0))?;
    let before = instance.usage_at_rest();
    let load = Load::start(&Plan::steady(site.address()));
    let (mut served, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    let end = Instant::now() + stage.part(1);
    for turn in 1.. {
        if Instant::now() >= end {
            break;
        }
        let started = Instant::now();
        let broken = turn % BROKEN_EVERY == 0;
        let text = with(turn).text();
        instance.write(&if broken { text.replace("group.app", "group.ap") } else { text })?;
        let code = instance.reload()?.status.code();
        let expected = if broken { Some(REFUSED) } else { Some(0) };
        if code != expected {
            wrong.push(format!("reload {turn} ended with {code:?}, not {expected:?}"));
        }
        if broken {
            refused += 1;
        } else {
            served = turn;
        }
        let said_so = instance.status().map(|status| status["refused_reload"].is_string());
        if said_so != Some(broken) {
            wrong.push(format!("after reload {turn}, `refused_reload` is there: {said_so:?}"));
        }
        let mark = mark(site.address());
        if mark != Some(served) {
            wrong.push(format!("after reload {turn}, {mark:?} is served, not {served}"));
        }
        go_on(RELOAD_EVERY.saturating_sub(started.elapsed()));
    }
    let records = load.stop();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |_| false);
    row.note(format!("{served} was the last of the reloads, {refused} were refused"));
    row.problems.extend(wrong);
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}

pub fn drain(stage: &Stage) -> Result<Row, Failed> {
    /// Some requests are with the target whenever it is removed.
    const BUSY: Manner = Manner { wait: Duration::from_millis(50), ..PROMPT };
    /// After a reload is acknowledged, every core has it so soon.
    const TOLD: Duration = Duration::from_millis(100);
    let targets = Target::several(&stage.folder, 3, BUSY)?;
    let site = Site::new(addresses(&targets))?;
    let mut instance = Instance::start(stage, &site)?;
    let before = instance.usage_at_rest();
    let load = Load::start(&Plan { workers: 24, ..Plan::steady(site.address()) });
    let fewer = Site { targets: site.targets[1..].to_vec(), ..site.clone() };
    let mut wrong = Vec::new();
    let mut rounds = 0;
    let end = Instant::now() + stage.part(1);
    while Instant::now() < end {
        rounds += 1;
        go_on(Duration::from_millis(300));
        let used = targets[0].count();
        if rounds == 1 && used == 0 {
            wrong.push("the target was not used".to_owned());
        }
        instance.write(&fewer.text())?;
        if !instance.reload()?.status.success() {
            wrong.push(format!("removal {rounds} was refused"));
        }
        go_on(TOLD);
        let count = targets[0].count();
        go_on(Duration::from_millis(300));
        let later = targets[0].count();
        if later != count {
            wrong.push(format!("the removed target was given {} requests", later - count));
        }
        instance.write(&site.text())?;
        if !instance.reload()?.status.success() {
            wrong.push(format!("addition {rounds} was refused"));
        }
        instance.await_healthy()?;
    }
    let records = load.stop();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |_| false);
    row.note(format!("removed and added {rounds} times"));
    row.problems.extend(wrong);
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}

/// Which configuration a new connection is served by.
fn mark(address: SocketAddr) -> Option<u64> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    wire::header(&String::from_utf8_lossy(&answer), MARK)?.parse().ok()
}
