//! What a commit asks for.

use crate::Key;
use crate::store::{LeaseId, Revision};

/// Of one value. A certificate chain with its key is some 20 KB.
pub const VALUE_BYTES_MAX: usize = 512 * 1024;
/// Of one commit. etcd's default is the same.
pub const CHANGES_MAX: usize = 128;

/// One change of a commit; it is made only if `expected` holds, together with all others or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: Key,
    pub expected: Expected,
    pub action: Action,
}

/// What must be true of a key for a commit to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Any,
    Absent,
    /// It is there, and was last written by this commit.
    Revision(Revision),
}

#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// With a lease, the key goes when the lease does.
    Put {
        value: Vec<u8>,
        lease: Option<LeaseId>,
    },
    Delete,
    /// Nothing: only `expected` is asked.
    Check,
}

impl Change {
    pub fn put(key: Key, value: Vec<u8>) -> Change {
        Change { key, expected: Expected::Any, action: Action::Put { value, lease: None } }
    }

    pub fn put_leased(key: Key, value: Vec<u8>, lease: LeaseId) -> Change {
        let action = Action::Put { value, lease: Some(lease) };
        Change { key, expected: Expected::Any, action }
    }

    pub fn delete(key: Key) -> Change {
        Change { key, expected: Expected::Any, action: Action::Delete }
    }

    /// Only a condition.
    pub fn check(key: Key, expected: Expected) -> Change {
        Change { key, expected, action: Action::Check }
    }

    #[must_use]
    pub fn expecting(self, expected: Expected) -> Change {
        Change { expected, ..self }
    }
}

/// Values may be secrets that their owner has not sealed yet: only their size is shown.
impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Action::Put { value, lease: None } => write!(f, "put {} bytes", value.len()),
            Action::Put { value, lease: Some(lease) } => {
                write!(f, "put {} bytes under {lease:?}", value.len())
            }
            Action::Delete => f.write_str("delete"),
            Action::Check => f.write_str("check"),
        }
    }
}
