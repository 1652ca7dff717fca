//! Whether events would be found by what they say.

use std::hash::{BuildHasher, RandomState};

use rusqlite::{Connection, params};

use super::Examined;
use crate::{
    filter::Facts,
    secrets::MasterKey,
    storage::{
        Position,
        sqlite::{
            chunk::Chunk,
            facts::{self, Fact},
            parts::{self, Part},
            sieve::OfPart,
        },
    },
};

/// Compares the facts in the parts with what the events say, part by part.
pub(super) fn look(connection: &Connection, _: &MasterKey, examined: &mut Examined) -> rusqlite::Result<()> {
    let mut reached = 0;
    for part in parts::whole(connection)?.into_iter().rev() {
        let (above, upto) = events_of(&part);
        if above < reached {
            examined.fault(format!("part {} of the index has events that another one has, too", part.id));
        }
        compare(connection, (reached, above), Sums::default(), examined)?;
        let sums = Sums::of_part(connection, &part, examined)?;
        compare(connection, (above, upto), sums, examined)?;
        reached = upto;
    }
    let indexed_to = parts::indexed_to(connection)?.cast_signed();
    compare(connection, (reached, indexed_to), Sums::default(), examined)
}

/// Compares the facts of the events above one number and up to another.
fn compare(
    connection: &Connection,
    (above, upto): (i64, i64),
    sums: Sums,
    examined: &mut Examined,
) -> rusqlite::Result<()> {
    let mut events = connection
        .prepare("SELECT seq, domain, timestamp, id, data FROM event WHERE seq > ? AND seq <= ?")?;
    let mut rows = events.query(params![above, upto])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let position = Position { timestamp: row.get(2)?, seq: seq.cast_unsigned() };
        let (id, facts) = (row.get_ref(3)?.as_str()?, Facts::of_data(row.get_ref(4)?.as_blob()?));
        let sum = facts::of_event(row.get(1)?, (id, &facts), position).map(|fact| sums.hash(fact));
        if sum.fold(0, u64::wrapping_add) != sums.of(seq) {
            examined.fault(format!("event {seq} (id `{id}`) would not be found by what it says"));
        }
    }
    Ok(())
}

/// The events that a part has the facts of: those above the first number, up to the second.
fn events_of(part: &Part) -> (i64, i64) {
    (part.above.cast_signed(), part.upto.cast_signed())
}

/// For each event of a part the sum of its facts, hashed: it is the same in whatever order they come.
#[derive(Default)]
struct Sums {
    /// In the order of the events.
    sums: Vec<(i64, u64)>,
    random: RandomState,
}

impl Sums {
    fn of_part(connection: &Connection, part: &Part, examined: &mut Examined) -> rusqlite::Result<Self> {
        let (above, upto) = events_of(part);
        let mut events = connection.prepare("SELECT seq FROM event WHERE seq > ? AND seq <= ?")?;
        let events = events.query_map([above, upto], |row| Ok((row.get(0)?, 0)))?;
        let mut sums = Self { sums: events.collect::<Result<_, _>>()?, random: RandomState::new() };
        let mut chunks = connection.prepare(
            "SELECT domain, term, timestamp, seq, more FROM chunk WHERE part = ?
             ORDER BY domain, term, timestamp, seq",
        )?;
        let sieves = OfPart::read(connection, part)?;
        let (part, mut last) = (part.id, None);
        for chunk in chunks.query_map([part], Chunk::of_row)? {
            for fact in chunk?.facts()? {
                if last.replace(fact) >= Some(fact) {
                    examined.fault(format!("part {part} of the index is out of order"));
                    return Ok(sums);
                }
                let seq = fact.2.seq.cast_signed();
                if seq <= above || seq > upto {
                    examined
                        .fault(format!("part {part} of the index has event {seq}, which is none of its own"));
                    return Ok(sums);
                }
                // The part is not asked for what its sieves keep.
                if sieves.let_through((fact.0, fact.1)) {
                    sums.add(seq, fact);
                }
            }
        }
        Ok(sums)
    }

    /// Counts a fact of an event. That one may be gone: its facts stay for a while.
    fn add(&mut self, seq: i64, fact: Fact) {
        let hash = self.hash(fact);
        if let Ok(place) = self.sums.binary_search_by_key(&seq, |&(seq, _)| seq) {
            let (_, sum) = &mut self.sums[place];
            *sum = sum.wrapping_add(hash);
        }
    }

    fn of(&self, seq: i64) -> u64 {
        let place = self.sums.binary_search_by_key(&seq, |&(seq, _)| seq);
        place.map_or(0, |place| self.sums[place].1)
    }

    fn hash(&self, fact: Fact) -> u64 {
        self.random.hash_one(fact)
    }
}
