//! What the writer keeps in mind.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use rusqlite::Connection;
use sealpost_core::Health;

use super::{
    deliveries::Cancellation, domains::Deletion, fresh::Fresh, ids::Ids, lock::Disk, merge::Merging,
    recent::Recent,
};
use crate::storage::{
    Accounting, Commits, Delivery, DeliveryId, Endpoint, EndpointId, Seq, ToShard, bin::BinLimits,
    tally::PendingChanges, window::Window,
};

/// What the writer knows and everything is decided by; ahead of the disk only while a transaction is open.
pub(super) struct Books {
    pub(super) account: Arc<str>,
    /// This life's fencing token.
    pub(super) token: i64,
    pub(super) window: Window,
    /// Told to the endpoints with the commit.
    pub(super) pending: PendingChanges,
    /// The ids that are taken.
    pub(super) ids: Ids,
    /// Facts that are not on disk.
    pub(super) fresh: Fresh,
    pub(super) merging: Merging,
    pub(super) recent: Recent,
    pub(super) counts: Counts,
    pub(super) cancellations: Vec<Cancellation>,
    pub(super) deletions: Vec<Deletion>,
    pub(super) disk: Disk,
    pub(super) max_pending: u64,
    pub(super) bin_limits: BinLimits,
}

/// The numbers in the books.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) accounting: Accounting,
    /// The number of the last event.
    pub(super) last: Seq,
    /// The event up to which the current round of retention has looked.
    pub(super) retained_to: i64,
}

/// What everyone may see of the books: the last commit.
pub(super) struct Shown {
    pub(super) counts: Mutex<Counts>,
    pub(super) commits: AtomicU64,
    pub(super) commit_sizes: Commits,
}

/// What is to be told once the transaction is committed.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) recorded: Vec<(usize, Vec<DeliveryId>)>,
    pub(super) claimed: Vec<Delivery>,
    pub(super) refilled: Vec<(Arc<Endpoint>, ToShard)>,
    pub(super) health: BTreeMap<EndpointId, (Arc<Endpoint>, Health)>,
}

impl Counts {
    pub(super) fn differ(&self, other: &Self) -> bool {
        (self.accounting, self.last) != (other.accounting, other.last)
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Accounting { accepted, acknowledged, refused, exhausted, cancelled } = self.accounting;
        let numbers =
            [self.last, accepted, acknowledged, refused, exhausted, cancelled].map(u64::cast_signed);
        connection
            .prepare_cached(
                "UPDATE counters SET last_seq = ?, accepted = ?, acknowledged = ?, refused = ?, exhausted = ?,
                 cancelled = ?",
            )?
            .execute(numbers)?;
        Ok(())
    }
}
