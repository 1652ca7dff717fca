//! The store: what was accepted, what is still to be delivered, and what is configured.
//!
//! The store is the truth; the shards hold a bounded window over it. This page is the contract that every
//! implementation fulfils, and that `conformance.rs` checks. SQLite is the default; the one in memory is
//! for tests and for nothing that matters.
//!
//! # Nothing lost
//! When [`Store::append`] answers `Ok`, every new event **and** one delivery per endpoint of its webhook
//! are durable, by one transaction: after a kill or a power cut both are there, or neither. A delivery
//! stays until exactly one record ends it as acknowledged, refused, exhausted or cancelled; the end is
//! counted in the same transaction that removes it, so [`Store::accounting`] always balances. A commit
//! that failed leaves the store unable to say what is on disk: it is then *broken*, answers everything
//! with [`StoreError::Broken`], and never tries that commit again. The server is to exit and start anew.
//!
//! # Idempotency
//! An id belongs to one submission per domain for as long as its event is retained. The same digest again
//! is a success that stores nothing and repeats the first answer; another digest is a [`Conflict`]. The
//! rule is the same within a batch. A batch is appended whole or not at all, unless it is `partial`.
//!
//! # The window
//! A delivery is either *unclaimed* or *claimed* by the one shard that makes its attempts. A new delivery
//! is born claimed, and handed over right after the commit, when its endpoint has no older unclaimed
//! delivery that is due, and both the endpoint's quota and the window have room. All others wait in the
//! store. When one of them is due and there is room, the endpoint's shard gets one [`ToShard::Backlog`];
//! it calls [`Store::refill`] as its lane has room, and is answered by [`ToShard::Refilled`] with the
//! oldest due ones, which may be none. A delivery leaves the window by its record: an end, or a retry that is not kept.
//!
//! Messages to a shard come in commit order, and the records of a commit before its claims. An endpoint's
//! deliveries all go to one shard, [`Endpoint::shard`].
//!
//! # Claims, for several nodes
//! A claim belongs to a node and carries the node's *fencing token*, which grows with every start. A record
//! only touches rows whose claim is the writer's own token: under a stale token it changes none and is
//! nevertheless reported as recorded, since the shard has nothing more to do for it. Where nodes share a
//! database, each renews a lease by heartbeat, [`Store::lease_left`] says how long it lasts, and no
//! attempt starts with less than one attempt deadline left; a node whose lease has run out loses its
//! claims to the others. A store for one process holds its lock file instead, and its lease lasts as long
//! as it lives. Opening a store releases every claim of an earlier life.
//!
//! # Time
//! Due times are wall-clock milliseconds, by the database's clock where several nodes share one. Shards
//! translate them to their monotonic clock.
//!
//! # Changing endpoints
//! Taking an endpoint out of a webhook cancels the deliveries that it had by then, and none that come after
//! the same URL is set again. The cancellation is durable with the change and worked off in slices, so that
//! a million of them never block an append; a delivery that it covers is never handed out again. The shard
//! is told by [`ToShard::Cancelled`]. It and the slices may meet: whoever comes first counts.
//!
//! # Listing
//! Events have a total order, [`Position`]: timestamp, then sequence number. Sequence numbers grow in
//! commit order: once [`Store::snapshot`] has returned `s`, no event with a number ≤ `s` will ever be
//! added. (A database whose sequences are not commit-ordered must return a number below that of its
//! oldest open transaction.) A listing between a floor and a snapshot therefore stays the same until
//! retention takes events away.
//!
//! # Bounds
//! See [`Settings`]. A full store answers [`AppendError::Full`] (come back later); little free disk,
//! [`StoreError::Disk`].

pub mod accounting;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod conformance;
pub mod delivery;
pub mod directory;
pub mod event;
#[cfg(test)]
mod fixture;
pub mod memory;
mod outbox;
pub mod sqlite;
mod window;

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use sealpost_core::WebhookKind;

pub use accounting::Accounting;
pub use delivery::{Delivery, DeliveryId, Endpoint, EndpointId, EndpointUrl, Settled, ToShard};
pub use directory::{ApiKey, Directory, Domain, DomainId, MAX_URLS, WebhookError};
pub use event::{AppendError, Appended, Conflict, EventQuery, NewEvent, Position, Seq, StoredEvent};
pub use memory::Memory;
pub use outbox::Inbox;
pub use sqlite::{OpenError, Sqlite};

use crate::secrets::{MasterKey, Secret};

/// A store of either kind. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub enum Store {
    /// In an SQLite file.
    Sqlite(Sqlite),
    /// In memory: gone with the process.
    Memory(Memory),
}

impl Store {
    /// Opens the SQLite store in a data directory, which is made where there is none, and the inbox of each
    /// shard. Blocks: it takes a walk over the pending deliveries.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        directory: &Path,
        master_key: &MasterKey,
        settings: &Settings,
    ) -> Result<(Self, Vec<Inbox>), OpenError> {
        let (sqlite, inboxes) = Sqlite::open(directory, master_key, settings)?;
        Ok((Self::Sqlite(sqlite), inboxes))
    }

    /// An empty store in memory, and the inbox of each shard. Needs a running tokio runtime.
    #[must_use]
    pub fn in_memory(settings: &Settings) -> (Self, Vec<Inbox>) {
        let (memory, inboxes) = Memory::open(settings);
        (Self::Memory(memory), inboxes)
    }

    /// What makes this store this store.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        match self {
            Self::Sqlite(store) => store.identity(),
            Self::Memory(store) => store.identity(),
        }
    }

    /// The configuration as of the last committed change.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        match self {
            Self::Sqlite(store) => store.directory(),
            Self::Memory(store) => store.directory(),
        }
    }

    /// Makes a domain; `true` if it is new. The name is in lower case.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn create_domain(&self, name: &str) -> Result<(Arc<Domain>, bool), StoreError> {
        match self {
            Self::Sqlite(store) => store.create_domain(name).await,
            Self::Memory(store) => store.create_domain(name),
        }
    }

    /// Sets a webhook of a domain that is not set yet. A URL that is the shown form of one of the domain's
    /// endpoints means that endpoint; the same URL twice counts once. Returns the webhook's endpoints.
    ///
    /// # Errors
    /// Unknown domain, webhook already set, more than [`MAX_URLS`], or the store cannot write.
    pub async fn create_webhook(
        &self,
        domain: &str,
        kind: WebhookKind,
        urls: Vec<EndpointUrl>,
    ) -> Result<Vec<Arc<Endpoint>>, WebhookError> {
        match self {
            Self::Sqlite(store) => store.create_webhook(domain, kind, urls).await,
            Self::Memory(store) => store.create_webhook(domain, kind, urls),
        }
    }

    /// Replaces the URLs of a webhook that is set, and cancels the pending deliveries of those that are
    /// gone. URLs are understood as in [`Store::create_webhook`]. Returns the webhook's endpoints.
    ///
    /// # Errors
    /// Unknown domain, webhook not set, more than [`MAX_URLS`], or the store cannot write.
    pub async fn replace_webhook(
        &self,
        domain: &str,
        kind: WebhookKind,
        urls: Vec<EndpointUrl>,
    ) -> Result<Vec<Arc<Endpoint>>, WebhookError> {
        match self {
            Self::Sqlite(store) => store.replace_webhook(domain, kind, urls).await,
            Self::Memory(store) => store.replace_webhook(domain, kind, urls),
        }
    }

    /// Takes a webhook away and cancels its pending deliveries. Returns the endpoints that it had.
    ///
    /// # Errors
    /// Unknown domain, webhook not set, or the store cannot write.
    pub async fn delete_webhook(
        &self,
        domain: &str,
        kind: WebhookKind,
    ) -> Result<Vec<Arc<Endpoint>>, WebhookError> {
        match self {
            Self::Sqlite(store) => store.delete_webhook(domain, kind).await,
            Self::Memory(store) => store.delete_webhook(domain, kind),
        }
    }

    /// Sets the account's signing key; attempts that start from now on are signed with it.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn set_signing_key(&self, key: Secret) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.set_signing_key(key).await,
            Self::Memory(store) => store.set_signing_key(key),
        }
    }

    /// Adds an API key, or changes the label and the domain of the one with this hash.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn add_api_key(&self, key: ApiKey) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.add_api_key(key).await,
            Self::Memory(store) => store.add_api_key(key),
        }
    }

    /// Appends a batch of events with their deliveries: whole, or, if `partial`, those without a conflict.
    /// Answers after the sync, item by item; an `Err` item appears only if `partial`.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was stored then.
    pub async fn append(
        &self,
        domain: &str,
        events: Vec<NewEvent>,
        partial: bool,
    ) -> Result<Vec<Result<Appended, Conflict>>, AppendError> {
        match self {
            Self::Sqlite(store) => store.append(domain, events, partial).await,
            Self::Memory(store) => store.append(domain, &events, partial),
        }
    }

    /// The events that a query asks for, in its order. An unknown domain has none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn events(&self, query: EventQuery) -> Result<Vec<StoredEvent>, StoreError> {
        match self {
            Self::Sqlite(store) => store.events(query).await,
            Self::Memory(store) => Ok(store.events(&query)),
        }
    }

    /// The number of the last committed event, 0 if there was none yet.
    #[must_use]
    pub fn snapshot(&self) -> Seq {
        match self {
            Self::Sqlite(store) => store.snapshot(),
            Self::Memory(store) => store.snapshot(),
        }
    }

    /// Asks for up to `room` due deliveries of an endpoint; [`ToShard::Refilled`] is the answer. A shard
    /// asks again only after that answer.
    pub fn refill(&self, endpoint: EndpointId, room: u32) {
        match self {
            Self::Sqlite(store) => store.refill(endpoint, room),
            Self::Memory(store) => store.refill(endpoint, room),
        }
    }

    /// Records how attempts of a shard ended; [`ToShard::Recorded`] is the answer, after the commit. Unless
    /// `urgent`, the store may wait a moment for more.
    pub fn record(&self, shard: usize, settled: Vec<Settled>, urgent: bool) {
        match self {
            Self::Sqlite(store) => store.record(shard, settled, urgent),
            Self::Memory(store) => store.record(shard, &settled),
        }
    }

    /// The counts as of the last commit.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        match self {
            Self::Sqlite(store) => store.accounting(),
            Self::Memory(store) => store.accounting(),
        }
    }

    /// Removes events that were accepted before this wall-clock millisecond and have no pending delivery;
    /// looks at up to `slice` events. Call again, at once, until it is done.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn retain(&self, accepted_before: i64, slice: usize) -> Result<Retained, StoreError> {
        match self {
            Self::Sqlite(store) => store.retain(accepted_before, slice).await,
            Self::Memory(store) => Ok(store.retain(accepted_before, slice)),
        }
    }

    /// How long this process may still rely on its claims.
    #[must_use]
    pub fn lease_left(&self) -> Duration {
        match self {
            Self::Sqlite(_) | Self::Memory(_) => Duration::MAX,
        }
    }

    /// Waits until the store is broken, and says why. Never returns while it is well.
    pub async fn broken(&self) -> String {
        match self {
            Self::Sqlite(store) => store.broken().await,
            Self::Memory(_) => std::future::pending().await,
        }
    }

    /// Waits until everything that was given to the store before is committed.
    ///
    /// # Errors
    /// The store is broken.
    pub async fn flush(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.flush().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Commits what waits, stops writing, and lets go of the data directory. Inboxes end; whatever is asked
    /// of any clone afterwards is answered with [`StoreError::Broken`].
    ///
    /// # Errors
    /// What waited could not be committed.
    pub async fn close(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Memory(_) => Ok(()),
        }
    }
}

/// The limits of a store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shards that deliveries are spread over, at least 1.
    pub shards: usize,
    /// Deliveries of one endpoint that are claimed at once, so that a dead endpoint holds no more.
    pub quota: u32,
    /// Deliveries that are claimed at once in all shards together.
    pub window: u32,
    /// Bytes of event-data that are claimed at once; the event that reaches the limit may cross it.
    pub window_bytes: u64,
    /// Pending deliveries from which on appends are [`AppendError::Full`].
    pub max_pending: u64,
    /// Free bytes on the data directory's disk below which appends are [`StoreError::Disk`].
    pub min_free: u64,
    /// How long records wait for company while nobody else waits for a commit.
    pub outcome_linger: Duration,
    /// Bytes of requests that may wait for the writer; further ones wait for their turn to wait.
    pub queue_bytes: u64,
    /// Connections that answer reads, each at most one read at a time.
    pub readers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shards: 1,
            quota: 256,
            window: 16_384,
            window_bytes: 512 << 20,
            max_pending: 10_000_000,
            min_free: 1 << 30,
            outcome_linger: Duration::from_millis(5),
            queue_bytes: 64 << 20,
            readers: 4,
        }
    }
}

/// What makes a store itself; made with it and never changed.
#[derive(Clone)]
pub struct Identity {
    /// The account, 24 hexadecimal digits.
    pub account: Arc<str>,
    /// A random number that no other store has.
    pub epoch: u64,
    /// The key that authenticates cursors.
    pub cursor_key: [u8; 32],
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("account", &self.account).finish_non_exhaustive()
    }
}

/// What one slice of retention did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Events removed.
    pub removed: usize,
    /// Whether there is nothing left to look at.
    pub done: bool,
}

/// Why a store that was opened cannot do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The disk is full, or too nearly so. Passes when there is room again.
    Disk,
    /// A write or a read failed, or the store is closed. Does not pass; the server must be started anew.
    Broken,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "the data directory's disk has too little free space; make room and try again",
            Self::Broken => "the store has failed or is closed; the server must be started again",
        })
    }
}

impl std::error::Error for StoreError {}

/// Wall-clock milliseconds since the Unix epoch.
fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A new endpoint secret in the form of the Standard Webhooks specification.
fn endpoint_secret() -> Result<Secret, StoreError> {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let bytes = crate::secrets::random::<32>().map_err(|_| StoreError::Broken)?;
    Ok(Secret::new(format!("whsec_{}", BASE64_STANDARD.encode(bytes))))
}

/// A new identity.
fn new_identity() -> Result<Identity, getrandom::Error> {
    let account = crate::secrets::random::<12>()?;
    Ok(Identity {
        account: account.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        epoch: getrandom::u64()?,
        cursor_key: crate::secrets::random()?,
    })
}
