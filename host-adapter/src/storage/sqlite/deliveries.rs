//! What happens to a delivery after its birth: claimed, recorded, cancelled.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use sealpost_core::{Health, Verdict, event::Completion};

use super::{
    books::{Books, Effects},
    recent::Read,
    webhooks,
};
use crate::ingest::from_micros;
use crate::storage::{
    Delivery, DeliveryId, Directory, DomainId, Domains, Endpoint, EndpointId, HookKind, Seq, Settled,
    ToShard, intact::is_intact, steady_millis,
};

/// How long a delivery waits whose event-data is not what was accepted, until that is looked at again: an hour.
const HELD_BACK: i64 = 3_600_000;

/// Rows that one slice of a cancellation looks at.
const SLICE: i64 = 10_000;

/// A subscription that has ended, whose deliveries are being cancelled in slices.
#[derive(Clone)]
pub(super) struct Cancellation {
    pub(super) id: i64,
    pub(super) endpoint: EndpointId,
    pub(super) domains: Domains,
    pub(super) kind: HookKind,
    /// Deliveries from this id on belong to a newer subscription.
    pub(super) below: i64,
    /// Deliveries up to this id have been looked at.
    pub(super) reached: i64,
}

impl Cancellation {
    fn covers(&self, id: DeliveryId, endpoint: &Endpoint, domain: DomainId, kind: HookKind) -> bool {
        (self.endpoint, self.kind) == (endpoint.id(), kind)
            && self.domains.cover(domain)
            && id.cast_signed() < self.below
    }
}

/// Records how attempts ended. Rows under another token are left alone.
pub(super) fn record(
    connection: &Connection,
    books: &mut Books,
    effects: &mut Effects,
    directory: &Directory,
    settled: &[Settled],
) -> rusqlite::Result<()> {
    let mut postpone = connection
        .prepare_cached("UPDATE pending SET due = ?, attempts = ?, claim = ? WHERE id = ? AND claim = ?")?;
    let mut end = connection.prepare_cached("DELETE FROM pending WHERE id = ? AND claim = ?")?;
    for settled in settled {
        let endpoint = books.window.holder(settled.id).and_then(|holder| directory.endpoint(holder));
        if let Some(endpoint) = endpoint {
            books.window.judge(endpoint.id(), settled.health == Health::Up);
            effects.health.insert(endpoint.id(), (endpoint.clone(), settled.health));
        }
        let id = settled.id.cast_signed();
        match settled.verdict {
            Verdict::Retry { kept, .. } => {
                let claim = if kept { books.token } else { 0 };
                let changed =
                    postpone.execute(params![settled.due, settled.attempts, claim, id, books.token])?;
                if kept {
                    books.window.postpone(settled.id, settled.due);
                }
                if let (false, 1, Some(endpoint)) = (kept, changed, endpoint) {
                    books.window.leave_unclaimed(endpoint.id(), settled.due);
                }
            }
            verdict => {
                if end.execute([id, books.token])? == 1 {
                    books.counts.accounting.count(verdict);
                    if let Some(endpoint) = endpoint {
                        books.pending.remove(endpoint.id(), 1);
                    }
                }
            }
        }
        if !matches!(settled.verdict, Verdict::Retry { kept: true, .. }) {
            books.window.release(settled.id);
        }
    }
    Ok(())
}

/// Claims the oldest due deliveries of an endpoint, as many as it asks for and the window has room for.
pub(super) fn refill(
    connection: &Connection,
    books: &mut Books,
    effects: &mut Effects,
    directory: &Directory,
    (endpoint, room): (EndpointId, u32),
) -> rusqlite::Result<()> {
    let Some(endpoint) = directory.endpoint(endpoint) else { return Ok(()) };
    let now = steady_millis();
    let Due { deliveries, cancelled, altered } = due(connection, books, directory, endpoint, (room, now))?;
    for id in altered {
        let mut hold = connection.prepare_cached("UPDATE pending SET due = ? WHERE id = ?")?;
        hold.execute(params![now + HELD_BACK, id.cast_signed()])?;
    }
    for id in cancelled {
        connection.prepare_cached("DELETE FROM pending WHERE id = ?")?.execute([id.cast_signed()])?;
        books.counts.accounting.count(Verdict::Cancelled);
        books.pending.remove(endpoint.id(), 1);
    }
    let mut claim = connection.prepare_cached("UPDATE pending SET claim = ? WHERE id = ?")?;
    for delivery in &deliveries {
        claim.execute(params![books.token, delivery.id.cast_signed()])?;
    }
    let next_due = next_due(connection, endpoint.id())?;
    let more = next_due.is_some_and(|due| due <= now) && books.window.room(endpoint.id()) > 0;
    books.window.refilled(endpoint.id(), next_due, more);
    let answer = ToShard::Refilled { endpoint: endpoint.id(), deliveries, more };
    effects.refilled.push((endpoint.clone(), answer));
    Ok(())
}

/// When the first unclaimed delivery of an endpoint is due.
pub(super) fn next_due(connection: &Connection, endpoint: EndpointId) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT due FROM pending WHERE claim = 0 AND endpoint = ? ORDER BY due LIMIT 1")?
        .query_row([endpoint], |row| row.get(0))
        .optional()
}

/// Looks at one slice of the pending deliveries and cancels those that are covered; returns how many those were, and
/// whether the cancellation has come to its end.
pub(super) fn cancel_slice(
    connection: &Connection,
    books: &mut Books,
    cancellation: &mut Cancellation,
) -> rusqlite::Result<(usize, bool)> {
    let Cancellation { id, endpoint, ref domains, kind, below, reached } = *cancellation;
    let (domain, spared) = webhooks::domains_to_columns(domains);
    let end: Option<i64> = connection
        .prepare_cached("SELECT id FROM pending WHERE id > ? AND id < ? ORDER BY id LIMIT 1 OFFSET ?")?
        .query_row([reached, below, SLICE - 1], |row| row.get(0))
        .optional()?;
    let cancelled = connection
        .prepare_cached(
            "DELETE FROM pending WHERE id > ?1 AND id <= ?2 AND endpoint = ?3 AND kind = ?4
                AND (domain = ?5 OR ?5 = 0 AND domain NOT IN (SELECT value FROM json_each(?6)))",
        )?
        .execute(params![reached, end.unwrap_or(below - 1), endpoint, kind.as_str(), domain, spared])?;
    books.counts.accounting.cancelled += cancelled as u64;
    books.pending.remove(endpoint, cancelled as u64);
    match end {
        Some(end) => {
            connection
                .prepare_cached("UPDATE cancellation SET reached = ? WHERE id = ?")?
                .execute([end, id])?;
            cancellation.reached = end;
        }
        None => {
            connection.prepare_cached("DELETE FROM cancellation WHERE id = ?")?.execute([id])?;
            books.window.correct(endpoint, next_due(connection, endpoint)?);
        }
    }
    Ok((cancelled, end.is_none()))
}

/// What became of the unclaimed deliveries of an endpoint that are due.
#[derive(Default)]
struct Due {
    /// The window holds them now.
    deliveries: Vec<Delivery>,
    cancelled: Vec<DeliveryId>,
    /// Their event-data is not what was accepted, and nobody is to get it.
    altered: Vec<DeliveryId>,
}

/// Looks at up to `room` unclaimed deliveries that are due, oldest first. Event-data is read for no more than the window has room for.
fn due(
    connection: &Connection,
    books: &mut Books,
    directory: &Directory,
    endpoint: &Arc<Endpoint>,
    (room, now): (u32, i64),
) -> rusqlite::Result<Due> {
    let mut due = connection.prepare_cached(
        "SELECT id, domain, kind, attempts, due FROM pending
         WHERE claim = 0 AND endpoint = ? AND due <= ?
         ORDER BY due, id LIMIT ?",
    )?;
    let mut event = connection
        .prepare_cached("SELECT id, accepted_at, data, timestamp, digest FROM event WHERE seq = ?")?;
    let mut found = Due::default();
    let mut rows = due.query(params![endpoint.id(), now, room])?;
    while books.window.room(endpoint.id()) > 0
        && let Some(row) = rows.next()?
    {
        let id = row.get::<_, i64>(0)?.cast_unsigned();
        let (domain_id, kind) = (row.get(1)?, webhooks::hook_kind(row, 2)?);
        let covers = |cancellation: &Cancellation| cancellation.covers(id, endpoint, domain_id, kind);
        let covered = books.cancellations.iter().any(covers);
        // A domain without a name was deleted.
        let Some(domain) = directory.domain_name(domain_id).filter(|_| !covered) else {
            found.cancelled.push(id);
            continue;
        };
        let seq = id >> 4;
        let read = match books.recent.find(seq) {
            Some(read) => read.clone(),
            None => {
                let Some(read) = intact(&mut event, seq, (domain, &books.account))? else {
                    found.altered.push(id);
                    continue;
                };
                books.recent.keep(seq, &read);
                read
            }
        };
        let (Read { id: event_id, accepted_at, data }, due) = (read, row.get(4)?);
        books.window.claim(id, endpoint.id(), data.len(), due);
        found.deliveries.push(Delivery {
            id,
            endpoint: endpoint.clone(),
            domain: domain.clone(),
            domain_id,
            event_id,
            kind,
            accepted_at,
            data,
            attempts: row.get(3)?,
            due,
        });
    }
    Ok(found)
}

/// Reads an event of this domain and account; `None` if it is not there, or its event-data not what was accepted.
fn intact(
    event: &mut CachedStatement<'_>,
    seq: Seq,
    (domain, account): (&Arc<str>, &Arc<str>),
) -> rusqlite::Result<Option<Read>> {
    let read = event.query_row([seq.cast_signed()], |row| {
        let (id, data) = (row.get::<_, Arc<str>>(0)?, row.get_ref(2)?.as_blob()?);
        let completion = Completion { id: &id, timestamp: from_micros(row.get(3)?), domain, account };
        if is_intact(data, &row.get(4)?, &completion) {
            return Ok(Some(Read { accepted_at: row.get(1)?, data: Bytes::copy_from_slice(data), id }));
        }
        tracing::error!(
            event = &*id,
            domain = &**domain,
            "an event is not what was accepted, and is not delivered; stop the server and run `sealpost fsck`"
        );
        Ok(None)
    });
    let Some(read) = read.optional()? else {
        tracing::error!(
            seq,
            "an event that is to be delivered is not there; stop the server and run `sealpost fsck`"
        );
        return Ok(None);
    };
    Ok(read)
}

/// The first delivery id that no event has yet.
pub(super) fn next_id(books: &Books) -> DeliveryId {
    (books.counts.last + 1) << 4
}
