//! Whether ids are taken: what is asked before an event is stored that came with one.
//!
//! An index of its own, in the order of the ids, would be written all over by ids in no order: a page for each event. So an
//! id is a fact like others, and goes where they go. Facts lead to events that may be gone, or that have another id with
//! the same term; the event itself decides.

use std::{collections::BTreeSet, mem, sync::Arc};

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::{
    facts::Fact,
    fresh::Shelf,
    lookup,
    parts::{self, Chunks},
    sieve::{Sieved, Sieves},
};
use crate::{
    filter::Term,
    storage::{DomainId, NewEvent, Position, Seq, event::Known},
};

/// Finds events by id, for the writer: it sees what its open transaction has done.
pub(super) struct Ids {
    shelf: Shelf,
    sieves: Arc<Sieves>,
    /// The ids of the open transaction.
    added: BTreeSet<Fact>,
    /// What is neither in `latest` nor in `before` is neither on the shelf nor in `added`.
    latest: Bits,
    before: Bits,
    /// The parts to look into, with their sieves; `None` when they may have become others.
    parts: Option<Vec<Sieved>>,
}

/// A question: the term of an id, and the place of its event in the batch.
type Asked = (Term, usize);

/// More facts than a part has.
const ALL: usize = usize::MAX / 2;

impl Ids {
    /// Those of the events whose facts are on the shelf or in parts.
    pub(super) fn new(shelf: Shelf, sieves: Arc<Sieves>) -> Self {
        let mut latest = Bits::new();
        shelf.visit(|(_, term, _)| latest.set(term));
        Self { shelf, sieves, added: BTreeSet::new(), latest, before: Bits::new(), parts: None }
    }

    /// What is known of the events of a domain that have the ids of these, each in its place.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        domain: DomainId,
        events: &[NewEvent],
    ) -> rusqlite::Result<Vec<Option<Known>>> {
        let mut known: Vec<_> = events.iter().map(|_| None).collect();
        let places = self.places(connection, domain, events)?;
        if !places.is_empty() {
            let mut event = connection.prepare_cached(
                "SELECT digest, timestamp, deliveries FROM event WHERE seq = ? AND domain = ? AND id = ?",
            )?;
            for (seq, at) in places {
                if known[at].is_none() {
                    known[at] = read(&mut event, seq, (domain, &events[at].id))?;
                }
            }
        }
        Ok(known)
    }

    /// The transaction has an event more, which has its id by this fact.
    pub(super) fn add(&mut self, fact: Fact) {
        self.latest.set(fact.1);
        self.added.insert(fact);
    }

    /// A round has ended: what was on the shelf when it began is in a part.
    pub(super) fn round_ended(&mut self) {
        self.before = mem::replace(&mut self.latest, Bits::new());
        self.parts_changed();
    }

    /// Parts were written, merged or removed: those that there are have to be listed anew.
    pub(super) fn parts_changed(&mut self) {
        self.parts = None;
    }

    /// Reads the sieves of the parts, so that the next question, or a page, does not wait for them.
    pub(super) fn read_sieves(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.parts(connection).map(drop)
    }

    /// The facts of the transaction are on the shelf.
    pub(super) fn commit(&mut self) {
        self.added.clear();
    }

    /// The transaction came to nothing, and what it did to parts, too.
    pub(super) fn roll_back(&mut self) {
        self.added.clear();
        self.parts_changed();
    }

    /// Where events may be that have the ids of these.
    fn places(
        &mut self,
        connection: &Connection,
        domain: DomainId,
        events: &[NewEvent],
    ) -> rusqlite::Result<Vec<(Seq, usize)>> {
        let asked = events.iter().enumerate().filter(|(_, event)| !event.assigned);
        let mut asked: Vec<Asked> = asked.map(|(at, event)| (Term::of_id(&event.id), at)).collect();
        // In the order of the index one question leaves in the processor's cache what the next one needs.
        asked.sort_unstable();
        let (mut found, mut places) = (Vec::new(), Vec::new());
        for &(term, at) in &asked {
            if self.latest.may_have(term) || self.before.may_have(term) {
                let (low, high) = range(domain, term);
                found.extend(self.added.range(low..=high).map(|&(.., position)| position));
                self.shelf.add_all((low, high), &mut found);
                places.extend(found.drain(..).map(|position| (position.seq, at)));
            }
        }
        if !asked.is_empty() {
            for (sieves, part) in self.parts(connection)? {
                let (chunks, key) =
                    (Chunks { connection, part: part.id }, |&(term, _): &Asked| (domain, term));
                let mut look = |&(term, at): &Asked| -> rusqlite::Result<()> {
                    lookup::collect(&chunks, range(domain, term), 0, (true, ALL), &mut found)?;
                    places.extend(found.drain(..).map(|position| (position.seq, at)));
                    Ok(())
                };
                match sieves {
                    Some(sieves) => sieves.sift(&asked, key).try_for_each(&mut look)?,
                    None => asked.iter().try_for_each(&mut look)?,
                }
            }
        }
        Ok(places)
    }

    fn parts(&mut self, connection: &Connection) -> rusqlite::Result<&[Sieved]> {
        Ok(match &mut self.parts {
            Some(parts) => parts,
            unknown => unknown.insert(self.sieves.beside(connection, parts::whole(connection)?)?),
        })
    }
}

fn read(
    event: &mut CachedStatement<'_>,
    seq: Seq,
    (domain, id): (DomainId, &str),
) -> rusqlite::Result<Option<Known>> {
    let known =
        |row: &Row<'_>| Ok(Known { digest: row.get(0)?, timestamp: row.get(1)?, deliveries: row.get(2)? });
    event.query_row(params![parts::number(seq), domain, id], known).optional()
}

/// The first and the last fact that there may be of a term.
fn range(domain: DomainId, term: Term) -> (Fact, Fact) {
    let (first, last) = ((i64::MIN, Seq::MIN), (i64::MAX, Seq::MAX));
    let fact = |(timestamp, seq)| (domain, term, Position { timestamp, seq });
    (fact(first), fact(last))
}

/// Tells of most terms that they were not set: the facts in memory are in some twenty pieces.
struct Bits(Box<[u64]>);

impl Bits {
    /// 128 KiB: of the events of a round, with the usual settings, one term in 250 that was not set looks as if it were.
    const WORDS: usize = 1 << 14;

    fn new() -> Self {
        Self(vec![0; Self::WORDS].into_boxed_slice())
    }

    fn set(&mut self, term: Term) {
        for (word, bit) in Self::places(term) {
            self.0[word] |= bit;
        }
    }

    fn may_have(&self, term: Term) -> bool {
        Self::places(term).into_iter().all(|(word, bit)| self.0[word] & bit != 0)
    }

    /// Two of its bits, by parts of the term, which is a hash.
    fn places(Term(term): Term) -> [(usize, u64); 2] {
        let term = term.cast_unsigned();
        [term, term >> 32].map(|part| ((part >> 6) as usize % Self::WORDS, 1 << (part & 63)))
    }
}
