//! Commits: all or none, on condition, in one order.

use std::sync::Arc;

use super::{Rule, Subject, contents, key, put};
use crate::{CHANGES_MAX, Change, CommitError, Expected, Revision, Store, VALUE_BYTES_MAX};

pub const RULES: &[Rule] = &[
    ("a fresh store is empty, at revision zero", fresh),
    ("what was put is read, with its revisions", put_and_get),
    ("a value may be empty, and any bytes", any_bytes),
    ("a listing is of a prefix, in the order of keys", listing),
    ("a condition that does not hold changes nothing", conditions),
    ("several changes are made all or none", all_or_none),
    ("a revision moves only if something changed", revisions),
    ("what exceeds a limit is refused whole", limits),
    ("of many writers at once, each condition lets one through", writers),
    ("a store that is opened once more shows the same", again),
];

fn fresh(subject: &dyn Subject) {
    let store = subject.fresh();
    let listing = store.list("").unwrap();
    assert_eq!((listing.revision, listing.entries.len()), (Revision::ZERO, 0));
    assert_eq!(store.get(&key("a")).unwrap(), None);
}

fn put_and_get(subject: &dyn Subject) {
    let store = subject.fresh();
    let first = store.commit(&[put("a", "1"), put("b", "1")]).unwrap();
    let second = store.commit(&[put("a", "2")]).unwrap();
    assert!(second > first && first > Revision::ZERO);
    let a = store.get(&key("a")).unwrap().unwrap();
    assert_eq!((&a.value[..], a.created, a.revision, a.lease), (&b"2"[..], first, second, None));
    store.commit(&[Change::delete(key("a"))]).unwrap();
    assert_eq!(store.get(&key("a")).unwrap(), None);
    let third = store.commit(&[put("a", "3")]).unwrap();
    let a = store.get(&key("a")).unwrap().unwrap();
    assert_eq!((a.created, a.revision), (third, third), "a key that comes again is a new one");
}

fn any_bytes(subject: &dyn Subject) {
    let store = subject.fresh();
    let all: Vec<u8> = (0..=255).collect();
    store.commit(&[Change::put(key("e"), Vec::new()), Change::put(key("f"), all.clone())]).unwrap();
    assert_eq!(store.get(&key("e")).unwrap().unwrap().value, Vec::<u8>::new());
    assert_eq!(store.get(&key("f")).unwrap().unwrap().value, all);
}

fn listing(subject: &dyn Subject) {
    let store = subject.fresh();
    let keys = ["b", "a/2", "a/1", "a/1/x", "ab", "a/_", "A/1", "a/%"];
    store.commit(&keys.map(|key| put(key, ""))).unwrap();
    let rows: &[(&str, &[&str])] = &[
        ("a/", &["a/%=", "a/1=", "a/1/x=", "a/2=", "a/_="]),
        ("a/1", &["a/1=", "a/1/x="]),
        ("A", &["A/1="]),
        ("a/_", &["a/_="]),
        ("c", &[]),
    ];
    for (prefix, expected) in rows {
        assert_eq!(contents(&*store, prefix), *expected, "{prefix}");
    }
    assert_eq!(contents(&*store, "").len(), keys.len());
}

fn conditions(subject: &dyn Subject) {
    let store = subject.fresh();
    let was = store.commit(&[put("there", "1")]).unwrap();
    let now = store.commit(&[put("there", "2")]).unwrap();
    let rows: &[(&str, &str, Expected, bool)] = &[
        ("any, there", "there", Expected::Any, true),
        ("any, absent", "absent", Expected::Any, true),
        ("absent, absent", "absent", Expected::Absent, true),
        ("absent, there", "there", Expected::Absent, false),
        ("the revision, there", "there", Expected::Revision(now), true),
        ("an older revision, there", "there", Expected::Revision(was), false),
        ("a revision, absent", "absent", Expected::Revision(now), false),
        ("revision zero is not absence", "absent", Expected::Revision(Revision::ZERO), false),
    ];
    for (name, text, expected, holds) in rows {
        let outcome = store.commit(&[Change::check(key(text), *expected)]);
        assert_eq!(outcome.is_ok(), *holds, "{name}");
        if let Err(error) = outcome {
            let found = (*text == "there").then_some(now);
            assert_eq!(error, CommitError::Conflict { key: key(text), found }, "{name}");
        }
    }
}

fn all_or_none(subject: &dyn Subject) {
    let store = subject.fresh();
    store.commit(&[put("a", "1"), put("b", "1")]).unwrap();
    let before = store.list("").unwrap();
    let changes = [
        put("a", "2"),
        Change::delete(key("b")),
        put("c", "2"),
        put("d", "2").expecting(Expected::Revision(Revision(999))),
    ];
    store.commit(&changes).unwrap_err();
    assert_eq!(store.list("").unwrap(), before);
    let revision = store.commit(&changes[..3]).unwrap();
    assert_eq!(contents(&*store, ""), ["a=2", "c=2"]);
    let listing = store.list("").unwrap();
    assert!(listing.entries.iter().all(|entry| entry.revision == revision), "one revision for all");
}

fn revisions(subject: &dyn Subject) {
    let store = subject.fresh();
    let first = store.commit(&[put("a", "1")]).unwrap();
    let rows: &[(&str, Vec<Change>, u64)] = &[
        ("nothing", vec![], 0),
        ("a condition alone", vec![Change::check(key("a"), Expected::Any)], 0),
        ("deleting what is not there", vec![Change::delete(key("z"))], 0),
        ("writing the same", vec![put("a", "1")], 1),
        ("deleting", vec![Change::delete(key("a"))], 1),
    ];
    let mut last = first;
    for (name, changes, moved) in rows {
        let revision = store.commit(changes).unwrap();
        assert_eq!(revision.0, last.0 + moved, "{name}");
        assert_eq!(store.list("").unwrap().revision, revision, "{name}");
        last = revision;
    }
}

fn limits(subject: &dyn Subject) {
    let store = subject.fresh();
    let many = |count: usize| -> Vec<Change> {
        (0..count).map(|at| put(&format!("many/{at}"), "")).collect()
    };
    let large = |size: usize| Change::put(key("large"), vec![7; size]);
    assert_eq!(store.commit(&many(CHANGES_MAX + 1)), Err(CommitError::TooMany));
    assert_eq!(
        store.commit(&[put("a", ""), large(VALUE_BYTES_MAX + 1)]),
        Err(CommitError::TooLarge(key("large")))
    );
    assert_eq!(store.commit(&[put("a", "1"), put("a", "2")]), Err(CommitError::Twice(key("a"))));
    assert_eq!(store.list("").unwrap().entries.len(), 0);
    store.commit(&many(CHANGES_MAX)).unwrap();
    store.commit(&[large(VALUE_BYTES_MAX)]).unwrap();
    assert_eq!(store.get(&key("large")).unwrap().unwrap().value.len(), VALUE_BYTES_MAX);
}

fn writers(subject: &dyn Subject) {
    const THREADS: usize = 4;
    const TURNS: u64 = 10;
    let store = subject.fresh();
    store.commit(&[put("n", "0")]).unwrap();
    let stores: Vec<Arc<dyn Store>> = (0..THREADS)
        .map(|at| if at % 2 == 0 { Arc::clone(&store) } else { subject.again() })
        .collect();
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| (0..TURNS).for_each(|_| increment(&**store)));
        }
    });
    let n = String::from_utf8(store.get(&key("n")).unwrap().unwrap().value).unwrap();
    assert_eq!(n, (THREADS as u64 * TURNS).to_string(), "no increment is lost");
}

fn increment(store: &dyn Store) {
    loop {
        let entry = store.get(&key("n")).unwrap().unwrap();
        let n: u64 = String::from_utf8_lossy(&entry.value).parse().unwrap();
        let next = put("n", &(n + 1).to_string()).expecting(Expected::Revision(entry.revision));
        match store.commit(&[next]) {
            Ok(_) => return,
            Err(CommitError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

fn again(subject: &dyn Subject) {
    let store = subject.fresh();
    store.commit(&[put("a", "1")]).unwrap();
    let other = subject.again();
    assert_eq!(other.list("").unwrap(), store.list("").unwrap());
    let revision = other.commit(&[put("b", "1")]).unwrap();
    assert_eq!(store.list("").unwrap().revision, revision, "what the other wrote is seen at once");
    drop(store);
    assert_eq!(contents(&*other, ""), ["a=1", "b=1"]);
}
