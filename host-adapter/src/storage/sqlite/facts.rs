//! The index of facts: one row per term of an event.

use rusqlite::{Connection, params};

use crate::{filter::Facts, storage::DomainId};

/// Facts of a batch, written when its events are: sorted, so that those of a term that many events share
/// go into one place of the index.
#[derive(Default)]
pub(super) struct FactRows(Vec<(DomainId, i64, i64, i64)>);

impl FactRows {
    /// Adds the facts of one event.
    pub(super) fn add(&mut self, domain: DomainId, facts: &Facts, timestamp: i64, seq: i64) {
        self.0.extend(facts.terms().iter().map(|term| (domain, term.0, timestamp, seq)));
    }

    /// Writes them.
    pub(super) fn insert(mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.0.sort_unstable();
        let mut statement = connection.prepare_cached("INSERT INTO fact VALUES (?, ?, ?, ?)")?;
        for row in self.0 {
            statement.execute(row)?;
        }
        Ok(())
    }
}

/// Takes the facts of an event away. They are found as they were made: by its event-data.
pub(super) fn remove(connection: &Connection, seq: i64) -> rusqlite::Result<()> {
    let event = connection
        .prepare_cached("SELECT domain, timestamp, data FROM event WHERE seq = ?")?
        .query_row([seq], |row| {
            let facts = Facts::of_data(row.get_ref(2)?.as_blob()?);
            Ok((row.get::<_, DomainId>(0)?, row.get::<_, i64>(1)?, facts))
        })?;
    let (domain, timestamp, facts) = event;
    let mut statement = connection
        .prepare_cached("DELETE FROM fact WHERE domain = ? AND term = ? AND timestamp = ? AND seq = ?")?;
    for term in facts.terms() {
        statement.execute(params![domain, term.0, timestamp, seq])?;
    }
    Ok(())
}

/// Writes the facts of every event into an empty index: sorted by SQLite, which uses its temporary files
/// where they are more than memory holds.
pub(super) fn index_all(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("CREATE TEMP TABLE unsorted (domain, term, timestamp, seq)")?;
    let mut events = connection.prepare("SELECT domain, timestamp, seq, data FROM event")?;
    let mut unsorted = connection.prepare("INSERT INTO unsorted VALUES (?, ?, ?, ?)")?;
    let mut rows = events.query([])?;
    while let Some(row) = rows.next()? {
        let (domain, timestamp, seq): (DomainId, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        for term in Facts::of_data(row.get_ref(3)?.as_blob()?).terms() {
            unsorted.execute(params![domain, term.0, timestamp, seq])?;
        }
    }
    connection.execute_batch(
        "INSERT INTO fact SELECT * FROM unsorted ORDER BY domain, term, timestamp, seq;
         DROP TABLE unsorted;",
    )
}
