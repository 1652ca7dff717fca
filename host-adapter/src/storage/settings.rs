//! The limits of a store, in figures.

use std::time::Duration;

use super::{bin::BinLimits, directory::Caps};

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
    /// Pending deliveries from which on appends are [`AppendError::Full`](super::AppendError::Full).
    pub max_pending: u64,
    /// Domains from which on no further one is made.
    pub max_domains: usize,
    /// Endpoints from which on no webhook gets a new URL.
    pub max_endpoints: usize,
    /// API keys from which on no further one is made; every request is compared with all of them.
    pub max_keys: usize,
    /// How much request bins may hold.
    pub bins: BinLimits,
    /// Free bytes on the data directory's disk below which appends are [`StoreError::Disk`](super::StoreError::Disk).
    pub min_free: u64,
    /// Bytes of what tells which parts of the index a value is not in; the oldest parts are looked into where it is not enough.
    pub index_memory: u64,
    /// How long records wait for company while nobody else waits for a commit; at most a minute.
    pub outcome_linger: Duration,
    /// Bytes of requests that may wait for the writer; further ones wait for their turn to wait.
    pub queue_bytes: u64,
    /// Facts of events that wait in memory until a part of the index is written of them, at about 50 bytes each. Half as
    /// many more come while it is written, and what one commit adds. Half as many events are read again at every start.
    pub fresh_facts: usize,
    /// Connections that answer reads, each at most one read at a time.
    pub readers: usize,
}

impl Settings {
    pub(super) fn caps(&self) -> Caps {
        Caps {
            domains: self.max_domains,
            endpoints: self.max_endpoints,
            keys: self.max_keys,
            bins: self.bins,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shards: 1,
            quota: 256,
            window: 16_384,
            window_bytes: 512 << 20,
            max_pending: 10_000_000,
            max_domains: 100_000,
            max_endpoints: 1_000_000,
            max_keys: 10_000,
            bins: BinLimits::default(),
            min_free: 1 << 30,
            index_memory: 64 << 20,
            outcome_linger: Duration::from_millis(5),
            queue_bytes: 64 << 20,
            fresh_facts: 1 << 18,
            readers: 4,
        }
    }
}
