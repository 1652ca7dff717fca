//! What becomes of due times when the wall clock is set.
//!
//! They are of the steady clock, which starts with each process as the wall clock stands then. So a process has to
//! know how the steady clock of the one before would stand now. It knows the wall clock, and by the note that is kept
//! here how far that was ahead; and if the wall clock has been set back meanwhile, at least when the other was seen.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::{OpenCause, load::meta, schema::begin};
use crate::clock::{steady_millis, wall_ahead};

/// The row of `meta` with the note.
const NOTE: &str = "clock";
/// What clocks may differ by without anyone minding.
const TOLERANCE: u64 = 1000;
/// How old a note may become while something waits.
const EVERY: Duration = Duration::from_secs(60);

/// How the clocks stood to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// The steady clock.
    steady: i64,
    /// How far the wall clock was ahead of it.
    ahead: i64,
}

/// Looks at the clocks for the writer.
pub(super) struct Steps {
    /// As it was noted.
    ahead: i64,
    at: Instant,
    /// Not before this, after trouble that passes.
    again: Option<Instant>,
}

impl Steps {
    /// Moves everything that waits to the steady clock of this process.
    pub(super) fn open(connection: &Connection) -> Result<Self, OpenCause> {
        Self::open_at(connection, Sight::now())
    }

    fn open_at(connection: &Connection, now: Sight) -> Result<Self, OpenCause> {
        let write = begin(connection)?;
        if let Some(note) = Sight::read(&write)? {
            let shift = now.shift_from(note);
            if shift.unsigned_abs() >= TOLERANCE {
                tracing::warn!(milliseconds = shift, "the clock was set; what waits is moved with it");
                // What is due by both clocks may stay, and a long backlog does.
                let due = now.steady.min(now.steady.saturating_sub(shift));
                write.execute("UPDATE pending SET due = due + ? WHERE due > ?", [shift, due])?;
            }
        }
        now.write(&write)?;
        write.commit()?;
        Ok(Self { ahead: now.ahead, at: Instant::now(), again: None })
    }

    /// What is to be noted now, if anything: the clock was set, or the note is old and something waits.
    pub(super) fn to_note(&self, waits: bool) -> Option<Sight> {
        if self.again.is_some_and(|again| again > Instant::now()) {
            return None;
        }
        let set = wall_ahead().abs_diff(self.ahead) >= TOLERANCE;
        (set || waits && self.at.elapsed() >= EVERY).then(Sight::now)
    }

    /// The note could not be written; nobody else is to wait for it again and again.
    pub(super) fn postpone(&mut self) {
        self.again = Some(Instant::now() + EVERY);
    }

    pub(super) fn noted(&mut self, sight: Sight) {
        *self = Self { ahead: sight.ahead, at: Instant::now(), again: None };
    }
}

impl Sight {
    fn now() -> Self {
        Self { steady: steady_millis(), ahead: wall_ahead() }
    }

    /// How far this steady clock is ahead of the noted one, which never goes back.
    fn shift_from(self, note: Self) -> i64 {
        let wall = self.steady.saturating_add(self.ahead);
        self.steady.saturating_sub(wall.saturating_sub(note.ahead).max(note.steady))
    }

    fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        let note = meta::<Vec<u8>>(connection, NOTE)?;
        // One that cannot be read is none: it would be a note of another version.
        Ok(note.and_then(|bytes| {
            let (steady, ahead) = bytes.split_at_checked(8)?;
            let number = |bytes: &[u8]| Some(i64::from_be_bytes(bytes.try_into().ok()?));
            Some(Self { steady: number(steady)?, ahead: number(ahead)? })
        }))
    }

    pub(super) fn write(self, connection: &Connection) -> rusqlite::Result<()> {
        let note = [self.steady.to_be_bytes(), self.ahead.to_be_bytes()].concat();
        connection
            .prepare_cached("INSERT OR REPLACE INTO meta VALUES (?, ?)")?
            .execute(params![NOTE, note])?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    /// The note of a process on the hundredth day, whose wall clock had been set forward by this much.
    fn noted(ahead: i64) -> Sight {
        Sight { steady: 100 * DAY, ahead }
    }

    /// A process that starts as the wall clock stands at this time.
    fn started(wall: i64) -> Sight {
        Sight { steady: wall, ahead: 0 }
    }

    #[test]
    fn a_restart_moves_nothing_if_nobody_set_the_clock() {
        assert_eq!(started(100 * DAY).shift_from(noted(0)), 0);
        assert_eq!(started(103 * DAY).shift_from(noted(0)), 0, "days later");
    }

    #[test]
    fn what_waits_is_moved_as_far_as_the_clock_was_set_during_the_life_before() {
        for ahead in [9 * HOUR, -HOUR, -99 * DAY] {
            let later = HOUR / 2;
            assert_eq!(started(100 * DAY + ahead + later).shift_from(noted(ahead)), ahead);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_between_two_lives_makes_nothing_late() {
        assert_eq!(started(90 * DAY).shift_from(noted(0)), -10 * DAY);
        assert_eq!(started(90 * DAY).shift_from(noted(HOUR)), -10 * DAY);
    }

    #[test]
    fn what_is_due_by_both_clocks_stays() {
        for (ahead, moved) in [(9 * HOUR, [-2, 10]), (-HOUR, [-2, 0])] {
            let store = Connection::open_in_memory().expect("a database");
            let tables = "CREATE TABLE meta (key PRIMARY KEY, value); CREATE TABLE pending (due)";
            store.execute_batch(tables).expect("tables");
            noted(ahead).write(&store).expect("a note");
            for hours in [-2, 1] {
                let due = 100 * DAY + hours * HOUR;
                store.execute("INSERT INTO pending VALUES (?)", [due]).expect("a row");
            }
            Steps::open_at(&store, started(100 * DAY + ahead)).expect("a store");
            let mut rows = store.prepare("SELECT due FROM pending").expect("a table");
            let hours = rows.query_map([], |row| Ok((row.get::<_, i64>(0)? - 100 * DAY) / HOUR));
            assert_eq!(hours.expect("rows").map(Result::unwrap).collect::<Vec<_>>(), moved);
        }
    }

    #[test]
    fn a_store_that_is_opened_again_by_the_same_process_moves_nothing() {
        let again = Sight { steady: 101 * DAY, ahead: 9 * HOUR };
        assert_eq!(again.shift_from(noted(9 * HOUR)), 0);
    }
}
