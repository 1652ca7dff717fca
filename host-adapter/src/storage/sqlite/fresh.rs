//! The facts of the latest events, in memory.
//!
//! An index of facts is written all over: each recipient and each message has a place of its own in it. To
//! write the facts of every commit at once would cost a page for nearly every fact. So they wait here, and
//! go out in rounds: all that have gathered, in the order of the index, slice by slice between the commits.
//! A page is then written once for all the facts of a round that belong on it. Nothing is lost with the
//! process: the facts of an event are made of its event-data, and what no finished round has written is
//! made again at the next start.

use std::{
    mem,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use rusqlite::Connection;

use super::{
    facts::{self, Fact},
    runs::Runs,
};
use crate::{
    filter::Term,
    storage::{DomainId, EventQuery, Position, Seq},
};

/// Slices in a round, about. With the usual settings each takes one or two milliseconds, for which commits wait.
const SLICES: usize = 128;

/// A round goes on by a slice for every so many facts that come, this part of a slice: small commits do not wait for a
/// slice each, and a round ends before many more facts have gathered.
const PACE: usize = 4;

/// The writer's side: what is added and removed becomes visible with the commit.
pub(super) struct Fresh {
    shelf: Shelf,
    /// Facts from which on a round begins.
    enough: usize,
    added: Vec<Fact>,
    removed: Vec<Fact>,
    /// The event up to which all facts are on disk.
    indexed_to: Seq,
    /// The last event whose facts are being written.
    round: Option<Seq>,
    /// Facts that have come since the round began, less those that its slices were taken for.
    since: usize,
}

/// The readers' side.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<RwLock<Runs>>);

/// Facts that one transaction is to write.
pub(super) struct Slice {
    facts: Vec<Fact>,
    /// The event up to which all facts are then written, if these are the last of the round.
    ends: Option<Seq>,
}

impl Fresh {
    /// The facts of the events after `indexed_to`.
    pub(super) fn new(enough: usize, (indexed_to, facts): (Seq, Vec<Fact>)) -> Self {
        let shelf = Shelf::default();
        shelf.write().add(facts);
        Self { shelf, enough, added: Vec::new(), removed: Vec::new(), indexed_to, round: None, since: 0 }
    }

    pub(super) fn shelf(&self) -> Shelf {
        self.shelf.clone()
    }

    pub(super) fn add(&mut self, facts: impl IntoIterator<Item = Fact>) {
        self.added.extend(facts);
    }

    pub(super) fn remove(&mut self, facts: impl IntoIterator<Item = Fact>) {
        self.removed.extend(facts);
    }

    pub(super) fn commit(&mut self) {
        if self.added.is_empty() && self.removed.is_empty() {
            return;
        }
        if self.round.is_some() {
            self.since += self.added.len();
        }
        let mut shelf = self.shelf.write();
        shelf.add(mem::take(&mut self.added));
        if !self.removed.is_empty() {
            self.removed.sort_unstable();
            shelf.remove(&mem::take(&mut self.removed));
        }
    }

    pub(super) fn roll_back(&mut self) {
        self.added.clear();
        self.removed.clear();
    }

    /// What is to be written next, if it is time; `last` is the last event.
    pub(super) fn slice(&mut self, last: Seq) -> Option<Slice> {
        let until = match self.round {
            Some(_) if self.since < self.pace() => return None,
            Some(until) => until,
            None if self.is_enough(last) => {
                self.shelf.write().begin_round();
                *self.round.insert(last)
            }
            None => return None,
        };
        let most = self.enough.div_ceil(SLICES);
        let facts = self.shelf.read().slice(most);
        Some(Slice { ends: (facts.len() < most).then_some(until), facts })
    }

    /// Whether it is time for a round. Every start reads the events again, so there are not to be many of few facts either.
    fn is_enough(&self, last: Seq) -> bool {
        let events = usize::try_from(last.saturating_sub(self.indexed_to)).unwrap_or(usize::MAX);
        self.shelf.read().len() >= self.enough || events >= self.enough.div_ceil(2)
    }

    fn pace(&self) -> usize {
        self.enough.div_ceil(SLICES) / PACE
    }

    /// Writes a slice within the open transaction.
    pub(super) fn write(connection: &Connection, slice: &Slice) -> rusqlite::Result<()> {
        facts::insert(connection, &slice.facts)?;
        slice.ends.map_or(Ok(()), |until| facts::set_indexed_to(connection, until))
    }

    /// Goes on behind a slice that is committed. Readers look here before they look there.
    pub(super) fn written(&mut self, slice: &Slice) {
        if let Some(&last) = slice.facts.last() {
            self.shelf.write().take(last);
        }
        // The first slice of a round is taken for none.
        self.since = self.since.saturating_sub(self.pace());
        if let Some(until) = slice.ends {
            (self.round, self.since, self.indexed_to) = (None, 0, until);
        }
    }
}

impl Shelf {
    /// Up to `limit` positions of events with this term, from `from` on, within the query's time.
    pub(super) fn positions(
        &self,
        domain: DomainId,
        term: Term,
        from: Position,
        query: &EventQuery,
        limit: usize,
    ) -> Vec<Position> {
        let (low, high) = if query.ascending {
            (from, Position { timestamp: query.to, seq: Seq::MAX })
        } else {
            (Position { timestamp: query.from, seq: 0 }, from)
        };
        if low > high {
            return Vec::new();
        }
        let shelf = self.read();
        let pieces = shelf.between((domain, term, low), (domain, term, high)).flat_map(|facts| {
            let last = facts.len().saturating_sub(limit);
            let nearest = if query.ascending { facts.get(..limit) } else { facts.get(last..) };
            nearest.unwrap_or(facts)
        });
        let mut found: Vec<_> = pieces.map(|&(.., position)| position).collect();
        found.sort_unstable();
        if !query.ascending {
            found.reverse();
        }
        found.truncate(limit);
        found
    }

    fn read(&self) -> RwLockReadGuard<'_, Runs> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Runs> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: usize = 1024;

    /// Takes over this many more events of one fact each; the last of them.
    fn events(fresh: &mut Fresh, last: Seq, more: Seq) -> Seq {
        for seq in last + 1..=last + more {
            fresh.add([(1, Term(seq.cast_signed()), Position { timestamp: 0, seq })]);
        }
        fresh.commit();
        last + more
    }

    fn fresh() -> Fresh {
        Fresh::new(ENOUGH, (0, Vec::new()))
    }

    /// Writes what is to be written before the next commit; how many slices that were.
    fn index(fresh: &mut Fresh, last: Seq) -> usize {
        let mut slices = 0;
        while let Some(slice) = fresh.slice(last) {
            assert!(slice.facts.len() <= ENOUGH / SLICES);
            fresh.written(&slice);
            slices += 1;
        }
        slices
    }

    #[test]
    fn a_round_goes_on_as_facts_come_and_ends_before_many_more_have() {
        for more in [1, 2, 50, 600] {
            let mut fresh = fresh();
            let mut last = events(&mut fresh, 0, ENOUGH as Seq);
            let mut slices = index(&mut fresh, last);
            assert_eq!(slices, 1, "commits come first");
            let until = last;
            while fresh.indexed_to < until {
                last = events(&mut fresh, last, more);
                assert!(fresh.shelf.read().len() < 3 * ENOUGH / 2 + more as usize);
                let written = index(&mut fresh, last);
                assert!(written <= (more as usize * PACE * SLICES).div_ceil(ENOUGH), "{written} slices");
                slices += written;
            }
            assert!((SLICES..SLICES + 3).contains(&slices), "{slices} slices");
        }
    }
}
