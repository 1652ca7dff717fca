//! The tables of the store in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use sealpost_core::Verdict;

use super::bins::Bins;
use crate::storage::{
    Accounting, Delivery, DeliveryId, Directory, Domain, DomainId, Endpoint, EndpointId, HookKind, NewEvent,
    Retained, Seq, Settled, delivery::Moment, event::Known, tally::PendingChanges, webhooks::Withdrawn,
    window::Window,
};

/// Everything, behind one lock.
pub(super) struct Tables {
    pub(super) events: BTreeMap<Seq, EventRow>,
    pub(super) ids: HashMap<(DomainId, Arc<str>), Seq>,
    pub(super) pending: BTreeMap<DeliveryId, PendingRow>,
    pub(super) window: Window,
    pub(super) changes: PendingChanges,
    pub(super) accounting: Accounting,
    pub(super) last: Seq,
    pub(super) bins: Bins,
}

/// An event.
pub(super) struct EventRow {
    pub(super) domain: Arc<str>,
    pub(super) id: Arc<str>,
    pub(super) timestamp: i64,
    pub(super) data: Bytes,
    pub(super) digest: [u8; 32],
    pub(super) deliveries: u8,
    pub(super) accepted_at: i64,
}

/// A delivery that has not ended.
pub(super) struct PendingRow {
    pub(super) endpoint: EndpointId,
    pub(super) domain: DomainId,
    pub(super) kind: HookKind,
    pub(super) due: i64,
    pub(super) attempts: u8,
    pub(super) claimed: bool,
}

impl Tables {
    pub(super) fn new(window: Window) -> Self {
        Self {
            events: BTreeMap::new(),
            ids: HashMap::new(),
            pending: BTreeMap::new(),
            window,
            changes: PendingChanges::default(),
            accounting: Accounting::default(),
            last: 0,
            bins: Bins::default(),
        }
    }

    pub(super) fn known(&self, domain: DomainId, id: &str) -> Option<Known> {
        let row = self.events.get(self.ids.get(&(domain, id.into()))?)?;
        Some(Known { digest: row.digest, timestamp: row.timestamp, deliveries: row.deliveries })
    }

    /// Stores an event with its deliveries; those that are born claimed.
    pub(super) fn insert(
        &mut self,
        directory: &Directory,
        domain: &Domain,
        event: &NewEvent,
        now: Moment,
    ) -> Vec<Delivery> {
        self.last += 1;
        let endpoints = event.endpoints(directory, domain);
        self.ids.insert((domain.id(), event.id.clone()), self.last);
        self.events.insert(
            self.last,
            EventRow {
                domain: domain.name().clone(),
                id: event.id.clone(),
                timestamp: event.timestamp,
                data: event.data.clone(),
                digest: event.digest,
                deliveries: event.fan_out(directory, domain),
                accepted_at: now.wall,
            },
        );
        self.accounting.accepted += endpoints.len() as u64;
        let mut born = Vec::new();
        for (id, (kind, endpoint)) in (self.last << 4..).zip(endpoints) {
            self.changes.add(endpoint.id(), 1);
            let claimed = self.window.admits(endpoint.id(), now.steady);
            let row = PendingRow {
                endpoint: endpoint.id(),
                domain: domain.id(),
                kind,
                due: now.steady,
                attempts: 0,
                claimed,
            };
            self.pending.insert(id, row);
            if claimed {
                self.window.claim(id, endpoint.id(), event.data.len(), now.steady);
                born.push(event.delivery(id, domain, kind, endpoint, now));
            } else {
                self.window.leave_unclaimed(endpoint.id(), now.steady);
            }
        }
        born
    }

    /// The unclaimed deliveries of an endpoint, oldest first.
    pub(super) fn unclaimed(&self, endpoint: EndpointId) -> Vec<(i64, DeliveryId)> {
        let own = self.pending.iter().filter(|(_, row)| row.endpoint == endpoint && !row.claimed);
        let mut own: Vec<_> = own.map(|(&id, row)| (row.due, id)).collect();
        own.sort_unstable();
        own
    }

    pub(super) fn claim(&mut self, id: DeliveryId, endpoint: &Arc<Endpoint>) -> Option<Delivery> {
        let row = self.pending.get_mut(&id)?;
        let event = self.events.get(&(id >> 4))?;
        row.claimed = true;
        self.window.claim(id, endpoint.id(), event.data.len(), row.due);
        Some(Delivery {
            id,
            endpoint: endpoint.clone(),
            domain: event.domain.clone(),
            domain_id: row.domain,
            event_id: event.id.clone(),
            kind: row.kind,
            data: event.data.clone(),
            attempts: row.attempts,
            accepted_at: event.accepted_at,
            due: row.due,
        })
    }

    pub(super) fn record(&mut self, settled: &Settled) {
        let row = self.pending.get_mut(&settled.id).filter(|row| row.claimed);
        match (settled.verdict, row) {
            (Verdict::Retry { kept, .. }, Some(row)) => {
                (row.attempts, row.due, row.claimed) = (settled.attempts, settled.due, kept);
                if kept {
                    self.window.postpone(settled.id, settled.due);
                } else {
                    self.window.leave_unclaimed(row.endpoint, settled.due);
                }
            }
            (verdict, Some(row)) => {
                self.changes.remove(row.endpoint, 1);
                self.pending.remove(&settled.id);
                self.accounting.count(verdict);
            }
            (_, None) => {}
        }
        if !matches!(settled.verdict, Verdict::Retry { kept: true, .. }) {
            self.window.release(settled.id);
        }
    }

    pub(super) fn cancel(&mut self, withdrawn: &Withdrawn) {
        let (endpoint, kind) = (withdrawn.endpoint.id(), withdrawn.kind);
        let before = self.pending.len();
        self.pending.retain(|_, row| {
            (row.endpoint, row.kind) != (endpoint, kind) || !withdrawn.domains.cover(row.domain)
        });
        let cancelled = (before - self.pending.len()) as u64;
        self.accounting.cancelled += cancelled;
        self.changes.remove(endpoint, cancelled);
        let next_due = self.unclaimed(endpoint).first().map(|&(due, _)| due);
        self.window.correct(endpoint, next_due);
    }

    /// Cancels the deliveries of a domain that is gone, and removes its events.
    pub(super) fn remove_domain(&mut self, domain: &Domain) {
        let of_domain = |row: &PendingRow| row.domain == domain.id();
        let gone = self.pending.values().filter(|row| of_domain(row));
        let mut endpoints = BTreeSet::new();
        for row in gone {
            endpoints.insert(row.endpoint);
            self.changes.remove(row.endpoint, 1);
            self.accounting.cancelled += 1;
        }
        self.pending.retain(|_, row| !of_domain(row));
        for endpoint in endpoints {
            let next_due = self.unclaimed(endpoint).first().map(|&(due, _)| due);
            self.window.correct(endpoint, next_due);
        }
        self.events.retain(|_, row| row.domain != *domain.name());
        self.ids.retain(|_, seq| self.events.contains_key(seq));
    }

    /// Removes up to `slice` old events without pending deliveries.
    pub(super) fn retain(&mut self, accepted_before: i64, slice: usize) -> Retained {
        let old = self.events.iter().filter(|(_, row)| row.accepted_at < accepted_before);
        let ended = |seq: &Seq| self.pending.range(seq << 4..(seq + 1) << 4).next().is_none();
        let ended: Vec<_> = old.map(|(&seq, _)| seq).filter(ended).collect();
        for seq in ended.iter().take(slice) {
            self.events.remove(seq);
        }
        self.ids.retain(|_, seq| self.events.contains_key(seq));
        Retained { removed: ended.len().min(slice), done: ended.len() <= slice }
    }
}
