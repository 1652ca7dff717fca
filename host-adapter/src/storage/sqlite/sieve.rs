//! What tells which parts a term is not in, without looking: Bloom filters, one for each stretch of a part that was written
//! at once.
//!
//! A message is in one part, and each of the others would be read for nothing; an id of a new event is in none. Ten bits for
//! a term let one in a hundred through that is not there. Sieves stand beside the parts on disk; the process keeps them in
//! memory, as long as there is room.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, Row, params};

use super::{
    facts::Fact,
    parts::{self, Part, PartId},
};
use crate::{filter::Term, storage::DomainId};

/// What all that are kept in memory take at most, in bytes: those of some fifteen million events.
const ROOM: u64 = 64 << 20;

/// Bits for each term, and how many of them it sets.
const BITS: usize = 10;
const SET: u32 = 7;

/// A term of a domain.
type Key = (DomainId, Term);

/// The terms of one stretch.
struct Sieve {
    /// The first term of the stretch.
    first: Key,
    bits: Vec<u8>,
}

impl Sieve {
    /// Of sorted facts; `None` if there are none.
    fn of(facts: &[Fact]) -> Option<Self> {
        let keys =
            || facts.chunk_by(|one, other| key(one) == key(other)).filter_map(|same| same.first().map(key));
        let mut sieve = Self { first: keys().next()?, bits: vec![0; (keys().count() * BITS).div_ceil(8)] };
        for key in keys() {
            for (byte, bit) in sieve.places(key) {
                sieve.bits[byte] |= bit;
            }
        }
        Some(sieve)
    }

    fn lets_through(&self, key: Key) -> bool {
        self.first == key
            || self.places(key).all(|(byte, bit)| self.bits.get(byte).is_none_or(|bits| bits & bit != 0))
    }

    /// The bits that a term sets.
    fn places(&self, (domain, Term(term)): Key) -> impl Iterator<Item = (usize, u8)> + use<> {
        // The terms of a stretch are close to each other: their upper bits are the same.
        let mixed = (term.cast_unsigned() ^ u64::from(domain) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (first, step) = ((mixed >> 32) as u32, mixed as u32 | 1);
        let size = 8 * self.bits.len() as u64;
        (0..SET).map(move |number| {
            let place = (u64::from(first.wrapping_add(number.wrapping_mul(step))) * size) >> 32;
            (place as usize / 8, 1 << (place % 8))
        })
    }
}

fn key(&(domain, term, _): &Fact) -> Key {
    (domain, term)
}

/// Writes the sieve of a stretch; its bytes.
pub(super) fn write(connection: &Connection, part: PartId, facts: &[Fact]) -> rusqlite::Result<u32> {
    let Some(Sieve { first: (domain, Term(term)), bits }) = Sieve::of(facts) else { return Ok(0) };
    connection
        .prepare_cached("INSERT INTO sieve VALUES (NULL, ?, ?, ?, ?)")?
        .execute(params![part, domain, term, bits])?;
    Ok(u32::try_from(bits.len()).unwrap_or(u32::MAX))
}

/// The sieves of parts, in memory as far as there is room.
#[derive(Default)]
pub(super) struct Sieves(Mutex<HashMap<PartId, Arc<OfPart>>>);

/// A part, and its sieves if they are in memory.
pub(super) type Sieved = (Option<Arc<OfPart>>, Part);

/// Those of one part, in order.
pub(super) struct OfPart {
    /// The first terms of them all, apart: a search goes over these.
    firsts: Vec<Key>,
    sieves: Vec<Sieve>,
}

impl Sieves {
    /// Those of the parts that there are, so that the first questions do not wait for them.
    pub(super) fn open(connection: &Connection) -> rusqlite::Result<Self> {
        let sieves = Self::default();
        sieves.beside(connection, parts::whole(connection)?)?;
        Ok(sieves)
    }

    /// Puts the sieves of all parts beside them, which are read when they are asked for first; the first parts come first
    /// where there is not room for all.
    pub(super) fn beside(&self, connection: &Connection, parts: Vec<Part>) -> rusqlite::Result<Vec<Sieved>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.iter().any(|part| !kept.contains_key(&part.id)) {
            // A part is new: others may have gone.
            kept.retain(|kept, _| parts.iter().any(|part| part.id == *kept));
            let bytes = |part: &Part| u64::from(part.sieved);
            let mut taken: u64 = parts.iter().filter(|part| kept.contains_key(&part.id)).map(bytes).sum();
            for part in &parts {
                if !kept.contains_key(&part.id) && taken + bytes(part) <= ROOM {
                    kept.insert(part.id, Arc::new(OfPart::read(connection, part.id)?));
                    taken += bytes(part);
                }
            }
        }
        Ok(parts.into_iter().map(|part| (kept.get(&part.id).cloned(), part)).collect())
    }
}

impl OfPart {
    fn read(connection: &Connection, part: PartId) -> rusqlite::Result<Self> {
        let mut select = connection
            .prepare_cached("SELECT domain, term, bits FROM sieve WHERE part = ? ORDER BY domain, term")?;
        let sieve = |row: &Row<'_>| Ok(Sieve { first: (row.get(0)?, Term(row.get(1)?)), bits: row.get(2)? });
        Ok(select.query_map([part], sieve)?.collect::<rusqlite::Result<Vec<_>>>()?.into())
    }

    /// Whether the part may have facts with this term.
    pub(super) fn let_through(&self, key: Key) -> bool {
        // A stretch that does not begin with the term can have it only before the next one begins.
        let behind = self.firsts.partition_point(|first| *first <= key);
        behind.checked_sub(1).and_then(|at| self.sieves.get(at)).is_some_and(|sieve| sieve.lets_through(key))
    }
}

impl From<Vec<Sieve>> for OfPart {
    fn from(sieves: Vec<Sieve>) -> Self {
        Self { firsts: sieves.iter().map(|sieve| sieve.first).collect(), sieves }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::storage::Position;

    fn fact(term: i64) -> Fact {
        (1, Term(term), Position { timestamp: 0, seq: 1 })
    }

    /// Terms as they are in a stretch of a large part: near each other, and random in that.
    fn terms(count: usize) -> Vec<i64> {
        let random = |number: usize| (number as u64).wrapping_mul(0xd134_2543_de82_ef95) >> 24;
        let mut terms: Vec<_> = (0..count).map(|number| (7 << 50) + random(number).cast_signed()).collect();
        terms.sort_unstable();
        terms
    }

    #[test]
    fn what_is_there_is_let_through_and_little_else() {
        let (own, others): (Vec<_>, Vec<_>) = terms(20_000).into_iter().partition(|term| term % 2 == 0);
        let facts: Vec<_> = own.iter().map(|term| fact(*term)).collect();
        let stretches = facts.chunks(3_000).map(|stretch| Sieve::of(stretch).unwrap());
        let sieves = OfPart::from(stretches.collect::<Vec<_>>());
        assert!(own.iter().all(|term| sieves.let_through((1, Term(*term)))));
        let through = others.iter().filter(|term| sieves.let_through((1, Term(**term)))).count();
        assert!((1..others.len() / 80).contains(&through), "{through} of {}", others.len());
        assert!(!sieves.let_through((0, Term(own[0]))));
    }

    #[test]
    fn nothing_has_no_sieve() {
        assert!(Sieve::of(&[]).is_none());
        assert!(!OfPart::from(Vec::new()).let_through((1, Term(2))));
    }
}
