//! Broken configurations: does the answer name the thing, the line and the fix?

use std::path::{Path, PathBuf};

use config::{RealEnvironment, Sources, Style};
use model::Finding;

/// Of all files, so many must be answered well: 36 of 40.
const SHARE_WANTED: f64 = 0.9;

struct Expected {
    line: u32,
    names: String,
    fix: String,
    needs_world: bool,
}

/// `# expect: line=7 names="wbe" fix="security_group.web" needs=world`
fn expected(text: &str) -> Expected {
    let first = text.lines().next().unwrap();
    let quoted = |key: &str| {
        let rest =
            first.split_once(&format!("{key}=\"")).unwrap_or_else(|| panic!("{key} in {first}")).1;
        let end = rest.replace("\\\"", "__").find('"').unwrap();
        rest[..end].replace("\\\"", "\"")
    };
    let line = first.split_once("line=").unwrap().1.split(' ').next().unwrap();
    Expected {
        line: line.parse().unwrap(),
        names: quoted("names"),
        fix: quoted("fix"),
        needs_world: first.ends_with("needs=world"),
    }
}

fn findings(path: &Path, expected: &Expected) -> (Sources, Vec<Finding>) {
    let sources = Sources::load(path).unwrap();
    let (model, mut findings) = config::parse(&sources, &RealEnvironment);
    if expected.needs_world {
        assert!(findings.is_empty(), "{}: {findings:?}", path.display());
        findings = world::lint(&model, &|id| Some(model[id].names.clone()));
    }
    (sources, findings)
}

/// What is missing of: the thing, the line, the fix, all in one finding.
fn missing(findings: &[Finding], expected: &Expected) -> Vec<&'static str> {
    let lacks = |finding: &Finding| {
        let hint = finding.hint.as_deref().unwrap_or("");
        let whole = format!("{} {hint}", finding.message);
        let mut lacks = Vec::new();
        if !whole.contains(&expected.names) {
            lacks.push("the thing");
        }
        if finding.place.line != expected.line {
            lacks.push("the line");
        }
        if !hint.contains(&expected.fix) {
            lacks.push("the fix");
        }
        lacks
    };
    findings.iter().map(lacks).min_by_key(Vec::len).unwrap_or(vec!["everything"])
}

#[test]
fn answers_name_the_thing_the_line_and_the_fix() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 40, "{} files", files.len());
    let mut good = 0;
    let mut table = String::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected = expected(&std::fs::read_to_string(path).unwrap());
        let (sources, findings) = findings(path, &expected);
        let rendered = config::render(&sources, &findings, Style { color: false, width: 100 });
        assert!(!findings.is_empty(), "{name} is not found to be broken");
        assert!(
            rendered.contains(&format!(":{}:", expected.line))
                || !missing(&findings, &expected).is_empty(),
            "{name}: {rendered}"
        );
        let missing = missing(&findings, &expected);
        if missing.is_empty() {
            good += 1;
            table.push_str(&format!("good  {name}\n"));
        } else {
            table.push_str(&format!("poor  {name}: lacks {}\n{rendered}\n", missing.join(", ")));
        }
    }
    println!("{good} of {} answers name the thing, the line and the fix\n{table}", files.len());
    assert!(good as f64 >= SHARE_WANTED * files.len() as f64, "{good} of {}\n{table}", files.len());
}
