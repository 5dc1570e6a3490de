//! The instance itself ends: at once, or as it is asked to.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{addresses, go_on};
use crate::chaos::Stage;
use crate::chaos::instance::{Instance, Site};
use crate::chaos::load::{Load, Outcome, Plan, Record};
use crate::chaos::process::{until, until_within};
use crate::chaos::row::Row;
use crate::chaos::target::{Manner, PROMPT, Seen, Target};
use crate::failed::Failed;

/// The goal: serving again so soon after the restart.
const SERVING_AGAIN: Duration = Duration::from_secs(1);
const ROUNDS: u32 = 3;

pub fn crash(stage: &Stage) -> Result<Row, Failed> {
    let targets = Target::several(&stage.folder, 3, PROMPT)?;
    let site = Site::new(addresses(&targets))?;
    let mut instance = Instance::start(stage, &site)?;
    let before = instance.usage_at_rest();
    let key = stage.folder.join("state/stickiness.key");
    let secret = fs::read(&key).map_err(Failed::file(&key))?;
    let load = Load::start(&Plan::steady(site.address()));
    let mut restarts = Vec::new();
    for _ in 0..ROUNDS {
        go_on(stage.part(2 * ROUNDS));
        let killed = Instant::now();
        instance.signal(Signal::KILL)?;
        until("the killed instance to be gone", || instance.process.ended())?;
        let restarted = Instant::now();
        instance.start_again(&site)?;
        restarts.push((killed, restarted));
        instance.await_healthy()?;
        go_on(stage.part(2 * ROUNDS));
    }
    let reload = instance.reload()?;
    let records = load.stop();
    // From the kill to the first answer of the next process.
    let outages: Vec<(Instant, Instant, Option<Instant>)> = restarts
        .iter()
        .map(|(killed, restarted)| (*killed, *restarted, first_answer(&records, *restarted)))
        .collect();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |record| {
        let within = |(killed, _, served): &(Instant, Instant, Option<Instant>)| {
            record.ended >= *killed && served.is_some_and(|served| record.began <= served)
        };
        outages.iter().any(within)
    });
    row.expect(row.excused > 0, || "no request met the outage".to_owned());
    let took = outages
        .iter()
        .map(|(_, restarted, served)| Some(served.as_ref()?.duration_since(*restarted)));
    let slowest = took.collect::<Option<Vec<_>>>().and_then(|times| times.into_iter().max());
    row.recovered(slowest, SERVING_AGAIN);
    row.expect(reload.status.success(), || format!("a reload after it: {reload:?}"));
    let same = fs::read(&key).is_ok_and(|bytes| bytes == secret);
    row.expect(same, || "the key of the stickiness cookies is another".to_owned());
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}

fn first_answer(records: &[Record], after: Instant) -> Option<Instant> {
    let answers = records.iter().filter(|record| !record.failed() && record.began >= after);
    answers.map(|record| record.ended).min()
}

pub fn terminate(stage: &Stage) -> Result<Row, Failed> {
    /// Many requests are with the targets when the instance is asked to end.
    const BUSY: Manner = Manner { wait: Duration::from_millis(200), ..PROMPT };
    /// A request that was sent so long before is with the instance.
    const ARRIVED: Duration = Duration::from_millis(20);
    /// From then on nobody is connected any more.
    const CLOSED: Duration = Duration::from_millis(100);
    const ENDED: Duration = Duration::from_secs(5);
    let targets = Target::several(&stage.folder, 3, BUSY)?;
    let site = Site::new(addresses(&targets))?;
    let mut instance = Instance::start(stage, &site)?;
    let before = instance.usage_at_rest();
    let load = Load::start(&Plan { workers: 48, ..Plan::steady(site.address()) });
    go_on(stage.part(2));
    let asked = Instant::now();
    instance.signal(Signal::TERM)?;
    let ended = until_within(ENDED, || instance.process.ended());
    let took = asked.elapsed();
    let records = load.stop();
    let seen = Seen::by(&targets)?;
    let begun = |record: &Record| record.sent.is_some_and(|sent| sent + ARRIVED <= asked);
    // What comes too late finds nobody, and says so before it can have had an effect.
    let mut row = Row::count(&records, &seen, |record| match record.outcome {
        Outcome::ConnectRefused => record.ended >= asked,
        Outcome::ResetBefore => {
            record.ended >= asked
                && record.began <= asked + CLOSED
                && !begun(record)
                && seen.times(record.id) == 0
        }
        Outcome::Answered(_)
        | Outcome::ConnectFailed
        | Outcome::ResetWithin
        | Outcome::TimedOut => false,
    });
    let with_it = records.iter().filter(|r| begun(r) && r.in_flight_at(asked)).count();
    row.expect(with_it > 0, || "no request was with the instance".to_owned());
    row.note(format!("{with_it} requests were with it when it was asked to end"));
    row.expect(ended.is_some_and(|status| status.success()), || {
        format!("it ended with {ended:?} after {took:.1?}")
    });
    row.recovery = Some(took);
    row.before = Some(before);
    Ok(row)
}
