//! Searches for bytes that break a law of the crate `fuzz` (docs/fuzzing.md).
//!
//! libFuzzer, with the coverage counters of the ordinary compiler: no nightly toolchain, no clang.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bench::ticks_per_second;
use crate::failed::Failed;
use crate::{shell, tools, tree};

/// The same names as `fuzz::TARGETS`, and the longest input worth trying.
const TARGETS: &[(&str, u32)] = &[
    ("request", 2048),
    ("response", 2048),
    ("chunks", 1024),
    ("stream", 2048),
    ("paths", 256),
    ("cookies", 512),
    ("configuration", 2048),
    ("questions", 512),
    ("hellos", 2048),
];
const SECONDS: u32 = 60;
/// One input must not take longer, nor the fuzzer more memory.
const INPUT_SECONDS_MAX: u32 = 5;
const MEMORY_MEGABYTES_MAX: u32 = 1024;
/// Of one target: what is committed is to be read in a moment by the tests.
const CORPUS_FILES_MAX: usize = 400;

const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg fuzzing";

struct Wanted {
    seconds: u32,
    targets: Vec<(&'static str, u32)>,
    jobs: u32,
}

/// What became of one target.
struct Row {
    name: &'static str,
    executions: u64,
    coverage: u64,
    seconds: u64,
    corpus: usize,
    crashes: usize,
}

/// `fuzz [--seconds N] [--only TARGET,..] [--jobs N]`.
pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    let wanted = parse(arguments)?;
    tools::provide(tools::FOR_FUZZ)?;
    let fuzzer = build()?;
    let mut rows = Vec::new();
    for (name, bytes_max) in &wanted.targets {
        rows.push(search(&fuzzer, name, *bytes_max, &wanted)?);
    }
    print!("{}", table(&rows));
    match rows.iter().map(|row| row.crashes).sum() {
        0 => Ok(()),
        crashes => Err(Failed::Unexpected(format!(
            "{crashes} inputs in fuzz/crashes break a law: mend it and keep them there"
        ))),
    }
}

fn build() -> Result<PathBuf, Failed> {
    let host = shell::output(Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let target = tree::target().join("fuzz");
    let mut cargo = shell::cargo();
    // With a target named, build scripts and macros are built without the counters.
    cargo.args(["build", "--locked", "-p", "fuzz", "--features", "libfuzzer"]);
    cargo.args(["--profile", "fuzz", "--target", host, "--target-dir"]).arg(&target);
    shell::run(cargo.env("RUSTFLAGS", COVERAGE))?;
    Ok(target.join(host).join("fuzz/fuzzer"))
}

fn search(
    fuzzer: &Path,
    name: &'static str,
    bytes_max: u32,
    wanted: &Wanted,
) -> Result<Row, Failed> {
    let root = tree::root().join("fuzz");
    let (corpus, crashes) = (root.join("corpus").join(name), root.join("crashes").join(name));
    let found = tree::target().join("fuzz/found").join(name);
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).map_err(Failed::file(folder))?;
    }
    eprintln!("{name}: {} s", wanted.seconds);
    let mut command = Command::new(fuzzer);
    command.env("FUZZ_TARGET", name).arg(&found).arg(&corpus);
    command.arg(format!("-max_total_time={}", wanted.seconds));
    command.arg(format!("-max_len={bytes_max}"));
    command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MEGABYTES_MAX}"));
    command.arg(format!(
        "-artifact_prefix={}/crash-of-{name}-",
        found.parent().unwrap_or(&root).display()
    ));
    command.args(["-print_final_stats=1", "-use_value_profile=1"]);
    if wanted.jobs > 1 {
        command.arg(format!("-fork={}", wanted.jobs));
    }
    let log = tree::target().join("fuzz").join(format!("{name}.log"));
    let output = fs::File::create(&log).map_err(Failed::file(&log))?;
    let errors = output.try_clone().map_err(Failed::file(&log))?;
    let before = children_seconds();
    let status = command.stdin(Stdio::null()).stdout(output).stderr(errors).status();
    let status = status.map_err(Failed::file(fuzzer))?;
    let said = fs::read(&log).map_err(Failed::file(&log))?;
    let said = String::from_utf8_lossy(&said);
    let kept = keep_crashes(name, &found, &crashes)?;
    if !status.success() && kept == 0 {
        return Err(Failed::Unexpected(format!(
            "the fuzzer of {name} ended with {status}: {}",
            log.display()
        )));
    }
    let seconds = children_seconds().saturating_sub(before);
    merge(fuzzer, name, &corpus, &found)?;
    Ok(Row {
        name,
        executions: number(&said, "stat::number_of_executed_units:")
            .or_else(|| last_after(&said, '#'))
            .unwrap_or(0),
        coverage: last_after_word(&said, "cov:").unwrap_or(0),
        seconds,
        corpus: count(&corpus),
        crashes: kept,
    })
}

/// Processor time of all processes that were waited for, in whole seconds (proc(5), `cutime` and
/// `cstime`).
fn children_seconds() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = after_name.split_whitespace().skip(13).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks / ticks_per_second()
}

/// Moves the inputs that broke the law to where the tests replay them.
fn keep_crashes(name: &str, found: &Path, crashes: &Path) -> Result<usize, Failed> {
    let folder = found.parent().unwrap_or(found);
    let prefix = format!("crash-of-{name}-");
    let mut kept = 0;
    for entry in fs::read_dir(folder).map_err(Failed::file(folder))?.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if let Some(rest) = file.strip_prefix(&prefix) {
            fs::create_dir_all(crashes).map_err(Failed::file(crashes))?;
            fs::rename(entry.path(), crashes.join(rest)).map_err(Failed::file(crashes))?;
            kept += 1;
        }
    }
    Ok(kept)
}

/// The least set of inputs with the same coverage becomes the committed corpus.
fn merge(fuzzer: &Path, name: &str, corpus: &Path, found: &Path) -> Result<(), Failed> {
    let merged = tree::target().join("fuzz/merged").join(name);
    let _ = fs::remove_dir_all(&merged);
    fs::create_dir_all(&merged).map_err(Failed::file(&merged))?;
    let mut command = Command::new(fuzzer);
    command.env("FUZZ_TARGET", name).arg("-merge=1").args([&merged, corpus, found]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !status.is_ok_and(|status| status.success()) || count(&merged) == 0 {
        // Nothing is lost: the next run starts from what this one found.
        return Ok(());
    }
    let mut files: Vec<PathBuf> = fs::read_dir(&merged)
        .map_err(Failed::file(&merged))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    // Small ones first: they say most by the byte.
    files
        .sort_by_key(|file| (fs::metadata(file).map_or(u64::MAX, |data| data.len()), file.clone()));
    let _ = fs::remove_dir_all(corpus);
    fs::create_dir_all(corpus).map_err(Failed::file(corpus))?;
    for file in files.iter().take(CORPUS_FILES_MAX) {
        if let Some(name) = file.file_name() {
            fs::copy(file, corpus.join(name)).map_err(Failed::file(file))?;
        }
    }
    Ok(())
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |entries| entries.flatten().count())
}

fn number(said: &str, label: &str) -> Option<u64> {
    let line = said.lines().rev().find_map(|line| line.trim().strip_prefix(label))?;
    line.trim().parse().ok()
}

/// `#1234` of the last line that begins so.
fn last_after(said: &str, mark: char) -> Option<u64> {
    let line = said.lines().rev().find_map(|line| line.strip_prefix(mark))?;
    line.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn last_after_word(said: &str, word: &str) -> Option<u64> {
    let line = said.lines().rev().find(|line| line.contains(word))?;
    line.split(word).nth(1)?.split_whitespace().next()?.parse().ok()
}

fn table(rows: &[Row]) -> String {
    use std::fmt::Write;
    let mut out = format!(
        "{:<14} {:>13} {:>12} {:>9} {:>9} {:>8}\n",
        "target", "executions", "CPU seconds", "coverage", "corpus", "crashes"
    );
    for row in rows {
        let _ = writeln!(
            out,
            "{:<14} {:>13} {:>12} {:>9} {:>9} {:>8}",
            row.name, row.executions, row.seconds, row.coverage, row.corpus, row.crashes
        );
    }
    out
}

fn parse(arguments: &[String]) -> Result<Wanted, Failed> {
    let mut wanted = Wanted { seconds: SECONDS, targets: TARGETS.to_vec(), jobs: 1 };
    let mut arguments = arguments.iter();
    while let Some(flag) = arguments.next() {
        let value =
            arguments.next().ok_or_else(|| Failed::Usage(format!("`{flag}` wants a value")))?;
        let number = || {
            let number = value.parse().ok().filter(|number| (1..=100_000).contains(number));
            number.ok_or_else(|| Failed::Usage(format!("`{flag} {value}`: a number from 1 on")))
        };
        match flag.as_str() {
            "--seconds" => wanted.seconds = number()?,
            "--jobs" => wanted.jobs = number()?,
            "--only" => {
                wanted.targets = value.split(',').map(target_named).collect::<Result<_, _>>()?;
            }
            other => return Err(Failed::Usage(format!("`fuzz` does not know `{other}`"))),
        }
    }
    Ok(wanted)
}

fn target_named(name: &str) -> Result<(&'static str, u32), Failed> {
    TARGETS.iter().find(|(known, _)| *known == name).copied().ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        Failed::Usage(format!("there is no target `{name}`; there are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_those_of_the_crate() {
        let source = fs::read_to_string(tree::root().join("fuzz/src/lib.rs")).unwrap();
        let listed: Vec<String> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("target(\""))
            .filter_map(|rest| rest.split_once("\", "))
            .map(|(name, rest)| format!("{name} {}", rest.split(',').next().unwrap_or_default()))
            .collect();
        let ours: Vec<String> = TARGETS.iter().map(|(name, max)| format!("{name} {max}")).collect();
        assert_eq!(listed, ours);
    }

    #[test]
    fn what_libfuzzer_says() {
        let said = "#8192 pulse cov: 100 ft: 3\n#9000 DONE cov: 120 ft: 4\nstat::number_of_executed_units: 9001\n";
        assert_eq!(number(said, "stat::number_of_executed_units:"), Some(9001));
        assert_eq!(last_after(said, '#'), Some(9000));
        assert_eq!(last_after_word(said, "cov:"), Some(120));
    }
}
