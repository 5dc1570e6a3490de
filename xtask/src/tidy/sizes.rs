//! Lines per file: aim at 300, say so above 400, never above 800. A file that is longer than 400
//! stands in the ratchet with its length, and may only shrink.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::rust_source::{blank, lines_without_tests};
use crate::tree::TextFile;

/// Above this, a file must be in the ratchet.
pub const LINES_FREE: usize = 400;
/// Above this, a file is refused. Of a file of tests, all lines count.
pub const LINES_MAX: usize = 800;
pub const RATCHET: &str = "xtask/ratchet.txt";

const HEADING: &str = "# Files above 400 lines without tests, and how long they may be. They only shrink:\n\
                       # `cargo xtask tidy --ratchet` lowers this list and never raises it.\n";

/// How long the long files may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ratchet(BTreeMap<String, usize>);

impl Ratchet {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn tightened(&self, files: &[TextFile]) -> Ratchet {
        let now = |(path, allowed): (&String, &usize)| {
            let lines = files.iter().find(|file| file.path == *path).map(lines)?;
            (lines > LINES_FREE).then(|| (path.clone(), lines.min(*allowed)))
        };
        Ratchet(self.0.iter().filter_map(now).collect())
    }
}

impl fmt::Display for Ratchet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADING)?;
        self.0.iter().try_for_each(|(path, lines)| writeln!(f, "{lines} {path}"))
    }
}

impl FromStr for Ratchet {
    type Err = String;

    fn from_str(text: &str) -> Result<Ratchet, String> {
        let parse = |line: &str| {
            let (lines, path) = line.split_once(' ')?;
            Some((path.to_owned(), lines.parse().ok()?))
        };
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entry =
            |line| parse(line).ok_or_else(|| format!("{RATCHET}: `{line}` is not `LINES PATH`"));
        lines.map(entry).collect::<Result<_, _>>().map(Ratchet)
    }
}

pub fn judge(files: &[TextFile], ratchet: &Ratchet) -> Vec<String> {
    let mut problems: Vec<String> = files
        .iter()
        .filter(|file| file.is_rust())
        .filter_map(|file| judge_file(file, ratchet))
        .collect();
    if ratchet.tightened(files) != *ratchet {
        // A ratchet that lags behind would let a file grow again.
        let lagging = ratchet
            .0
            .keys()
            .filter(|path| ratchet.tightened(files).0.get(*path) != ratchet.0.get(*path));
        let names: Vec<&str> = lagging.map(String::as_str).collect();
        problems
            .push(format!("{RATCHET}: {} shrank: `cargo xtask tidy --ratchet`", names.join(", ")));
    }
    problems
}

fn judge_file(file: &TextFile, ratchet: &Ratchet) -> Option<String> {
    let lines = lines(file);
    let path = &file.path;
    if lines > LINES_MAX {
        return Some(format!("{path}: {lines} lines, and {LINES_MAX} is the most: split it"));
    }
    if file.is_test() || lines <= LINES_FREE {
        return None;
    }
    match ratchet.0.get(path) {
        None => Some(format!("{path}: {lines} lines without tests, above {LINES_FREE}: split it")),
        Some(allowed) if lines > *allowed => Some(format!(
            "{path}: grew from {allowed} to {lines} lines, above {LINES_FREE}: split it"
        )),
        Some(_) => None,
    }
}

/// Without tests, except in a file that is nothing but tests.
fn lines(file: &TextFile) -> usize {
    if file.is_test() { file.text.lines().count() } else { lines_without_tests(&blank(&file.text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize, tests: usize) -> TextFile {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "x();\n".repeat(tests));
        TextFile { path: path.to_owned(), text: "x();\n".repeat(lines) + &tests }
    }

    #[test]
    fn sizes() {
        for (name, path, lines, tests, ratchet, expected) in [
            ("short", "a/src/b.rs", 400, 0, "", None),
            ("tests do not count", "a/src/b.rs", 400, 900, "", None),
            ("long", "a/src/b.rs", 401, 0, "", Some("above 400")),
            ("long and known", "a/src/b.rs", 450, 0, "450 a/src/b.rs", None),
            ("grown", "a/src/b.rs", 451, 0, "450 a/src/b.rs", Some("grew from 450 to 451")),
            ("shrunk", "a/src/b.rs", 440, 0, "450 a/src/b.rs", Some("--ratchet")),
            ("no longer long", "a/src/b.rs", 200, 0, "450 a/src/b.rs", Some("--ratchet")),
            ("no longer there", "a/src/c.rs", 200, 0, "450 a/src/b.rs", Some("--ratchet")),
            (
                "too long, whatever is known",
                "a/src/b.rs",
                801,
                0,
                "801 a/src/b.rs",
                Some("is the most"),
            ),
            ("a file of tests", "a/src/b/tests.rs", 700, 0, "", None),
            ("a long file of tests", "a/tests/b.rs", 801, 0, "", Some("is the most")),
        ] {
            let problems = judge(&[file(path, lines, tests)], &ratchet.parse().unwrap());
            match expected {
                None => assert!(problems.is_empty(), "{name}: {problems:?}"),
                Some(part) => {
                    assert!(problems.iter().any(|p| p.contains(part)), "{name}: {problems:?}")
                }
            }
        }
    }

    #[test]
    fn the_ratchet_only_tightens() {
        let files = [
            file("a.rs", 450, 0),
            file("b.rs", 500, 0),
            file("c.rs", 100, 0),
            file("d.rs", 600, 0),
        ];
        let ratchet: Ratchet = "480 a.rs\n490 b.rs\n450 c.rs\n".parse().unwrap();
        let tightened = ratchet.tightened(&files);
        assert_eq!(tightened.to_string(), format!("{HEADING}450 a.rs\n490 b.rs\n"));
        assert_eq!(tightened.to_string().parse(), Ok(tightened));
        assert!("many a.rs".parse::<Ratchet>().is_err());
    }
}
