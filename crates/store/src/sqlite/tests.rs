use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::conformance::{self, Subject};
use crate::store::FailureKind;

/// SQLite files in folders of their own, with a clock that is moved by hand.
struct Files {
    now: Arc<AtomicI64>,
    folder: RefCell<tempfile::TempDir>,
}

impl Files {
    fn open(&self) -> Arc<dyn Store> {
        let now = Arc::clone(&self.now);
        let clock: Clock = Arc::new(move || now.load(Ordering::Relaxed));
        let path = self.folder.borrow().path().join("pointsman.db");
        Arc::new(Sqlite::open_with_clock(&path, clock).unwrap())
    }
}

impl Subject for Files {
    fn fresh(&self) -> Arc<dyn Store> {
        self.folder.replace(tempfile::tempdir().unwrap());
        self.open()
    }

    fn again(&self) -> Arc<dyn Store> {
        self.open()
    }

    fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_secs()).unwrap(), Ordering::Relaxed);
    }
}

#[test]
fn the_engine_keeps_every_rule() {
    let now = Arc::new(AtomicI64::new(1_800_000_000));
    conformance::holds(&Files { now, folder: RefCell::new(tempfile::tempdir().unwrap()) });
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn put(text: &str, value: &[u8]) -> Change {
    Change::put(key(text), value.to_vec())
}

#[test]
fn nobody_else_may_read_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pointsman.db");
    let store = Sqlite::open(&path).unwrap();
    store.commit(&[put("a", b"1")]).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn files_that_are_not_ours() {
    let other = |batch: &'static str| {
        move |path: &Path| Connection::open(path).unwrap().execute_batch(batch).unwrap()
    };
    type Make = Box<dyn Fn(&Path)>;
    let rows: Vec<(&str, Make, &str)> = vec![
        ("of another program", Box::new(other("CREATE TABLE t (a)")), "another program"),
        (
            "of a newer version",
            Box::new(|path: &Path| {
                drop(Sqlite::open(path).unwrap());
                Connection::open(path).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
            }),
            "written by a newer Pointsman (its layout is 2, this one knows 1)",
        ),
        ("no database", Box::new(|path| fs::write(path, [7; 4096]).unwrap()), "is damaged"),
        ("a folder", Box::new(|path| fs::create_dir(path).unwrap()), "cannot open"),
        ("cut short", Box::new(cut_short), "is damaged"),
    ];
    for (name, make, expected) in rows {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pointsman.db");
        make(&path);
        let error = Sqlite::open(&path).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
        assert!(!error.hint().is_empty(), "{name}");
    }
}

/// A file whose last pages are zeros, as after a disk that lost them.
fn cut_short(path: &Path) {
    let store = Sqlite::open(path).unwrap();
    for at in 0..50 {
        store.commit(&[put(&format!("many/{at}"), &[at; 3000])]).unwrap();
    }
    drop(store);
    let whole = fs::read(path).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2..].fill(0);
    fs::write(path, damaged).unwrap();
}

#[test]
fn a_disk_that_refuses() {
    let rows = [
        ("full", "PRAGMA max_page_count = 1", FailureKind::Full),
        ("read-only", "PRAGMA query_only = ON", FailureKind::ReadOnly),
    ];
    for (name, pragma, kind) in rows {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("pointsman.db")).unwrap();
        store.commit(&[put("a", b"1")]).unwrap();
        store.connection().execute_batch(pragma).unwrap();
        let error = store.commit(&[put("a", b"2"), put("b", &[0; 100_000])]).unwrap_err();
        let CommitError::Failed(failure) = error else { panic!("{name}: {error}") };
        assert_eq!(failure.kind, kind, "{name}: {failure}");
        let listing = store.list("").unwrap();
        assert_eq!(listing.entries.len(), 1, "{name}: nothing was changed");
        assert_eq!(listing.entries[0].value, b"1", "{name}");
    }
}

#[test]
fn what_was_deleted_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pointsman.db");
    let secret = b"a secret that was here once and is here no longer";
    let store = Sqlite::open(&path).unwrap();
    store.commit(&[put("a", secret)]).unwrap();
    store.commit(&[put("a", b"other")]).unwrap();
    // The last one to close writes the log back into the file.
    drop(store);
    let bytes = fs::read(&path).unwrap();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    assert!(!path.with_extension("db-wal").exists());
}

#[test]
fn a_backup_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("pointsman.db")).unwrap();
    store.commit(&[put("a", b"1")]).unwrap();
    let copy = folder.path().join("copy.db");
    store.back_up(&copy).unwrap();
    store.back_up(&copy).unwrap_err();
    store.commit(&[put("b", b"1")]).unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Sqlite::open(&copy).unwrap();
    assert_eq!(copy.list("").unwrap().entries.len(), 1);
    assert_eq!(copy.list("").unwrap().revision, Revision(1));
}
