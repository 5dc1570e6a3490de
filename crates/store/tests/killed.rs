//! kill -9 in the middle of commits: what was acknowledged is there, and nothing is there in part.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use store::{Change, Key, Sqlite, Store};

const KILLS: u64 = 20;
/// Says to the child which file it is to write.
const FILE: &str = "STORE_KILLED_FILE";
const KEYS: usize = 5;

/// Not a test by itself: the process that is killed. Each commit writes one number into all keys, and
/// is told on standard output once it has been acknowledged.
#[test]
fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let store = Sqlite::open(Path::new(&path)).unwrap();
    let mut out = std::io::stdout().lock();
    for number in last(&store).unwrap_or(0) + 1.. {
        let value = number.to_string().repeat(300).into_bytes();
        let changes: Vec<Change> = keys().map(|key| Change::put(key, value.clone())).collect();
        store.commit(&changes).unwrap();
        writeln!(out, "done {number}").unwrap();
        out.flush().unwrap();
    }
}

fn keys() -> impl Iterator<Item = Key> {
    (0..KEYS).map(|at| Key::new(format!("number/{at}")).unwrap())
}

/// The number in the store, the same in all keys.
fn last(store: &Sqlite) -> Option<u64> {
    let entries = store.list("number/").unwrap().entries;
    let first = entries.first()?;
    assert_eq!(entries.len(), KEYS, "all keys or none");
    for entry in &entries {
        assert_eq!(entry.value, first.value, "one commit, one number");
        assert_eq!(entry.revision, first.revision);
    }
    let text = std::str::from_utf8(&first.value).unwrap();
    text[..text.len() / 300].parse().ok()
}

#[test]
fn what_was_acknowledged_survives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pointsman.db");
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let numbers =
            |line: std::io::Result<String>| line.ok()?.strip_prefix("done ")?.parse().ok();
        // It is in the middle of something when it has said so many words, and at another place each
        // time: nobody waits for it.
        for number in lines.by_ref().filter_map(numbers).take(1 + kill as usize * 7 % 23) {
            acknowledged = number;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = lines.filter_map(numbers).last().unwrap_or(acknowledged);
        let store = Sqlite::open(&path).unwrap();
        let found = last(&store).unwrap();
        let one_more = found == acknowledged + 1;
        assert!(found == acknowledged || one_more, "kill {kill}: {found} after {acknowledged}");
        acknowledged = found;
    }
}
