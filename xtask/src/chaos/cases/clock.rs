//! The wall clock jumps; time that is measured must not care.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{addresses, go_on};
use crate::chaos::Stage;
use crate::chaos::instance::{Instance, Site, Way};
use crate::chaos::load::{Load, Plan};
use crate::chaos::process::until;
use crate::chaos::row::Row;
use crate::chaos::target::{PROMPT, Seen, Target};
use crate::failed::Failed;

/// Where Debian and others keep it, below the folder of libraries.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";
const LIBRARIES: &[&str] = &["/usr/lib", "/usr/lib64", "/usr/local/lib"];
const STEPS: [&str; 4] = ["+0", "+1d", "-1d", "+0"];

pub fn steps(stage: &Stage) -> Result<Row, Failed> {
    let Some(library) = library() else {
        return Ok(Row::skipped("libfaketime is missing (Debian: apt-get install faketime)"));
    };
    let clock = stage.folder.join("clock");
    let step = |to: &str| fs::write(&clock, format!("{to}\n")).map_err(Failed::file(&clock));
    step(STEPS[0])?;
    let targets = Target::several(&stage.folder, 3, PROMPT)?;
    let site = Site::new(addresses(&targets))?;
    let environment = [
        ("LD_PRELOAD", library.into_os_string()),
        ("FAKETIME_TIMESTAMP_FILE", clock.clone().into_os_string()),
        ("FAKETIME_NO_CACHE", "1".into()),
        // The kernel's monotonic clock does not jump either.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("DONT_FAKE_MONOTONIC", "1".into()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let way = Way { environment, ..Way::default() };
    let instance = Instance::start_by(stage, &site, way)?;
    let before = instance.usage_at_rest();
    let steady = Plan::steady(site.address());
    let load = Load::start(&steady);
    // Connections that are idle whenever the clock jumps.
    let idle =
        Plan { first_worker: steady.workers, workers: 4, pause: stage.part(8), ..steady.clone() };
    let idle = Load::start(&idle);
    let log = stage.folder.join("access.log");
    for (at, to) in STEPS.iter().enumerate() {
        step(to)?;
        go_on(stage.part(4));
        // Each step is in the log before the next one is made: else nothing has been tested.
        let days = at.min(2) + 1;
        until(&format!("the step to {to} to be in the log"), || {
            (days_in(&log).len() >= days).then_some(())
        })?;
    }
    let records = [load.stop(), idle.stop()].concat();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |_| false);
    row.note(format!("days in the access log: {}", Vec::from_iter(days_in(&log)).join(", ")));
    let status = instance.status();
    let healthy = status.as_ref().map(crate::chaos::instance::states);
    let all = healthy.as_ref().is_some_and(|states| states.iter().all(|s| s == "healthy"));
    row.expect(all, || format!("the targets are {healthy:?}"));
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}

fn library() -> Option<PathBuf> {
    LIBRARIES.iter().find_map(|folder| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let below = entries.map(|entry| entry.path().join(LIBRARY));
        below.chain([Path::new(folder).join(LIBRARY)]).find(|path| path.is_file())
    })
}

/// The second field of a line is its time: `2026-11-23T12:00:00.000000Z`.
fn days_in(log: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let day = |line: &str| Some(line.split(' ').nth(1)?.split('T').next()?.to_owned());
    text.lines().filter_map(day).collect()
}
