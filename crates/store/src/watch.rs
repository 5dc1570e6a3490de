//! Following a part of the store.

use std::sync::Arc;
use std::time::Duration;

use crate::store::{Changes, ChangesError, Event, Revision, Store};

/// The changes below a prefix, each time those that are new.
#[derive(Debug)]
pub struct Watch {
    store: Arc<dyn Store>,
    prefix: String,
    after: Revision,
}

impl Watch {
    /// From what comes after a revision, which is that of a [`Listing`](crate::Listing) as a rule.
    pub fn new(store: Arc<dyn Store>, prefix: impl Into<String>, after: Revision) -> Watch {
        Watch { store, prefix: prefix.into(), after }
    }

    /// What is new; without waiting.
    pub fn poll(&mut self) -> Result<Vec<Event>, ChangesError> {
        let Changes { revision, events } = self.store.changes(&self.prefix, self.after)?;
        self.after = revision;
        Ok(events)
    }

    /// What is new; if nothing is, waits for the next commit, but not longer than `limit`. A commit
    /// elsewhere in the store ends the wait as well.
    pub fn next(&mut self, limit: Duration) -> Result<Vec<Event>, ChangesError> {
        let events = self.poll()?;
        if !events.is_empty() {
            return Ok(events);
        }
        self.store.wait(self.after, limit)?;
        self.poll()
    }
}
