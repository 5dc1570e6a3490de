//! Ours beside the peers, on this machine, at equal work: the same security group, rules, health
//! checks, forwarding headers and one log line per request (configurations in `xtask/bench`).
//!
//! The figure is processor time of the proxy per request, which a busy neighbour moves less than
//! requests per second. Runs of the proxies are interleaved, so that a slow minute meets all alike.
//! The proxy has a core to itself; the load generator and the origin share another.

pub mod clients;
mod entrants;
mod envoy;
mod goal;
mod handshakes;
mod idle;
mod load;
mod many;
pub mod names;
pub mod origin;
pub mod peers;
mod process;
mod reload;
mod report;
mod sample;

use std::fs;
use std::path::PathBuf;

pub use process::ticks_per_second;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failed::Failed;
use crate::{shell, tools, tree};
use entrants::{
    ENTRANTS, ENVOY, HAPROXY, MANY_OF_ALL, MANY_RULES, NGINX, OURS, Peer, SPLICING, TEN_RULES,
};
use goal::Goal;
use load::Load;
use peers::Arena;
use sample::{Sample, Unit};

/// In the target folder: everything that is written goes below this.
const FOLDER: &str = "bench";
const REPETITIONS: u32 = 5;
const SECONDS: u32 = 3;
/// What the configuration of the reload case has.
const CERTIFICATES: usize = 1000;
/// Enough for every case on both sides of a proxy.
const DESCRIPTORS: u64 = 65_536;

/// One thing that is measured of every proxy.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub summary: &'static str,
    pub kind: Kind,
    /// The first one is held against the others.
    pub proxies: &'static [&'static str],
    pub goals: &'static [Goal],
    /// Part of a run that asks for no case by name.
    usual: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Load(Load),
    Handshakes,
    IdleMemory { scheme: &'static str },
    Reload,
}

impl Kind {
    pub fn unit(&self) -> Unit {
        match self {
            Kind::Load(_) => Unit::MicrosecondsPerRequest,
            Kind::Handshakes => Unit::MicrosecondsPerHandshake,
            Kind::IdleMemory { .. } => Unit::KilobytesPerConnection,
            Kind::Reload => Unit::TimesAtRest,
        }
    }

    /// What does not vary is measured less often.
    fn repetitions(&self, asked: u32) -> u32 {
        match self {
            Kind::Load(_) | Kind::Handshakes => asked,
            Kind::IdleMemory { .. } => asked.min(2),
            Kind::Reload => asked.min(3),
        }
    }
}

const THREE: &[&str] = &[OURS, NGINX, HAPROXY];
const ALL: &[&str] = &[OURS, NGINX, HAPROXY, ENVOY];
const BODIES: &[&str] = &[OURS, NGINX, HAPROXY, SPLICING, ENVOY];

const CASES: &[Case] = &[
    Case {
        name: "a",
        summary: "200 B, 64 connections",
        kind: Kind::Load(Load::http(64, "/")),
        proxies: ALL,
        goals: &[Goal::ratio(0.80, &[NGINX, HAPROXY])],
        usual: true,
    },
    Case {
        name: "b",
        summary: "200 B, 1024 connections",
        kind: Kind::Load(Load::http(1024, "/")),
        proxies: ALL,
        goals: &[Goal::ratio(0.60, &[NGINX, HAPROXY])],
        usual: true,
    },
    Case {
        name: "c64k",
        summary: "64 KiB, 64 connections",
        kind: Kind::Load(Load::http(64, "/64k")),
        proxies: BODIES,
        goals: &[],
        usual: false,
    },
    Case {
        name: "c1m",
        summary: "1 MiB, 32 connections",
        kind: Kind::Load(Load::http(32, "/1m")),
        proxies: BODIES,
        goals: &[Goal::ratio(0.50, &[NGINX]), Goal::ratio(1.0, &[SPLICING])],
        usual: true,
    },
    Case {
        name: "tls",
        summary: "200 B over TLS 1.3, 64 connections",
        kind: Kind::Load(Load::https(64, "/")),
        proxies: ALL,
        goals: &[Goal::ratio(0.80, &[NGINX, HAPROXY])],
        usual: true,
    },
    Case {
        name: "hs",
        summary: "full TLS 1.3 handshakes, P-256",
        kind: Kind::Handshakes,
        proxies: THREE,
        // 1.6 times as many in a second of the processor.
        goals: &[Goal::ratio(1.0 / 1.6, &[NGINX, HAPROXY])],
        usual: true,
    },
    Case {
        name: "mem",
        summary: "10,000 idle connections that made one request",
        kind: Kind::IdleMemory { scheme: "http" },
        proxies: THREE,
        goals: &[Goal::at_most(2.0), Goal::ratio(1.5, &[HAPROXY])],
        usual: true,
    },
    Case {
        name: "memtls",
        summary: "10,000 idle TLS connections that made one request",
        kind: Kind::IdleMemory { scheme: "https" },
        proxies: THREE,
        goals: &[Goal::ratio(0.8, &[NGINX])],
        usual: true,
    },
    Case {
        name: "rules",
        summary: "200 B, 64 connections, 10,000 rules against 10",
        kind: Kind::Load(Load::http(64, "/")),
        proxies: &[MANY_RULES, TEN_RULES],
        goals: &[Goal::ratio(1.15, &[TEN_RULES])],
        usual: true,
    },
    Case {
        name: "reload",
        summary: "p99 while 10,000 rules and 1,000 certificates are reloaded",
        kind: Kind::Reload,
        proxies: &[MANY_OF_ALL],
        goals: &[Goal::at_most(2.0)],
        usual: true,
    },
];

/// What the command line asks for.
#[derive(Clone, Debug)]
struct Wanted {
    cases: Vec<Case>,
    proxies: Vec<&'static str>,
    repetitions: u32,
    seconds: u32,
    json: Option<PathBuf>,
}

pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    let mut wanted = parse(arguments)?;
    tools::provide(tools::FOR_BENCH)?;
    // Ours, and ourselves for the origin and the clients.
    let packages = ["-p", "xtask", "-p", "pointsman", "--features", "xtask/tls-clients"];
    shell::run(shell::cargo().args(["build", "--release", "--locked"]).args(packages))?;
    raise_descriptors();
    let folder = tree::target().join(FOLDER);
    fs::create_dir_all(&folder).map_err(Failed::file(&folder))?;
    if wanted.asks_for(ENVOY)
        && let Err(failed) = envoy::provide(&folder)
    {
        eprintln!("WARNING: no Envoy, the table goes without it: {failed}");
        wanted.without(ENVOY);
    }
    if wanted.asks_for(MANY_OF_ALL) {
        reload::make_certificates(&folder)?;
    }
    let arena = Arena::open(&folder)?;
    let mut samples = Vec::new();
    for case in &wanted.cases {
        let repetitions = case.kind.repetitions(wanted.repetitions);
        for repetition in 0..repetitions {
            for peer in case.proxies.iter().filter_map(|name| arena.peer(name)) {
                if !wanted.measures(peer.name) {
                    continue;
                }
                let sample = measure(&arena, peer, case, wanted.seconds)?;
                eprintln!("{} {}/{repetitions}: {sample}", case.name, repetition + 1);
                samples.push(sample);
            }
        }
    }
    print!("{}", report::text(&wanted.cases, &samples));
    let json = wanted.json.unwrap_or_else(|| folder.join("results.json"));
    fs::write(&json, report::json(&wanted.cases, &samples)).map_err(Failed::file(&json))?;
    eprintln!("written: {}", json.display());
    Ok(())
}

impl Wanted {
    fn measures(&self, proxy: &str) -> bool {
        self.proxies.contains(&proxy)
    }

    fn asks_for(&self, proxy: &str) -> bool {
        self.measures(proxy) && self.cases.iter().any(|case| case.proxies.contains(&proxy))
    }

    fn without(&mut self, proxy: &str) {
        self.proxies.retain(|name| *name != proxy);
    }
}

fn measure(arena: &Arena, peer: &Peer, case: &Case, seconds: u32) -> Result<Sample, Failed> {
    let running = arena.start(peer)?;
    let mut sample = match case.kind {
        Kind::Load(load) => load.measure(arena, peer, &running, seconds)?,
        Kind::Handshakes => handshakes::measure(arena, peer, &running, seconds)?,
        Kind::IdleMemory { scheme } => idle::measure(arena, peer, &running, scheme)?,
        Kind::Reload => reload::measure(arena, peer, seconds.max(reload::SECONDS_MIN))?,
    };
    if sample.resident_megabytes.is_none() {
        sample.resident_megabytes = Some(running.resident_kilobytes()? as f64 / 1024.0);
    }
    running.stop();
    sample.case = case.name;
    sample.proxy = peer.name;
    if let Some(requests) = sample.requests_logged_at_least {
        let lines = peer.logged_lines()?;
        if lines < requests {
            return Err(Failed::Unexpected(format!(
                "{} logged {lines} of {requests} requests: its work was not equal",
                peer.name
            )));
        }
    }
    Ok(sample)
}

fn parse(arguments: &[String]) -> Result<Wanted, Failed> {
    let mut wanted = Wanted {
        cases: CASES.iter().filter(|case| case.usual).copied().collect(),
        proxies: ENTRANTS.iter().map(|entrant| entrant.name).collect(),
        repetitions: REPETITIONS,
        seconds: SECONDS,
        json: None,
    };
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let value =
            arguments.next().ok_or_else(|| Failed::Usage(format!("`{flag}` wants a value")))?;
        match flag.as_str() {
            "--json" => wanted.json = Some(PathBuf::from(value)),
            "--only" => {
                wanted.cases = value.split(',').map(case_named).collect::<Result<_, _>>()?
            }
            "--proxies" => {
                wanted.proxies = value.split(',').map(proxy_named).collect::<Result<_, _>>()?
            }
            "--reps" => wanted.repetitions = positive(flag, value)?,
            "--secs" => wanted.seconds = positive(flag, value)?,
            other => return Err(Failed::Usage(format!("`bench` does not know `{other}`"))),
        }
    }
    Ok(wanted)
}

fn case_named(name: &str) -> Result<Case, Failed> {
    CASES.iter().find(|case| case.name == name).copied().ok_or_else(|| {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        Failed::Usage(format!("there is no case `{name}`; there are {}", names.join(", ")))
    })
}

fn proxy_named(name: &str) -> Result<&'static str, Failed> {
    ENTRANTS.iter().map(|entrant| entrant.name).find(|known| *known == name).ok_or_else(|| {
        let names: Vec<&str> = ENTRANTS.iter().map(|entrant| entrant.name).collect();
        Failed::Usage(format!("there is no proxy `{name}`; there are {}", names.join(", ")))
    })
}

fn positive(flag: &str, value: &str) -> Result<u32, Failed> {
    let number = value.parse().ok().filter(|number| (1..=600).contains(number));
    number.ok_or_else(|| Failed::Usage(format!("`{flag} {value}`: a number from 1 to 600")))
}

/// Children inherit it. Where it may not be raised, the connections that fail will say so.
fn raise_descriptors() {
    let wanted = Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
    if setrlimit(Resource::Nofile, wanted).is_err() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let current = Some(hard.map_or(DESCRIPTORS, |hard| hard.min(DESCRIPTORS)));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum: hard });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn arguments() {
        let wanted =
            parse(&words("--only a,tls --proxies nginx --reps 5 --secs 2 --json out.json"))
                .unwrap();
        let names: Vec<&str> = wanted.cases.iter().map(|case| case.name).collect();
        assert_eq!(names, ["a", "tls"]);
        assert_eq!(wanted.proxies, ["nginx"]);
        assert_eq!((wanted.repetitions, wanted.seconds), (5, 2));
        assert_eq!(wanted.json, Some(PathBuf::from("out.json")));
        for (line, part) in [
            ("--only x", "there is no case `x`; there are a, b"),
            ("--proxies caddy", "there are pointsman, nginx, haproxy"),
            ("--reps 0", "a number from 1"),
            ("--reps", "wants a value"),
            ("--fast yes", "does not know `--fast`"),
        ] {
            let failed = parse(&words(line)).unwrap_err();
            assert!(failed.to_string().contains(part), "{line}: {failed}");
        }
    }
}
