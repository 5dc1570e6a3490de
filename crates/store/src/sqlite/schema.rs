//! The layout of the file, for anybody with a SQLite shell.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;
use super::failure::{damaged, failure};

/// Of the layout. A file with a greater one is refused; a smaller one would be moved up here.
pub const VERSION: i64 = 1;
/// Deletions that are remembered for watchers; one that is further behind lists anew.
pub const TOMBSTONES_MAX: i64 = 4096;
/// `Pmn1`: says whose database this is, to `file` as well.
const APPLICATION: i64 = 0x506d_6e31;

const LAYOUT: &str = "
CREATE TABLE counter (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL,
    forgotten INTEGER NOT NULL  -- deletions up to this revision may be missing in tombstone
) STRICT;
INSERT INTO counter VALUES (1, 0, 0);
CREATE TABLE entry (
    key TEXT NOT NULL UNIQUE,
    value BLOB NOT NULL,
    created INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    lease INTEGER
) STRICT;
CREATE INDEX entry_revision ON entry (revision);
CREATE INDEX entry_lease ON entry (lease) WHERE lease IS NOT NULL;
CREATE TABLE tombstone (key TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT;
CREATE INDEX tombstone_revision ON tombstone (revision);
CREATE TABLE lease (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    seconds INTEGER NOT NULL,
    ends INTEGER NOT NULL       -- seconds since 1970
) STRICT;
CREATE INDEX lease_ends ON lease (ends);
";

/// Sets the connection up, makes the layout in an empty file, and looks whether the file is whole.
pub fn prepare(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |error| OpenError::Failed(failure(path, &error));
    let (application, version) = marks(connection).map_err(failed)?;
    if (application, version) != (0, 0) || has_tables(connection).map_err(failed)? {
        if application != APPLICATION {
            return Err(OpenError::Foreign { path: path.to_owned() });
        }
        if version > VERSION {
            return Err(OpenError::Newer { path: path.to_owned(), found: version });
        }
    }
    // FULL: a commit that was acknowledged survives a power cut. Deleted keys are overwritten, for
    // they may be secrets. Temporary files would be written where the sandbox forbids it.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
        )
        .map_err(failed)?;
    if version == 0 {
        make(connection).map_err(failed)?;
    }
    let found: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
    match found.as_str() {
        "ok" => Ok(()),
        found => Err(damaged(path, found).into()),
    }
}

fn marks(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let application = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok((application, version))
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

fn make(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(LAYOUT)?;
    transaction.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    ))?;
    transaction.commit()
}
