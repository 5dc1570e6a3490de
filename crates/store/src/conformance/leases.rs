//! Leases: what nobody keeps alive goes, with its keys.

use std::time::Duration;

use super::{Rule, Subject, contents, key, put};
use crate::{Change, CommitError, Event, LeaseError, LeaseId};

pub const RULES: &[Rule] = &[
    ("keys go with the lease that nobody kept alive", ends),
    ("a lease that is kept alive lasts", kept),
    ("a lease that is revoked takes its keys along at once", revoked),
    ("nothing is written under a lease that has ended", ended),
    ("a key that is written without its lease stays", detached),
    ("watchers are told what a lease took along", told),
    ("a lease outlives its handle", outlives),
    ("a lease has a reasonable length", lengths),
];

const TEN: Duration = Duration::from_secs(10);
const NINE: Duration = Duration::from_secs(9);
const ONE: Duration = Duration::from_secs(1);

fn leased(text: &str, lease: LeaseId) -> Change {
    Change::put_leased(key(text), Vec::new(), lease)
}

fn ends(subject: &dyn Subject) {
    let store = subject.fresh();
    let (lease, longer) = (store.grant(TEN).unwrap(), store.grant(TEN + TEN).unwrap());
    assert_ne!(lease, longer);
    store.commit(&[leased("a", lease), leased("b", longer), put("c", "")]).unwrap();
    assert_eq!(store.get(&key("a")).unwrap().unwrap().lease, Some(lease));
    subject.advance(NINE);
    assert_eq!(contents(&*store, ""), ["a=", "b=", "c="]);
    subject.advance(ONE);
    assert_eq!(store.get(&key("a")).unwrap(), None);
    assert_eq!(contents(&*store, ""), ["b=", "c="]);
    assert_eq!(store.keep_alive(lease), Err(LeaseError::Ended));
}

fn kept(subject: &dyn Subject) {
    let store = subject.fresh();
    let lease = store.grant(TEN).unwrap();
    store.commit(&[leased("a", lease)]).unwrap();
    for _ in 0..3 {
        subject.advance(NINE);
        store.keep_alive(lease).unwrap();
    }
    assert_eq!(contents(&*store, ""), ["a="]);
    subject.advance(TEN);
    assert_eq!(contents(&*store, "").len(), 0);
}

fn revoked(subject: &dyn Subject) {
    let store = subject.fresh();
    let lease = store.grant(TEN).unwrap();
    store.commit(&[leased("a", lease), put("b", "")]).unwrap();
    store.revoke(lease).unwrap();
    assert_eq!(contents(&*store, ""), ["b="]);
    assert_eq!(store.revoke(lease), Err(LeaseError::Ended));
}

fn ended(subject: &dyn Subject) {
    let store = subject.fresh();
    let lease = store.grant(TEN).unwrap();
    subject.advance(TEN);
    let outcome = store.commit(&[put("b", ""), leased("a", lease)]);
    assert_eq!(outcome, Err(CommitError::LeaseEnded(key("a"))));
    assert_eq!(store.commit(&[leased("a", LeaseId(99))]), Err(CommitError::LeaseEnded(key("a"))));
    assert_eq!(contents(&*store, "").len(), 0);
}

fn detached(subject: &dyn Subject) {
    let store = subject.fresh();
    let lease = store.grant(TEN).unwrap();
    store.commit(&[leased("a", lease)]).unwrap();
    store.commit(&[put("a", "1")]).unwrap();
    store.revoke(lease).unwrap();
    assert_eq!(contents(&*store, ""), ["a=1"]);
}

fn told(subject: &dyn Subject) {
    let store = subject.fresh();
    let lease = store.grant(TEN).unwrap();
    let revision = store.commit(&[leased("a", lease), leased("b", lease)]).unwrap();
    subject.advance(TEN);
    let changes = store.changes("", revision).unwrap();
    let deleted: Vec<_> = changes
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Deleted { key, revision } => Some((key.as_str(), *revision)),
            Event::Put(_) => None,
        })
        .collect();
    assert_eq!(deleted, [("a", changes.revision), ("b", changes.revision)]);
    assert!(changes.revision > revision);
}

fn outlives(subject: &dyn Subject) {
    let store = subject.fresh();
    let lease = store.grant(TEN).unwrap();
    store.commit(&[leased("a", lease)]).unwrap();
    let other = subject.again();
    drop(store);
    subject.advance(NINE);
    assert_eq!(contents(&*other, ""), ["a="]);
    subject.advance(ONE);
    assert_eq!(contents(&*other, "").len(), 0);
}

fn lengths(subject: &dyn Subject) {
    let store = subject.fresh();
    let rows: &[(&str, Duration, bool)] = &[
        ("nothing", Duration::ZERO, false),
        ("less than a second", Duration::from_millis(999), false),
        ("a second", ONE, true),
        ("a year", Duration::from_secs(365 * 24 * 3600), true),
        ("ten years", Duration::from_secs(3650 * 24 * 3600), false),
        ("for ever", Duration::MAX, false),
    ];
    for (name, length, granted) in rows {
        assert_eq!(store.grant(*length).is_ok(), *granted, "{name}");
    }
}
