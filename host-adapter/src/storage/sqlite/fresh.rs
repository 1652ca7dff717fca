//! The facts of the latest events, in memory.
//!
//! The index on disk is made of sorted parts, and the facts of one commit would make a poor one. So they wait here, and
//! go out in rounds: all that have gathered become a part, slice by slice between the commits. They are found here until it
//! is whole. Nothing is lost with the process: the facts of an event are made of its event-data, and what no finished
//! round has written is made again at the next start.

use std::{
    mem,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use rusqlite::Connection;

use super::{
    facts::Fact,
    parts::{self, PartId},
    runs::Runs,
};
use crate::{
    filter::Term,
    storage::{DomainId, EventQuery, Position, Seq},
};

/// Slices in a round, about. With the usual settings each takes half a millisecond, for which commits wait.
const SLICES: usize = 64;

/// A round goes on by a slice for every so many facts that come, this part of a slice: small commits do not wait for a
/// slice each, and a round ends before many more facts have gathered.
const PACE: usize = 4;

/// The writer's side: what is added and removed becomes visible with the commit.
pub(super) struct Fresh {
    shelf: Shelf,
    /// Facts from which on a round begins.
    enough: usize,
    added: Vec<Fact>,
    /// A domain whose facts are removed.
    forgotten: Option<DomainId>,
    /// The number below which there are no events any more, where their facts may be here.
    oldest: Option<Seq>,
    /// The event up to which all facts are on disk.
    indexed_to: Seq,
    round: Option<Round>,
    /// Facts that have come since the round began, less those that its slices were taken for.
    since: usize,
}

/// The readers' side.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<RwLock<Runs>>);

/// A round under way.
#[derive(Clone, Copy)]
struct Round {
    /// The last event whose facts are being written.
    upto: Seq,
    /// Where to, from the first slice on.
    part: Option<PartId>,
}

/// Facts that one transaction is to write.
pub(super) struct Slice {
    facts: Vec<Fact>,
    above: Seq,
    round: Round,
    /// Whether these are the last of the round.
    is_last: bool,
}

impl Fresh {
    /// The facts of the events after `indexed_to`.
    pub(super) fn new(enough: usize, (indexed_to, facts): (Seq, Vec<Fact>)) -> Self {
        let shelf = Shelf::default();
        shelf.write().add(facts);
        shelf.write().end_round(indexed_to);
        Self {
            shelf,
            enough,
            added: Vec::new(),
            forgotten: None,
            oldest: None,
            indexed_to,
            round: None,
            since: 0,
        }
    }

    pub(super) fn shelf(&self) -> Shelf {
        self.shelf.clone()
    }

    pub(super) fn add(&mut self, facts: impl IntoIterator<Item = Fact>) {
        self.added.extend(facts);
    }

    /// Removes the facts of a domain.
    pub(super) fn forget(&mut self, domain: DomainId) {
        self.forgotten = Some(domain);
    }

    /// Removes the facts of the events below this number.
    pub(super) fn forget_below(&mut self, oldest: Seq) {
        self.oldest = (oldest > self.indexed_to + 1).then_some(oldest);
    }

    /// What was added and removed counts from now on; how many facts were added.
    pub(super) fn commit(&mut self) -> usize {
        if let Some(domain) = self.forgotten.take() {
            self.shelf.write().retain(|(of, ..)| *of != domain);
        }
        if let Some(oldest) = self.oldest.take() {
            self.shelf.write().retain(|(.., position)| position.seq >= oldest);
        }
        let added = self.added.len();
        if added > 0 {
            if self.round.is_some() {
                self.since += added;
            }
            self.shelf.write().add(mem::take(&mut self.added));
        }
        added
    }

    pub(super) fn roll_back(&mut self) {
        self.added.clear();
        (self.forgotten, self.oldest) = (None, None);
    }

    /// What is to be written next, if it is time; `last` is the last event.
    pub(super) fn slice(&mut self, last: Seq) -> Option<Slice> {
        let round = match self.round {
            Some(_) if self.since < self.pace() => return None,
            Some(round) => round,
            None if self.is_enough(last) => {
                self.shelf.write().begin_round();
                *self.round.insert(Round { upto: last, part: None })
            }
            None => return None,
        };
        let most = self.enough.div_ceil(SLICES);
        let facts = self.shelf.read().slice(most);
        Some(Slice { is_last: facts.len() < most, facts, above: self.indexed_to, round })
    }

    /// Whether it is time for a round. Every start reads the events again, so there are not to be many of few facts either.
    fn is_enough(&self, last: Seq) -> bool {
        let events = usize::try_from(last.saturating_sub(self.indexed_to)).unwrap_or(usize::MAX);
        self.shelf.read().len() >= self.enough || events >= self.enough.div_ceil(2)
    }

    fn pace(&self) -> usize {
        self.enough.div_ceil(SLICES) / PACE
    }

    /// Writes a slice within the open transaction; where to.
    pub(super) fn write(connection: &Connection, slice: &Slice) -> rusqlite::Result<PartId> {
        let Slice { facts, above, round: Round { upto, part }, is_last } = slice;
        let part = match part {
            Some(part) => *part,
            None => parts::begin(connection, 0, (*above, *upto))?,
        };
        parts::append(connection, part, facts)?;
        if *is_last {
            parts::complete(connection, part)?;
            parts::set_indexed_to(connection, *upto)?;
        }
        Ok(part)
    }

    /// Goes on behind a slice that is committed; whether that was the last of its round.
    pub(super) fn written(&mut self, slice: &Slice, part: PartId) -> bool {
        // The first slice of a round is taken for none.
        self.since = self.since.saturating_sub(self.pace());
        if slice.is_last {
            // Readers look here before they look there.
            self.shelf.write().end_round(slice.round.upto);
            (self.round, self.since, self.indexed_to) = (None, 0, slice.round.upto);
        } else {
            self.round = Some(Round { part: Some(part), ..slice.round });
            if let Some(&last) = slice.facts.last() {
                self.shelf.write().take(last);
            }
        }
        slice.is_last
    }
}

impl Shelf {
    /// Up to `limit` positions of events with this term, from `from` on, within the query's time. `None` where facts are
    /// gone from here of events behind `indexed_to`.
    pub(super) fn positions(
        &self,
        (domain, term): (DomainId, Term),
        from: Position,
        query: &EventQuery,
        limit: usize,
        indexed_to: Seq,
    ) -> Option<Vec<Position>> {
        let (low, high) = query.range(from);
        if low > high {
            return Some(Vec::new());
        }
        let shelf = self.read();
        if shelf.above() > indexed_to {
            return None;
        }
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
        Some(found)
    }

    /// Shows every fact, in no order.
    pub(super) fn visit(&self, visit: impl FnMut(Fact)) {
        self.read().pieces().flatten().copied().for_each(visit);
    }

    /// Adds the positions of all facts from the lower to the higher one.
    pub(super) fn add_all(&self, (low, high): (Fact, Fact), found: &mut Vec<Position>) {
        found.extend(self.read().between(low, high).flatten().map(|&(.., position)| position));
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
            fresh.written(&slice, 1);
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
                assert!(fresh.shelf.read().len() < 5 * ENOUGH / 2 + more as usize);
                let written = index(&mut fresh, last);
                assert!(written <= (more as usize * PACE * SLICES).div_ceil(ENOUGH), "{written} slices");
                slices += written;
            }
            assert!((SLICES..SLICES + 3).contains(&slices), "{slices} slices");
        }
    }
}
