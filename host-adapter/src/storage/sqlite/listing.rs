//! Listings: the positions that an index or the commits offer, and of their events those that pass.

use rusqlite::{Connection, OptionalExtension, named_params, params};
use sealpost_core::event::Completion;

use super::{fresh::Shelf, lookup::View, parts::number, sieve::Sieves};
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

/// What of the index is in memory.
#[derive(Clone, Copy)]
pub(super) struct Memory<'c> {
    pub(super) shelf: &'c Shelf,
    pub(super) sieves: &'c Sieves,
}

/// The events of a domain that a query asks for.
pub(super) fn read(
    connection: &Connection,
    memory: Memory<'_>,
    (domain, account): (DomainId, &str),
    query: &EventQuery,
) -> Result<Vec<StoredEvent>, Stop> {
    let mut candidates = Candidates::new(connection, memory, domain, query)?;
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
        match event.query_row([number(position.seq)], data).optional()? {
            Some(passed) => found.extend(passed?),
            // Facts stay for a while when their event has gone.
            None => candidates.index.view.miss()?,
        }
    }
    Ok(found)
}

/// The positions to look at, in order, the limit and the filter aside.
struct Candidates<'c> {
    from: Origin,
    index: Index<'c>,
}

enum Origin {
    Commits(std::vec::IntoIter<Position>),
    Index(Postings),
}

impl<'c> Candidates<'c> {
    fn new(
        connection: &'c Connection,
        memory: Memory<'c>,
        domain: DomainId,
        query: &'c EventQuery,
    ) -> Result<Self, Stop> {
        let index = Index::new(connection, memory, domain, query)?;
        let few = query.floor > 0 && query.snapshot.saturating_sub(query.floor) <= FEW;
        let from = if few {
            Origin::Commits(commits(connection, domain, query)?.into_iter())
        } else {
            let (plan, ascending) = (query.filter.plan(), query.ascending);
            Origin::Index(Postings::new(&plan, ascending, query.start(), query.limit))
        };
        Ok(Self { from, index })
    }

    fn next(&mut self) -> Result<Option<Position>, Stop> {
        loop {
            self.index.stay_current()?;
            let next = match &mut self.from {
                Origin::Commits(positions) => positions.next(),
                Origin::Index(postings) => postings.next(&mut self.index)?,
            };
            if next.is_none_or(|position| self.index.query.covers(position)) {
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
pub(super) struct Index<'c> {
    connection: &'c Connection,
    memory: Memory<'c>,
    domain: DomainId,
    query: &'c EventQuery,
    /// Kept for a while.
    view: View<'c>,
}

impl<'c> Index<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        memory: Memory<'c>,
        domain: DomainId,
        query: &'c EventQuery,
    ) -> rusqlite::Result<Self> {
        Ok(Self { connection, memory, domain, query, view: View::new(connection, memory.sieves, query)? })
    }

    /// Sees to it that the file is looked at as it is now, about; stops when the query's time is up.
    fn stay_current(&mut self) -> Result<(), Stop> {
        if self.query.is_late() {
            return Err(Stop::TooLong);
        }
        if self.view.is_old() {
            self.view.renew()?;
        }
        Ok(())
    }
}

impl Source for Index<'_> {
    type Error = Stop;

    fn positions(&mut self, term: Option<Term>, from: Position, limit: usize) -> Result<Vec<Position>, Stop> {
        self.stay_current()?;
        let Some(term) = term else { return Ok(self.all(from, limit)?) };
        let key = (self.domain, term);
        let fresh = loop {
            let indexed_to = self.view.indexed_to();
            match self.memory.shelf.positions(key, from, self.query, limit, indexed_to) {
                Some(fresh) => break fresh,
                // A part became whole since the view was taken, and its facts left the memory.
                None => self.view.renew()?,
            }
        };
        let mut positions = self.view.positions(key, from, limit)?;
        if !fresh.is_empty() {
            positions.extend(fresh);
            self.query.arrange(&mut positions);
            positions.dedup();
            positions.truncate(limit);
        }
        Ok(positions)
    }
}

impl Index<'_> {
    /// Positions of any events. Which index serves is not left to the planner's guess.
    fn all(&self, from: Position, limit: usize) -> rusqlite::Result<Vec<Position>> {
        let (compared, end, order) = if self.query.ascending {
            (">= (:timestamp, :seq) AND timestamp <=", self.query.to, "ASC")
        } else {
            ("<= (:timestamp, :seq) AND timestamp >=", self.query.from, "DESC")
        };
        let mut events = self.connection.prepare_cached(&format!(
            "SELECT timestamp, seq FROM event INDEXED BY event_time
             WHERE domain = :domain AND (timestamp, seq) {compared} :end
             ORDER BY timestamp {order}, seq {order} LIMIT :limit"
        ))?;
        let bounds = named_params! {
            ":domain": self.domain, ":end": end, ":timestamp": from.timestamp, ":seq": number(from.seq),
            ":limit": i64::try_from(limit).unwrap_or(i64::MAX),
        };
        events.query_map(bounds, position)?.collect()
    }
}

fn position(row: &rusqlite::Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position { timestamp: row.get(0)?, seq: row.get::<_, i64>(1)?.cast_unsigned() })
}
