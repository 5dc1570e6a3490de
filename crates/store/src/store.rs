//! The trait that every engine keeps, and its words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::Key;
use crate::change::{CHANGES_MAX, Change, VALUE_BYTES_MAX};

/// The number of a commit: one counter for the whole store, which only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// Before everything.
    pub const ZERO: Revision = Revision(0);
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A right that ends by itself; keys written under it go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// Seconds since 1970, so that a lease means the same to every process. A clock that is stepped
/// forward ends leases early: who holds one guards what it writes by revisions, too.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// One key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    pub value: Vec<u8>,
    /// Of the commit that made it, and of the one that wrote it last.
    pub created: Revision,
    pub revision: Revision,
    pub lease: Option<LeaseId>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes, revision {})", self.key, self.value.len(), self.revision)
    }
}

/// All keys below a prefix, as they were together at `revision`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub revision: Revision,
    pub entries: Vec<Entry>,
}

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Put(Entry),
    Deleted { key: Key, revision: Revision },
}

impl Event {
    pub fn revision(&self) -> Revision {
        match self {
            Event::Put(entry) => entry.revision,
            Event::Deleted { revision, .. } => *revision,
        }
    }
}

/// The keys that changed, each once with what it is now, in the order of their revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// To ask from next time.
    pub revision: Revision,
    pub events: Vec<Event>,
}

/// State that survives. Every call is whole: it happened and is on disk when it has returned `Ok`,
/// and after an error, or in a process that was killed, it has happened or not, never in part.
///
/// Calls may wait for a disk; none waits for another call's caller.
pub trait Store: Send + Sync + fmt::Debug {
    fn get(&self, key: &Key) -> Result<Option<Entry>, Failure>;

    /// The keys that begin with `prefix`, in their order; all for the empty one.
    fn list(&self, prefix: &str) -> Result<Listing, Failure>;

    /// Makes all of `changes` or none. The revision is a new one if anything was changed.
    fn commit(&self, changes: &[Change]) -> Result<Revision, CommitError>;

    /// What changed below `prefix` after a revision. A key that changed twice is told once, as it is
    /// now: a watcher follows the state, not its history, and deleted secrets leave none.
    fn changes(&self, prefix: &str, after: Revision) -> Result<Changes, ChangesError>;

    /// Returns the newest revision: at once if it is later than `after`, else when something is
    /// committed by this process, or when `limit` is over. What other processes commit is seen
    /// whenever it is asked.
    fn wait(&self, after: Revision, limit: Duration) -> Result<Revision, Failure>;

    /// A lease that ends after `time_to_live`, in whole seconds, unless it is kept alive.
    fn grant(&self, time_to_live: Duration) -> Result<LeaseId, LeaseError>;

    /// The whole time to live, from now.
    fn keep_alive(&self, lease: LeaseId) -> Result<(), LeaseError>;

    /// Ends it, and deletes its keys.
    fn revoke(&self, lease: LeaseId) -> Result<(), LeaseError>;
}

/// The engine could not; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: FailureKind,
    /// Names the store, and what its engine said.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// What was read is not what was written.
    Damaged,
    ReadOnly,
    Full,
    /// Others held it for too long.
    Busy,
    Other,
}

impl Failure {
    /// The remedy.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            FailureKind::Damaged => {
                "stop the instance, keep the damaged file aside, and put a backup in its place (docs/state.md)"
            }
            FailureKind::ReadOnly => {
                "the state directory and its files must be writable for the user that Pointsman runs as"
            }
            FailureKind::Full => "make room on the disk of the state directory",
            FailureKind::Busy => "another program holds the database open for writing: end it",
            FailureKind::Other => "see whether the disk of the state directory is in order",
        }
    }
}

/// Why nothing was committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    #[error("`{key}` was changed meanwhile")]
    Conflict {
        key: Key,
        /// `None`: it is not there.
        found: Option<Revision>,
    },
    #[error("`{0}` is changed twice in one commit")]
    Twice(Key),
    #[error("a commit has more than {CHANGES_MAX} changes")]
    TooMany,
    #[error("the value of `{0}` is larger than {VALUE_BYTES_MAX} bytes")]
    TooLarge(Key),
    #[error("the lease of `{0}` has ended")]
    LeaseEnded(Key),
    #[error(transparent)]
    Failed(#[from] Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    /// List anew, and go on from the listing's revision.
    #[error("deletions after revision {after} are forgotten up to revision {forgotten}")]
    Behind { after: Revision, forgotten: Revision },
    #[error(transparent)]
    Failed(#[from] Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    #[error("the lease has ended")]
    Ended,
    #[error("a lease lasts from one second to a year")]
    Duration,
    #[error(transparent)]
    Failed(#[from] Failure),
}
