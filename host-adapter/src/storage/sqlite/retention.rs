//! Taking old events away, slice by slice, and giving their space back.

use rusqlite::{Connection, params};

use super::{books::Books, merge, parts, schema::PAGE};
use crate::storage::{Retained, wall_millis};

/// Bytes of event-data after which a slice removes no further event.
const BYTES: i64 = 8 << 20;

/// Pages that one slice gives back to the file system, beside twice as many as it removes: the pages of indexes, and of
/// earlier slices.
const PAGES: i64 = 16;

/// Where a walk stands that has seen everything, while space is still given back.
const WALKED: i64 = i64::MAX;

/// Removes old events without pending deliveries among the next `slice` events. The round is done when the
/// walk has come to its end and the file has no free page left.
pub(super) fn retain(
    connection: &Connection,
    books: &mut Books,
    (accepted_before, slice): (i64, usize),
) -> rusqlite::Result<Retained> {
    let looked = look(connection, books.counts.retained_to, accepted_before, slice)?;
    remove(connection, &looked.ended)?;
    if !looked.ended.is_empty() {
        let oldest = parts::oldest(connection)?;
        books.fresh.forget_below(oldest);
        merge::drop_old(connection, oldest)?;
        books.ids.parts_changed();
    }
    let all_removed = !merge::remove_gone(connection)?;
    let all_given_back = give_back(connection, 2 * looked.bytes / i64::from(PAGE) + PAGES)?;
    let done = looked.reached.is_none() && all_removed && all_given_back;
    books.counts.retained_to = if done { 0 } else { looked.reached.unwrap_or(WALKED) };
    Ok(Retained { removed: looked.ended.len(), done })
}

/// Removes events. What they are found by goes with its part.
pub(super) fn remove(connection: &Connection, events: &[i64]) -> rusqlite::Result<()> {
    let mut remove = connection.prepare_cached("DELETE FROM event WHERE seq = ?")?;
    events.iter().try_for_each(|seq| remove.execute([seq]).map(drop))
}

/// A slice of the events.
struct Looked {
    /// The old ones whose deliveries have all ended.
    ended: Vec<i64>,
    /// The bytes of their event-data.
    bytes: i64,
    /// The last one, after which the walk goes on; `None` where it ends.
    reached: Option<i64>,
}

/// Looks at the next events. They stand about in the order in which they were accepted, so the walk ends
/// at a slice that holds no old one. Events from the future show that the clock was ahead: they say nothing
/// about what stands behind them, and the walk goes on.
fn look(connection: &Connection, after: i64, accepted_before: i64, slice: usize) -> rusqlite::Result<Looked> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, accepted_at, length(data),
                NOT EXISTS (SELECT 1 FROM pending WHERE id BETWEEN seq << 4 AND seq << 4 | 15)
         FROM event WHERE seq > ? ORDER BY seq LIMIT ?",
    )?;
    let now = wall_millis();
    let mut looked = Looked { ended: Vec::new(), bytes: 0, reached: None };
    let (mut last, mut goes_on) = (None, false);
    let mut rows = statement.query(params![after, i64::try_from(slice).unwrap_or(i64::MAX)])?;
    while looked.bytes < BYTES
        && let Some(row) = rows.next()?
    {
        let (seq, accepted_at) = (row.get(0)?, row.get::<_, i64>(1)?);
        let old = accepted_at < accepted_before;
        if old && row.get(3)? {
            looked.bytes += row.get::<_, i64>(2)?;
            looked.ended.push(seq);
        }
        goes_on |= old || accepted_at > now;
        last = Some(seq);
    }
    looked.reached = last.filter(|_| goes_on);
    Ok(looked)
}

/// Shortens the file by free pages; whether none is left that could be given back.
fn give_back(connection: &Connection, pages: i64) -> rusqlite::Result<bool> {
    let free = || -> rusqlite::Result<u32> {
        connection.prepare_cached("PRAGMA freelist_count")?.query_row([], |row| row.get(0))
    };
    let before = free()?;
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    // Every step of the statement moves one page, so it is run to its end.
    let mut steps = vacuum.query([])?;
    while steps.next()?.is_some() {}
    // A file that was made elsewhere may not be able to shrink.
    let after = free()?;
    Ok(after == 0 || after == before)
}
