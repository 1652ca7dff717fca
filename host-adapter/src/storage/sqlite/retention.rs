//! Taking old events away, slice by slice, and giving their space back.

use rusqlite::{Connection, params};

use super::{books::Books, facts};
use crate::storage::Retained;

/// Pages that one slice gives back to the file system: 4 MiB of them.
const PAGES: u32 = 256;

/// Removes old events without pending deliveries among the next `slice` events. Events stand about in the
/// order in which they were accepted, so the walk ends at the first one that is not old.
pub(super) fn retain(
    connection: &Connection,
    books: &mut Books,
    (accepted_before, slice): (i64, usize),
) -> rusqlite::Result<Retained> {
    let mut retained = Retained { removed: 0, done: true };
    for (seq, ended) in old(connection, books, accepted_before, slice)? {
        books.counts.retained_to = seq;
        retained.done = false;
        if ended {
            facts::remove(connection, seq)?;
            retained.removed +=
                connection.prepare_cached("DELETE FROM event WHERE seq = ?")?.execute([seq])?;
        }
    }
    if retained.done {
        books.counts.retained_to = 0;
    }
    give_back(connection)?;
    Ok(retained)
}

/// Shortens the file by free pages. Every step of the statement moves one, so it is run to its end.
fn give_back(connection: &Connection) -> rusqlite::Result<()> {
    let mut vacuum = connection.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    Ok(())
}

/// The next old events, and whether all their deliveries have ended.
fn old(
    connection: &Connection,
    books: &Books,
    accepted_before: i64,
    slice: usize,
) -> rusqlite::Result<Vec<(i64, bool)>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, accepted_at < ?,
                NOT EXISTS (SELECT 1 FROM pending WHERE id BETWEEN seq << 4 AND seq << 4 | 15)
         FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
    )?;
    let limit = i64::try_from(slice).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![accepted_before, books.counts.retained_to, limit], |row| {
        Ok((row.get(1)?, (row.get(0)?, row.get(2)?)))
    })?;
    let old = rows.take_while(|row| !matches!(row, Ok((false, _))));
    old.map(|row| row.map(|(_, event)| event)).collect()
}
