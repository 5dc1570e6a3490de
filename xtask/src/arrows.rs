//! The architecture as a law: arrows between rooms go down only, the pure rooms stay pure, `unsafe`
//! lives in one leaf. The table here is the one in ARCHITECTURE.md; a test compares them.

mod graph;
mod words;

use crate::failed::{Failed, judge};
use crate::{expect_none, tree};

/// A room of the workspace: a crate and its level. An arrow may go to any lower level.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub name: &'static str,
    pub level: Level,
    pub purpose: &'static str,
}

/// Where a room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Floor(u8),
    /// Uses no room and is used by none.
    Apart,
}

/// Levels up to this one are pure: no sockets, clocks, random numbers, async or logging.
pub const PURE_LEVEL_MAX: u8 = 3;

pub const ROOMS: &[Room] = &[
    room("model", 0, "nouns, each knowing where it was written; the vocabulary of refusals"),
    room("verdict", 1, "the decisions, pure, and the order of a journey"),
    room("world", 2, "model → one immutable snapshot with compiled tables; lints"),
    room("http1", 2, "the HTTP/1 codec: bytes in, heads and framing out"),
    room(
        "machine",
        2,
        "state machines without I/O: health, drain, slow start, stickiness, anomalies",
    ),
    room("config", 3, "the configuration language ↔ model, diagnostics, layout"),
    room(
        "explain",
        3,
        "question → report: explain, who, reach, compare, expectations; pages of codes",
    ),
    room("net", 4, "the only sockets, clocks, random numbers and `unsafe`"),
    room("signal", 4, "events → logs and counters"),
    room("store", 4, "state that must survive: revisions, watch, leases; SQLite"),
    room("tls", 5, "rustls: certificates, policies, tickets, the local authority"),
    room(
        "firewall",
        5,
        "a World → one nftables table of ours, applied whole, its counters read back",
    ),
    room("proxy", 6, "the data plane: one thread per core, nothing shared"),
    room("dns", 6, "the authoritative server: messages, sockets, signatures"),
    room("acme", 6, "certificates from authorities: drives the machine of orders"),
    room("control", 6, "configuration → World → every core; probes; reload; status"),
    room("lab", 7, "declared networks as real ones; real packets beside an explanation; the demos"),
    room("fuzz", 7, "laws of any bytes, and the search for bytes that break them"),
    room("pointsman", 8, "the program: flags and wiring"),
    Room { name: "xtask", level: Level::Apart, purpose: "what CI and contributors run" },
];

const fn room(name: &'static str, level: u8, purpose: &'static str) -> Room {
    Room { name, level: Level::Floor(level), purpose }
}

/// Arrows within a level, each with its reason.
pub const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("signal", "net", "sinks write files and stamp lines with the time, and both come from net"),
    ("control", "proxy", "control starts the cores and publishes to them"),
    ("control", "dns", "control starts the name servers and publishes to them"),
    ("control", "acme", "control says which certificates are wanted and serves those that came"),
    (
        "store",
        "net",
        "leases and revisions are stamped with the time, and nonces are drawn, by net",
    ),
];

/// Arrows that go down and are forbidden all the same.
pub const FORBIDDEN: &[(&str, &str, &str)] = &[(
    "proxy",
    "config",
    "a core serves from the World it has, whatever happens to configuration",
)];

pub fn carry_out(arguments: &[String]) -> Result<(), Failed> {
    if arguments == ["--table"] {
        print!("{}", table());
        return Ok(());
    }
    expect_none(arguments)?;
    let root = tree::root();
    let mut problems = graph::judge(&graph::read(&root)?);
    problems.extend(words::judge(&tree::read(&root)?));
    judge("arrows", problems)
}

/// The table as ARCHITECTURE.md shows it.
fn table() -> String {
    let mut text = String::from("| level | room | what it is |\n|---|---|---|\n");
    for room in ROOMS {
        let level = match room.level {
            Level::Floor(level) => level.to_string(),
            Level::Apart => "–".to_owned(),
        };
        text += &format!("| {level} | `{}` | {} |\n", room.name, room.purpose);
    }
    text
}

pub fn level_of(name: &str) -> Option<Level> {
    ROOMS.iter().find(|room| room.name == name).map(|room| room.level)
}

pub fn is_pure(name: &str) -> bool {
    matches!(level_of(name), Some(Level::Floor(level)) if level <= PURE_LEVEL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_architecture_document_shows_this_table() {
        let document = std::fs::read_to_string(tree::root().join("ARCHITECTURE.md")).unwrap();
        assert!(document.contains(&table()), "ARCHITECTURE.md should contain:\n{}", table());
        for (from, to, reason) in SIDEWAYS {
            let row = format!("`{from}` → `{to}`: {reason}");
            assert!(document.contains(&row), "ARCHITECTURE.md should contain: {row}");
        }
    }

    #[test]
    fn sideways_arrows_stay_within_a_level_and_have_no_way_back() {
        for (from, to, _) in SIDEWAYS {
            assert_eq!(level_of(from), level_of(to), "{from} → {to}");
            assert!(!SIDEWAYS.iter().any(|(a, b, _)| a == to && b == from), "{from} ⇄ {to}");
        }
    }

    #[test]
    fn clippy_guards_every_pure_room() {
        let root = tree::root();
        let list = std::fs::read_to_string(root.join("xtask/pure-rooms.clippy.toml")).unwrap();
        for room in ROOMS.iter().filter(|room| is_pure(room.name)) {
            let theirs =
                std::fs::read_to_string(root.join("crates").join(room.name).join("clippy.toml"));
            assert_eq!(
                theirs.ok().as_ref(),
                Some(&list),
                "{}: link clippy.toml to the list",
                room.name
            );
        }
    }
}
