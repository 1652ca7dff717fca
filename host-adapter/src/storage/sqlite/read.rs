//! Reads, beside the writer: a few connections, each used by one read at a time.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{
    OpenCause, bins,
    error::passing,
    fresh::Shelf,
    listing::{self, Memory, Stop},
    load, schema,
    sieve::Sieves,
};
use crate::storage::{
    Balance, DomainId, EventQuery, QueryError, StoreError, StoredEvent,
    bin::{Bin, CaptureQuery, KindCount, StoredCapture},
};

/// The connections that read.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    /// For counting, which looks at every pending delivery and so is not to take every connection.
    counting: Semaphore,
    shelf: Shelf,
    sieves: Arc<Sieves>,
    account: Arc<str>,
}

impl Readers {
    pub(super) fn open(
        path: &Path,
        count: usize,
        (shelf, sieves): (Shelf, Arc<Sieves>),
        account: Arc<str>,
    ) -> Result<Self, OpenCause> {
        let idle = (0..count.max(1)).map(|_| schema::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        let permits = Arc::new(Semaphore::new(idle.len()));
        let counting = Semaphore::new(1);
        let idle = Arc::new(Mutex::new(idle));
        Ok(Self { idle, permits, counting, shelf, sieves, account })
    }

    /// Closes the connections; reads that come later find a broken store.
    pub(super) fn close(&self) {
        self.permits.close();
        self.counting.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The events that a query asks for.
    pub(super) async fn events(
        &self,
        domain: DomainId,
        query: EventQuery,
    ) -> Result<Vec<StoredEvent>, QueryError> {
        let (shelf, sieves, account) = (self.shelf.clone(), self.sieves.clone(), self.account.clone());
        let listing = self.with(move |connection| {
            let memory = Memory { shelf: &shelf, sieves: &sieves };
            match listing::read(connection, memory, (domain, &account), &query) {
                Ok(events) => Ok(Ok(events)),
                Err(Stop::TooLong) => Ok(Err(QueryError::TooLong)),
                Err(Stop::Altered(seq)) => {
                    tracing::error!(
                        seq,
                        domain = &*query.domain,
                        "an event is not what was accepted, and is not shown; stop the server and run \
                         `sealpost fsck`"
                    );
                    Ok(Err(StoreError::Broken.into()))
                }
                Err(Stop::Failed(error)) => Err(error),
            }
        });
        listing.await?
    }

    /// The counts, and the pending deliveries counted in the same snapshot.
    pub(super) async fn balance(&self) -> Result<Balance, StoreError> {
        let _alone = self.counting.acquire().await.map_err(|_| StoreError::Broken)?;
        let count = |connection: &Connection| {
            let snapshot = connection.unchecked_transaction()?;
            let (counts, _) = load::counters(&snapshot)?;
            let pending =
                snapshot.query_row("SELECT count(*) FROM pending", [], |row| row.get::<_, i64>(0))?;
            Ok(Balance { counts, pending: pending.cast_unsigned() })
        };
        self.with(count).await
    }

    /// The requests of a bin that a query asks for.
    pub(super) async fn captures(
        &self,
        bin: Arc<Bin>,
        query: CaptureQuery,
    ) -> Result<Vec<StoredCapture>, StoreError> {
        self.with(move |connection| bins::read(connection, &bin, &query)).await
    }

    /// How many requests of each kind a bin has.
    pub(super) async fn capture_counts(&self, bin: Arc<Bin>) -> Result<Vec<KindCount>, StoreError> {
        self.with(move |connection| bins::tally(connection, &bin)).await
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
