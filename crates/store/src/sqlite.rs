//! One file, one counter: the engine that needs nothing else.
//!
//! Every write is one `BEGIN IMMEDIATE` transaction with a write-ahead log that is synced before
//! commit returns, so several processes may use a file at once (an instance and `cert import`).

mod failure;
mod read;
mod schema;
mod write;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use self::failure::failure;
pub use self::schema::TOMBSTONES_MAX;
use crate::store::{
    Changes, ChangesError, Clock, CommitError, Entry, Failure, LeaseError, LeaseId, Listing,
    Revision, Store,
};
use crate::{Change, Key};

/// How long another process may write.
const BUSY_LIMIT: Duration = Duration::from_secs(5);
const PRIVATE_FILE: u32 = 0o600;

/// A database file; clones are made by sharing it.
pub struct Sqlite {
    path: PathBuf,
    clock: Clock,
    connection: Mutex<Connection>,
    /// The newest revision that this process knows of, for [`Store::wait`].
    newest: Mutex<Revision>,
    moved: Condvar,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open the state database `{path}`", path = .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{path}` is a database of another program", path = .path.display())]
    Foreign { path: PathBuf },
    #[error(
        "the state database `{path}` was written by a newer Pointsman (its layout is {found}, this \
         one knows {known})",
        path = .path.display(), known = schema::VERSION
    )]
    Newer { path: PathBuf, found: i64 },
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl OpenError {
    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            OpenError::File { path, .. } => format!(
                "`{}` must be writable for the user that Pointsman runs as",
                path.parent().unwrap_or(path).display()
            ),
            OpenError::Foreign { .. } => "give a state directory of its own with `--state`".into(),
            OpenError::Newer { .. } => {
                "run the newer version, or restore the backup made before it (docs/state.md)".into()
            }
            OpenError::Failed(failure) => failure.hint().into(),
        }
    }
}

// === impl Sqlite ===

impl Sqlite {
    /// Opens the file, or makes it for its owner only, and looks whether it is whole.
    pub fn open(path: &Path) -> Result<Sqlite, OpenError> {
        Sqlite::open_with_clock(path, Arc::new(net::clock::unix_seconds))
    }

    pub fn open_with_clock(path: &Path, clock: Clock) -> Result<Sqlite, OpenError> {
        let at = |source| OpenError::File { path: path.to_owned(), source };
        // SQLite would make it readable for all; its side files take the mode of this one.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(PRIVATE_FILE);
        options.open(path).map_err(at)?;
        let _lock = lock(path).map_err(at)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let failed = |error| OpenError::Failed(failure(path, &error));
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_LIMIT).map_err(failed)?;
        schema::prepare(&mut connection, path)?;
        let newest = read::revision(&connection).map_err(failed)?;
        Ok(Sqlite {
            path: path.to_owned(),
            clock,
            connection: Mutex::new(connection),
            newest: Mutex::new(newest),
            moved: Condvar::new(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a whole copy, which may be opened as a store, while others go on writing.
    pub fn back_up(&self, to: &Path) -> Result<(), OpenError> {
        let at = |source| OpenError::File { path: to.to_owned(), source };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(PRIVATE_FILE).open(to).map_err(at)?;
        let target = to.to_str().ok_or_else(|| at(io::ErrorKind::InvalidFilename.into()))?;
        self.connection()
            .execute("VACUUM INTO ?1", [target])
            .map_err(|error| failure(&self.path, &error))?;
        Ok(())
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // Dropping a transaction rolls it back, so a panic elsewhere leaves nothing half done.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look at the database, after leases that are over have been ended.
    fn reading<T>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Failure> {
        let failed = |error| failure(&self.path, &error);
        let now = (self.clock)();
        let mut connection = self.connection();
        if write::lease_is_due(&connection, now).map_err(failed)? {
            drop(connection);
            self.writing(|_, _| Ok(()))?;
            connection = self.connection();
        }
        let transaction = connection.transaction().map_err(failed)?;
        let seen = look(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(seen)
    }

    /// One transaction; wakes those that wait if the revision moved.
    fn writing<T, E: From<Failure>>(
        &self,
        write: impl FnOnce(&write::Writer<'_>, Revision) -> Result<T, WriteError<E>>,
    ) -> Result<T, E> {
        let now = (self.clock)();
        let outcome = self.connection_write(now, write);
        let (value, revision) = outcome.map_err(|error| match error {
            WriteError::Engine(error) => E::from(failure(&self.path, &error)),
            WriteError::Refused(error) => error,
        })?;
        self.tell(revision);
        Ok(value)
    }

    fn connection_write<T, E>(
        &self,
        now: i64,
        write: impl FnOnce(&write::Writer<'_>, Revision) -> Result<T, WriteError<E>>,
    ) -> Result<(T, Revision), WriteError<E>> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write::end_leases(&transaction, now)?;
        let before = read::revision(&transaction)?;
        let writer = write::Writer { connection: &transaction, now };
        let value = write(&writer, before)?;
        let revision = read::revision(&transaction)?;
        transaction.commit()?;
        Ok((value, revision))
    }

    fn tell(&self, revision: Revision) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if *newest < revision {
            *newest = revision;
            self.moved.notify_all();
        }
    }
}

/// Either the engine or a rule of the store said no.
enum WriteError<E> {
    Engine(rusqlite::Error),
    Refused(E),
}

impl<E> From<rusqlite::Error> for WriteError<E> {
    fn from(error: rusqlite::Error) -> Self {
        WriteError::Engine(error)
    }
}

/// Held while a file is made ready: two processes that switch to a write-ahead log at once would
/// fail without waiting.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(PRIVATE_FILE);
    let file = options.open(path.with_extension("lock"))?;
    file.lock()?;
    Ok(file)
}

impl Store for Sqlite {
    fn get(&self, key: &Key) -> Result<Option<Entry>, Failure> {
        self.reading(|connection| read::entry(connection, key))
    }

    fn list(&self, prefix: &str) -> Result<Listing, Failure> {
        self.reading(|connection| {
            let revision = read::revision(connection)?;
            Ok(Listing { revision, entries: read::entries(connection, prefix, Revision::ZERO)? })
        })
    }

    fn commit(&self, changes: &[Change]) -> Result<Revision, CommitError> {
        write::valid(changes)?;
        self.writing(|writer, before| writer.commit(changes, before))
    }

    fn changes(&self, prefix: &str, after: Revision) -> Result<Changes, ChangesError> {
        let (forgotten, changes) = self.reading(|connection| {
            let revision = read::revision(connection)?;
            let events = match after < revision {
                true => read::events(connection, prefix, after)?,
                false => Vec::new(),
            };
            Ok((read::forgotten(connection)?, Changes { revision, events }))
        })?;
        match after < forgotten {
            true => Err(ChangesError::Behind { after, forgotten }),
            false => Ok(changes),
        }
    }

    fn wait(&self, after: Revision, limit: Duration) -> Result<Revision, Failure> {
        let seen = self.reading(read::revision)?;
        self.tell(seen);
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.moved.wait_timeout_while(newest, limit, |newest| *newest <= after);
        let (newest, over) = waited.unwrap_or_else(PoisonError::into_inner);
        let newest = match over.timed_out() {
            false => return Ok(*newest),
            true => *newest,
        };
        // Another process may have written meanwhile.
        let seen = self.reading(read::revision)?;
        Ok(newest.max(seen))
    }

    fn grant(&self, time_to_live: Duration) -> Result<LeaseId, LeaseError> {
        let seconds = write::lease_seconds(time_to_live)?;
        self.writing(|writer, _| writer.grant(seconds))
    }

    fn keep_alive(&self, lease: LeaseId) -> Result<(), LeaseError> {
        self.writing(|writer, _| writer.keep_alive(lease))
    }

    fn revoke(&self, lease: LeaseId) -> Result<(), LeaseError> {
        self.writing(|writer, _| writer.revoke(lease))
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
