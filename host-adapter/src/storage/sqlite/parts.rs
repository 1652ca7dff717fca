//! The index of facts on disk: sorted parts, each of which is written once, from its first fact to its last.
//!
//! One sorted table of everything would be written all over: each recipient and each message has a place of its own in it,
//! on another page the larger it is. A part is written like a log. In return a question goes to every part; there
//! are few, since [`merge`](super::merge) makes large ones of small ones. Facts are not taken out when their event goes: one
//! that is older than all events says nothing, and a part of none but these is gone.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{
    chunk::{Chunk, pack},
    facts::Fact,
    sieve,
};
use crate::{
    filter::Term,
    storage::{DomainId, Position, Seq},
};

/// Names a part.
pub(super) type PartId = i64;

/// Tells one list of parts from every other one.
pub(super) type Edition = i64;

/// What a part is good for, as `part.state` has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing yet: it is being written.
    Begun = 0,
    /// To be looked into.
    Whole = 1,
    /// Nothing any more: its chunks are being removed.
    Gone = 2,
}

/// Begins a part for the facts of the events above one number and up to another.
pub(super) fn begin(
    connection: &Connection,
    level: u8,
    (above, upto): (Seq, Seq),
) -> rusqlite::Result<PartId> {
    let row = params![level, above.cast_signed(), upto.cast_signed(), i64::MAX, i64::MIN, State::Begun as u8];
    connection.prepare_cached("INSERT INTO part VALUES (NULL, ?, ?, ?, ?, ?, 0, ?)")?.insert(row)
}

/// Adds facts to a part that was begun: sorted, and behind all that it has. They are a stretch of the part.
pub(super) fn append(connection: &Connection, part: PartId, facts: &[Fact]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached("INSERT INTO chunk VALUES (NULL, ?, ?, ?, ?, ?, ?)")?;
    for Chunk { first: (domain, Term(term), Position { timestamp, seq }), more } in pack(facts) {
        insert.execute(params![part, domain, term, timestamp, seq.cast_signed(), more])?;
    }
    let sieved = sieve::write(connection, part, facts)?;
    let times = || facts.iter().map(|(.., position)| position.timestamp);
    if let (Some(earliest), Some(latest)) = (times().min(), times().max()) {
        connection
            .prepare_cached(
                "UPDATE part SET earliest = min(earliest, ?), latest = max(latest, ?), sieved = sieved + ? WHERE id = ?",
            )?
            .execute(params![earliest, latest, sieved, part])?;
    }
    Ok(())
}

/// From now on the part is looked into.
pub(super) fn complete(connection: &Connection, part: PartId) -> rusqlite::Result<()> {
    set_state(connection, part, State::Whole)
}

pub(super) fn set_state(connection: &Connection, part: PartId, state: State) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE part SET state = ? WHERE id = ?")?
        .execute(params![state as u8, part])?;
    changed(connection)
}

/// From now on other parts are to be looked into than before.
pub(super) fn changed(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE counters SET edition = edition + 1")?.execute([]).map(drop)
}

/// The event up to which all facts are written, and the edition of the list of parts that are to be looked into.
pub(super) fn written(connection: &Connection) -> rusqlite::Result<(Seq, Edition)> {
    let mut written = connection.prepare_cached("SELECT indexed_to, edition FROM counters")?;
    written.query_row([], |row| Ok((seq(row, 0)?, row.get(1)?)))
}

/// Notes up to which event all facts are written.
pub(super) fn set_indexed_to(connection: &Connection, seq: Seq) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE counters SET indexed_to = ?")?.execute([seq.cast_signed()])?;
    Ok(())
}

/// The event up to which all facts are written.
pub(super) fn indexed_to(connection: &Connection) -> rusqlite::Result<Seq> {
    Ok(written(connection)?.0)
}

/// The number of the oldest event: whatever has a smaller one is of none. Greater than any if there are no events.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Seq> {
    let oldest: Option<i64> =
        connection.prepare_cached("SELECT min(seq) FROM event")?.query_row([], |row| row.get(0))?;
    Ok(oldest.map_or(Seq::MAX, i64::cast_unsigned))
}

/// A part that is whole.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) id: PartId,
    /// How often what it has was merged, about.
    pub(super) level: u8,
    /// It has the facts of the events above this number,
    pub(super) above: Seq,
    /// and up to this one.
    pub(super) upto: Seq,
    /// The timestamps of its events.
    pub(super) earliest: i64,
    pub(super) latest: i64,
    /// Bytes of its sieves.
    pub(super) sieved: u32,
}

/// The parts that are to be looked into, the latest events first.
pub(super) fn whole(connection: &Connection) -> rusqlite::Result<Vec<Part>> {
    let mut whole = connection.prepare_cached(
        "SELECT id, level, above, upto, earliest, latest, sieved FROM part WHERE state = 1 ORDER BY upto DESC",
    )?;
    let part = |row: &Row<'_>| {
        Ok(Part {
            id: row.get(0)?,
            level: row.get(1)?,
            above: seq(row, 2)?,
            upto: seq(row, 3)?,
            earliest: row.get(4)?,
            latest: row.get(5)?,
            sieved: row.get(6)?,
        })
    };
    whole.query_map([], part)?.collect()
}

/// The chunks of a part.
pub(super) struct Chunks<'c> {
    pub(super) connection: &'c Connection,
    pub(super) part: PartId,
}

impl Chunks<'_> {
    /// The last fact of all.
    pub(super) fn last(&self) -> rusqlite::Result<Option<Fact>> {
        let greatest = Position { timestamp: i64::MAX, seq: Seq::MAX };
        let chunk = self.at((DomainId::MAX, Term(i64::MAX), greatest))?;
        Ok(chunk.map(|chunk| chunk.facts()).transpose()?.and_then(|facts| facts.last().copied()))
    }

    /// The chunk where a fact stands, if it is there: the last one that begins with it or before it.
    pub(super) fn at(&self, fact: Fact) -> rusqlite::Result<Option<Chunk>> {
        self.find("<=", "DESC", fact)
    }

    /// The first chunk that begins behind a fact.
    pub(super) fn behind(&self, fact: Fact) -> rusqlite::Result<Option<Chunk>> {
        self.find(">", "ASC", fact)
    }

    /// The last chunk that begins before a fact.
    pub(super) fn before(&self, fact: Fact) -> rusqlite::Result<Option<Chunk>> {
        self.find("<", "DESC", fact)
    }

    /// Goes through the chunks in order, from where this fact stands or from the first one, until it is told to stop;
    /// whether there are no more.
    pub(super) fn visit_from(
        &self,
        fact: Option<Fact>,
        mut see: impl FnMut(&Chunk) -> rusqlite::Result<ControlFlow<()>>,
    ) -> rusqlite::Result<bool> {
        let begun = fact.map(|fact| self.at(fact)).transpose()?.flatten();
        if let Some(chunk) = &begun
            && see(chunk)?.is_break()
        {
            return Ok(false);
        }
        let mut behind = self.connection.prepare_cached(&Self::select(">", "ASC"))?;
        let mut behind = behind.query(self.place(begun.map_or(LEAST, |chunk| chunk.first)))?;
        while let Some(row) = behind.next()? {
            if see(&Chunk::of_row(row)?)?.is_break() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn find(&self, compared: &str, order: &str, fact: Fact) -> rusqlite::Result<Option<Chunk>> {
        let find = Self::select(compared, order) + " LIMIT 1";
        self.connection.prepare_cached(&find)?.query_row(self.place(fact), Chunk::of_row).optional()
    }

    /// The chunks that begin before or behind a [place](Self::place), in this order.
    fn select(compared: &str, order: &str) -> String {
        format!(
            "SELECT domain, term, timestamp, seq, more FROM chunk INDEXED BY chunk_first
             WHERE part = ? AND (domain, term, timestamp, seq) {compared} (?, ?, ?, ?)
             ORDER BY domain {order}, term {order}, timestamp {order}, seq {order}"
        )
    }

    fn place(&self, (domain, Term(term), Position { timestamp, seq }): Fact) -> impl Params {
        (self.part, domain, term, timestamp, number(seq))
    }
}

/// No fact comes before this one.
const LEAST: Fact = (0, Term(i64::MIN), Position { timestamp: i64::MIN, seq: 0 });

/// The sequence number in a column.
pub(super) fn seq(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    row.get(column).map(i64::cast_unsigned)
}

/// A sequence number as SQLite has them.
pub(super) fn number(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
