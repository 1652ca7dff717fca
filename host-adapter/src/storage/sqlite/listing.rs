//! Listings: the positions that an index or the commits offer, and of their events those that pass.

use rusqlite::{CachedStatement, Connection, OptionalExtension, named_params, params};
use sealpost_core::event::Completion;

use super::fresh::Shelf;
use crate::{
    filter::Term,
    ingest::from_micros,
    storage::{
        DomainId, EventQuery, Position, Seq, StoredEvent,
        intact::is_intact,
        postings::{Postings, Source},
    },
};

/// Commits between floor and snapshot up to which their events are sorted, instead of walked by time: a
/// poll then costs what is new, not what is old.
const FEW: u64 = 10_000;

/// Why a read ended before its end.
pub(super) enum Stop {
    /// The query's time is up.
    TooLong,
    /// The event-data of this event is not what was accepted.
    Altered(Seq),
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// The events of a domain that a query asks for.
pub(super) fn read(
    connection: &Connection,
    shelf: &Shelf,
    (domain, account): (DomainId, &str),
    query: &EventQuery,
) -> Result<Vec<StoredEvent>, Stop> {
    let mut candidates = Candidates::new(connection, shelf, domain, query)?;
    let mut event = connection.prepare_cached("SELECT id, digest, data FROM event WHERE seq = ?")?;
    let (mut matcher, mut found) = (query.filter.matcher(), Vec::new());
    while found.len() < query.limit {
        let Some(position) = candidates.next()? else { break };
        let data = |row: &rusqlite::Row<'_>| {
            let data = row.get_ref(2)?.as_blob()?;
            if !matcher.passes(data) {
                return Ok(Ok(None));
            }
            let (id, timestamp) = (row.get_ref(0)?.as_str()?, from_micros(position.timestamp));
            let completion = Completion { id, timestamp, domain: &query.domain, account };
            if !is_intact(data, &row.get(1)?, &completion) {
                return Ok(Err(Stop::Altered(position.seq)));
            }
            Ok(Ok(Some(StoredEvent { position, data: data.to_vec().into() })))
        };
        // An event that retention has taken since its position was read is not there any more.
        let passed = event.query_row([number(position.seq)], data).optional()?;
        found.extend(passed.transpose()?.flatten());
    }
    Ok(found)
}

/// The positions to look at, in order, the limit and the filter aside.
struct Candidates<'c> {
    query: &'c EventQuery,
    from: Origin<'c>,
}

enum Origin<'c> {
    Commits(std::vec::IntoIter<Position>),
    Index(Postings, Index<'c>),
}

impl<'c> Candidates<'c> {
    fn new(
        connection: &'c Connection,
        shelf: &'c Shelf,
        domain: DomainId,
        query: &'c EventQuery,
    ) -> Result<Self, Stop> {
        let few = query.floor > 0 && query.snapshot.saturating_sub(query.floor) <= FEW;
        let from = if few {
            Origin::Commits(commits(connection, domain, query)?.into_iter())
        } else {
            let postings = Postings::new(&query.filter.plan(), query.ascending, query.start());
            Origin::Index(postings, Index { connection, shelf, domain, query })
        };
        Ok(Self { query, from })
    }

    fn next(&mut self) -> Result<Option<Position>, Stop> {
        loop {
            if self.query.is_late() {
                return Err(Stop::TooLong);
            }
            let next = match &mut self.from {
                Origin::Commits(positions) => positions.next(),
                Origin::Index(postings, index) => postings.next(index)?,
            };
            if next.is_none_or(|position| self.query.covers(position)) {
                return Ok(next);
            }
        }
    }
}

/// The positions of what was committed between floor and snapshot.
fn commits(connection: &Connection, domain: DomainId, query: &EventQuery) -> rusqlite::Result<Vec<Position>> {
    let mut statement = connection.prepare_cached(
        "SELECT timestamp, seq FROM event NOT INDEXED WHERE seq > ? AND seq <= ? AND domain = ?",
    )?;
    let bounds = params![number(query.floor), number(query.snapshot), domain];
    let mut positions = statement.query_map(bounds, position)?.collect::<rusqlite::Result<Vec<_>>>()?;
    query.arrange(&mut positions);
    Ok(positions)
}

/// The indexes, on disk and in memory, within a query's range of time.
struct Index<'c> {
    connection: &'c Connection,
    shelf: &'c Shelf,
    domain: DomainId,
    query: &'c EventQuery,
}

impl Source for Index<'_> {
    type Error = Stop;

    fn positions(&mut self, term: Option<Term>, from: Position, limit: usize) -> Result<Vec<Position>, Stop> {
        if self.query.is_late() {
            return Err(Stop::TooLong);
        }
        // Memory first: what leaves it in between is found on disk.
        let fresh = term.map(|term| self.shelf.positions(self.domain, term, from, self.query, limit));
        let ascending = self.query.ascending;
        let end = if ascending { self.query.to } else { self.query.from };
        let mut statement = list(self.connection, term.is_some(), ascending)?;
        let term = term.map(|Term(term)| term);
        let rows = statement.query_map(
            named_params! {
                ":domain": self.domain, ":term": term, ":end": end,
                ":timestamp": from.timestamp, ":seq": number(from.seq),
                ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
            },
            position,
        )?;
        let mut positions = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        if let Some(fresh) = fresh.filter(|fresh| !fresh.is_empty()) {
            positions.extend(fresh);
            self.query.arrange(&mut positions);
            positions.dedup();
            positions.truncate(limit);
        }
        Ok(positions)
    }
}

/// The list of a term, or of all events. Which index serves is not left to the planner's guess.
fn list(connection: &Connection, term: bool, ascending: bool) -> rusqlite::Result<CachedStatement<'_>> {
    let table =
        if term { "fact WHERE term = :term" } else { "event INDEXED BY event_time WHERE :term IS NULL" };
    let (from, to, order) = if ascending { (">=", "<=", "ASC") } else { ("<=", ">=", "DESC") };
    connection.prepare_cached(&format!(
        "SELECT timestamp, seq FROM {table} AND domain = :domain
           AND (timestamp, seq) {from} (:timestamp, :seq) AND timestamp {to} :end
         ORDER BY timestamp {order}, seq {order} LIMIT :limit"
    ))
}

fn position(row: &rusqlite::Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position { timestamp: row.get(0)?, seq: row.get::<_, i64>(1)?.cast_unsigned() })
}

/// A sequence number as SQLite has them.
fn number(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
