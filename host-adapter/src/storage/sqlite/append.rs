//! Accepting events: one row each, and one per delivery.

use rusqlite::{CachedStatement, Connection, params};

use super::{
    books::{Books, Effects},
    facts,
};
use crate::storage::{
    Addressee, AppendError, Appended, Conflict, Directory, Domain, NewEvent, Position, StoreError,
    delivery::Moment,
    event::{self, Fate},
};

/// What the submitter of a batch is answered.
pub(super) type AppendResult = Result<Vec<Result<Appended, Conflict>>, AppendError>;

/// Appends a batch within the open transaction. A refused batch has written nothing; an error spoils the
/// transaction.
pub(super) fn append(
    connection: &Connection,
    books: &mut Books,
    effects: &mut Effects,
    directory: &Directory,
    (to, events, partial): (&Addressee, &[NewEvent], bool),
) -> rusqlite::Result<AppendResult> {
    let Some(domain) = to.find(directory) else { return Ok(Err(AppendError::UnknownDomain)) };
    let mut known = books.ids.find(connection, domain.id(), events)?;
    let fates = event::triage(events, |at| known[at].take());
    let conflicts = event::conflicts(events, &fates);
    if !partial && !conflicts.is_empty() {
        return Ok(Err(AppendError::Conflicts(conflicts)));
    }
    let new =
        || events.iter().zip(&fates).filter(|(_, fate)| matches!(fate, Fate::New)).map(|(event, _)| event);
    if new().next().is_some() && !books.disk.has_room() {
        return Ok(Err(StoreError::Disk.into()));
    }
    let deliveries: u64 = new().map(|event| u64::from(event.fan_out(directory, domain))).sum();
    if deliveries > 0 && books.counts.accounting.pending() + deliveries > books.max_pending {
        return Ok(Err(AppendError::Full { limit: books.max_pending }));
    }
    let (now, mut statements) = (Moment::now(), Statements::prepare(connection)?);
    for event in new() {
        statements.insert(books, effects, (directory, domain), event, now)?;
    }
    Ok(Ok(event::answers(events, fates, |event| event.fan_out(directory, domain))))
}

/// What every event of a batch needs, looked up once.
struct Statements<'c> {
    event: CachedStatement<'c>,
    pending: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            event: connection.prepare_cached("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?,
            pending: connection.prepare_cached("INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?, 0, ?)")?,
        })
    }

    fn insert(
        &mut self,
        books: &mut Books,
        effects: &mut Effects,
        (directory, domain): (&Directory, &Domain),
        event: &NewEvent,
        now: Moment,
    ) -> rusqlite::Result<()> {
        let seq = books.counts.last + 1;
        let endpoints = event.endpoints(directory, domain);
        self.event.execute(params![
            seq.cast_signed(),
            domain.id(),
            event.id,
            event.timestamp,
            event.kind.as_str(),
            event.digest,
            u8::try_from(endpoints.len()).unwrap_or(u8::MAX),
            now.wall,
            &*event.data,
        ])?;
        books.counts.last = seq;
        let position = Position { timestamp: event.timestamp, seq };
        let mut facts = facts::of_event(domain.id(), (&event.id, &event.facts), position);
        let id = facts.next();
        id.iter().for_each(|id| books.ids.add(*id));
        books.fresh.add(id.into_iter().chain(facts));
        books.counts.accounting.accepted += endpoints.len() as u64;
        for (id, (kind, endpoint)) in (seq << 4..).zip(endpoints) {
            books.pending.add(endpoint.id(), 1);
            let claimed = books.window.admits(endpoint.id(), now.steady);
            let claim = if claimed { books.token } else { 0 };
            self.pending.execute(params![
                id.cast_signed(),
                endpoint.id(),
                domain.id(),
                kind.as_str(),
                kind.format(),
                now.steady,
                claim
            ])?;
            if claimed {
                books.window.claim(id, endpoint.id(), event.data.len(), now.steady);
                effects.claimed.push(event.delivery(id, domain, kind, endpoint, now));
            } else {
                books.window.leave_unclaimed(endpoint.id(), now.steady);
            }
        }
        Ok(())
    }
}
