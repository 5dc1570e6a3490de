//! Descriptors, disk or memory run out.

mod cgroup;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{addresses, go_on, recovery};
use crate::chaos::Stage;
use crate::chaos::instance::{Instance, Site, Way};
use crate::chaos::load::{Connections, Load, Plan};
use crate::chaos::process::until_within;
use crate::chaos::row::Row;
use crate::chaos::target::{Manner, PROMPT, Seen, Target};
use crate::failed::Failed;
use crate::shell;
use cgroup::Cgroup;

/// The goal, for whatever was exhausted.
const RECOVERED: Duration = Duration::from_secs(5);

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

pub fn descriptors(stage: &Stage) -> Result<Row, Failed> {
    const LIMIT: usize = 64;
    const HOGS: usize = 300;
    if !shell::is_there("prlimit") {
        return Ok(Row::skipped("`prlimit` is missing (Debian: apt-get install util-linux)"));
    }
    let targets = Target::several(&stage.folder, 3, PROMPT)?;
    let mut site = Site::new(addresses(&targets))?;
    // Above what there is: the limit of connections does not shed before the descriptors are gone.
    "  max_connections = 1000\n".clone_into(&mut site.attributes);
    let through = words(&["prlimit", &format!("--nofile={LIMIT}:{LIMIT}")]);
    let mut instance = Instance::start_by(stage, &site, Way { through, ..Way::default() })?;
    let before = instance.usage_at_rest();
    let patience = Duration::from_secs(2);
    let steady = Plan { workers: 4, patience, ..Plan::steady(site.address()) };
    let load = Load::start(&steady);
    let short = Plan {
        first_worker: steady.workers,
        connections: Connections::Short,
        pause: Duration::from_millis(20),
        ..steady
    };
    let newcomers = Load::start(&short);
    go_on(stage.part(6));
    let exhausted = Instant::now();
    let hogs: Vec<Option<TcpStream>> =
        (0..HOGS).map(|_| TcpStream::connect_timeout(&site.address(), patience).ok()).collect();
    go_on(stage.part(3));
    let worst = instance.usage();
    drop(hogs);
    let relief = Instant::now();
    go_on(stage.part(2).max(Duration::from_secs(3)));
    let records = [load.stop(), newcomers.stop()].concat();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |record| {
        record.ended >= exhausted && record.began <= relief + RECOVERED
    });
    row.recovered(recovery(&records, relief), RECOVERED);
    row.expect(instance.is_running(), || "it has ended".to_owned());
    row.expect(instance.status().is_some(), || "`status` is not answered any more".to_owned());
    // Some are left only where accepting one more would leave none for its target.
    if let Some(worst) = worst.descriptors {
        row.note(format!("{} of {LIMIT} descriptors were in use", worst.min(LIMIT)));
        row.expect(worst + 4 >= LIMIT, || "they were not exhausted".to_owned());
    }
    let after = instance.usage_at_rest();
    (row.before, row.after) = (Some(before), Some(after));
    Ok(row)
}

pub fn disk(stage: &Stage) -> Result<Row, Failed> {
    const SIZE: &str = "16m";
    let folder = stage.folder.join("log");
    fs::create_dir_all(&folder).map_err(Failed::file(&folder))?;
    let script = "mount -t tmpfs -o \"size=$1\" chaos \"$2\" && shift 2 && exec \"$@\"";
    // A mount namespace of its own: the mount is gone with the process.
    let mut through = words(&["unshare", "--mount", "--propagation", "private"]);
    through.extend(words(&["sh", "-c", script, "sh", SIZE]));
    through.push(folder.clone().into_os_string());
    let probe = std::process::Command::new(&through[0]).args(&through[1..]).arg("true").output();
    if !probe.as_ref().is_ok_and(|output| output.status.success()) {
        let said = probe.map(|output| String::from_utf8_lossy(&output.stderr).trim().to_owned());
        return Ok(Row::skipped(format!("a tmpfs in a namespace of its own needs root: {said:?}")));
    }
    let targets = Target::several(&stage.folder, 3, PROMPT)?;
    let site = Site { access_log: folder.join("access.log"), ..Site::new(addresses(&targets))? };
    let mut instance = Instance::start_by(stage, &site, Way { through, ..Way::default() })?;
    let before = instance.usage_at_rest();
    // The folder as the instance sees it.
    let inside = format!("/proc/{}/root{}", instance.process.id(), folder.display());
    let ballast = Path::new(&inside).join("ballast");
    let load = Load::start(&Plan::steady(site.address()));
    go_on(stage.part(4));
    fill(&ballast)?;
    go_on(stage.part(4).max(Duration::from_millis(2500)));
    let lost = lost_lines(&instance);
    let told = instance.output().contains("log/lines-lost");
    fs::remove_file(&ballast).map_err(Failed::file(&ballast))?;
    let relief = Instant::now();
    let recovered = until_within(RECOVERED, || {
        instance.output().contains("log/recovered").then(|| relief.elapsed())
    });
    go_on(stage.part(4));
    let records = load.stop();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |_| false);
    row.recovered(recovered, RECOVERED);
    row.expect(lost > 0, || "no line was lost: the disk was not full".to_owned());
    row.expect(told, || "it did not say that lines are lost".to_owned());
    row.expect(instance.is_running(), || "it has ended".to_owned());
    // The last lines are handed over within a second.
    go_on(Duration::from_millis(1500));
    let log = Path::new(&inside).join("access.log");
    let text = fs::read_to_string(&log).map_err(Failed::file(&log))?;
    let (whole, torn): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| is_whole(line));
    row.expect(torn.is_empty(), || format!("{} lines are torn: {:?}", torn.len(), torn.first()));
    let (ours, lost) =
        (whole.iter().filter(|l| l.contains("/?id=")).count(), lost_lines(&instance));
    row.note(format!("{ours} lines written, {lost} counted as lost"));
    row.expect(ours as u64 + lost == records.len() as u64, || {
        format!("{} requests are not {ours} lines and {lost} lost ones", records.len())
    });
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}

fn lost_lines(instance: &Instance) -> u64 {
    let status = instance.status();
    status.and_then(|status| status["logs"][0]["lost_lines"].as_u64()).unwrap_or(0)
}

/// Until nothing more can be written.
fn fill(path: &Path) -> Result<(), Failed> {
    let mut file = File::create(path).map_err(Failed::file(path))?;
    for size in [64 * 1024, 4096, 1] {
        let block = vec![0; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(())
}

/// Begins and ends as a line of ours does, and no other line begins in it.
fn is_whole(line: &str) -> bool {
    line.starts_with("http 2") && line.matches("http 2").count() == 1 && line.contains(" TID_")
}

pub fn memory(stage: &Stage) -> Result<Row, Failed> {
    const LIMIT: u64 = 32 * 1024 * 1024;
    const LARGE: Manner = Manner { size: 2 * 1024 * 1024, ..PROMPT };
    let group = match Cgroup::create(LIMIT) {
        Ok(group) => group,
        Err(why) => return Ok(Row::skipped(format!("no cgroup could be made: {why}"))),
    };
    let way = Way { through: group.enter(), ..Way::default() };
    let targets = Target::several(&stage.folder, 3, LARGE)?;
    let site = Site::new(addresses(&targets))?;
    let mut instance = Instance::start_by(stage, &site, way)?;
    let before = instance.usage_at_rest();
    let plan = Plan {
        workers: 80,
        patience: Duration::from_secs(30),
        post_every: 2,
        post_bytes: 1024 * 1024,
        read_pause: Duration::from_millis(50),
        ..Plan::steady(site.address())
    };
    let load = Load::start(&plan);
    go_on(stage.part(1));
    let worst = instance.usage();
    let records = load.stop();
    let mut row = Row::count(&records, &Seen::by(&targets)?, |_| false);
    row.expect(instance.is_running(), || "it has ended".to_owned());
    let kills = group.kills();
    row.expect(kills == Some(0), || format!("the kernel killed for memory: {kills:?}"));
    row.note(format!(
        "{} MB allowed, {:.1} MB resident under load, {} at most in the group",
        LIMIT >> 20,
        worst.resident_kilobytes as f64 / 1024.0,
        group.most().map_or("?".to_owned(), |bytes| format!("{} MB", bytes >> 20))
    ));
    (row.before, row.after) = (Some(before), Some(instance.usage_at_rest()));
    Ok(row)
}
