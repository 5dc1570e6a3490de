//! A naive store in memory keeps the same rules, and agrees with SQLite on whatever is asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use proptest::prelude::*;
use store::conformance::{self, Subject};
use store::{
    Action, CHANGES_MAX, Change, Changes, ChangesError, Clock, CommitError, Entry, Event, Expected,
    Failure, Key, LeaseError, LeaseId, Listing, Revision, Sqlite, Store, TOMBSTONES_MAX,
    VALUE_BYTES_MAX,
};

/// As obvious as can be: every question walks through everything.
#[derive(Default)]
struct Memory {
    state: Mutex<State>,
    moved: Condvar,
    now: Arc<AtomicI64>,
}

#[derive(Clone, Default)]
struct State {
    revision: u64,
    forgotten: u64,
    entries: BTreeMap<Key, Entry>,
    deleted: BTreeMap<Key, u64>,
    leases: BTreeMap<u64, (i64, i64)>,
    granted: u64,
}

impl State {
    fn remove(&mut self, keys: Vec<Key>) {
        if keys.is_empty() {
            return;
        }
        self.revision += 1;
        for key in keys {
            self.entries.remove(&key);
            self.deleted.insert(key, self.revision);
        }
        self.forget();
    }

    fn forget(&mut self) {
        let mut revisions: Vec<u64> = self.deleted.values().copied().collect();
        revisions.sort_unstable();
        if let Some(extra) = revisions.len().checked_sub(TOMBSTONES_MAX as usize + 1) {
            self.forgotten = revisions[extra];
            self.deleted.retain(|_, revision| *revision > self.forgotten);
        }
    }

    fn end(&mut self, over: impl Fn(u64, i64) -> bool) -> usize {
        let ended: Vec<u64> = self
            .leases
            .iter()
            .filter(|(id, (_, ends))| over(**id, *ends))
            .map(|(id, _)| *id)
            .collect();
        let of = |lease: Option<LeaseId>| lease.is_some_and(|lease| ended.contains(&lease.0));
        let keys = self.entries.values().filter(|e| of(e.lease)).map(|e| e.key.clone()).collect();
        self.remove(keys);
        self.leases.retain(|id, _| !ended.contains(id));
        ended.len()
    }
}

impl Memory {
    fn with<T>(&self, act: impl FnOnce(&mut State, i64) -> T) -> T {
        let now = self.now.load(Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.end(|_, ends| ends <= now);
        let value = act(&mut state, now);
        self.moved.notify_all();
        value
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory")
    }
}

impl Store for Memory {
    fn get(&self, key: &Key) -> Result<Option<Entry>, Failure> {
        Ok(self.with(|state, _| state.entries.get(key).cloned()))
    }

    fn list(&self, prefix: &str) -> Result<Listing, Failure> {
        Ok(self.with(|state, _| {
            let below = state.entries.values().filter(|e| e.key.as_str().starts_with(prefix));
            Listing { revision: Revision(state.revision), entries: below.cloned().collect() }
        }))
    }

    fn commit(&self, changes: &[Change]) -> Result<Revision, CommitError> {
        if changes.len() > CHANGES_MAX {
            return Err(CommitError::TooMany);
        }
        for (at, change) in changes.iter().enumerate() {
            if changes[..at].iter().any(|earlier| earlier.key == change.key) {
                return Err(CommitError::Twice(change.key.clone()));
            }
            if matches!(&change.action, Action::Put { value, .. } if value.len() > VALUE_BYTES_MAX)
            {
                return Err(CommitError::TooLarge(change.key.clone()));
            }
        }
        self.with(|state, _| {
            let next = state.revision + 1;
            let mut new = state.clone();
            for Change { key, expected, action } in changes {
                let found = new.entries.get(key).map(|entry| entry.revision);
                let holds = match expected {
                    Expected::Any => true,
                    Expected::Absent => found.is_none(),
                    Expected::Revision(revision) => found == Some(*revision),
                };
                if !holds {
                    return Err(CommitError::Conflict { key: key.clone(), found });
                }
                match action {
                    Action::Check => {}
                    Action::Delete => {
                        if new.entries.remove(key).is_some() {
                            new.deleted.insert(key.clone(), next);
                            new.revision = next;
                        }
                    }
                    Action::Put { value, lease } => {
                        if lease.is_some_and(|lease| !new.leases.contains_key(&lease.0)) {
                            return Err(CommitError::LeaseEnded(key.clone()));
                        }
                        let created = new.entries.get(key).map_or(Revision(next), |e| e.created);
                        let entry = Entry {
                            key: key.clone(),
                            value: value.clone(),
                            created,
                            revision: Revision(next),
                            lease: *lease,
                        };
                        new.entries.insert(key.clone(), entry);
                        new.deleted.remove(key);
                        new.revision = next;
                    }
                }
            }
            new.forget();
            *state = new;
            Ok(Revision(state.revision))
        })
    }

    fn changes(&self, prefix: &str, after: Revision) -> Result<Changes, ChangesError> {
        self.with(|state, _| {
            if after.0 < state.forgotten {
                let forgotten = Revision(state.forgotten);
                return Err(ChangesError::Behind { after, forgotten });
            }
            let put = state.entries.values().cloned().map(Event::Put);
            let deleted = state.deleted.iter().map(|(key, revision)| Event::Deleted {
                key: key.clone(),
                revision: Revision(*revision),
            });
            let key = |event: &Event| match event {
                Event::Put(entry) => entry.key.clone(),
                Event::Deleted { key, .. } => key.clone(),
            };
            let mut events: Vec<Event> = put
                .chain(deleted)
                .filter(|event| event.revision() > after && key(event).as_str().starts_with(prefix))
                .collect();
            events.sort_by_key(Event::revision);
            Ok(Changes { revision: Revision(state.revision), events })
        })
    }

    fn wait(&self, after: Revision, limit: Duration) -> Result<Revision, Failure> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, _) =
            self.moved.wait_timeout_while(state, limit, |state| state.revision <= after.0).unwrap();
        Ok(Revision(state.revision))
    }

    fn grant(&self, time_to_live: Duration) -> Result<LeaseId, LeaseError> {
        let seconds = time_to_live.as_secs();
        if !(1..=366 * 24 * 3600).contains(&seconds) {
            return Err(LeaseError::Duration);
        }
        Ok(self.with(|state, now| {
            state.granted += 1;
            state.leases.insert(state.granted, (seconds as i64, now + seconds as i64));
            LeaseId(state.granted)
        }))
    }

    fn keep_alive(&self, lease: LeaseId) -> Result<(), LeaseError> {
        self.with(|state, now| {
            let (seconds, ends) = state.leases.get_mut(&lease.0).ok_or(LeaseError::Ended)?;
            *ends = now + *seconds;
            Ok(())
        })
    }

    fn revoke(&self, lease: LeaseId) -> Result<(), LeaseError> {
        self.with(|state, _| match state.end(|id, _| id == lease.0) {
            0 => Err(LeaseError::Ended),
            _ => Ok(()),
        })
    }
}

#[derive(Default)]
struct InMemory(Mutex<Arc<Memory>>);

impl Subject for InMemory {
    fn fresh(&self) -> Arc<dyn Store> {
        *self.0.lock().unwrap() = Arc::default();
        self.again()
    }

    fn again(&self) -> Arc<dyn Store> {
        let memory: Arc<Memory> = Arc::clone(&self.0.lock().unwrap());
        memory
    }

    fn advance(&self, by: Duration) {
        self.0.lock().unwrap().now.fetch_add(by.as_secs() as i64, Ordering::Relaxed);
    }
}

#[test]
fn the_reference_keeps_every_rule() {
    conformance::holds(&InMemory::default());
}

/// One call, on few keys, so that calls meet.
#[derive(Clone, Debug)]
enum Call {
    Commit(Vec<Change>),
    Changes(&'static str, u64),
    Grant(u64),
    KeepAlive(u64),
    Revoke(u64),
    Advance(i64),
}

fn change() -> impl Strategy<Value = Change> {
    let key = prop::sample::select(vec!["a", "a/b", "a/c", "b", "b/a"])
        .prop_map(|text| Key::new(text).unwrap());
    let expected = prop_oneof![
        4 => Just(Expected::Any),
        1 => Just(Expected::Absent),
        1 => (0..12u64).prop_map(|revision| Expected::Revision(Revision(revision))),
    ];
    let action = prop_oneof![
        3 => any::<u8>().prop_map(|byte| Action::Put { value: vec![byte], lease: None }),
        2 => (1..4u64).prop_map(|id| Action::Put { value: vec![], lease: Some(LeaseId(id)) }),
        2 => Just(Action::Delete),
        1 => Just(Action::Check),
    ];
    (key, expected, action).prop_map(|(key, expected, action)| Change { key, expected, action })
}

fn call() -> impl Strategy<Value = Call> {
    let prefix = prop::sample::select(vec!["", "a", "a/", "b"]);
    prop_oneof![
        6 => prop::collection::vec(change(), 0..4).prop_map(Call::Commit),
        2 => (prefix, 0..12u64).prop_map(|(prefix, after)| Call::Changes(prefix, after)),
        2 => (0..20u64).prop_map(Call::Grant),
        1 => (1..4u64).prop_map(Call::KeepAlive),
        1 => (1..4u64).prop_map(Call::Revoke),
        1 => (1..10i64).prop_map(Call::Advance),
    ]
}

/// What a store says to a call, and all that it holds then.
fn answer(store: &dyn Store, call: &Call) -> String {
    let said = match call {
        Call::Commit(changes) => format!("{:?}", store.commit(changes)),
        // Within a revision, keys are in no order.
        Call::Changes(prefix, after) => match store.changes(prefix, Revision(*after)) {
            Ok(Changes { revision, events }) => {
                let mut events: Vec<String> = events.iter().map(|e| format!("{e:?}")).collect();
                events.sort();
                format!("{revision} {events:?}")
            }
            Err(error) => format!("{error:?}"),
        },
        Call::Grant(seconds) => format!("{:?}", store.grant(Duration::from_secs(*seconds))),
        Call::KeepAlive(lease) => format!("{:?}", store.keep_alive(LeaseId(*lease))),
        Call::Revoke(lease) => format!("{:?}", store.revoke(LeaseId(*lease))),
        Call::Advance(_) => String::new(),
    };
    let listing = store.list("").unwrap();
    let all: Vec<_> = listing.entries.iter().map(|e| (e, &e.value, e.created, e.lease)).collect();
    format!("{said} | {} {all:?}", listing.revision)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn sqlite_agrees_with_the_reference(calls in prop::collection::vec(call(), 1..25)) {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::default();
        let now = Arc::clone(&memory.now);
        let clock: Clock = Arc::new(move || now.load(Ordering::Relaxed));
        let sqlite = Sqlite::open_with_clock(&folder.path().join("s.db"), clock).unwrap();
        for call in &calls {
            if let Call::Advance(seconds) = call {
                memory.now.fetch_add(*seconds, Ordering::Relaxed);
            }
            prop_assert_eq!(answer(&sqlite, call), answer(&memory, call), "{:?}", call);
        }
    }
}
