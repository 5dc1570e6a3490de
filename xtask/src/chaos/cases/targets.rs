//! Targets that die, stop, flap or are slow.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{addresses, go_on};
use crate::chaos::Stage;
use crate::chaos::instance::{Instance, Site, states};
use crate::chaos::load::{Load, Outcome, Plan, Record};
use crate::chaos::process::until;
use crate::chaos::row::Row;
use crate::chaos::target::{Manner, PROMPT, Seen, Target};
use crate::failed::Failed;

const TARGETS: usize = 3;
/// A target takes this long, so that some requests are with it whenever it dies.
const BUSY: Manner = Manner { wait: Duration::from_millis(10), ..PROMPT };
/// Two probes in a row, a second apart, and the time that they take.
const HEALTHY_AGAIN: Duration = Duration::from_millis(3500);
/// Between a target's end of health and the last core that knows of it.
const TOLD: Duration = Duration::from_millis(300);

/// A span of time in which a target died.
type Death = (Instant, Instant);

fn die(target: &mut Target) -> Death {
    let from = Instant::now();
    target.kill();
    (from, Instant::now())
}

/// What a target had when it died may be lost, if it must not be sent again.
fn lost_with(deaths: &[Death], record: &Record) -> bool {
    let met = |(from, to): &Death| record.began <= *to && record.ended >= *from;
    let bad_gateway = record.outcome == Outcome::Answered(502);
    !record.method.may_repeat() && bad_gateway && deaths.iter().any(met)
}

/// From now until the target is given a request.
fn time_until_given(target: &Target) -> Result<Duration, Failed> {
    let (start, count) = (Instant::now(), target.count());
    until("the target to be used again", || (target.count() > count).then_some(()))?;
    Ok(start.elapsed())
}

pub fn kill(stage: &Stage) -> Result<Row, Failed> {
    let mut targets = Target::several(&stage.folder, TARGETS, BUSY)?;
    let site = Site::new(addresses(&targets))?;
    let mut instance = Instance::start(stage, &site)?;
    let before = instance.usage_at_rest();
    let load = Load::start(&Plan { workers: 24, ..Plan::steady(site.address()) });
    let mut deaths = Vec::new();
    let mut slowest = Duration::ZERO;
    for target in &mut targets[..2] {
        go_on(stage.part(6));
        deaths.push(die(target));
        go_on(stage.part(6));
        target.start_again()?;
        slowest = slowest.max(time_until_given(target)?);
        instance.await_healthy()?;
    }
    go_on(stage.part(6));
    let records = load.stop();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |record| lost_with(&deaths, record));
    row.recovered(Some(slowest), HEALTHY_AGAIN);
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}

pub fn stop(stage: &Stage) -> Result<Row, Failed> {
    let targets = Target::several(&stage.folder, TARGETS, PROMPT)?;
    let mut site = Site::new(addresses(&targets))?;
    "  idle_timeout = \"2s\"\n".clone_into(&mut site.attributes);
    let mut instance = Instance::start(stage, &site)?;
    let before = instance.usage_at_rest();
    let load = Load::start(&Plan { workers: 24, ..Plan::steady(site.address()) });
    go_on(stage.part(4));
    targets[0].signal(Signal::STOP)?;
    let stopped = Instant::now();
    until("the stopped target to be unhealthy", || {
        (states(&instance.status()?).first()? == "unhealthy").then_some(())
    })?;
    let unhealthy = Instant::now();
    go_on(stage.part(4).max(Duration::from_secs(3)));
    targets[0].signal(Signal::CONT)?;
    let relief = Instant::now();
    instance.await_healthy()?;
    let recovery = relief.elapsed();
    go_on(stage.part(4));
    let records = load.stop();
    // Those that it had, or was given before its health was known, wait for nothing.
    let mut row = Row::count(&records, &Seen::by(&targets)?, |record| {
        record.outcome == Outcome::Answered(504)
            && record.ended >= stopped
            && record.began <= unhealthy + TOLD
    });
    row.expect(row.excused > 0, || "no request was with the stopped target".to_owned());
    row.note(format!("unhealthy {:.1?} after it stopped", unhealthy - stopped));
    row.recovered(Some(recovery), HEALTHY_AGAIN);
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}

pub fn flap(stage: &Stage) -> Result<Row, Failed> {
    const PHASE: Duration = Duration::from_millis(300);
    let mut targets = Target::several(&stage.folder, TARGETS, BUSY)?;
    let site = Site::new(addresses(&targets))?;
    let mut instance = Instance::start(stage, &site)?;
    let before = instance.usage_at_rest();
    let load = Load::start(&Plan::steady(site.address()));
    let end = Instant::now() + stage.part(1);
    let mut deaths = Vec::new();
    while Instant::now() < end {
        deaths.push(die(&mut targets[0]));
        go_on(PHASE);
        targets[0].start_again()?;
        go_on(PHASE);
    }
    let start = Instant::now();
    instance.await_healthy()?;
    let recovery = start.elapsed();
    let records = load.stop();
    let seen = Seen::by(&targets)?;
    let mut row = Row::count(&records, &seen, |record| lost_with(&deaths, record));
    row.note(format!("it died {} times", deaths.len()));
    row.recovered(Some(recovery), HEALTHY_AGAIN);
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}

pub fn slow(stage: &Stage) -> Result<Row, Failed> {
    const LATE: Manner = Manner { wait: Duration::from_millis(300), pieces: 5, ..PROMPT };
    /// What the quick targets may take at most in 99 of 100 requests.
    const QUICK: Duration = Duration::from_millis(100);
    let mut targets = Target::several(&stage.folder, TARGETS - 1, PROMPT)?;
    targets.push(Target::start(&stage.folder, TARGETS - 1, LATE)?);
    let site = Site::new(addresses(&targets))?;
    let instance = Instance::start(stage, &site)?;
    let before = instance.usage_at_rest();
    let load = Load::start(&Plan { workers: 24, ..Plan::steady(site.address()) });
    go_on(stage.part(1));
    let records = load.stop();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |_| false);
    let by_late = |record: &&Record| record.target == Some(TARGETS - 1);
    let late = records.iter().filter(by_late).count();
    row.expect(late > 0, || "the slow target was not used".to_owned());
    let quick = records.iter().filter(|record| !by_late(record));
    let mut times: Vec<Duration> = quick.map(|record| record.ended - record.began).collect();
    times.sort_unstable();
    let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
    row.expect(p99 <= QUICK, || format!("the quick targets took {p99:.1?} (p99)"));
    row.note(format!("{late} answers of the slow target; the others took {p99:.1?} (p99)"));
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}
