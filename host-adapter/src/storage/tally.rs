//! How it stands with one endpoint, in figures for whoever watches the server.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use sealpost_core::Outcome;

use super::{Directory, EndpointId};

/// What waits for an endpoint, and how its attempts have ended since the server was started. Nothing is decided by
/// it: each figure is true by itself, and a moment old at most.
#[derive(Debug, Default)]
pub struct Tally {
    pending: AtomicU64,
    in_flight: AtomicU32,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    /// Deliveries that have not ended, as of the last commit.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending.load(Relaxed)
    }

    /// Attempts under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// Attempts that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Relaxed)
    }

    /// Attempts that were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Attempts that have to be made again.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// An attempt starts; it is under way until the answer is dropped.
    pub fn fly(&self) -> Flight<'_> {
        self.in_flight.fetch_add(1, Relaxed);
        Flight(self)
    }

    /// An attempt has ended like this.
    pub fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Acknowledged => &self.acknowledged,
            Outcome::Refused { .. } => &self.refused,
            Outcome::Retry { .. } => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
    }

    fn change_pending(&self, change: i64) {
        // Only a store writes here, one change after the other.
        self.pending.store(self.pending().saturating_add_signed(change), Relaxed);
    }
}

/// An attempt that is under way.
#[derive(Debug)]
pub struct Flight<'a>(&'a Tally);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// What an open transaction changes about the numbers of pending deliveries: told to the endpoints when it is
/// committed, and forgotten when it is not.
#[derive(Debug, Default)]
pub(super) struct PendingChanges(HashMap<EndpointId, i64>);

impl PendingChanges {
    /// So many deliveries of an endpoint are born.
    pub(super) fn add(&mut self, endpoint: EndpointId, deliveries: u64) {
        *self.0.entry(endpoint).or_default() += deliveries.cast_signed();
    }

    /// So many deliveries of an endpoint have ended.
    pub(super) fn remove(&mut self, endpoint: EndpointId, deliveries: u64) {
        *self.0.entry(endpoint).or_default() -= deliveries.cast_signed();
    }

    /// The transaction is committed.
    pub(super) fn commit(&mut self, directory: &Directory) {
        for (endpoint, change) in self.0.drain() {
            // An endpoint that was forgotten has nothing pending.
            if let Some(endpoint) = directory.endpoint(endpoint) {
                endpoint.tally().change_pending(change);
            }
        }
    }

    /// The transaction is rolled back.
    pub(super) fn roll_back(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_under_way_until_it_is_given_up() {
        let tally = Tally::default();
        let (one, other) = (tally.fly(), tally.fly());
        assert_eq!(tally.in_flight(), 2);
        drop((one, other));
        assert_eq!(tally.in_flight(), 0);
    }
}
