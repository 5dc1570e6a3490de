//! State that must survive: revisions, compare-and-set, watch and leases behind one trait, its
//! conformance suite, and SQLite as the engine that a single instance needs nothing else for.
//!
//! This crate must not know what it keeps: keys are paths, values are bytes. What must not be read
//! from the disk is sealed by the caller with a [`Vault`] first; the engine cannot tell.
//!
//! Start at [`Store`].

mod change;
mod key;
mod store;

mod sqlite;
mod watch;

pub mod conformance;
pub mod vault;

pub use change::{Action, CHANGES_MAX, Change, Expected, VALUE_BYTES_MAX};
pub use key::{BadKey, KEY_BYTES_MAX, Key};
pub use sqlite::{OpenError, Sqlite, TOMBSTONES_MAX};
pub use store::{
    Changes, ChangesError, Clock, CommitError, Entry, Event, Failure, FailureKind, LeaseError,
    LeaseId, Listing, Revision, Store,
};
pub use vault::{Secret, Vault};
pub use watch::Watch;
