//! The facts of the latest events, in memory.
//!
//! An index of facts is written all over: each recipient and each message has a place of its own in it. To
//! write the facts of every commit at once would cost a page for nearly every fact. So they wait here, and
//! go out in rounds: all that have gathered, in the order of the index, slice by slice between the commits.
//! A page is then written once for all the facts of a round that belong on it. Nothing is lost with the
//! process: the facts of an event are made of its event-data, and what no finished round has written is
//! made again at the next start.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
};

use rusqlite::Connection;

use super::facts::{self, Fact};
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
    round: Option<Round>,
    /// Facts that have come since the round began, less those that its slices were taken for.
    since: usize,
}

/// The facts of events up to `until` are being written; those up to `reached` are.
#[derive(Clone, Copy)]
struct Round {
    until: Seq,
    reached: Option<Fact>,
}

/// The readers' side.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<RwLock<BTreeSet<Fact>>>);

/// Facts that one transaction is to write, and the round that it leaves.
pub(super) struct Slice {
    facts: Vec<Fact>,
    then: Round,
    ends: bool,
}

impl Fresh {
    /// The facts of the events after `indexed_to`.
    pub(super) fn new(enough: usize, (indexed_to, facts): (Seq, BTreeSet<Fact>)) -> Self {
        let shelf = Shelf(Arc::new(RwLock::new(facts)));
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
        let mut shelf = self.shelf.0.write().unwrap_or_else(PoisonError::into_inner);
        shelf.extend(self.added.drain(..));
        for fact in self.removed.drain(..) {
            shelf.remove(&fact);
        }
    }

    pub(super) fn roll_back(&mut self) {
        self.added.clear();
        self.removed.clear();
    }

    /// What is to be written next, if it is time; `last` is the last event.
    pub(super) fn slice(&self, last: Seq) -> Option<Slice> {
        if self.round.is_some() && self.since < self.pace() {
            return None;
        }
        let round = self.round.or_else(|| {
            // Every start reads the events again, so there are not to be many of few facts either.
            let events = usize::try_from(last.saturating_sub(self.indexed_to)).unwrap_or(usize::MAX);
            let enough = self.shelf.len() >= self.enough || events >= self.enough.div_ceil(2);
            enough.then_some(Round { until: last, reached: None })
        })?;
        let most = self.enough.div_ceil(SLICES);
        let facts = self.shelf.after(round.reached, round.until, most);
        let ends = facts.len() < most;
        Some(Slice { then: Round { reached: facts.last().copied().or(round.reached), ..round }, ends, facts })
    }

    fn pace(&self) -> usize {
        self.enough.div_ceil(SLICES) / PACE
    }

    /// Writes a slice within the open transaction.
    pub(super) fn write(&mut self, connection: &Connection, slice: &Slice) -> rusqlite::Result<()> {
        facts::insert(connection, &slice.facts)?;
        if slice.ends {
            facts::set_indexed_to(connection, slice.then.until)?;
        }
        self.removed.extend(&slice.facts);
        Ok(())
    }

    /// Goes on behind a slice that is committed.
    pub(super) fn written(&mut self, slice: &Slice) {
        // The first slice of a round is taken for none.
        self.since = if slice.ends { 0 } else { self.since.saturating_sub(self.pace()) };
        self.round = (!slice.ends).then_some(slice.then);
        if slice.ends {
            self.indexed_to = slice.then.until;
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
        let shelf = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let run = shelf.range((domain, term, low)..=(domain, term, high)).map(|&(.., position)| position);
        if query.ascending { run.take(limit).collect() } else { run.rev().take(limit).collect() }
    }

    fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The next slice of facts of events up to `until`.
    fn after(&self, reached: Option<Fact>, until: Seq, most: usize) -> Vec<Fact> {
        use std::ops::Bound::{Excluded, Unbounded};
        let shelf = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let rest = shelf.range((reached.map_or(Unbounded, Excluded), Unbounded));
        rest.filter(|(.., position)| position.seq <= until).take(most).copied().collect()
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
        Fresh::new(ENOUGH, (0, BTreeSet::new()))
    }

    /// Writes what is to be written before the next commit; how many slices that were.
    fn index(fresh: &mut Fresh, last: Seq) -> usize {
        let mut slices = 0;
        while let Some(slice) = fresh.slice(last) {
            assert!(slice.facts.len() <= ENOUGH / SLICES);
            fresh.removed.extend(&slice.facts);
            fresh.commit();
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
                assert!(fresh.shelf.len() < 3 * ENOUGH / 2 + more as usize);
                let written = index(&mut fresh, last);
                assert!(written <= (more as usize * PACE * SLICES).div_ceil(ENOUGH), "{written} slices");
                slices += written;
            }
            assert!((SLICES..SLICES + 3).contains(&slices), "{slices} slices");
        }
    }
}
