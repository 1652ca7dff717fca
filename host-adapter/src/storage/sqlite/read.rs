//! Reads, beside the writer: a few connections, each used by one read at a time.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, named_params};
use sealpost_core::EventKind;
use tokio::sync::Semaphore;

use super::{OpenCause, error::passing, schema};
use crate::storage::{DomainId, EventQuery, Position, Seq, StoreError, StoredEvent};

/// Commits between floor and snapshot up to which their events are read in commit order and sorted,
/// instead of walked by time: a poll then costs what is new, not what is old.
const FEW: u64 = 10_000;

/// The connections that read.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(path: &Path, count: usize) -> Result<Self, OpenCause> {
        let idle = (0..count.max(1)).map(|_| schema::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        let permits = Arc::new(Semaphore::new(idle.len()));
        Ok(Self { idle: Arc::new(Mutex::new(idle)), permits })
    }

    /// Closes the connections; reads that come later find a broken store.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The events that a query asks for.
    pub(super) async fn events(
        &self,
        domain: DomainId,
        query: EventQuery,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.with(move |connection| events(connection, domain, &query)).await
    }

    /// Runs one read on a thread where it may block.
    async fn with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| StoreError::Broken)?;
        let idle = self.idle.clone();
        let read = move || {
            let _permit = permit;
            let take = || idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = take().ok_or(StoreError::Broken)?;
            let result = read(&connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result.map_err(|error| {
                tracing::error!(%error, "a read of the store failed");
                passing(&error).unwrap_or(StoreError::Broken)
            })
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Broken)?
    }
}

fn events(
    connection: &Connection,
    domain: DomainId,
    query: &EventQuery,
) -> rusqlite::Result<Vec<StoredEvent>> {
    let mut found = Vec::new();
    if query.floor > 0 && query.snapshot.saturating_sub(query.floor) <= FEW {
        select(connection, domain, query, Walk::Commits, &mut found)?;
    } else if query.kinds.is_empty() {
        select(connection, domain, query, Walk::Time, &mut found)?;
    } else {
        for &kind in &query.kinds {
            select(connection, domain, query, Walk::Kind(kind), &mut found)?;
        }
    }
    query.arrange(&mut found);
    Ok(found)
}

/// The order in which events are looked at.
#[derive(Clone, Copy)]
enum Walk {
    /// The commits between floor and snapshot, all kinds.
    Commits,
    /// By time, all kinds.
    Time,
    /// By time, one kind.
    Kind(EventKind),
}

/// Adds up to the limit of events in the order asked for. Which index serves is not left to the planner's
/// guess.
fn select(
    connection: &Connection,
    domain: DomainId,
    query: &EventQuery,
    walk: Walk,
    found: &mut Vec<StoredEvent>,
) -> rusqlite::Result<()> {
    let (index, filter, kinds) = match walk {
        Walk::Commits => {
            let names: Vec<_> = query.kinds.iter().map(|kind| format!("'{kind}'")).collect();
            let any =
                if names.is_empty() { String::new() } else { format!("AND kind IN ({})", names.join(",")) };
            ("NOT INDEXED", "seq > :floor AND seq <= :snapshot", any)
        }
        Walk::Time => ("INDEXED BY event_time", "+seq > :floor AND +seq <= :snapshot", String::new()),
        Walk::Kind(kind) => {
            ("INDEXED BY event_kind", "+seq > :floor AND +seq <= :snapshot", format!("AND kind = '{kind}'"))
        }
    };
    let (beyond, order) = if query.ascending { (">", "ASC") } else { ("<", "DESC") };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT timestamp, seq, data FROM event {index}
         WHERE domain = :domain {kinds} AND timestamp BETWEEN :from AND :to AND {filter}
           AND (timestamp, seq) {beyond} (:timestamp, :seq)
         ORDER BY timestamp {order}, seq {order} LIMIT :limit"
    ))?;
    let edge = if query.ascending {
        Position { timestamp: i64::MIN, seq: 0 }
    } else {
        Position { timestamp: i64::MAX, seq: Seq::MAX }
    };
    let after = query.after.unwrap_or(edge);
    // The position narrows the range of time too, so that a page starts where the last one ended.
    let (from, to) = match query.after {
        Some(after) if query.ascending => (query.from.max(after.timestamp), query.to),
        Some(after) => (query.from, query.to.min(after.timestamp)),
        None => (query.from, query.to),
    };
    let mut rows = statement.query(named_params! {
        ":domain": domain, ":from": from, ":to": to,
        ":floor": number(query.floor), ":snapshot": number(query.snapshot),
        ":timestamp": after.timestamp, ":seq": number(after.seq),
        ":limit": i64::try_from(query.limit).unwrap_or(i64::MAX),
    })?;
    while let Some(row) = rows.next()? {
        let position = Position { timestamp: row.get(0)?, seq: row.get::<_, i64>(1)?.cast_unsigned() };
        found.push(StoredEvent { position, data: row.get::<_, Vec<u8>>(2)?.into() });
    }
    Ok(())
}

/// A sequence number as SQLite has them.
fn number(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
