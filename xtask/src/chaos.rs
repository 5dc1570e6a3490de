//! Chaos, bounded and on one machine: real processes under a steady load, and something that fails.
//!
//! The client writes down what became of every request, and the targets which requests they were
//! given, so that what was lost and what was sent twice is counted and not guessed. What each case
//! must keep is in its row (`docs/chaos.md`); a broken expectation is a failure of the run.

mod cases;
mod instance;
mod load;
mod process;
mod row;
pub mod target;
mod wire;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failed::Failed;
use crate::{shell, tools, tree};
use row::Row;

/// In the target folder: everything that is written goes below this.
const FOLDER: &str = "chaos";
const SECONDS: u64 = 6;
const SECONDS_MAX: u64 = 600;
/// Enough for the client's side of every case.
const DESCRIPTORS: u64 = 16_384;

/// Something that fails, and what must not fail because of it.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    summary: &'static str,
    play: fn(&Stage) -> Result<Row, Failed>,
}

const CASES: &[Case] = &[
    case("kill", "one of three targets is killed and started again", cases::targets::kill),
    case("stop", "one of three targets stops answering, then goes on", cases::targets::stop),
    case("flap", "one of three targets dies and returns all the time", cases::targets::flap),
    case("slow", "one of three targets answers late and in pieces", cases::targets::slow),
    case("drain", "a target is removed and added by reloads", cases::reloads::drain),
    case("reload", "reloads, every fifth of them broken", cases::reloads::reload),
    case("crash", "the instance is killed and started again", cases::ending::crash),
    case("term", "the instance is asked to end", cases::ending::terminate),
    case("descriptors", "no descriptors are left", cases::limits::descriptors),
    case("disk", "the disk of the access log is full", cases::limits::disk),
    case("memory", "the memory of the instance is limited", cases::limits::memory),
    case("clock", "the wall clock jumps a day ahead and a day back", cases::clock::steps),
    case("connections", "ten thousand connections, then ten times as many", cases::growth::short),
];

const fn case(
    name: &'static str,
    summary: &'static str,
    play: fn(&Stage) -> Result<Row, Failed>,
) -> Case {
    Case { name, summary, play }
}

/// Where a case is played.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Empty, and the case's own.
    pub folder: PathBuf,
    pub program: PathBuf,
    /// How long the load lasts.
    pub seconds: u64,
}

// === impl Stage ===

impl Stage {
    /// A part of the case's time.
    pub fn part(&self, of: u32) -> Duration {
        Duration::from_secs(self.seconds) / of
    }
}

/// What the command line asks for.
struct Wanted {
    cases: Vec<Case>,
    seconds: u64,
    json: Option<PathBuf>,
}

pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    let wanted = parse(arguments)?;
    // A case that needs what could not be had is skipped by its own name.
    if let Err(missing) = tools::provide(tools::FOR_CHAOS) {
        eprintln!("warning: {missing}");
    }
    shell::run(shell::cargo().args(["build", "--release", "--locked", "-p", "pointsman"]))?;
    raise_descriptors();
    let root = tree::target().join(FOLDER);
    let mut rows = Vec::new();
    for case in &wanted.cases {
        let stage = Stage {
            folder: fresh(root.join(case.name))?,
            program: tree::program("pointsman"),
            seconds: wanted.seconds,
        };
        eprintln!("{}: {}", case.name, case.summary);
        // A case that cannot be played to its end is a broken one; the others are played all the same.
        let row = (case.play)(&stage).unwrap_or_else(|failed| Row {
            problems: vec![format!("was not played to its end: {failed}")],
            ..Row::default()
        });
        rows.push(Row { case: case.name, ..row });
        eprint!("{}", row::remarks(&rows[rows.len() - 1..]));
    }
    print!("\n{}", row::text(&rows));
    let json = wanted.json.unwrap_or_else(|| root.join("results.json"));
    fs::write(&json, row::json(&rows)).map_err(Failed::file(&json))?;
    eprintln!("written: {}", json.display());
    let problems = rows
        .iter()
        .flat_map(|row| row.problems.iter().map(move |problem| format!("{}: {problem}", row.case)));
    crate::failed::judge("chaos", problems.collect())
}

fn fresh(folder: PathBuf) -> Result<PathBuf, Failed> {
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(Failed::file(&folder))?;
    Ok(folder)
}

fn parse(arguments: &[String]) -> Result<Wanted, Failed> {
    let mut wanted = Wanted { cases: CASES.to_vec(), seconds: SECONDS, json: None };
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let value =
            arguments.next().ok_or_else(|| Failed::Usage(format!("`{flag}` wants a value")))?;
        match flag.as_str() {
            "--json" => wanted.json = Some(PathBuf::from(value)),
            "--only" => {
                wanted.cases = value.split(',').map(case_named).collect::<Result<_, _>>()?
            }
            "--seconds" => {
                let number = value.parse().ok().filter(|n| (2..=SECONDS_MAX).contains(n));
                wanted.seconds = number.ok_or_else(|| {
                    Failed::Usage(format!("`{flag} {value}`: a number from 2 to {SECONDS_MAX}"))
                })?;
            }
            other => return Err(Failed::Usage(format!("`chaos` does not know `{other}`"))),
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

/// Children inherit it. Where it may not be raised, the connections that fail will say so.
fn raise_descriptors() {
    let hard = getrlimit(Resource::Nofile).maximum;
    let current = Some(hard.map_or(DESCRIPTORS, |hard| hard.min(DESCRIPTORS)));
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum: hard });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let words =
            |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
        let wanted = parse(&words("--only kill,disk --seconds 3 --json out.json")).unwrap();
        let names: Vec<&str> = wanted.cases.iter().map(|case| case.name).collect();
        assert_eq!(names, ["kill", "disk"]);
        assert_eq!((wanted.seconds, wanted.json), (3, Some(PathBuf::from("out.json"))));
        for (line, part) in [
            ("--only x", "there is no case `x`; there are kill, stop"),
            ("--seconds 1", "a number from 2"),
            ("--seconds", "wants a value"),
            ("--fast yes", "does not know `--fast`"),
        ] {
            let failed = parse(&words(line)).err().map(|failed| failed.to_string());
            assert!(failed.as_ref().is_some_and(|f| f.contains(part)), "{line}: {failed:?}");
        }
    }
}
