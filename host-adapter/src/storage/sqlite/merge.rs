//! Makes few large parts of many small ones, and removes those that are gone: a little after each commit, as facts come.
//!
//! Five parts of a level become one of the next. So a fact is written anew three times at most, always in order, and of
//! each level but the last there are at most four parts, apart from those that are just being merged. Small parts are merged
//! before large ones go on: else a million events would come while five of these become one, and each of their rounds would
//! leave a part to look into. What is of no event any more is left out. Where nothing comes for a while, it goes on until
//! nothing is left to be done.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    chunk,
    facts::Fact,
    parts::{self, Chunks, Part, PartId, State, seq},
};
use crate::storage::{DomainId, Seq};

/// Parts of one level that are merged into one of the next.
const TOGETHER: usize = 5;
/// The level whose parts stay: some five million events each, with the usual settings. Larger ones would hold what is of no event
/// any more for too long.
const LAST_LEVEL: u8 = 3;
/// Levels whose parts are merged: all below the last.
const LEVELS: usize = LAST_LEVEL as usize;

/// Facts that a step takes from each part that it merges, about: this part of a round, 2048 with the usual settings.
const FACTS: usize = 128;
/// A step for every so many facts that come, this part of a round. A step moves those of five parts: 3.75 for each fact that
/// comes. Each is moved three times, so that merging keeps ahead, and not by much: what it does beside an event is part of
/// what the event costs.
const PACE: usize = 96;
/// Chunks of a part that is gone that one step removes.
const CHUNKS: i64 = 128;

/// How far merging is. What a step does counts when it is committed.
pub(super) struct Merging {
    /// Facts of a round, at least.
    enough: usize,
    /// The part that is being written of those of each level.
    into: [Option<Target>; LEVELS],
    /// Facts that have come since the last step.
    since: usize,
    /// Whether there may be something to do.
    due: bool,
}

#[derive(Clone, Copy)]
struct Target {
    id: PartId,
    above: Seq,
    upto: Seq,
    /// Of all the facts to be merged, those up to this one have been taken.
    reached: Option<Fact>,
}

/// What a step has done.
pub(super) struct Step {
    into: [Option<Target>; LEVELS],
    /// Whether one part stands in the place of others now.
    merged: bool,
    /// Whether there may be more to do.
    more: bool,
}

impl Merging {
    /// Goes on where the last process has stopped. A part that it was writing from memory is written again.
    pub(super) fn open(connection: &Connection, enough: usize) -> rusqlite::Result<Self> {
        connection.execute(
            "UPDATE part SET state = ? WHERE state = ? AND level = 0",
            params![State::Gone as u8, State::Begun as u8],
        )?;
        let mut begun = connection.prepare("SELECT id, above, upto, level FROM part WHERE state = ?")?;
        let mut begun = begun.query([State::Begun as u8])?;
        let mut into = [None; LEVELS];
        while let Some(row) = begun.next()? {
            let (id, level): (_, u8) = (row.get(0)?, row.get(3)?);
            let reached = Chunks { connection, part: id }.last()?;
            if let Some(into) = into.get_mut(usize::from(level.saturating_sub(1))) {
                *into = Some(Target { id, above: seq(row, 1)?, upto: seq(row, 2)?, reached });
            }
        }
        let gone = "SELECT EXISTS (SELECT 1 FROM part WHERE state = ?)";
        let gone: bool = connection.query_row(gone, [State::Gone as u8], |row| row.get(0))?;
        let parts = parts::whole(connection)?;
        let enough_to_begin = (0..LAST_LEVEL).any(|level| oldest_of(level, &parts).is_some());
        let due = gone || enough_to_begin || into.iter().any(Option::is_some);
        Ok(Self { enough, into, since: 0, due })
    }

    /// So many facts have come.
    pub(super) fn count(&mut self, facts: usize) {
        if self.due {
            self.since += facts;
        }
    }

    /// There may be something to do: a part is whole, or gone.
    pub(super) fn look(&mut self) {
        self.due = true;
    }

    /// Whether there may be something to do, whatever comes.
    pub(super) fn has_more(&self) -> bool {
        self.due
    }

    /// Whether it is time for a step.
    pub(super) fn is_due(&self) -> bool {
        self.due && self.since >= self.enough / PACE
    }

    /// One step, within the open transaction.
    pub(super) fn step(&self, connection: &Connection) -> rusqlite::Result<Step> {
        let removed = remove_gone(connection)?;
        let parts = parts::whole(connection)?;
        let mut step = Step { into: self.into, merged: false, more: removed };
        for (level, into) in (0..).zip(&mut step.into) {
            let target = match *into {
                Some(target) => Some(target),
                None => begin(connection, level, &parts)?,
            };
            if let Some(target) = target {
                *into = target.go_on(connection, &parts, self.enough.div_ceil(FACTS))?;
                (step.merged, step.more) = (into.is_none(), true);
                break;
            }
        }
        Ok(step)
    }

    /// The step is committed; whether other parts are to be looked into than before.
    pub(super) fn done(&mut self, step: Step) -> bool {
        (self.into, self.due) = (step.into, step.more);
        self.since = if self.due { self.since.saturating_sub(self.enough / PACE) } else { 0 };
        step.merged
    }
}

impl Target {
    /// Merges the next facts, as many as so many of each part, or some more; `None` when those were the last.
    fn go_on(
        mut self,
        connection: &Connection,
        parts: &[Part],
        count: usize,
    ) -> rusqlite::Result<Option<Self>> {
        let oldest = parts::oldest(connection)?;
        let (mut facts, mut taken) = (Vec::new(), 0);
        // Where the parts have different terms, the next ones of one come before all others.
        let ended = loop {
            let (mut next, until) = self.next(connection, parts, count)?;
            taken += next.len();
            next.retain(|(.., position)| position.seq >= oldest);
            facts.append(&mut next);
            self.reached = until.or(self.reached);
            if until.is_none() || taken >= TOGETHER * count {
                break until.is_none();
            }
        };
        parts::append(connection, self.id, &facts)?;
        if !ended {
            return Ok(Some(self));
        }
        parts::complete(connection, self.id)?;
        for part in self.sources(parts) {
            parts::set_state(connection, part.id, State::Gone)?;
        }
        Ok(None)
    }

    fn sources<'p>(&self, parts: &'p [Part]) -> impl Iterator<Item = &'p Part> + use<'p> {
        let (above, upto) = (self.above, self.upto);
        parts.iter().filter(move |part| part.above >= above && part.upto <= upto)
    }

    /// The next facts, in order, of each part about so many at most; and up to which one all have been taken, unless these
    /// are the last.
    fn next(
        &self,
        connection: &Connection,
        parts: &[Part],
        count: usize,
    ) -> rusqlite::Result<(Vec<Fact>, Option<Fact>)> {
        let mut facts = Vec::with_capacity(TOGETHER * (count + chunk::MOST));
        let mut until = None;
        for part in self.sources(parts) {
            let before = facts.len();
            let ended = take_after(&Chunks { connection, part: part.id }, self.reached, count, &mut facts)?;
            // Behind the last fact taken from one part others may have facts that come before its next one.
            if let Some(&last) = facts.get(before..).and_then(<[_]>::last).filter(|_| !ended) {
                until = Some(until.map_or(last, |until: Fact| until.min(last)));
            }
        }
        facts.retain(|fact| until.is_none_or(|until| *fact <= until));
        // The parts are sorted: this is a merge.
        facts.sort();
        Ok((facts, until))
    }
}

/// Begins to merge the oldest parts of a level, if it has enough of them.
fn begin(connection: &Connection, level: u8, parts: &[Part]) -> rusqlite::Result<Option<Target>> {
    let Some((above, upto)) = oldest_of(level, parts) else { return Ok(None) };
    let id = parts::begin(connection, level + 1, (above, upto))?;
    Ok(Some(Target { id, above, upto, reached: None }))
}

/// The events of the oldest parts of a level, as many as are merged: those above the first number, up to the second.
fn oldest_of(level: u8, parts: &[Part]) -> Option<(Seq, Seq)> {
    let mut of_level: Vec<_> = parts.iter().filter(|part| part.level == level).collect();
    of_level.sort_by_key(|part| part.above);
    let [oldest, .., newest] = of_level.get(..TOGETHER)? else { return None };
    Some((oldest.above, newest.upto))
}

/// Takes the next facts of a part, this many or some more; whether there are no others.
fn take_after(
    chunks: &Chunks<'_>,
    reached: Option<Fact>,
    count: usize,
    facts: &mut Vec<Fact>,
) -> rusqlite::Result<bool> {
    let enough = facts.len() + count;
    chunks.visit_from(reached, |chunk| {
        chunk.visit(|fact| {
            if reached.is_none_or(|reached| fact > reached) {
                facts.push(fact);
            }
            ControlFlow::Continue(())
        })?;
        Ok(if facts.len() < enough { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })
}

/// Marks the parts that say nothing of any event from the oldest one on.
pub(super) fn drop_old(connection: &Connection, oldest: Seq) -> rusqlite::Result<()> {
    let mut mark = connection.prepare_cached("UPDATE part SET state = ? WHERE state = ? AND upto < ?")?;
    if mark.execute(params![State::Gone as u8, State::Whole as u8, parts::number(oldest)])? > 0 {
        parts::changed(connection)?;
    }
    Ok(())
}

/// Removes some chunks of a part that is gone, and the part when it has none left; whether there was one.
pub(super) fn remove_gone(connection: &Connection) -> rusqlite::Result<bool> {
    let mut gone = connection.prepare_cached("SELECT id FROM part WHERE state = ? LIMIT 1")?;
    let Some(part) = gone.query_row([State::Gone as u8], |row| row.get::<_, PartId>(0)).optional()? else {
        return Ok(false);
    };
    let mut removed = 0;
    for table in ["chunk", "sieve"] {
        removed += connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE part = ? LIMIT ?)"
            ))?
            .execute(params![part, CHUNKS])?;
    }
    if removed == 0 {
        connection.prepare_cached("DELETE FROM part WHERE id = ?")?.execute([part])?;
    }
    Ok(true)
}

/// Removes some chunks of a domain; whether there were any.
pub(super) fn remove_domain(connection: &Connection, domain: DomainId) -> rusqlite::Result<bool> {
    let mut remove = connection.prepare_cached(
        "DELETE FROM chunk WHERE id IN (
            SELECT chunk.id FROM part CROSS JOIN chunk INDEXED BY chunk_first ON chunk.part = part.id
            WHERE chunk.domain = ? LIMIT ?)",
    )?;
    Ok(remove.execute(params![domain, CHUNKS])? > 0)
}
