//! What SQLite says, in the store's words.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::{Failure, FailureKind};

pub fn failure(path: &Path, error: &rusqlite::Error) -> Failure {
    let kind = error.sqlite_error_code().map_or(FailureKind::Other, kind);
    let what = match kind {
        FailureKind::Damaged => "is damaged",
        FailureKind::ReadOnly => "cannot be written",
        FailureKind::Full => "cannot grow: the disk is full",
        FailureKind::Busy => "is busy",
        FailureKind::Other => "cannot be used",
    };
    Failure { kind, message: format!("the state database `{}` {what}: {error}", path.display()) }
}

fn kind(code: ErrorCode) -> FailureKind {
    match code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => FailureKind::Damaged,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => FailureKind::ReadOnly,
        ErrorCode::DiskFull => FailureKind::Full,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => FailureKind::Busy,
        _ => FailureKind::Other,
    }
}

/// A database whose pages do not hold together.
pub fn damaged(path: &Path, found: &str) -> Failure {
    let message = format!("the state database `{}` is damaged: {found}", path.display());
    Failure { kind: FailureKind::Damaged, message }
}
