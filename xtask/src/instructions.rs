//! How many instructions a decision takes, counted by valgrind: the same on a busy machine as on an
//! idle one, so that CI can hold it against what is committed.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failed::Failed;
use crate::{shell, tools, tree};

/// The counts that were last agreed on: `CASE COUNT` a line.
const AGREED: &str = "xtask/instructions.txt";
/// Counts differ a little between processors (vector widths) and compilers.
const TOLERANCE: f64 = 0.10;

/// Something that is counted: the argument of an example, and how often it is done.
struct Case {
    name: &'static str,
    example: &'static str,
    times: u64,
}

const CASES: &[Case] = &[
    decision("admit-3-ranges"),
    decision("admit-50000-ranges"),
    decision("route-20-rules"),
    decision("route-10000-rules"),
    decision("route-peculiar-path"),
    decision("redirect"),
    decision("target-round-robin-3"),
    decision("target-round-robin-100"),
    decision("parse-request"),
    explanation("rules-explain-reaches"),
    explanation("rules-explain-denied"),
    explanation("disjoint-explain-reaches"),
    explanation("disjoint-who"),
];

/// Of the data plane.
const fn decision(name: &'static str) -> Case {
    Case { name, example: "decisions", times: 2000 }
}

/// An answer about something large.
const fn explanation(name: &'static str) -> Case {
    Case { name, example: "explanations", times: 3 }
}

/// `instructions [--agree]`: counts, and fails if a decision became dearer than agreed.
pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    let agree = match arguments {
        [] => false,
        [flag] if flag == "--agree" => true,
        [other, ..] => {
            return Err(Failed::Usage(format!("`instructions` does not know `{other}`")));
        }
    };
    tools::provide(tools::FOR_INSTRUCTIONS)?;
    let build = ["build", "--release", "--locked", "-p", "pointsman"];
    let examples = ["--example", "decisions", "--example", "explanations"];
    shell::run(shell::cargo().args(build).args(examples))?;
    let file = tree::root().join(AGREED);
    let agreed = fs::read_to_string(&file).unwrap_or_default();
    let counted = CASES
        .iter()
        .map(|case| Ok((case.name, count(case)?)))
        .collect::<Result<Vec<_>, Failed>>()?;
    if agree {
        let text = counted.iter().fold(String::new(), |mut out, (case, count)| {
            let _ = writeln!(out, "{case} {count}");
            out
        });
        fs::write(&file, text).map_err(Failed::file(&file))?;
    }
    let (table, dearer) = judge(&counted, if agree { "" } else { &agreed });
    print!("{table}");
    match dearer.is_empty() {
        true => Ok(()),
        false => Err(Failed::Unexpected(format!(
            "dearer than {AGREED} allows: {}; mend it, or agree with `cargo xtask instructions --agree` \
             and say why in the commit",
            dearer.join(", ")
        ))),
    }
}

/// The table, and the cases that are beyond the tolerance.
fn judge(counted: &[(&'static str, u64)], agreed: &str) -> (String, Vec<&'static str>) {
    let mut table = format!("{:<26} {:>12} {:>12}\n", "decision", "instructions", "agreed");
    let mut dearer = Vec::new();
    for (case, count) in counted {
        let before = agreed.lines().find_map(|line| {
            let (name, number) = line.split_once(' ')?;
            (name == *case).then(|| number.trim().parse::<u64>().ok())?
        });
        let shown = before.map_or("-".to_owned(), |before| before.to_string());
        let _ = writeln!(table, "{case:<26} {count:>12} {shown:>12}");
        // What nobody has agreed on cannot be dearer; a missing line is noticed by the table.
        if before.is_some_and(|before| *count as f64 > before as f64 * (1.0 + TOLERANCE)) {
            dearer.push(*case);
        }
    }
    (table, dearer)
}

/// Of one decision: the difference between two runs of different length, so that start and
/// preparation do not count.
fn count(case: &Case) -> Result<u64, Failed> {
    let (short, long) = (run(case, case.times)?, run(case, 2 * case.times)?);
    Ok(long.saturating_sub(short) / case.times)
}

fn run(case: &Case, times: u64) -> Result<u64, Failed> {
    let program: PathBuf = tree::target().join("release/examples").join(case.example);
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(&program).args([case.name, &times.to_string()]);
    let output = command.stdin(Stdio::null()).output().map_err(Failed::file("valgrind"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let count = references(&said).filter(|_| output.status.success());
    count.ok_or_else(|| Failed::Unexpected(format!("valgrind on {}:\n{said}", case.name)))
}

/// Of `==1== I   refs:      1,234`.
fn references(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("refs:"))?;
    let digits: String = line.split("refs:").nth(1)?.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_dearer_is_named() {
        let agreed = "a 100\nb 100\n";
        let (table, dearer) = judge(&[("a", 109), ("b", 111), ("c", 5)], agreed);
        assert_eq!(dearer, ["b"], "{table}");
        assert!(table.lines().any(|line| line.starts_with("c ") && line.ends_with('-')), "{table}");
    }

    #[test]
    fn what_valgrind_says() {
        assert_eq!(references("==7== \n==7== I   refs:      1,234,567\n"), Some(1_234_567));
        assert_eq!(references("==7== nothing"), None);
    }
}
