//! Facts in sorted runs, each in one piece of memory.
//!
//! What a commit adds is a run, and runs are merged as long as they are short and about one size. So a fact is moved some
//! ten times, which costs the writer less than its insertion into a tree, and reading looks through some twenty runs. A
//! round sets the runs aside that there are, and takes slices from all of them in the order of the facts; what was taken can
//! still be read until the round ends.

use std::{cmp::Reverse, mem};

use super::facts::Fact;
use crate::storage::Seq;

/// Facts of a run that is merged no more: 1 MiB of them, since both runs and the new one are there for a moment.
const LONG: usize = 32_768;

#[derive(Default)]
pub(super) struct Runs {
    /// Each sorted.
    runs: Vec<Vec<Fact>>,
    /// Those of the round under way, of which slices up to `reached` have been taken.
    round: Vec<Vec<Fact>>,
    reached: Option<Fact>,
    /// The facts of the events up to this one are not here any more.
    above: Seq,
}

impl Runs {
    /// Adds facts that are not there.
    pub(super) fn add(&mut self, mut facts: Vec<Fact>) {
        facts.sort_unstable();
        let mergeable = |last: &mut Vec<Fact>, length| last.len() < 2 * length && last.len() + length <= LONG;
        while let Some(last) = self.runs.pop_if(|last| mergeable(last, facts.len())) {
            facts = merged(&last, &facts);
        }
        if !facts.is_empty() {
            self.runs.push(facts);
        }
    }

    /// Keeps the facts that a predicate picks.
    pub(super) fn retain(&mut self, picks: impl Fn(&Fact) -> bool) {
        self.runs.iter_mut().chain(&mut self.round).for_each(|run| run.retain(&picks));
        self.runs.retain(|run| !run.is_empty());
    }

    pub(super) fn len(&self) -> usize {
        self.pieces().map(<[Fact]>::len).sum()
    }

    /// Makes a round of all that is there. What was left of the one before is gone.
    pub(super) fn begin_round(&mut self) {
        (self.round, self.reached) = (mem::take(&mut self.runs), None);
    }

    /// The next facts of the round, in order; fewer than so many only where no more are left.
    pub(super) fn slice(&self, most: usize) -> Vec<Fact> {
        // The one with the next fact stands last.
        let mut pieces: Vec<_> = self.rest_of_round().filter(|piece| !piece.is_empty()).collect();
        pieces.sort_unstable_by_key(|piece| Reverse(piece.first()));
        let mut slice = Vec::with_capacity(most);
        while slice.len() < most
            && let Some(piece) = pieces.pop()
        {
            let next = pieces.last().and_then(|piece| piece.first());
            let is_first = |fact: &&Fact| next.is_none_or(|next| *fact <= next);
            let count = piece.iter().take(most - slice.len()).take_while(is_first).count();
            let (own, rest) = piece.split_at(count);
            slice.extend_from_slice(own);
            if !rest.is_empty() {
                let at = pieces.partition_point(|piece| piece.first() > rest.first());
                pieces.insert(at, rest);
            }
        }
        slice
    }

    /// The slice that ends with this fact is taken.
    pub(super) fn take(&mut self, last: Fact) {
        self.reached = Some(last);
    }

    /// Drops what the round was made of: the facts of the events up to this one.
    pub(super) fn end_round(&mut self, upto: Seq) {
        (self.round, self.reached, self.above) = (Vec::new(), None, upto);
    }

    /// Only facts of events above this number are here.
    pub(super) fn above(&self) -> Seq {
        self.above
    }

    /// The facts from the lower to the higher one: sorted pieces.
    pub(super) fn between(&self, low: Fact, high: Fact) -> impl Iterator<Item = &[Fact]> {
        self.pieces().map(move |piece| {
            let from = piece.partition_point(|fact| *fact < low);
            let to = piece.partition_point(|fact| *fact <= high);
            piece.get(from..to).unwrap_or_default()
        })
    }

    /// All facts: sorted pieces.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[Fact]> {
        self.runs.iter().chain(&self.round).map(Vec::as_slice)
    }

    fn rest_of_round(&self) -> impl Iterator<Item = &[Fact]> {
        let reached = self.reached;
        self.round.iter().map(move |run| {
            let taken = reached.map_or(0, |reached| run.partition_point(|fact| *fact <= reached));
            run.get(taken..).unwrap_or_default()
        })
    }
}

/// Both runs as one.
fn merged(mut left: &[Fact], mut right: &[Fact]) -> Vec<Fact> {
    let mut all = Vec::with_capacity(left.len() + right.len());
    while let (Some((first, rest_left)), Some((second, rest_right))) =
        (left.split_first(), right.split_first())
    {
        if first <= second {
            all.push(*first);
            left = rest_left;
        } else {
            all.push(*second);
            right = rest_right;
        }
    }
    all.extend_from_slice(left);
    all.extend_from_slice(right);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        filter::Term,
        storage::{DomainId, Position},
    };

    #[derive(Clone, Debug)]
    enum Step {
        Add(Vec<u16>),
        Forget(DomainId),
        Round,
        Take(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let some = || prop::collection::vec(0..500_u16, 0..60);
        let step = prop_oneof![
            4 => some().prop_map(Step::Add),
            1 => (0..3_u32).prop_map(Step::Forget),
            1 => Just(Step::Round),
            2 => (1..40_usize).prop_map(Step::Take),
        ];
        prop::collection::vec(step, 0..60)
    }

    fn fact(number: u16) -> Fact {
        let seq = u64::from(number);
        (
            u32::from(number % 3),
            Term(i64::from(number % 7)),
            Position { timestamp: i64::from(number / 3), seq },
        )
    }

    proptest! {
        /// Whatever is done to them, runs hold what a set holds.
        #[test]
        fn runs_are_a_set(steps in steps(), low in 0..500_u16, high in 0..500_u16) {
            // What is left of the round, and all that it was made of.
            let (mut runs, mut set, mut round, mut whole) =
                (Runs::default(), BTreeSet::<Fact>::new(), BTreeSet::new(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Add(numbers) => {
                        let new: BTreeSet<_> = numbers.into_iter().map(fact).filter(|fact| !set.contains(fact)).collect();
                        set.extend(&new);
                        runs.add(new.into_iter().rev().collect());
                    }
                    Step::Forget(domain) => {
                        for facts in [&mut set, &mut round, &mut whole] {
                            facts.retain(|(of, ..)| *of != domain);
                        }
                        runs.retain(|(of, ..)| *of != domain);
                    }
                    Step::Round if whole.is_empty() => {
                        round.clone_from(&set);
                        whole.clone_from(&set);
                        runs.begin_round();
                    }
                    Step::Round => {}
                    Step::Take(count) => {
                        let taken: Vec<_> = round.iter().take(count).copied().collect();
                        prop_assert_eq!(runs.slice(count), &*taken);
                        if let Some(last) = taken.last().filter(|_| taken.len() == count) {
                            runs.take(*last);
                            round.retain(|fact| !taken.contains(fact));
                        } else {
                            runs.end_round(7);
                            prop_assert_eq!(runs.above(), 7);
                            set.retain(|fact| !whole.contains(fact));
                            whole.clear();
                            round.clear();
                        }
                    }
                }
                prop_assert_eq!(runs.len(), set.len());
            }
            let (low, high) = (fact(low.min(high)).min(fact(high)), fact(high).max(fact(low)));
            let mut found: Vec<_> = runs.between(low, high).flatten().copied().collect();
            found.sort_unstable();
            prop_assert_eq!(found, set.range(low..=high).copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn many_small_runs_become_a_few() {
        let mut runs = Runs::default();
        for number in 0..4096 {
            runs.add(vec![(1, Term(number % 13), Position { timestamp: number, seq: 0 })]);
        }
        assert_eq!(runs.len(), 4096);
        assert!(runs.runs.len() <= 13, "{}", runs.runs.len());
    }
}
