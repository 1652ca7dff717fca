//! Accepting events: one row each, and one per delivery.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::{
    books::{Books, Effects},
    facts,
};
use crate::storage::{
    Addressee, AppendError, Appended, Conflict, Directory, Domain, DomainId, NewEvent, Position, StoreError,
    delivery::Moment,
    event::{self, Fate, Known},
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
    let mut statements = Statements::prepare(connection)?;
    let fates = event::triage(events, |id| statements.find(domain.id(), id))?;
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
    let now = Moment::now();
    for event in new() {
        statements.insert(books, effects, (directory, domain), event, now)?;
    }
    Ok(Ok(event::answers(events, fates, |event| event.fan_out(directory, domain))))
}

/// What every event of a batch needs, looked up once.
struct Statements<'c> {
    find: CachedStatement<'c>,
    event: CachedStatement<'c>,
    pending: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: connection.prepare_cached(
                "SELECT digest, timestamp, deliveries FROM event WHERE domain = ? AND id = ?",
            )?,
            event: connection.prepare_cached("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?,
            pending: connection.prepare_cached("INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?, 0, ?)")?,
        })
    }

    fn find(&mut self, domain: DomainId, id: &str) -> rusqlite::Result<Option<Known>> {
        let known = |row: &Row<'_>| {
            Ok(Known { digest: row.get(0)?, timestamp: row.get(1)?, deliveries: row.get(2)? })
        };
        self.find.query_row(params![domain, id], known).optional()
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
        books.fresh.add(facts::of_event(domain.id(), &event.facts, position));
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
