//! Every lint with a bad example and its remedy, and what is silenced. Each bad example has that one
//! finding and no other: nothing is warned of twice, and nothing that is well is warned of.

mod lints {
    pub mod issuance;
    pub mod rows;
    pub mod tls;
}

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use config::{Environment, Sources};
use model::{Finding, LINTS, Severity, never_silenced};

use lints::rows::{NGINX, ROWS, Row, SHOP, WELL};

struct Files;

impl Environment for Files {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path, name: &str) -> io::Result<String> {
        let found = NGINX.iter().find(|(file, _)| *file == name);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn examined(name: &str, sources: &Sources, environment: &dyn Environment) -> Vec<Finding> {
    let (model, findings) = config::parse(sources, environment);
    let errors: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}");
    let examined = control::examine(model, findings);
    let broken = examined.broken.into_iter().map(|broken| broken.finding);
    examined.findings.into_iter().chain(broken).collect()
}

fn findings(name: &str, text: &str) -> Vec<Finding> {
    examined(name, &Sources::single("shop.hcl", text), &Files)
}

fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().chain(lints::issuance::ROWS).chain(lints::tls::ROWS)
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

fn edited(name: &str, text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        if from.is_empty() {
            return format!("{text}\n{to}\n");
        }
        assert_eq!(text.matches(from).count(), 1, "{name}: `{from}` stands there once");
        text.replacen(from, to, 1)
    })
}

fn bad(row: &Row) -> String {
    edited(row.name, SHOP, row.bad)
}

/// The only line with this text, from 1.
fn line_of(row: &Row, text: &str) -> u32 {
    let mut found = text.lines().enumerate().filter(|(_, line)| line.contains(row.at));
    let (line, _) = found.next().unwrap_or_else(|| panic!("{}: no `{}`", row.name, row.at));
    assert!(found.next().is_none(), "{}: two `{}`", row.name, row.at);
    line as u32 + 1
}

#[test]
fn nothing_is_found_in_a_good_configuration() {
    assert_eq!(findings("the shop", SHOP), []);
}

#[test]
fn what_is_well_is_not_doubted() {
    let mut wrong = Vec::new();
    for (name, edits) in WELL {
        let found = findings(name, &edited(name, SHOP, edits));
        if !found.is_empty() {
            wrong.push(format!("{name}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_silence_holds_within_its_own_block() {
    let row = rows().find(|row| row.code == "lint/redirect-to-nowhere").unwrap();
    let text = bad(row);
    let silence = "silence \"lint/redirect-to-nowhere\" { reason = \"known\" }\n";
    let rows: [(&str, &str, &[&str]); 3] = [
        ("in the listener", "  listener \"http\" {\n", &[]),
        ("in the load balancer", "load_balancer \"shop\" {\n", &[]),
        (
            "in another listener",
            "  listener \"https\" {\n",
            &["lint/redirect-to-nowhere", "lint/unused-silence"],
        ),
    ];
    for (name, head, expected) in rows {
        let text = edited(name, &text, &[(head, &format!("{head}{silence}"))]);
        assert_eq!(codes(&findings(name, &text)), expected, "{name}");
    }
}

#[test]
fn every_lint_has_a_row() {
    let shown: BTreeSet<&str> = rows().map(|row| row.code).collect();
    // It takes more than a million prefixes: see the tests of `control::expectations`.
    let large = |code: &&str| *code == "lint/expectation-not-proved";
    assert_eq!(shown, LINTS.into_iter().filter(|code| !large(code)).collect());
    let names: BTreeSet<&str> = rows().map(|row| row.name).collect();
    assert_eq!(names.len(), rows().count(), "names are distinct");
}

#[test]
fn a_bad_example_has_this_finding_only_and_its_remedy_none() {
    let mut wrong = Vec::new();
    for row in rows() {
        let text = bad(row);
        let found = findings(row.name, &text);
        let line = line_of(row, &text);
        let places: Vec<(&str, u32)> = found.iter().map(|f| (f.code, f.place.line)).collect();
        if places != [(row.code, line)] {
            wrong.push(format!("{}: line {line} of {} expected: {found:#?}", row.name, row.code));
            continue;
        }
        if found[0].hint.is_none() || found[0].message.ends_with('.') {
            wrong.push(format!("{}: {:?}", row.name, found[0]));
        }
        let mended = findings(row.name, &edited(row.name, &text, row.good));
        if !mended.is_empty() {
            wrong.push(format!("{}, mended: {mended:#?}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_lint_can_be_silenced_where_it_points_and_everywhere() {
    for row in rows().filter(|row| never_silenced(row.code).is_none()) {
        let text = bad(row);
        let silence = format!("silence \"{}\" {{ reason = \"known\" }}\n", row.code);
        let everywhere = findings(row.name, &format!("{text}\n{silence}"));
        assert_eq!(codes(&everywhere), [] as [&str; 0], "{}, at the top level", row.name);
        let (head, rest) = split_at_block(&text, line_of(row, &text));
        let there = findings(row.name, &format!("{head}{silence}{rest}"));
        assert_eq!(codes(&there), [] as [&str; 0], "{}, in its block", row.name);
        let other = "\nsecurity_group \"other\" {\n  silence \"lint/unused-security-group\" { reason = \"known\" }\n";
        let elsewhere = findings(row.name, &format!("{text}{other}{silence}}}\n"));
        let both = [row.code, "lint/unused-silence"];
        if row.code != "lint/unused-security-group" {
            assert_eq!(codes(&elsewhere), both, "{}, in another block", row.name);
        }
    }
}

/// After the head of the top-level block that the line is in.
fn split_at_block(text: &str, line: u32) -> (&str, &str) {
    let mut at = 0;
    let mut found = 0;
    for (number, one) in text.split_inclusive('\n').enumerate() {
        at += one.len();
        if number < line as usize && one.trim_end().ends_with('{') && !one.starts_with(' ') {
            found = at;
        }
    }
    text.split_at(found)
}

#[test]
fn what_cannot_be_silenced_says_why() {
    for code in LINTS.into_iter().filter(|code| never_silenced(code).is_some()) {
        let text = format!("silence \"{code}\" {{ reason = \"known\" }}\n");
        let (_, findings) = config::parse(&Sources::single("shop.hcl", &text), &Files);
        assert_eq!(codes(&findings), ["config/silence"], "{code}");
        assert_eq!(findings[0].hint.as_deref(), never_silenced(code), "{code}");
    }
}

/// What `check` says of every configuration that is shown or played, and nothing more.
#[test]
fn the_examples_of_this_repository() {
    let rows: &[(&str, &[&str])] = &[
        ("README.md", &[]),
        ("docs/configuration.md", &[]),
        ("crates/lab/src/stories/small.hcl", &[]),
        ("crates/lab/src/stories/gateway_502.hcl", &["lint/not-started-at-boot"]),
        ("crates/lab/src/stories/works_on_my_machine.hcl", &["lint/page-call-refused"]),
        ("pointsman/tests/lab/applications.hcl", &["lint/expectation-broken"]),
        ("pointsman/tests/lab/gateway.hcl", &["lint/expectation-broken"]),
        ("pointsman/tests/lab/loopback.hcl", &[]),
        (
            "pointsman/tests/lab/phones.hcl",
            &["lint/private-address-in-public", "lint/expectation-broken"],
        ),
        ("pointsman/tests/lab/shop.hcl", &[]),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut wrong = Vec::new();
    for (file, expected) in rows {
        let mut found = Vec::new();
        for sources in examples(&root.join(file)) {
            found.extend(examined(file, &sources, &config::RealEnvironment));
        }
        // Certificates of the examples are not there.
        found.retain(|finding| finding.code.starts_with("lint/"));
        if codes(&found) != **expected {
            wrong.push(format!("{file}: {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn examples(path: &PathBuf) -> Vec<Sources> {
    if path.extension().is_some_and(|extension| extension == "hcl") {
        return vec![Sources::load(path).unwrap()];
    }
    let text = std::fs::read_to_string(path).unwrap();
    let pieces = text.split("```hcl\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    pieces.map(|piece| Sources::single("example", piece)).collect()
}
