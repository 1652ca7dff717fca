//! Finding events by their facts: lists of positions, merged and intersected without reading an event.
//!
//! Every list is in the order of the listing. An intersection leaps: whichever of its lists is furthest
//! ahead says where the others go on. So a rare term makes a common one cheap, whichever way round they are
//! asked for, and nothing has to be known about how many events have which.

use super::Position;
use crate::filter::{Plan, Term};

/// Where lists come from.
pub(super) trait Source {
    type Error;

    /// Up to `limit` positions of events with this term, or of any, from `from` on, itself included; fewer
    /// only if there are no more.
    fn positions(
        &mut self,
        term: Option<Term>,
        from: Position,
        limit: usize,
    ) -> Result<Vec<Position>, Self::Error>;
}

/// The positions where a plan leads, in one direction.
pub(super) struct Postings {
    node: Node,
    ascending: bool,
    next: Position,
}

impl Postings {
    /// From this position on, itself included. About so many are wanted.
    pub(super) fn new(plan: &Plan, ascending: bool, from: Position, wanted: usize) -> Self {
        let mut node = Node::new(plan);
        if let Node::List(list) = &mut node {
            // The first fetch doubles it.
            list.size = wanted.div_ceil(2).clamp(CHUNK.0, CHUNK.1);
        }
        Self { node, ascending, next: from }
    }

    /// The next position.
    pub(super) fn next<S: Source>(&mut self, source: &mut S) -> Result<Option<Position>, S::Error> {
        let found = self.node.seek(source, self.next, self.ascending)?;
        if let Some(position) = found {
            self.next = position.beyond(self.ascending);
        }
        Ok(found)
    }
}

enum Node {
    List(List),
    Any(Vec<Self>),
    All(Vec<Self>),
}

impl Node {
    fn new(plan: &Plan) -> Self {
        match plan {
            Plan::Everything => Self::List(List::new(None)),
            Plan::Term(term) => Self::List(List::new(Some(*term))),
            Plan::Any(parts) => Self::Any(parts.iter().map(Self::new).collect()),
            Plan::All(parts) => Self::All(parts.iter().map(Self::new).collect()),
        }
    }

    /// The first position at `target` or beyond. Targets never go back.
    fn seek<S: Source>(
        &mut self,
        source: &mut S,
        target: Position,
        ascending: bool,
    ) -> Result<Option<Position>, S::Error> {
        match self {
            Self::List(list) => list.seek(source, target, ascending),
            Self::Any(parts) => {
                let mut first = None;
                for part in parts {
                    let Some(found) = part.seek(source, target, ascending)? else { continue };
                    if first.is_none_or(|first| found.is_before(first, ascending)) {
                        first = Some(found);
                    }
                }
                Ok(first)
            }
            Self::All(parts) => {
                let mut target = target;
                let mut agreed = 0;
                for at in (0..parts.len()).cycle() {
                    let Some(part) = parts.get_mut(at) else { break };
                    let Some(found) = part.seek(source, target, ascending)? else { return Ok(None) };
                    agreed = if found == target { agreed + 1 } else { 1 };
                    target = found;
                    if agreed == parts.len() {
                        return Ok(Some(target));
                    }
                }
                Ok(None)
            }
        }
    }
}

/// Positions fetched at once: more while they are all wanted, fewer when most are leapt over.
const CHUNK: (usize, usize) = (8, 256);

/// One list, of which a chunk is at hand.
struct List {
    term: Option<Term>,
    chunk: Vec<Position>,
    at: usize,
    size: usize,
    /// Positions of the chunk that were asked for.
    wanted: usize,
    /// Whether there is nothing behind the chunk.
    ended: bool,
}

impl List {
    fn new(term: Option<Term>) -> Self {
        Self { term, chunk: Vec::new(), at: 0, size: CHUNK.0, wanted: 0, ended: false }
    }

    fn seek<S: Source>(
        &mut self,
        source: &mut S,
        target: Position,
        ascending: bool,
    ) -> Result<Option<Position>, S::Error> {
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        self.at += rest.partition_point(|position| position.is_before(target, ascending));
        if self.at == self.chunk.len() && !self.ended {
            let (least, most) = CHUNK;
            let grows = self.wanted * 2 >= self.chunk.len();
            self.size = if grows { self.size * 2 } else { self.size / 2 }.clamp(least, most);
            self.chunk = source.positions(self.term, target, self.size)?;
            self.ended = self.chunk.len() < self.size;
            (self.at, self.wanted) = (0, 0);
        }
        self.wanted += 1;
        Ok(self.chunk.get(self.at).copied())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, convert::Infallible};

    use proptest::prelude::*;

    use super::*;

    /// Which of a few terms each event has; its number is its position.
    struct Table {
        events: Vec<BTreeSet<i64>>,
        ascending: bool,
        fetched: usize,
    }

    fn place(number: usize) -> Position {
        // Three events share each time.
        Position { timestamp: (number / 3) as i64, seq: number as u64 + 1 }
    }

    impl Source for Table {
        type Error = Infallible;

        fn positions(
            &mut self,
            term: Option<Term>,
            from: Position,
            limit: usize,
        ) -> Result<Vec<Position>, Infallible> {
            let has = |terms: &BTreeSet<i64>| term.is_none_or(|Term(term)| terms.contains(&term));
            let numbers = self.events.iter().enumerate().filter(|(_, terms)| has(terms));
            let mut positions: Vec<_> = numbers.map(|(number, _)| place(number)).collect();
            if !self.ascending {
                positions.reverse();
            }
            positions.retain(|position| !position.is_before(from, self.ascending));
            positions.truncate(limit);
            self.fetched += positions.len();
            Ok(positions)
        }
    }

    fn walked(table: &mut Table, plan: &Plan, from: Position) -> Vec<Position> {
        let mut postings = Postings::new(plan, table.ascending, from, 30);
        let mut found = Vec::new();
        while let Ok(Some(position)) = postings.next(table) {
            found.push(position);
        }
        found
    }

    fn holds(plan: &Plan, terms: &BTreeSet<i64>) -> bool {
        match plan {
            Plan::Everything => true,
            Plan::Term(Term(term)) => terms.contains(term),
            Plan::Any(parts) => parts.iter().any(|part| holds(part, terms)),
            Plan::All(parts) => parts.iter().all(|part| holds(part, terms)),
        }
    }

    fn plans() -> impl Strategy<Value = Plan> {
        let leaf =
            prop_oneof![1 => Just(Plan::Everything), 6 => (0..5_i64).prop_map(|term| Plan::Term(Term(term)))];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Plan::Any),
                prop::collection::vec(inner, 1..4).prop_map(Plan::All),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_plan_leads_to_every_event_that_has_what_it_says_in_order(
            events in prop::collection::vec(prop::collection::btree_set(0..5_i64, 0..4), 0..80),
            plan in plans(),
            ascending in any::<bool>(),
            start in 0..80_usize,
        ) {
            let from = place(start);
            let numbers = events.iter().enumerate().filter(|(_, terms)| holds(&plan, terms));
            let mut expected: Vec<_> = numbers.map(|(number, _)| place(number)).collect();
            if !ascending {
                expected.reverse();
            }
            expected.retain(|position| !position.is_before(from, ascending));
            prop_assert_eq!(walked(&mut Table { events, ascending, fetched: 0 }, &plan, from), expected);
        }
    }

    #[test]
    fn a_rare_term_makes_a_common_one_cheap() {
        let terms = |number: usize| {
            if number.is_multiple_of(1000) { BTreeSet::from([0, 1]) } else { BTreeSet::from([0]) }
        };
        let mut table = Table { events: (0..10_000).map(terms).collect(), ascending: true, fetched: 0 };
        let plan = Plan::All(vec![Plan::Term(Term(0)), Plan::Term(Term(1))]);
        assert_eq!(walked(&mut table, &plan, place(0)).len(), 10);
        assert!(table.fetched < 200, "{} positions fetched", table.fetched);
    }
}
