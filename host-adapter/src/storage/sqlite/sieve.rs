//! What tells which parts a term is not in, without looking: Bloom filters, one for each stretch of a part that was written
//! at once.
//!
//! A message is in one part, and each of the others would be read for nothing; an id of a new event is in none. Two bytes
//! for a term let one in a thousand through that is not there. The bits of a term lie in one block, which is a line of the
//! processor's cache: a large store has more of them than fit into that, and each line that is fetched takes as long as the
//! rest of a question. Sieves stand beside the parts on disk; the process keeps them in memory, as long as there is room.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, params};

use super::{
    facts::Fact,
    parts::{self, Edition, Part, PartId},
};
use crate::{filter::Term, storage::DomainId};

/// A term of a domain.
type Key = (DomainId, Term);

/// The bits of some terms: each sets one in every word.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Block([u64; 8]);

impl Block {
    const BYTES: usize = 64;
    /// Terms of a block, on average.
    const TERMS: usize = 32;

    fn add(&mut self, key: Key) {
        for (word, bit) in self.0.iter_mut().zip(Self::bits(key)) {
            *word |= bit;
        }
    }

    /// Looks at every word: to stop at the first one without its bit is a branch that no processor foresees, and until it is
    /// decided the lines of the next questions are not fetched.
    fn may_have(&self, key: Key) -> bool {
        let missing =
            self.0.iter().zip(Self::bits(key)).fold(0, |missing, (word, bit)| missing | bit & !word);
        missing == 0
    }

    /// By six bits of the term for each word: terms are hashes, but for their upper bits, which are the same in a stretch.
    fn bits((_, Term(term)): Key) -> impl Iterator<Item = u64> {
        (0..8).map(move |word| 1 << (term >> (6 * word) & 63))
    }

    fn of_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (words, _) = bytes.as_chunks();
        let mut block = Self::default();
        for (word, bytes) in block.0.iter_mut().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        block
    }
}

/// The blocks of one stretch.
fn blocks(facts: &[Fact]) -> Vec<Block> {
    let keys =
        || facts.chunk_by(|one, other| key(one) == key(other)).filter_map(|same| same.first().map(key));
    let mut blocks = vec![Block::default(); keys().count().div_ceil(Block::TERMS)];
    for key in keys() {
        let place = place(key, blocks.len());
        if let Some(block) = blocks.get_mut(place) {
            block.add(key);
        }
    }
    blocks
}

/// In which of so many blocks a term is.
fn place((domain, Term(term)): Key, blocks: usize) -> usize {
    let mixed = (term.cast_unsigned() ^ u64::from(domain) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (((mixed >> 32) * blocks as u64) >> 32) as usize
}

fn key(&(domain, term, _): &Fact) -> Key {
    (domain, term)
}

/// Writes the sieve of a stretch; its bytes.
pub(super) fn write(connection: &Connection, part: PartId, facts: &[Fact]) -> rusqlite::Result<u32> {
    let Some((domain, Term(term))) = facts.first().map(key) else { return Ok(0) };
    let blocks = blocks(facts);
    let bits =
        blocks.iter().flat_map(|block| block.0.map(u64::to_le_bytes)).collect::<Vec<_>>().into_flattened();
    connection
        .prepare_cached("INSERT INTO sieve VALUES (NULL, ?, ?, ?, ?)")?
        .execute(params![part, domain, term, bits])?;
    Ok(u32::try_from(bits.len()).unwrap_or(u32::MAX))
}

/// The sieves of parts, in memory as far as there is room.
pub(super) struct Sieves(Mutex<Kept>);

struct Kept {
    /// What all together take at most, in bytes.
    room: u64,
    parts: HashMap<PartId, Arc<OfPart>>,
    /// The list that was asked for last, and its edition.
    listed: Option<(Edition, Vec<Sieved>)>,
}

/// A part, and its sieves if they are in memory.
pub(super) type Sieved = (Option<Arc<OfPart>>, Part);

/// Those of one part, in order.
#[derive(Default)]
pub(super) struct OfPart {
    /// The first term of each stretch.
    firsts: Vec<Key>,
    /// Where the blocks of each stretch end.
    ends: Vec<usize>,
    blocks: Vec<Block>,
}

impl Sieves {
    /// None yet, and room for so many bytes of them.
    pub(super) fn new(room: u64) -> Self {
        Self(Mutex::new(Kept { room, parts: HashMap::new(), listed: None }))
    }

    /// Those of the parts that there are, so that the first questions do not wait for them.
    pub(super) fn open(connection: &Connection, room: u64) -> rusqlite::Result<Self> {
        let sieves = Self::new(room);
        sieves.beside(connection, parts::whole(connection)?)?;
        Ok(sieves)
    }

    /// The parts that a reader is to look into, with their sieves; `edition` is that of the list in the state of the file that
    /// it reads.
    pub(super) fn of_edition(
        &self,
        connection: &Connection,
        edition: Edition,
    ) -> rusqlite::Result<Vec<Sieved>> {
        let mut kept = self.kept();
        if let Some((_, listed)) = kept.listed.as_ref().filter(|(known, _)| *known == edition) {
            return Ok(listed.clone());
        }
        let listed = kept.beside(connection, parts::whole(connection)?)?;
        kept.listed = Some((edition, listed.clone()));
        Ok(listed)
    }

    /// Puts the sieves of all parts beside them.
    pub(super) fn beside(&self, connection: &Connection, parts: Vec<Part>) -> rusqlite::Result<Vec<Sieved>> {
        self.kept().beside(connection, parts)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Sieves are read when they are asked for first. Where there is not room for all, the first parts come first: new ones
    /// take the place of old ones.
    fn beside(&mut self, connection: &Connection, parts: Vec<Part>) -> rusqlite::Result<Vec<Sieved>> {
        let Self { room, parts: kept, listed } = self;
        let before = kept.len();
        kept.retain(|kept, _| parts.iter().any(|part| part.id == *kept));
        let (mut taken, mut let_go) = (0, kept.len() < before);
        for part in &parts {
            let with_it = taken + u64::from(part.sieved);
            if with_it > *room {
                let_go |= kept.remove(&part.id).is_some();
            } else {
                taken = with_it;
                if let Entry::Vacant(place) = kept.entry(part.id) {
                    place.insert(Arc::new(OfPart::read(connection, part)?));
                }
            }
        }
        if let_go {
            *listed = None;
        }
        Ok(parts.into_iter().map(|part| (kept.get(&part.id).cloned(), part)).collect())
    }
}

impl OfPart {
    pub(super) fn read(connection: &Connection, part: &Part) -> rusqlite::Result<Self> {
        let mut select = connection.prepare_cached(
            "SELECT domain, term, bits FROM sieve WHERE part = ? ORDER BY domain, term, id",
        )?;
        let mut rows = select.query([part.id])?;
        let mut sieves = Self::default();
        sieves.blocks.reserve_exact(part.sieved as usize / Block::BYTES);
        while let Some(row) = rows.next()? {
            let (bytes, _) = row.get_ref(2)?.as_blob()?.as_chunks();
            sieves.add((row.get(0)?, Term(row.get(1)?)), bytes.iter().map(Block::of_bytes));
        }
        Ok(sieves)
    }

    fn add(&mut self, first: Key, blocks: impl IntoIterator<Item = Block>) {
        self.firsts.push(first);
        self.blocks.extend(blocks);
        self.ends.push(self.blocks.len());
    }

    /// Whether the part may have facts with this term.
    pub(super) fn let_through(&self, key: Key) -> bool {
        self.stretch_lets_through(self.firsts.partition_point(|first| *first <= key), key)
    }

    /// The same of sorted terms, one after the other.
    pub(super) fn sift<'a, T>(
        &'a self,
        sorted: &'a [T],
        key: impl Fn(&T) -> Key + 'a,
    ) -> impl Iterator<Item = &'a T> {
        let mut behind = 0;
        sorted.iter().filter(move |asked| {
            let key = key(asked);
            behind = self.behind(behind, key);
            self.stretch_lets_through(behind, key)
        })
    }

    /// How many stretches begin with the term or before it, which are so many at least: looked for in steps that double,
    /// since it is not far.
    fn behind(&self, mut least: usize, key: Key) -> usize {
        let begins_before = |at: usize| self.firsts.get(at).is_some_and(|first| *first <= key);
        let mut step = 1;
        while begins_before(least + step - 1) {
            least += step;
            step *= 2;
        }
        let rest = self.firsts.get(least..self.firsts.len().min(least + step)).unwrap_or_default();
        least + rest.partition_point(|first| *first <= key)
    }

    /// A stretch that does not begin with the term can have it only before the next one begins.
    fn stretch_lets_through(&self, behind: usize, key: Key) -> bool {
        let Some(stretch) = behind.checked_sub(1) else { return false };
        let begin = stretch.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(stretch).copied().unwrap_or(begin);
        self.blocks.get(begin + place(key, end - begin)).is_some_and(|block| block.may_have(key))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tempfile::TempDir;

    use super::{super::schema::open_writer, *};
    use crate::storage::Position;

    fn fact(term: i64) -> Fact {
        (1, Term(term), Position { timestamp: 0, seq: 1 })
    }

    /// Sorted terms, which are hashes.
    fn terms(count: usize) -> Vec<i64> {
        let mut terms: Vec<_> = (0..count).map(|number| Term::of_id(&number.to_string()).0).collect();
        terms.sort_unstable();
        terms
    }

    /// A store with no parts, and where it lies.
    fn store() -> (Connection, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (open_writer(&directory.path().join("sealpost.db")).unwrap(), directory)
    }

    fn sieves(terms: &[i64], stretch: usize) -> OfPart {
        let facts: Vec<_> = terms.iter().map(|term| fact(*term)).collect();
        let mut sieves = OfPart::default();
        facts.chunks(stretch).for_each(|stretch| sieves.add(key(&stretch[0]), blocks(stretch)));
        sieves
    }

    #[test]
    fn what_is_there_is_let_through_and_little_else() {
        let all = terms(200_000);
        let (own, others): (Vec<_>, Vec<_>) = all.chunks(2).map(|two| (two[0], two[1])).unzip();
        let sieves = sieves(&own, 3_000);
        assert!(own.iter().all(|term| sieves.let_through((1, Term(*term)))));
        let through = others.iter().filter(|term| sieves.let_through((1, Term(**term)))).count();
        assert!((1..others.len() / 700).contains(&through), "{through} of {}", others.len());
        assert!(!sieves.let_through((0, Term(own[0]))));
    }

    #[test]
    fn sorted_terms_are_sifted_as_each_by_itself() {
        let all = terms(20_000);
        for (own, stretch) in [(11, 100), (3, 100), (3, 1), (2, 20_000)] {
            let sieves = sieves(&all.iter().step_by(own).copied().collect::<Vec<_>>(), stretch);
            for apart in [1, 2, 7, 500, 19_999] {
                let mut asked: Vec<_> = all.iter().step_by(apart).copied().collect();
                asked.insert(0, i64::MIN);
                asked.push(i64::MAX);
                let key = |term: &i64| (1, Term(*term));
                let each: Vec<_> = asked.iter().filter(|term| sieves.let_through(key(term))).collect();
                assert_eq!(sieves.sift(&asked, key).collect::<Vec<_>>(), each);
                assert!(each.len() >= 2 || apart > 11, "{} of every {apart}", each.len());
            }
        }
    }

    /// Else the parts that come when a store has reached that size would all be looked into.
    #[test]
    fn where_there_is_not_room_for_all_new_parts_take_the_place_of_old_ones() {
        let (connection, _directory) = store();
        let sieves = Sieves::new(3 * Block::BYTES as u64);
        let kept = || -> Vec<bool> {
            let parts = parts::whole(&connection).unwrap();
            sieves.beside(&connection, parts).unwrap().iter().map(|(sieves, _)| sieves.is_some()).collect()
        };
        for (upto, blocks, expected) in [
            (1, 2, &[true][..]),
            (2, 1, &[true, true]),
            (3, 1, &[true, true, false]),
            (4, 4, &[false, true, true, false]),
            (5, 1, &[true, false, true, true, false]),
        ] {
            let part = parts::begin(&connection, 0, (upto - 1, upto)).unwrap();
            let facts: Vec<_> = terms(blocks * Block::TERMS).iter().map(|term| fact(*term)).collect();
            parts::append(&connection, part, &facts).unwrap();
            parts::complete(&connection, part).unwrap();
            assert_eq!(kept(), expected, "after part {upto}");
        }
    }

    /// The last of several stretches that begin with a term is the one that others can be in, too.
    #[test]
    fn a_term_of_many_facts_does_not_hide_what_follows_it() {
        let (connection, _directory) = store();
        let part = parts::begin(&connection, 0, (0, 1)).unwrap();
        for (seq, terms) in (1..).zip([&[1, 5][..], &[5], &[5], &[5, 6], &[7, 9]]) {
            let facts = terms.iter().map(|&term| (1, Term(term), Position { timestamp: 0, seq }));
            parts::append(&connection, part, &facts.collect::<Vec<_>>()).unwrap();
        }
        parts::complete(&connection, part).unwrap();
        let parts = parts::whole(&connection).unwrap();
        let sieves = OfPart::read(&connection, &parts[0]).unwrap();
        assert!([1, 5, 6, 7, 9].into_iter().all(|term| sieves.let_through((1, Term(term)))));
    }

    #[test]
    fn nothing_has_no_sieve() {
        assert!(blocks(&[]).is_empty());
        assert!(!OfPart::default().let_through((1, Term(2))));
    }
}
