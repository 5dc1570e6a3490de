//! `cargo xtask bench-dns`: our name server beside NSD, with the same zone, on the same cores, asked
//! by dnsperf in interleaved runs.
//!
//! dnsperf shares the cores with the server, so that questions per second say how much of them is
//! left; the figure that a busy neighbour moves less is processor time of the server per question.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::process::{Tree, ticks_per_second};
use crate::failed::Failed;
use crate::{expect_none, shell, tools, tree};

const FOLDER: &str = "bench-dns";
const ZONE: &str = "bench.example";
/// Names of the large zone, with one address each.
const NAMES: u32 = 100_000;
/// Names of the signed one: NSD gets its signatures from us, by a transfer.
const SIGNED_NAMES: u32 = 10_000;
const REPETITIONS: usize = 3;
const SECONDS: u32 = 4;
const OURS_PORT: u16 = 25_353;
const NSD_PORT: u16 = 25_354;
/// Whoever is not there by then will not come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ours ÷ theirs.
const THROUGHPUT_GOAL: f64 = 0.7;
const MEMORY_GOAL: f64 = 2.0;
const LOAD_GOAL: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Ours,
    Nsd,
}

struct Running {
    child: Child,
    /// From the start of the process to its first answer.
    load: Duration,
}

struct Sample {
    per_second: f64,
    microseconds: f64,
    lost: u64,
}

pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    expect_none(arguments)?;
    tools::provide(tools::FOR_BENCH_DNS)?;
    let build = ["build", "--release", "--locked", "-p", "pointsman", "--bin", "pointsman"];
    shell::run(shell::cargo().args(build))?;
    let folder = tree::target().join(FOLDER);
    fs::create_dir_all(&folder).map_err(Failed::file(&folder))?;
    for (case, names, signed) in [("unsigned", NAMES, false), ("signed", SIGNED_NAMES, true)] {
        write_zone(&folder, names)?;
        write_questions(&folder, names)?;
        write_ours(&folder, signed)?;
        write_nsd(&folder)?;
        if signed {
            copy_signed(&folder)?;
        }
        println!("{case}: {names} names, {SECONDS} s over UDP, 2 cores shared with dnsperf");
        measure(&folder, signed)?;
    }
    Ok(())
}

fn measure(folder: &Path, signed: bool) -> Result<(), Failed> {
    let mut all: [Vec<Sample>; 2] = [Vec::new(), Vec::new()];
    let (mut memory, mut load) = ([0; 2], [Duration::MAX; 2]);
    for _ in 0..REPETITIONS {
        for peer in [Peer::Ours, Peer::Nsd] {
            let running = start(folder, peer)?;
            all[peer as usize].push(ask(folder, peer, &running, signed)?);
            let resident = Tree::of(running.child.id()).resident_kilobytes()?;
            memory[peer as usize] = memory[peer as usize].max(resident);
            load[peer as usize] = load[peer as usize].min(running.load);
        }
    }
    for peer in [Peer::Ours, Peer::Nsd] {
        let at = peer as usize;
        println!(
            "  {:<10} {:>9.0} questions/s  {:>6.2} CPU µs/question  {:>6.1} MB  first answer after {:>5.2} s  {} lost",
            if peer == Peer::Ours { "pointsman" } else { "nsd" },
            median(all[at].iter().map(|sample| sample.per_second)),
            median(all[at].iter().map(|sample| sample.microseconds)),
            memory[at] as f64 / 1024.0,
            load[at].as_secs_f64(),
            all[at].iter().map(|sample| sample.lost).sum::<u64>(),
        );
    }
    let per_second = |at: usize| median(all[at].iter().map(|sample| sample.per_second));
    let met = |good: bool| if good { "met" } else { "MISSED" };
    let ratio = per_second(0) / per_second(1);
    println!("  goal ≥ {THROUGHPUT_GOAL} × nsd: {ratio:.2}, {}", met(ratio >= THROUGHPUT_GOAL));
    if !signed {
        let ratio = memory[0] as f64 / memory[1] as f64;
        println!("  goal ≤ {MEMORY_GOAL} × its memory: {ratio:.2}, {}", met(ratio <= MEMORY_GOAL));
        let took = load[0].as_secs_f64();
        println!("  goal: answers within a second: {took:.2} s, {}", met(load[0] < LOAD_GOAL));
    }
    Ok(())
}

fn ask(folder: &Path, peer: Peer, running: &Running, signed: bool) -> Result<Sample, Failed> {
    let processes = Tree::of(running.child.id());
    let ticks = ticks_per_second();
    let before = processes.cpu_time(ticks)?;
    let mut dnsperf = Command::new("dnsperf");
    dnsperf.args(["-s", "127.0.0.1", "-p", &port(peer).to_string(), "-c", "16", "-q", "200"]);
    dnsperf.args(["-l", &SECONDS.to_string(), "-d"]).arg(folder.join("questions.txt"));
    if signed {
        dnsperf.args(["-e", "-D"]);
    }
    let output = dnsperf.output().map_err(Failed::file(Path::new("dnsperf")))?;
    let used = processes.cpu_time(ticks)?.saturating_sub(before);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |what: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(what))?;
        line.split(':').nth(1)?.split_whitespace().next()?.parse::<f64>().ok()
    };
    let parts = (number("Queries completed"), number("Queries per second"), number("Queries lost"));
    let (Some(completed), Some(per_second), Some(lost)) = parts else {
        return Err(Failed::Unexpected(format!("dnsperf said: {text}")));
    };
    if !text.contains("NOERROR") {
        return Err(Failed::Unexpected(format!("no answers: {text}")));
    }
    let microseconds = used.as_secs_f64() * 1e6 / completed.max(1.0);
    Ok(Sample { per_second, microseconds, lost: lost as u64 })
}

fn port(peer: Peer) -> u16 {
    match peer {
        Peer::Ours => OURS_PORT,
        Peer::Nsd => NSD_PORT,
    }
}

fn start(folder: &Path, peer: Peer) -> Result<Running, Failed> {
    let mut command = match peer {
        Peer::Ours => {
            let mut ours = Command::new(tree::target().join("release/pointsman"));
            ours.args(["run", "site.hcl", "--state", "state", "--cores", "2"]);
            ours
        }
        Peer::Nsd => {
            let mut nsd = Command::new("nsd");
            nsd.args(["-d", "-c", "nsd.conf"]);
            nsd
        }
    };
    let log = folder.join(format!("{peer:?}.log"));
    let file = fs::File::create(&log).map_err(Failed::file(&log))?;
    let again = file.try_clone().map_err(Failed::file(&log))?;
    command.current_dir(folder).stdin(Stdio::null()).stdout(file).stderr(again);
    let began = Instant::now();
    let child = command.spawn().map_err(Failed::file(&log))?;
    let mut running = Running { child, load: Duration::ZERO };
    while !answers(port(peer)) {
        if began.elapsed() > PATIENCE {
            return Err(Failed::Unexpected(format!("{peer:?} does not answer: {}", log.display())));
        }
    }
    running.load = began.elapsed();
    Ok(running)
}

/// Whether the first name of the zone is answered. Waits a moment for it.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        socket.send(
            b"\x00\x07\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02h0\x05bench\x07example\x00\x00\x01\x00\x01",
        )?;
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer)?;
        Ok(length > 12 && answer[3] & 0xf == 0 && answer[7] > 0)
    };
    match ask() {
        Ok(answered) => answered,
        Err(_) => {
            std::thread::sleep(Duration::from_millis(5));
            false
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // NSD ends its children only if it is asked.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// What NSD serves is what we sign: it reads a transfer as its zone file.
fn copy_signed(folder: &Path) -> Result<(), Failed> {
    let running = start(folder, Peer::Ours)?;
    let mut dig = Command::new("dig");
    dig.args(["@127.0.0.1", "-p", &OURS_PORT.to_string(), ZONE, "AXFR", "+onesoa", "+nocomments"]);
    let output = dig.output().map_err(Failed::file(Path::new("dig")))?;
    drop(running);
    let zone = String::from_utf8_lossy(&output.stdout);
    if !zone.contains("RRSIG") {
        let said = zone.lines().last().unwrap_or_default();
        return Err(Failed::Unexpected(format!("the signed zone could not be copied: {said}")));
    }
    write(&folder.join("nsd.zone"), &zone)
}

fn write_zone(folder: &Path, names: u32) -> Result<(), Failed> {
    let mut text = format!(
        "$ORIGIN {ZONE}.\n$TTL 300\n@ IN SOA ns1 hostmaster 1 7200 900 1209600 300\n@ IN NS ns1\nns1 IN A 192.0.2.53\n"
    );
    for number in 0..names {
        let [_, b, c, d] = number.to_be_bytes();
        text.push_str(&format!("h{number} IN A 10.{b}.{c}.{d}\n"));
    }
    write(&folder.join("bench.zone"), &text)?;
    write(&folder.join("nsd.zone"), &text)
}

/// Names of the whole zone in an order that no cache foresees, and one in twenty that is not there.
fn write_questions(folder: &Path, names: u32) -> Result<(), Failed> {
    let mut text = String::new();
    let mut number = 1u64;
    for at in 0..50_000 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let name = (number >> 33) % u64::from(names);
        match at % 20 {
            0 => text.push_str(&format!("no{name}.{ZONE} A\n")),
            _ => text.push_str(&format!("h{name}.{ZONE} A\n")),
        }
    }
    write(&folder.join("questions.txt"), &text)
}

fn write_ours(folder: &Path, signed: bool) -> Result<(), Failed> {
    let text = format!(
        "zone \"{ZONE}\" {{\n  file = \"bench.zone\"\n  signed = {signed}\n  transfer_to = [\"127.0.0.1\"]\n}}\n\
         dns_server {{\n  addresses = [\"127.0.0.1\"]\n  port = {OURS_PORT}\n}}\n"
    );
    write(&folder.join("site.hcl"), &text)
}

fn write_nsd(folder: &Path) -> Result<(), Failed> {
    let at = |name: &str| folder.join(name).display().to_string();
    let text = format!(
        "server:\n ip-address: 127.0.0.1@{NSD_PORT}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{}\"\n \
         pidfile: \"{}\"\n xfrdfile: \"{}\"\n zonelistfile: \"{}\"\n server-count: 2\n reuseport: yes\n rrl-ratelimit: 0\n\
         remote-control:\n control-enable: no\nzone:\n name: {ZONE}\n zonefile: nsd.zone\n",
        folder.display(),
        at("nsd.pid"),
        at("xfrd.state"),
        at("zone.list"),
    );
    write(&folder.join("nsd.conf"), &text)
}

fn write(path: &PathBuf, text: &str) -> Result<(), Failed> {
    fs::write(path, text).map_err(Failed::file(path))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = values.collect();
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
