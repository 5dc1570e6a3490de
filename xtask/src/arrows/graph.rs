//! Arrows between crates, from `cargo metadata`.

use std::path::Path;

use serde_json::Value;

use super::{FORBIDDEN, Level, SIDEWAYS, is_pure, level_of};
use crate::failed::Failed;
use crate::shell;

/// Libraries that bring sockets, clocks, random numbers, async or logging into a pure room.
const IMPURE_LIBRARIES: &[&str] = &[
    "tokio",
    "mio",
    "polling",
    "async-std",
    "smol",
    "futures",
    "socket2",
    "rustix",
    "libc",
    "nix",
    "log",
    "tracing",
    "rand",
    "rand_core",
    "getrandom",
    "fastrand",
    "chrono",
    "time",
    "jiff",
];

/// A crate and what it names in its manifest, for use and for its tests.
#[derive(Clone, Debug)]
pub struct Package {
    pub name: String,
    pub dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug)]
pub struct Dependency {
    pub name: String,
    pub kind: Kind,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Code,
    Tests,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Workspace,
    Registry,
}

pub fn read(root: &Path) -> Result<Vec<Package>, Failed> {
    let line = ["metadata", "--format-version=1", "--no-deps", "--locked"];
    let output = shell::output(shell::cargo().args(line).current_dir(root))?;
    parse(&output)
        .ok_or_else(|| Failed::Unexpected("cargo metadata has changed its shape".to_owned()))
}

fn parse(metadata: &str) -> Option<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    metadata["packages"].as_array()?.iter().map(package).collect()
}

fn package(value: &Value) -> Option<Package> {
    let dependencies =
        value["dependencies"].as_array()?.iter().map(dependency).collect::<Option<_>>()?;
    Some(Package { name: value["name"].as_str()?.to_owned(), dependencies })
}

fn dependency(value: &Value) -> Option<Dependency> {
    let kind = if value["kind"] == "dev" { Kind::Tests } else { Kind::Code };
    let origin = if value["path"].is_string() { Origin::Workspace } else { Origin::Registry };
    Some(Dependency { name: value["name"].as_str()?.to_owned(), kind, origin })
}

pub fn judge(packages: &[Package]) -> Vec<String> {
    packages.iter().flat_map(judge_package).collect()
}

fn judge_package(package: &Package) -> Vec<String> {
    let from = package.name.as_str();
    let Some(level) = level_of(from) else {
        return vec![format!("`{from}` has no level: add it to ROOMS and to ARCHITECTURE.md")];
    };
    let judge = |dependency: &Dependency| match dependency.origin {
        Origin::Workspace => why_not(from, level, &dependency.name),
        Origin::Registry => {
            let impure = dependency.kind == Kind::Code
                && is_pure(from)
                && IMPURE_LIBRARIES.contains(&dependency.name.as_str());
            impure.then(|| format!("`{from}` is pure and may not use `{}`", dependency.name))
        }
    };
    package.dependencies.iter().filter_map(judge).collect()
}

/// Why an arrow is not allowed, if it is not.
fn why_not(from: &str, level: Level, to: &str) -> Option<String> {
    if let Some((_, _, reason)) = FORBIDDEN.iter().find(|(a, b, _)| *a == from && *b == to) {
        return Some(format!("`{from}` → `{to}` is forbidden: {reason}"));
    }
    if SIDEWAYS.iter().any(|(a, b, _)| *a == from && *b == to) {
        return None;
    }
    match (level, level_of(to)) {
        (_, None) => Some(format!("`{from}` → `{to}`: `{to}` has no level")),
        (Level::Apart, Some(_)) => {
            Some(format!("`{from}` → `{to}`: `{from}` stands apart and uses no room"))
        }
        (_, Some(Level::Apart)) => {
            Some(format!("`{from}` → `{to}`: `{to}` stands apart and is used by none"))
        }
        (Level::Floor(a), Some(Level::Floor(b))) if b < a => None,
        (Level::Floor(a), Some(Level::Floor(b))) => {
            let way = if a == b { "sideways" } else { "up" };
            Some(format!(
                "`{from}` (level {a}) → `{to}` (level {b}) goes {way}; arrows go down only"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(from: &str, to: &str, kind: &str, path: &str) -> String {
        format!(
            r#"{{"packages":[{{"name":"{from}","dependencies":[{{"name":"{to}","kind":{kind},"path":{path}}}]}}]}}"#
        )
    }

    #[test]
    fn arrows() {
        for (from, to, kind, path, expected) in [
            ("proxy", "verdict", "null", "\"x\"", None),
            ("control", "proxy", "null", "\"x\"", None),
            ("proxy", "control", "null", "\"x\"", Some("goes sideways")),
            ("proxy", "config", "null", "\"x\"", Some("is forbidden")),
            ("model", "world", "null", "\"x\"", Some("goes up")),
            ("model", "world", "\"dev\"", "\"x\"", Some("goes up")),
            ("world", "http1", "null", "\"x\"", Some("goes sideways")),
            ("attic", "model", "null", "\"x\"", Some("has no level")),
            ("pointsman", "attic", "null", "\"x\"", Some("has no level")),
            ("xtask", "model", "null", "\"x\"", Some("stands apart")),
            ("pointsman", "xtask", "null", "\"x\"", Some("stands apart")),
            ("world", "tokio", "null", "null", Some("may not use `tokio`")),
            ("world", "tokio", "\"dev\"", "null", None),
            ("proxy", "tokio", "null", "null", None),
        ] {
            let packages = parse(&metadata(from, to, kind, path)).unwrap();
            let problems = judge(&packages);
            match expected {
                None => assert!(problems.is_empty(), "{from} → {to}: {problems:?}"),
                Some(part) => {
                    assert_eq!(problems.len(), 1, "{from} → {to}");
                    assert!(problems[0].contains(part), "{from} → {to}: {}", problems[0]);
                }
            }
        }
    }
}
