//! Facts in few bytes: the first one as it is, each other by what it differs from the one before it.
//!
//! In the order of the index neighbours are alike: with the same term, the next event is seconds and a few numbers away,
//! which is six bytes or so; where the term changes, it takes sixteen. Whole, a fact has 28.

use std::ops::ControlFlow;

use rusqlite::{Row, types::Type};

use super::{facts::Fact, varint};
use crate::{filter::Term, storage::Position};

/// Bytes at which a chunk ends, but for the fact that reaches them: a page of the file has four chunks. A question reads
/// one chunk at least, and half of it for nothing.
const FULL: usize = 1950;

/// Facts of a chunk at most: each behind the first takes three bytes or more.
pub(super) const MOST: usize = 1 + FULL.div_ceil(3);

/// Facts of one domain, in order.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) first: Fact,
    /// Those behind the first.
    pub(super) more: Vec<u8>,
}

/// Sorted facts as chunks.
pub(super) fn pack(facts: &[Fact]) -> impl Iterator<Item = Chunk> {
    facts.chunk_by(|(one, ..), (other, ..)| one == other).flat_map(|mut rest| {
        std::iter::from_fn(move || {
            let (&first, behind) = rest.split_first()?;
            rest = behind;
            let (mut last, mut more) = (first, Vec::with_capacity(FULL + 3 * varint::MAX_LEN));
            while more.len() < FULL
                && let Some((&fact, behind)) = rest.split_first()
            {
                write(&mut more, last, fact);
                (last, rest) = (fact, behind);
            }
            Some(Chunk { first, more })
        })
    })
}

impl Chunk {
    /// From the columns domain, term, timestamp, seq and more.
    pub(super) fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let position = Position { timestamp: row.get(2)?, seq: row.get::<_, i64>(3)?.cast_unsigned() };
        Ok(Self { first: (row.get(0)?, Term(row.get(1)?), position), more: row.get(4)? })
    }

    /// All facts of the chunk, in order.
    pub(super) fn facts(&self) -> rusqlite::Result<Vec<Fact>> {
        let mut facts = Vec::with_capacity(1 + self.more.len() / 5);
        self.visit(|fact| {
            facts.push(fact);
            ControlFlow::Continue(())
        })?;
        Ok(facts)
    }

    /// Goes through the facts of the chunk, in order, until it is told to stop.
    ///
    /// What changes from one to the next is in three numbers here and not in a fact: moved as a whole, each fact would wait
    /// for the last one's bytes (measured: three times as long).
    pub(super) fn visit(&self, mut see: impl FnMut(Fact) -> ControlFlow<()>) -> rusqlite::Result<()> {
        let (domain, Term(mut term), Position { mut timestamp, mut seq }) = self.first;
        let mut more = &*self.more;
        while see((domain, Term(term), Position { timestamp, seq })).is_continue() && !more.is_empty() {
            let mut read = || varint::read(&mut more).ok_or_else(damaged);
            term = term.wrapping_add(read()?.cast_signed());
            timestamp = timestamp.wrapping_add(unzigzag(read()?));
            seq = seq.wrapping_add_signed(unzigzag(read()?));
        }
        Ok(())
    }
}

fn damaged() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        4,
        Type::Blob,
        "a chunk of facts ends in the middle of one".into(),
    )
}

/// Writes a fact of the same domain.
fn write(out: &mut Vec<u8>, (_, Term(last_term), last): Fact, (_, Term(term), position): Fact) {
    varint::write(out, term.wrapping_sub(last_term).cast_unsigned());
    varint::write(out, zigzag(position.timestamp.wrapping_sub(last.timestamp)));
    varint::write(out, zigzag(position.seq.wrapping_sub(last.seq).cast_signed()));
}

/// Small numbers of either sign as small ones.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts() -> impl Strategy<Value = Vec<Fact>> {
        let number = || prop_oneof![0..20_i64, any::<i64>()];
        let fact = (0..3_u32, number(), number(), number()).prop_map(|(domain, term, timestamp, seq)| {
            (domain, Term(term), Position { timestamp, seq: seq.cast_unsigned() })
        });
        prop::collection::btree_set(fact, 0..700).prop_map(|facts| facts.into_iter().collect())
    }

    proptest! {
        #[test]
        fn packed_facts_come_back(facts in facts()) {
            let chunks: Vec<_> = pack(&facts).collect();
            for chunk in &chunks {
                prop_assert!(chunk.more.len() < FULL + 3 * varint::MAX_LEN);
                prop_assert!(chunk.facts().unwrap().len() <= MOST);
                prop_assert!(chunk.facts().unwrap().iter().all(|(domain, ..)| *domain == chunk.first.0));
            }
            let back: Vec<_> = chunks.iter().flat_map(|chunk| chunk.facts().unwrap()).collect();
            prop_assert_eq!(back, facts);
        }

        #[test]
        fn whatever_is_read_ends_in_facts_or_an_error(more in prop::collection::vec(any::<u8>(), 0..200)) {
            let chunk = Chunk { first: (1, Term(2), Position { timestamp: 3, seq: 4 }), more };
            if let Ok(facts) = chunk.facts() {
                prop_assert!(facts.len() <= 1 + chunk.more.len() / 3);
            }
        }
    }

    #[test]
    fn a_thousand_events_of_a_term_take_six_kilobytes() {
        let fact = |number: u64| {
            (
                1,
                Term(5),
                Position { timestamp: 1_700_000_000_000_000 + 100_000 * number.cast_signed(), seq: number },
            )
        };
        let facts: Vec<_> = (0..1000).map(fact).collect();
        let bytes: usize = pack(&facts).map(|chunk| 28 + chunk.more.len()).sum();
        assert!(bytes < 6_000, "{bytes}");
    }
}
