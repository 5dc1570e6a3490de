//! What every engine keeps, as a suite: an engine is done when it passes.
//!
//! Rows have names; a failed one says which rule was broken. Time is advanced, never slept.

mod commits;
mod leases;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use crate::{Change, Key, Store};

/// An engine on trial.
pub trait Subject {
    /// A store with nothing in it.
    fn fresh(&self) -> Arc<dyn Store>;
    /// The store that `fresh` gave last, opened once more beside it; for an engine in memory, itself.
    fn again(&self) -> Arc<dyn Store>;
    /// Moves the clock of its stores.
    fn advance(&self, by: Duration);
}

/// A rule, and what looks whether it is kept; it panics if it is not.
pub type Rule = (&'static str, fn(&dyn Subject));

/// All rules.
pub fn rules() -> Vec<Rule> {
    [commits::RULES, watching::RULES, leases::RULES].concat()
}

/// Puts an engine to every rule.
///
/// # Panics
/// With the name of the rule that is broken.
pub fn holds(subject: &dyn Subject) {
    for (name, rule) in rules() {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rule(subject)));
        assert!(outcome.is_ok(), "the engine breaks the rule: {name}");
    }
}

fn key(text: &str) -> Key {
    Key::new(text).expect("the suite's keys are keys")
}

fn put(text: &str, value: &str) -> Change {
    Change::put(key(text), value.as_bytes().to_vec())
}

/// Of all keys below a prefix, as `key=value`.
fn contents(store: &dyn Store, prefix: &str) -> Vec<String> {
    let listing = store.list(prefix).expect("a listing");
    let line =
        |entry: &crate::Entry| format!("{}={}", entry.key, String::from_utf8_lossy(&entry.value));
    listing.entries.iter().map(line).collect()
}
