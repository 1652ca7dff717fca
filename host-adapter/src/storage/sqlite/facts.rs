//! The index of facts: one row per term of an event.

use rusqlite::{CachedStatement, Connection, Row, params};

use crate::{
    filter::{Facts, Term},
    storage::{DomainId, Position, Seq},
};

/// A row: an event of this domain and place has this term. In the order of the index.
pub(super) type Fact = (DomainId, Term, Position);

/// The rows of one event.
pub(super) fn rows(domain: DomainId, facts: &Facts, position: Position) -> impl Iterator<Item = Fact> {
    facts.terms().iter().map(move |&term| (domain, term, position))
}

/// Writes rows. Those that a round wrote before it was cut short are there already.
pub(super) fn insert(connection: &Connection, facts: &[Fact]) -> rusqlite::Result<()> {
    execute_all(connection.prepare_cached("INSERT OR IGNORE INTO fact VALUES (?, ?, ?, ?)")?, facts)
}

/// Deletes rows; it is none's fault if they were never written.
pub(super) fn delete(connection: &Connection, facts: &[Fact]) -> rusqlite::Result<()> {
    let delete = "DELETE FROM fact WHERE domain = ? AND term = ? AND timestamp = ? AND seq = ?";
    execute_all(connection.prepare_cached(delete)?, facts)
}

fn execute_all(mut statement: CachedStatement<'_>, facts: &[Fact]) -> rusqlite::Result<()> {
    for &(domain, Term(term), Position { timestamp, seq }) in facts {
        statement.execute(params![domain, term, timestamp, seq.cast_signed()])?;
    }
    Ok(())
}

/// Notes up to which event all facts are written.
pub(super) fn set_indexed_to(connection: &Connection, seq: Seq) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE counters SET indexed_to = ?")?.execute([seq.cast_signed()])?;
    Ok(())
}

/// The rows of an event, by its event-data.
pub(super) fn of_event(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<Fact>> {
    let mut event =
        connection.prepare_cached("SELECT domain, timestamp, seq, data FROM event WHERE seq = ?")?;
    event.query_row([seq], of_row)
}

/// Up to which event all facts are written, and the rows of those after it.
pub(super) fn unwritten(connection: &Connection) -> rusqlite::Result<(Seq, Vec<Fact>)> {
    let indexed_to =
        connection.query_row("SELECT indexed_to FROM counters", [], |row| row.get::<_, i64>(0))?;
    let mut events = connection.prepare("SELECT domain, timestamp, seq, data FROM event WHERE seq > ?")?;
    let mut facts = Vec::new();
    for event in events.query_map([indexed_to], of_row)? {
        facts.extend(event?);
    }
    Ok((indexed_to.cast_unsigned(), facts))
}

/// Writes the facts of every event into an empty index: sorted by SQLite, which uses its temporary files
/// where they are more than memory holds.
pub(super) fn index_all(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("CREATE TEMP TABLE unsorted (domain, term, timestamp, seq)")?;
    let mut events = connection.prepare("SELECT domain, timestamp, seq, data FROM event")?;
    for facts in events.query_map([], of_row)? {
        execute_all(connection.prepare_cached("INSERT INTO unsorted VALUES (?, ?, ?, ?)")?, &facts?)?;
    }
    connection.execute_batch(
        "INSERT INTO fact SELECT * FROM unsorted ORDER BY domain, term, timestamp, seq;
         DROP TABLE unsorted;
         UPDATE counters SET indexed_to = last_seq;",
    )
}

/// From the columns domain, timestamp, seq and data.
fn of_row(row: &Row<'_>) -> rusqlite::Result<Vec<Fact>> {
    let position = Position { timestamp: row.get(1)?, seq: row.get::<_, i64>(2)?.cast_unsigned() };
    let facts = Facts::of_data(row.get_ref(3)?.as_blob()?);
    Ok(rows(row.get(0)?, &facts, position).collect())
}
