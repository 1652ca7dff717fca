//! Questions to the parts of the index, and the one state of the file in which they are asked.

use std::{
    cmp::Reverse,
    ops::ControlFlow,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{
    facts::Fact,
    parts::{self, Chunks, Part},
    sieve::{Sieved, Sieves},
};
use crate::{
    filter::Term,
    storage::{DomainId, EventQuery, Position, Seq},
};

/// How long a state is held: meanwhile the log cannot start again.
const HELD: Duration = Duration::from_millis(20);

/// The file as it was at one moment: one transaction costs less than one for each statement, and no part becomes another
/// one meanwhile.
pub(super) struct View<'c> {
    connection: &'c Connection,
    sieves: &'c Sieves,
    query: &'c EventQuery,
    begun: Instant,
    /// The parts in the order of the query, with their sieves.
    parts: Vec<Sieved>,
    /// The event up to which the parts have all facts.
    indexed_to: Seq,
    /// Positions below are of no event.
    oldest: Seq,
}

impl<'c> View<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        sieves: &'c Sieves,
        query: &'c EventQuery,
    ) -> rusqlite::Result<Self> {
        let (begun, parts) = (Instant::now(), Vec::new());
        let mut view = Self { connection, sieves, query, begun, parts, indexed_to: 0, oldest: 0 };
        view.take()?;
        Ok(view)
    }

    /// Goes on with the file as it is now.
    pub(super) fn renew(&mut self) -> rusqlite::Result<()> {
        self.let_go()?;
        self.begun = Instant::now();
        self.take()
    }

    fn let_go(&self) -> rusqlite::Result<()> {
        // Nothing was written, and unlike a commit this cannot leave the transaction open.
        self.connection.prepare_cached("ROLLBACK")?.execute([]).map(drop)
    }

    fn take(&mut self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        let (indexed_to, edition) = parts::written(self.connection)?;
        (self.indexed_to, self.parts) = (indexed_to, self.sieves.of_edition(self.connection, edition)?);
        if self.query.ascending {
            self.parts.sort_by_key(|(_, part)| part.earliest);
        } else {
            self.parts.sort_by_key(|(_, part)| Reverse(part.latest));
        }
        Ok(())
    }

    /// Whether a newer one should be taken.
    pub(super) fn is_old(&self) -> bool {
        self.begun.elapsed() > HELD
    }

    /// The event up to which the parts have all facts. Those of later ones are in memory.
    pub(super) fn indexed_to(&self) -> Seq {
        self.indexed_to
    }

    /// An event was not there to which a position led.
    pub(super) fn miss(&mut self) -> rusqlite::Result<()> {
        self.oldest = parts::oldest(self.connection)?;
        Ok(())
    }

    /// Up to `limit` positions of events with this term, from `from` on, within the query's time. Some may be of events
    /// that are gone.
    pub(super) fn positions(
        &self,
        (domain, term): (DomainId, Term),
        from: Position,
        limit: usize,
    ) -> rusqlite::Result<Vec<Position>> {
        let Self { connection, query, oldest, .. } = *self;
        let (low, high) = query.range(from);
        let within = |(_, part): &&(_, Part)| {
            part.earliest <= high.timestamp
                && part.latest >= low.timestamp
                && part.upto > query.floor
                && part.above < query.snapshot
        };
        let range = ((domain, term, low), (domain, term, high));
        let mut found = Vec::new();
        for (sieves, part) in self.parts.iter().filter(within) {
            let enough = limit.checked_sub(1).and_then(|last| found.get(last));
            if enough.is_some_and(|last: &Position| last.is_before(part.nearest(query), query.ascending)) {
                break;
            }
            if sieves.as_ref().is_none_or(|sieves| sieves.let_through((domain, term))) {
                let chunks = Chunks { connection, part: part.id };
                collect(&chunks, range, oldest, (query.ascending, limit), &mut found)?;
                query.arrange(&mut found);
                found.truncate(limit);
            }
        }
        Ok(found)
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.let_go() {
            tracing::error!(%error, "a read of the store could not be ended");
        }
    }
}

impl Part {
    /// No event of the part comes before this in the query's order.
    fn nearest(&self, query: &EventQuery) -> Position {
        if query.ascending {
            Position { timestamp: self.earliest, seq: 0 }
        } else {
            Position { timestamp: self.latest, seq: Seq::MAX }
        }
    }
}

/// Adds up to `limit` positions of a part, from one end of a range.
pub(super) fn collect(
    chunks: &Chunks<'_>,
    (low, high): (Fact, Fact),
    oldest: Seq,
    (ascending, limit): (bool, usize),
    found: &mut Vec<Position>,
) -> rusqlite::Result<()> {
    let enough = found.len() + limit;
    let mut next = chunks.at(if ascending { low } else { high })?;
    if next.is_none() && ascending {
        next = chunks.behind(low)?;
    }
    while let Some(chunk) = next {
        let room = enough - found.len();
        let (mut within, mut last, mut ends) = (Vec::new(), chunk.first, !ascending && chunk.first < low);
        chunk.visit(|fact| {
            if fact > high {
                ends |= ascending;
                return ControlFlow::Break(());
            }
            last = fact;
            let (.., position) = fact;
            if fact >= low && position.seq >= oldest {
                within.push(position);
            }
            if ascending && within.len() == room { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if !ascending {
            within.reverse();
        }
        found.extend(within.into_iter().take(room));
        if ends || found.len() >= enough {
            break;
        }
        next = if ascending { chunks.behind(last)? } else { chunks.before(chunk.first)? };
    }
    Ok(())
}
