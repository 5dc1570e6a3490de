//! `test` and `quick`: what must hold before a change is shared.

use std::fs;

use crate::failed::Failed;
use crate::{arrows, examples, expect_none, shell, tidy, tools, tree};

/// Below the target folder: where the closing lines of the last run are kept, for `.ci/run` to show at its end.
const SUMMARY: &str = "xtask/tests.txt";
/// Set for tests that take long or need tools: they run where it is set.
const FULL: (&str, &str) = ("POINTSMAN_TEST_FULL", "1");

/// `cargo xtask test`.
pub fn full(arguments: &[String]) -> Result<(), Failed> {
    expect_none(arguments)?;
    // A test that needs what could not be had fails by its own name; the others still count.
    if let Err(missing) = tools::provide(tools::FOR_TESTS) {
        eprintln!("warning: {missing}");
    }
    shell::run(shell::cargo().args(["build", "--release", "--locked", "-p", "pointsman"]))?;
    let mut summary = Vec::new();
    let result = run_tests(&mut summary).and_then(|()| examples::check_documents());
    save(&summary)?;
    println!("\n{}", closing(&summary, result.is_ok()));
    result
}

/// `cargo xtask quick`.
pub fn quick(arguments: &[String]) -> Result<(), Failed> {
    expect_none(arguments)?;
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    arrows::carry_out(&[])?;
    tidy::carry_out(&[])?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    shell::run(shell::cargo().args(clippy))?;
    shell::run(shell::cargo().args([
        "test",
        "--workspace",
        "--lib",
        "--bins",
        "--locked",
        "--quiet",
    ]))
}

fn run_tests(summary: &mut Vec<String>) -> Result<(), Failed> {
    let runs: &[&[&str]] = match shell::is_there("cargo-nextest") {
        true => &[
            &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"],
            &["test", "--doc", "--workspace", "--locked", "--no-fail-fast"],
        ],
        false => &[&["test", "--workspace", "--locked", "--no-fail-fast"]],
    };
    let mut first_failure = Ok(());
    for run in runs {
        let (lines, result) =
            shell::run_and_keep(shell::cargo().args(*run).env(FULL.0, FULL.1), is_summary);
        summary.extend(lines);
        first_failure = first_failure.and(result);
    }
    first_failure
}

/// The lines with which cargo and nextest close a run.
fn is_summary(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("test result:") || (line.starts_with("Summary [") && line.contains("run"))
}

fn save(summary: &[String]) -> Result<(), Failed> {
    let path = tree::target().join(SUMMARY);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Failed::file(folder))?;
    }
    fs::write(&path, summary.join("\n") + "\n").map_err(Failed::file(&path))
}

/// The runs in which something ran, and the verdict.
fn closing(summary: &[String], good: bool) -> String {
    let ran = |line: &&String| !line.contains(" 0 passed; 0 failed");
    let mut text: String = summary.iter().filter(ran).map(|line| format!("{line}\n")).collect();
    text += if good { "xtask test: ok" } else { "xtask test: FAILED" };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_recognised() {
        for (line, expected) in [
            ("     Summary [   1.2s] 23 tests run: 23 passed, 1 skipped", true),
            ("test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out", true),
            ("test result_is_kept ... ok", false),
            ("    Running 3 tests", false),
        ] {
            assert_eq!(is_summary(line), expected, "{line}");
        }
    }

    #[test]
    fn the_closing_shows_what_ran_and_the_verdict() {
        let lines =
            ["test result: ok. 0 passed; 0 failed", "test result: FAILED. 1 passed; 2 failed"];
        let text = closing(&lines.map(str::to_owned), false);
        assert_eq!(text, "test result: FAILED. 1 passed; 2 failed\nxtask test: FAILED");
    }
}
