//! What events are found by: each term of an event is a fact.

use std::iter;

use rusqlite::{Connection, Row};

use super::parts;
use crate::{
    filter::{Facts, Term},
    storage::{DomainId, Position, Seq},
};

/// An event of this domain and place has this term. In the order of the index.
pub(super) type Fact = (DomainId, Term, Position);

/// The facts of one event: its id, and what may be searched for.
pub(super) fn of_event(
    domain: DomainId,
    (id, facts): (&str, &Facts),
    position: Position,
) -> impl Iterator<Item = Fact> {
    iter::once(Term::of_id(id)).chain(facts.terms().iter().copied()).map(move |term| (domain, term, position))
}

/// Up to which event all facts are written, and the facts of those after it.
pub(super) fn unwritten(connection: &Connection) -> rusqlite::Result<(Seq, Vec<Fact>)> {
    let indexed_to = parts::indexed_to(connection)?;
    let mut events =
        connection.prepare("SELECT domain, timestamp, seq, id, data FROM event WHERE seq > ?")?;
    let mut facts = Vec::new();
    for event in events.query_map([indexed_to.cast_signed()], of_row)? {
        facts.extend(event?);
    }
    Ok((indexed_to, facts))
}

/// Facts that are sorted in memory at once.
const SORTED: usize = 1 << 20;

/// Facts of a stretch.
const STRETCH: usize = 8192;

/// Writes the facts of every event to an index that has none.
pub(super) fn index_all(connection: &Connection) -> rusqlite::Result<()> {
    let mut events = connection.prepare("SELECT domain, timestamp, seq, id, data FROM event ORDER BY seq")?;
    let mut rows = events.query([])?;
    let (mut above, mut reached, mut facts) = (0, 0, Vec::new());
    loop {
        let row = rows.next()?;
        if facts.len() >= SORTED || row.is_none() && !facts.is_empty() {
            facts.sort_unstable();
            let part = parts::begin(connection, 1, (above, reached))?;
            facts.chunks(STRETCH).try_for_each(|stretch| parts::append(connection, part, stretch))?;
            parts::complete(connection, part)?;
            above = reached;
            facts.clear();
        }
        let Some(row) = row else { break };
        reached = row.get::<_, i64>(2)?.cast_unsigned();
        facts.extend(of_row(row)?);
    }
    connection.execute_batch("UPDATE counters SET indexed_to = last_seq")
}

/// From the columns domain, timestamp, seq, id and data.
fn of_row(row: &Row<'_>) -> rusqlite::Result<Vec<Fact>> {
    let position = Position { timestamp: row.get(1)?, seq: row.get::<_, i64>(2)?.cast_unsigned() };
    let (id, facts) = (row.get_ref(3)?.as_str()?, Facts::of_data(row.get_ref(4)?.as_blob()?));
    Ok(of_event(row.get(0)?, (id, &facts), position).collect())
}
