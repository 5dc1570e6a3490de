//! Following a part of the store.

use std::sync::Arc;
use std::time::Duration;

use crate::store::{Changes, ChangesError, Event, Failure, Revision, Store};

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

    /// As [`poll`](Watch::poll), for who needs to see what is there and not what went: one that is too
    /// far behind is told everything that is there.
    pub fn catch_up(&mut self) -> Result<Vec<Event>, Failure> {
        match self.poll() {
            Ok(events) => Ok(events),
            Err(ChangesError::Behind { .. }) => {
                let listing = self.store.list(&self.prefix)?;
                self.after = listing.revision;
                Ok(listing.entries.into_iter().map(Event::Put).collect())
            }
            Err(ChangesError::Failed(failure)) => Err(failure),
        }
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
