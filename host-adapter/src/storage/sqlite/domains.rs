//! Domains: made, and deleted. A deleted domain is gone with its commit; what it leaves behind is removed in
//! slices afterwards.

use std::{collections::BTreeMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, params};

use super::{
    books::Books,
    deliveries::{next_due, next_id},
    load::LAST_DOMAIN,
    merge,
    retention::remove,
    writer::{Broken, Writer},
};
use crate::storage::{Domain, DomainError, DomainId, EndpointId, ToShard, wall_millis};

/// Pending deliveries that one slice of a deletion looks at.
const DELIVERIES: i64 = 10_000;
/// Events that one slice of a deletion removes, and the bytes of event-data after which it removes no further.
const EVENTS: i64 = 500;
const BYTES: i64 = 2 << 20;

/// A domain that is gone, and how far its traces are.
#[derive(Clone)]
pub(super) struct Deletion {
    pub(super) domain: DomainId,
    /// All its deliveries have ids below this one: it gets no more.
    pub(super) below: i64,
    /// Deliveries up to this id have been looked at.
    pub(super) reached: i64,
}

impl Writer {
    pub(super) fn create_domain(
        &self,
        name: &str,
    ) -> Result<Result<(Arc<Domain>, bool), DomainError>, Broken> {
        if let Some(domain) = self.published.current().domain(name) {
            return Ok(Ok((domain.clone(), false)));
        }
        let domain = match self.published.current().plan_domain(name) {
            Ok(domain) => domain,
            Err(error) => return Ok(Err(error)),
        };
        let made = self.change(|connection, _, directory| {
            connection
                .execute("INSERT INTO domain VALUES (?, ?, ?)", params![domain.id(), name, wall_millis()])?;
            Ok(directory.insert_domain(domain))
        })?;
        Ok(made.map(|domain| (domain, true)).map_err(DomainError::Store))
    }

    pub(super) fn delete_domain(&mut self, name: &str) -> Result<Result<(), DomainError>, Broken> {
        let Some(domain) = self.published.current().domain(name).cloned() else {
            return Ok(Err(DomainError::Unknown));
        };
        let below = next_id(&self.books).cast_signed();
        let deletion = Deletion { domain: domain.id(), below, reached: 0 };
        let deleted = self.change(|connection, _, directory| {
            directory.remove_domain(&domain);
            let last = directory.last_domain().to_be_bytes();
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", params![LAST_DOMAIN, last])?;
            connection.execute("DELETE FROM domain WHERE id = ?", [domain.id()])?;
            connection.execute("DELETE FROM webhook WHERE domain = ?", [domain.id()])?;
            connection.execute("DELETE FROM secret WHERE domain = ?", [domain.id()])?;
            connection.execute("DELETE FROM legacy_domain WHERE domain = ?", [domain.id()])?;
            connection.execute("DELETE FROM api_key WHERE domain = ?", [name])?;
            connection.execute("UPDATE bin SET gone = 1 WHERE domain = ?", [domain.id()])?;
            let Deletion { domain, below, reached } = deletion;
            connection.execute("INSERT INTO deletion VALUES (?, ?, ?)", params![domain, below, reached])?;
            Ok(())
        })?;
        if let Err(error) = deleted {
            return Ok(Err(error.into()));
        }
        let below = below.cast_unsigned();
        self.outbox.tell_all(|| ToShard::DomainDeleted { domain: domain.name().clone(), below });
        self.books.deletions.push(deletion);
        Ok(Ok(()))
    }
}

/// Removes one slice of what a deleted domain has left; returns whether nothing is left.
pub(super) fn delete_slice(
    connection: &Connection,
    books: &mut Books,
    deletion: &mut Deletion,
) -> rusqlite::Result<bool> {
    // Events come last: without its event a delivery could not be found any more.
    if deletion.reached < deletion.below {
        cancel_slice(connection, books, deletion)?;
        return Ok(false);
    }
    let events = events(connection, deletion.domain)?;
    if !events.is_empty() {
        remove(connection, &events)?;
        return Ok(false);
    }
    // First those in memory, so that they are not written once more behind this.
    books.fresh.forget(deletion.domain);
    if merge::remove_domain(connection, deletion.domain)? {
        return Ok(false);
    }
    connection.prepare_cached("DELETE FROM deletion WHERE domain = ?")?.execute([deletion.domain])?;
    Ok(true)
}

fn cancel_slice(connection: &Connection, books: &mut Books, deletion: &mut Deletion) -> rusqlite::Result<()> {
    let Deletion { domain, below, reached } = *deletion;
    let end: Option<i64> = connection
        .prepare_cached("SELECT id FROM pending WHERE id > ? AND id < ? ORDER BY id LIMIT 1 OFFSET ?")?
        .query_row([reached, below, DELIVERIES - 1], |row| row.get(0))
        .optional()?;
    let end = end.unwrap_or(below);
    let mut delete = connection.prepare_cached(
        "DELETE FROM pending WHERE id > ? AND id <= ? AND id < ? AND domain = ? RETURNING endpoint",
    )?;
    let mut cancelled = BTreeMap::<EndpointId, u64>::new();
    let mut rows = delete.query(params![reached, end, below, domain])?;
    while let Some(row) = rows.next()? {
        *cancelled.entry(row.get(0)?).or_default() += 1;
    }
    drop(rows);
    for (endpoint, cancelled) in cancelled {
        books.counts.accounting.cancelled += cancelled;
        books.pending.remove(endpoint, cancelled);
        books.window.correct(endpoint, next_due(connection, endpoint)?);
    }
    connection
        .prepare_cached("UPDATE deletion SET reached = ? WHERE domain = ?")?
        .execute(params![end, domain])?;
    deletion.reached = end;
    Ok(())
}

/// The next events of a domain that is gone.
fn events(connection: &Connection, domain: DomainId) -> rusqlite::Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, length(data) FROM event INDEXED BY event_time WHERE domain = ? LIMIT ?",
    )?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    let mut rows = statement.query(params![domain, EVENTS])?;
    while bytes < BYTES
        && let Some(row) = rows.next()?
    {
        events.push(row.get(0)?);
        bytes += row.get::<_, i64>(1)?;
    }
    Ok(events)
}
