//! Changes to the tables, inside of one transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use super::WriteError;
use super::read::signed;
use super::schema::TOMBSTONES_MAX;
use crate::change::{Action, CHANGES_MAX, Change, Expected, VALUE_BYTES_MAX};
use crate::store::{CommitError, LeaseError, LeaseId, Revision};

const LEASE_SECONDS_MAX: i64 = 366 * 24 * 60 * 60;

/// A transaction that is open for writing, with leases that are over already ended.
pub struct Writer<'c> {
    pub connection: &'c Connection,
    pub now: i64,
}

/// What a commit must be before a database is asked.
pub fn valid(changes: &[Change]) -> Result<(), CommitError> {
    if changes.len() > CHANGES_MAX {
        return Err(CommitError::TooMany);
    }
    let mut keys = BTreeSet::new();
    for change in changes {
        if !keys.insert(&change.key) {
            return Err(CommitError::Twice(change.key.clone()));
        }
        match &change.action {
            Action::Put { value, .. } if value.len() > VALUE_BYTES_MAX => {
                return Err(CommitError::TooLarge(change.key.clone()));
            }
            Action::Put { .. } | Action::Delete | Action::Check => {}
        }
    }
    Ok(())
}

pub fn lease_seconds(time_to_live: Duration) -> Result<i64, LeaseError> {
    match i64::try_from(time_to_live.as_secs()) {
        Ok(seconds @ 1..=LEASE_SECONDS_MAX) => Ok(seconds),
        Ok(_) | Err(_) => Err(LeaseError::Duration),
    }
}

pub fn lease_is_due(connection: &Connection, now: i64) -> rusqlite::Result<bool> {
    connection
        .query_row("SELECT EXISTS (SELECT 1 FROM lease WHERE ends <= ?1)", [now], |row| row.get(0))
}

/// Their keys go in one revision.
pub fn end_leases(connection: &Connection, now: i64) -> rusqlite::Result<()> {
    if !lease_is_due(connection, now)? {
        return Ok(());
    }
    delete_where(connection, "lease IN (SELECT id FROM lease WHERE ends <= ?1)", now)?;
    connection.execute("DELETE FROM lease WHERE ends <= ?1", [now])?;
    Ok(())
}

/// Deletes the entries for which a condition on `?1` holds, as one revision.
fn delete_where(connection: &Connection, condition: &str, value: i64) -> rusqlite::Result<()> {
    let some = format!("SELECT EXISTS (SELECT 1 FROM entry WHERE {condition})");
    if !connection.query_row(&some, [value], |row| row.get(0))? {
        return Ok(());
    }
    connection.execute("UPDATE counter SET revision = revision + 1", [])?;
    let remember = format!(
        "INSERT OR REPLACE INTO tombstone
         SELECT key, (SELECT revision FROM counter) FROM entry WHERE {condition}"
    );
    connection.execute(&remember, [value])?;
    connection.execute(&format!("DELETE FROM entry WHERE {condition}"), [value])?;
    forget(connection)
}

/// The oldest deletions, beyond what is remembered.
fn forget(connection: &Connection) -> rusqlite::Result<()> {
    let count: i64 =
        connection.query_row("SELECT count(*) FROM tombstone", [], |row| row.get(0))?;
    if count <= TOMBSTONES_MAX {
        return Ok(());
    }
    let limit: i64 = connection.query_row(
        "SELECT revision FROM tombstone ORDER BY revision LIMIT 1 OFFSET ?1",
        [count - TOMBSTONES_MAX - 1],
        |row| row.get(0),
    )?;
    connection.execute("DELETE FROM tombstone WHERE revision <= ?1", [limit])?;
    connection.execute("UPDATE counter SET forgotten = max(forgotten, ?1)", [limit])?;
    Ok(())
}

impl Writer<'_> {
    pub fn commit(
        &self,
        changes: &[Change],
        before: Revision,
    ) -> Result<Revision, WriteError<CommitError>> {
        let refused = |error| Err(WriteError::Refused(error));
        let next = Revision(before.0 + 1);
        let mut moved = false;
        for change in changes {
            let found = self.revision_of(change.key.as_str())?;
            let holds = match change.expected {
                Expected::Any => true,
                Expected::Absent => found.is_none(),
                Expected::Revision(revision) => found == Some(revision),
            };
            if !holds {
                return refused(CommitError::Conflict { key: change.key.clone(), found });
            }
            match &change.action {
                Action::Check => {}
                Action::Delete => {
                    if found.is_some() {
                        self.delete(change.key.as_str(), next)?;
                        moved = true;
                    }
                }
                Action::Put { value, lease } => {
                    if let Some(lease) = lease
                        && !self.lease_lives(*lease)?
                    {
                        return refused(CommitError::LeaseEnded(change.key.clone()));
                    }
                    self.put(change.key.as_str(), value, *lease, next)?;
                    moved = true;
                }
            }
        }
        if !moved {
            return Ok(before);
        }
        self.connection.execute("UPDATE counter SET revision = ?1", [signed(next.0)])?;
        forget(self.connection)?;
        Ok(next)
    }

    fn revision_of(&self, key: &str) -> rusqlite::Result<Option<Revision>> {
        let found: Option<i64> = self
            .connection
            .query_row("SELECT revision FROM entry WHERE key = ?1", [key], |row| row.get(0))
            .optional()?;
        Ok(found.map(|revision| Revision(revision.unsigned_abs())))
    }

    fn put(
        &self,
        key: &str,
        value: &[u8],
        lease: Option<LeaseId>,
        revision: Revision,
    ) -> rusqlite::Result<()> {
        self.connection.execute(
            "INSERT INTO entry (key, value, created, revision, lease) VALUES (?1, ?2, ?3, ?3, ?4)
             ON CONFLICT (key) DO UPDATE
             SET value = excluded.value, revision = excluded.revision, lease = excluded.lease",
            (key, value, signed(revision.0), lease.map(|lease| signed(lease.0))),
        )?;
        self.connection.execute("DELETE FROM tombstone WHERE key = ?1", [key])?;
        Ok(())
    }

    fn delete(&self, key: &str, revision: Revision) -> rusqlite::Result<()> {
        self.connection.execute("DELETE FROM entry WHERE key = ?1", [key])?;
        self.connection.execute(
            "INSERT OR REPLACE INTO tombstone VALUES (?1, ?2)",
            (key, signed(revision.0)),
        )?;
        Ok(())
    }

    fn lease_lives(&self, lease: LeaseId) -> rusqlite::Result<bool> {
        self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM lease WHERE id = ?1)",
            [signed(lease.0)],
            |row| row.get(0),
        )
    }

    pub fn grant(&self, seconds: i64) -> Result<LeaseId, WriteError<LeaseError>> {
        let ends = self.now.saturating_add(seconds);
        self.connection
            .execute("INSERT INTO lease (seconds, ends) VALUES (?1, ?2)", (seconds, ends))?;
        Ok(LeaseId(self.connection.last_insert_rowid().unsigned_abs()))
    }

    pub fn keep_alive(&self, lease: LeaseId) -> Result<(), WriteError<LeaseError>> {
        let kept = self.connection.execute(
            "UPDATE lease SET ends = ?1 + seconds WHERE id = ?2",
            (self.now, signed(lease.0)),
        )?;
        self.lives(kept)
    }

    pub fn revoke(&self, lease: LeaseId) -> Result<(), WriteError<LeaseError>> {
        delete_where(self.connection, "lease = ?1", signed(lease.0))?;
        let ended =
            self.connection.execute("DELETE FROM lease WHERE id = ?1", [signed(lease.0)])?;
        self.lives(ended)
    }

    /// By the number of leases that were touched.
    fn lives(&self, touched: usize) -> Result<(), WriteError<LeaseError>> {
        match touched {
            0 => Err(WriteError::Refused(LeaseError::Ended)),
            _ => Ok(()),
        }
    }
}
