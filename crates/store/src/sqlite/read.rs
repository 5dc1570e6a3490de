//! Questions to the tables.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};

use crate::Key;
use crate::store::{Entry, Event, LeaseId, Revision};

const COLUMNS: &str = "key, value, created, revision, lease";

pub fn revision(connection: &Connection) -> rusqlite::Result<Revision> {
    connection.query_row("SELECT revision FROM counter", [], |row| number(row, 0)).map(Revision)
}

/// Deletions up to this revision may be missing.
pub fn forgotten(connection: &Connection) -> rusqlite::Result<Revision> {
    connection.query_row("SELECT forgotten FROM counter", [], |row| number(row, 0)).map(Revision)
}

pub fn entry(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Entry>> {
    let query = format!("SELECT {COLUMNS} FROM entry WHERE key = ?1");
    connection.query_row(&query, [key.as_str()], as_entry).optional()
}

/// Those that were written after a revision, in the order of their keys.
pub fn entries(
    connection: &Connection,
    prefix: &str,
    after: Revision,
) -> rusqlite::Result<Vec<Entry>> {
    // Bytes are compared, and the end is the first text that no longer begins with the prefix.
    let query = format!(
        "SELECT {COLUMNS} FROM entry WHERE key >= ?1 AND key < ?2 AND revision > ?3 ORDER BY key"
    );
    let mut statement = connection.prepare(&query)?;
    statement.query_map((prefix, end(prefix), signed(after.0)), as_entry)?.collect()
}

/// What changed after a revision, in that order.
pub fn events(
    connection: &Connection,
    prefix: &str,
    after: Revision,
) -> rusqlite::Result<Vec<Event>> {
    let mut events: Vec<Event> =
        entries(connection, prefix, after)?.into_iter().map(Event::Put).collect();
    let mut statement = connection.prepare(
        "SELECT key, revision FROM tombstone WHERE key >= ?1 AND key < ?2 AND revision > ?3",
    )?;
    let deleted = statement.query_map((prefix, end(prefix), signed(after.0)), |row| {
        Ok(Event::Deleted { key: key(row)?, revision: Revision(number(row, 1)?) })
    })?;
    for event in deleted {
        events.push(event?);
    }
    events.sort_by_key(Event::revision);
    Ok(events)
}

/// Keys are ASCII, so that nothing sorts after a prefix and this.
fn end(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

fn as_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        key: key(row)?,
        value: row.get(1)?,
        created: Revision(number(row, 2)?),
        revision: Revision(number(row, 3)?),
        lease: row.get::<_, Option<i64>>(4)?.map(|id| LeaseId(id.unsigned_abs())),
    })
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    let text: String = row.get(0)?;
    Key::new(text)
        .map_err(|bad| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(bad)))
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// SQLite's integers have a sign. A revision beyond them is later than all.
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
