//! Watching: nothing is missed, and who is too far behind is told.

use std::sync::Arc;
use std::time::Duration;

use super::{Rule, Subject, key, put};
use crate::{CHANGES_MAX, Change, ChangesError, Event, Revision, TOMBSTONES_MAX, Watch};

pub const RULES: &[Rule] = &[
    ("a watcher is told what changed, in order, once each", told),
    ("a watcher of a prefix is told of that alone", prefix),
    ("a listing and a watch from its revision miss nothing", from_listing),
    ("what another handle commits is told when asked", other_handle),
    ("a commit wakes who waits", wakes),
    ("a wait ends at its limit", limit),
    ("who is too far behind is told so", behind),
];

/// Longer than any test waits for something that does happen.
const LONG: Duration = Duration::from_secs(60);

fn lines(events: &[Event]) -> Vec<String> {
    let line = |event: &Event| match event {
        Event::Put(entry) => format!("{}={}", entry.key, String::from_utf8_lossy(&entry.value)),
        Event::Deleted { key, .. } => format!("{key} deleted"),
    };
    events.iter().map(line).collect()
}

fn told(subject: &dyn Subject) {
    let store = subject.fresh();
    let start = store.commit(&[put("gone", ""), put("early", "")]).unwrap();
    let mut watch = Watch::new(Arc::clone(&store), "", start);
    assert!(watch.poll().unwrap().is_empty());
    store.commit(&[put("b", "1")]).unwrap();
    store.commit(&[put("a", "1")]).unwrap();
    store.commit(&[Change::delete(key("gone"))]).unwrap();
    store.commit(&[put("b", "2")]).unwrap();
    store.commit(&[put("brief", "")]).unwrap();
    store.commit(&[Change::delete(key("brief"))]).unwrap();
    let events = watch.poll().unwrap();
    // What came and went meanwhile is told as gone: the watcher may have seen it elsewhere.
    assert_eq!(lines(&events), ["a=1", "gone deleted", "b=2", "brief deleted"]);
    assert!(events.is_sorted_by_key(Event::revision));
    assert!(watch.poll().unwrap().is_empty(), "once each");
    store.commit(&[put("gone", "again")]).unwrap();
    assert_eq!(lines(&watch.poll().unwrap()), ["gone=again"]);
}

fn prefix(subject: &dyn Subject) {
    let store = subject.fresh();
    let mut watch = Watch::new(Arc::clone(&store), "a/", Revision::ZERO);
    store.commit(&[put("a/1", "x"), put("b/1", "x"), put("a", "x")]).unwrap();
    assert_eq!(lines(&watch.poll().unwrap()), ["a/1=x"]);
    store.commit(&[Change::delete(key("b/1"))]).unwrap();
    assert!(watch.poll().unwrap().is_empty());
}

fn from_listing(subject: &dyn Subject) {
    let store = subject.fresh();
    store.commit(&[put("a", "1")]).unwrap();
    let listing = store.list("").unwrap();
    store.commit(&[put("b", "1")]).unwrap();
    let changes = store.changes("", listing.revision).unwrap();
    assert_eq!(lines(&changes.events), ["b=1"]);
    assert_eq!(changes.revision, store.list("").unwrap().revision);
}

fn other_handle(subject: &dyn Subject) {
    let store = subject.fresh();
    let mut watch = Watch::new(Arc::clone(&store), "", Revision::ZERO);
    let other = subject.again();
    other.commit(&[put("a", "1")]).unwrap();
    assert_eq!(lines(&watch.next(LONG).unwrap()), ["a=1"]);
}

fn wakes(subject: &dyn Subject) {
    let store = subject.fresh();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.wait(Revision::ZERO, LONG).unwrap());
        let revision = store.commit(&[put("a", "1")]).unwrap();
        assert_eq!(waiting.join().unwrap(), revision);
    });
    let mut watch = Watch::new(Arc::clone(&store), "", Revision(1));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| watch.next(LONG).unwrap());
        store.commit(&[put("b", "1")]).unwrap();
        assert_eq!(lines(&waiting.join().unwrap()), ["b=1"]);
    });
}

fn limit(subject: &dyn Subject) {
    let store = subject.fresh();
    let revision = store.commit(&[put("a", "1")]).unwrap();
    assert_eq!(store.wait(Revision::ZERO, LONG).unwrap(), revision, "what was is not waited for");
    assert_eq!(store.wait(revision, Duration::from_millis(1)).unwrap(), revision);
}

fn behind(subject: &dyn Subject) {
    let store = subject.fresh();
    let start = store.commit(&[put("kept", "")]).unwrap();
    let many = usize::try_from(TOMBSTONES_MAX).unwrap() + 1;
    let keys: Vec<_> = (0..many).map(|at| key(&format!("many/{at}"))).collect();
    for some in keys.chunks(CHANGES_MAX) {
        let changes: Vec<_> = some.iter().map(|key| Change::put(key.clone(), Vec::new())).collect();
        store.commit(&changes).unwrap();
    }
    for some in keys.chunks(CHANGES_MAX) {
        let changes: Vec<_> = some.iter().map(|key| Change::delete(key.clone())).collect();
        store.commit(&changes).unwrap();
    }
    match store.changes("", start) {
        Err(ChangesError::Behind { after, forgotten }) => {
            assert_eq!(after, start);
            store.changes("", forgotten).unwrap();
        }
        other => panic!("{other:?}"),
    }
    let listing = store.list("").unwrap();
    assert!(store.changes("", listing.revision).unwrap().events.is_empty());
}
