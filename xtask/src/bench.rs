//! Ours beside the peers, on this machine, at equal work: the same security group, rules, health
//! checks, forwarding headers and one log line per request (configurations in `xtask/bench`).
//!
//! The figure is processor time of the proxy per request, which a busy neighbour moves less than
//! requests per second. Runs of the proxies are interleaved, so that a slow minute meets all alike.
//! The proxy has a core to itself; the load generator and the origin share another.

mod handshakes;
mod idle;
mod load;
pub mod origin;
mod peers;
mod process;
mod report;
mod sample;

use std::fs;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failed::Failed;
use crate::{shell, tools, tree};
use load::Load;
use peers::Arena;
use sample::{Sample, Unit};

/// In the target folder: everything that is written goes below this.
const FOLDER: &str = "bench";
const REPETITIONS: u32 = 3;
const SECONDS: u32 = 8;
/// Enough for every case on both sides of a proxy.
const DESCRIPTORS: u64 = 65_536;

/// One thing that is measured of every proxy.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub summary: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Load(Load),
    Handshakes,
    IdleMemory,
}

impl Kind {
    pub fn unit(&self) -> Unit {
        match self {
            Kind::Load(_) => Unit::MicrosecondsPerRequest,
            Kind::Handshakes => Unit::MicrosecondsPerHandshake,
            Kind::IdleMemory => Unit::KilobytesPerThousand,
        }
    }
}

const CASES: &[Case] = &[
    case("a", "200 B, 64 connections", Kind::Load(Load::http(64, "/"))),
    case("b", "200 B, 1024 connections", Kind::Load(Load::http(1024, "/"))),
    case("c64k", "64 KiB, 64 connections", Kind::Load(Load::http(64, "/64k"))),
    case("c1m", "1 MiB, 32 connections", Kind::Load(Load::http(32, "/1m"))),
    case("tls", "200 B over TLS, 64 connections", Kind::Load(Load::https(64, "/"))),
    case("hs", "full TLS handshakes", Kind::Handshakes),
    case("mem", "idle connections that made one request", Kind::IdleMemory),
];

const fn case(name: &'static str, summary: &'static str, kind: Kind) -> Case {
    Case { name, summary, kind }
}

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
    let wanted = parse(arguments)?;
    tools::provide(tools::FOR_BENCH)?;
    // Ours, and ourselves for the origin.
    let mut packages = vec!["-p", "xtask"];
    if wanted.proxies.contains(&peers::OURS) {
        packages.extend(["-p", "pointsman"]);
    }
    shell::run(shell::cargo().args(["build", "--release", "--locked"]).args(packages))?;
    raise_descriptors();
    let arena = Arena::open(&tree::target().join(FOLDER))?;
    let mut samples = Vec::new();
    for case in &wanted.cases {
        for repetition in 0..wanted.repetitions {
            for peer in arena.peers.iter().filter(|peer| wanted.proxies.contains(&peer.name)) {
                let sample = measure(&arena, peer, case, wanted.seconds)?;
                eprintln!("{} {}/{}: {sample}", case.name, repetition + 1, wanted.repetitions);
                samples.push(sample);
            }
        }
    }
    print!("{}", report::text(&wanted.cases, &samples));
    let json = wanted.json.unwrap_or_else(|| tree::target().join(FOLDER).join("results.json"));
    fs::write(&json, report::json(&wanted.cases, &samples)).map_err(Failed::file(&json))?;
    eprintln!("written: {}", json.display());
    Ok(())
}

fn measure(arena: &Arena, peer: &peers::Peer, case: &Case, seconds: u32) -> Result<Sample, Failed> {
    let running = arena.start(peer)?;
    let mut sample = match case.kind {
        Kind::Load(load) => load.measure(arena, peer, &running, seconds)?,
        Kind::Handshakes => handshakes::measure(arena, peer, &running, seconds)?,
        Kind::IdleMemory => idle::measure(peer, &running)?,
    };
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
        cases: CASES.to_vec(),
        proxies: peers::NAMES.to_vec(),
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
    peers::NAMES.iter().find(|known| **known == name).copied().ok_or_else(|| {
        Failed::Usage(format!("there is no proxy `{name}`; there are {}", peers::NAMES.join(", ")))
    })
}

fn positive(flag: &str, value: &str) -> Result<u32, Failed> {
    let number = value.parse().ok().filter(|number| (1..=600).contains(number));
    number.ok_or_else(|| Failed::Usage(format!("`{flag} {value}`: a number from 1 to 600")))
}

/// Children inherit it. Where it may not be raised, the connections that fail will say so.
fn raise_descriptors() {
    let hard = getrlimit(Resource::Nofile).maximum;
    let current = Some(hard.map_or(DESCRIPTORS, |hard| hard.min(DESCRIPTORS)));
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum: hard });
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
