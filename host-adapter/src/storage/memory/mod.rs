//! A store in memory, for tests: the contract without a disk.

mod bins;
mod tables;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use sealpost_core::Health;
use tokio::sync::Notify;

use self::tables::Tables;
use super::{
    Accounting, Addressee, ApiKey, AppendError, Appended, Balance, Conflict, Directory, Domain, DomainError,
    EndpointId, EndpointSecrets, Epochs, EventQuery, Identity, Inbox, KeyError, NewEvent, OldestDue,
    Position, QueryError, Retained, SecretOf, Seq, Settings, Settled, StoreError, StoredEvent, ToShard,
    WebhookError,
    bin::{
        Bin, BinDraft, BinError, BinLimits, Capture, CaptureQuery, Captured, KindCount, Script, StoredCapture,
    },
    delivery::Moment,
    event::{self, Fate},
    outbox::{Outbox, Published},
    steady_millis, wall_millis,
    webhooks::{Edit, WebhookChange},
    window::{Limits, Window},
};
use crate::secrets::Secret;

/// A store in memory. See [`storage`](super) for the contract.
#[derive(Clone)]
pub struct Memory {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    epochs: Epochs,
    max_pending: u64,
    bin_limits: BinLimits,
    outbox: Outbox,
    directory: Published,
    tables: Mutex<Tables>,
    /// Rung when the time of the next backlog may have changed, and when the store is gone.
    bell: Arc<Notify>,
}

impl Memory {
    pub(super) fn open(settings: &Settings) -> (Self, Vec<Inbox>) {
        let (outbox, inboxes) = Outbox::new(settings.shards);
        let limits =
            Limits { quota: settings.quota, deliveries: settings.window, bytes: settings.window_bytes };
        let tables = Tables::new(Window::new(limits));
        let inner = Arc::new(Inner {
            identity: Identity::generate(),
            epochs: Epochs::first(),
            max_pending: settings.max_pending,
            bin_limits: settings.bins,
            outbox,
            directory: Published::new(Directory::new(settings.caps())),
            tables: Mutex::new(tables),
            bell: Arc::new(Notify::new()),
        });
        tokio::spawn(tell_when_due(Arc::downgrade(&inner), inner.bell.clone()));
        (Self { inner }, inboxes)
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    pub(super) fn epochs(&self) -> &Epochs {
        &self.inner.epochs
    }

    pub(super) fn directory(&self) -> Arc<Directory> {
        self.inner.directory.current()
    }

    pub(super) fn create_domain(&self, name: &str) -> Result<(Arc<Domain>, bool), DomainError> {
        let _tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        if let Some(domain) = directory.domain(name) {
            return Ok((domain.clone(), false));
        }
        let made = directory.insert_domain(directory.plan_domain(name)?);
        self.inner.directory.publish(directory);
        Ok((made, true))
    }

    pub(super) fn delete_domain(&self, name: &str) -> Result<(), DomainError> {
        let mut tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        let domain = directory.domain(name).ok_or(DomainError::Unknown)?.clone();
        let below = (tables.last + 1) << 4;
        directory.remove_domain(&domain);
        self.inner.directory.publish(directory);
        tables.remove_domain(&domain);
        self.inner.settle(&mut tables, |outbox| {
            outbox.tell_all(|| ToShard::DomainDeleted { domain: domain.name().clone(), below });
        });
        Ok(())
    }

    pub(super) fn set_signing_key(&self, key: Secret) -> Result<(), StoreError> {
        let _tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        directory.replace_signing_key(key);
        self.inner.directory.publish(directory);
        Ok(())
    }

    pub(super) fn rotate_secret(
        &self,
        of: &SecretOf,
        overlap: Duration,
    ) -> Result<EndpointSecrets, WebhookError> {
        let _tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        let held = directory.plan_rotation(of, (wall_millis(), overlap))?;
        let secrets = held.secrets.clone();
        directory.set_secrets(held);
        self.inner.directory.publish(directory);
        Ok(secrets)
    }

    pub(super) fn forget_old_secrets(&self, now: i64) -> usize {
        let _tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        let forgotten = directory.forget_outlived_secrets(now);
        self.inner.directory.publish(directory);
        forgotten
    }

    pub(super) fn add_api_key(&self, key: ApiKey) -> Result<(), KeyError> {
        let _tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        directory.check_new_key(&key)?;
        directory.insert_api_key(key);
        self.inner.directory.publish(directory);
        Ok(())
    }

    pub(super) fn revoke_api_key(&self, id: &str, even_the_last: bool) -> Result<ApiKey, KeyError> {
        let _tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        let key = directory.plan_revocation(id, even_the_last)?;
        directory.remove_api_key(&key);
        self.inner.directory.publish(directory);
        Ok(key)
    }

    pub(super) fn create_bin(&self, draft: BinDraft) -> Result<Arc<Bin>, BinError> {
        let _tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        let bin = directory.insert_bin(directory.plan_bin(draft)?);
        self.inner.directory.publish(directory);
        Ok(bin)
    }

    pub(super) fn script_bin(&self, id: &str, script: Script) -> Result<Arc<Bin>, BinError> {
        let tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        let bin = Bin::clone(directory.bin(id).ok_or(BinError::Unknown)?);
        let bin = directory.insert_bin(Bin { script, since: tables.bins.last(&bin), ..bin });
        self.inner.directory.publish(directory);
        Ok(bin)
    }

    pub(super) fn delete_bin(&self, id: &str) -> Result<(), BinError> {
        let _tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        directory.bin(id).ok_or(BinError::Unknown)?;
        directory.remove_bin(id);
        self.inner.directory.publish(directory);
        Ok(())
    }

    pub(super) fn capture(&self, bin: &str, capture: &Capture) -> Result<Captured, BinError> {
        let mut tables = self.inner.tables();
        let directory = self.directory();
        let bin = directory.bin(bin).ok_or(BinError::Unknown)?;
        Ok(tables.bins.keep(bin, capture, &self.inner.bin_limits))
    }

    pub(super) fn captures(&self, bin: &Bin, query: &CaptureQuery) -> Vec<StoredCapture> {
        let tables = self.inner.tables();
        if self.directory().bin(&bin.id).is_none() {
            return Vec::new();
        }
        tables.bins.read(bin, query)
    }

    pub(super) fn capture_counts(&self, bin: &Bin) -> Vec<KindCount> {
        self.inner.tables().bins.tally(bin)
    }

    pub(super) fn forget_bins(&self, now: i64) -> Retained {
        let mut tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        directory.remove_expired_bins(now);
        let left: Vec<_> = directory.bins().map(|bin| bin.key).collect();
        self.inner.directory.publish(directory);
        Retained { removed: tables.bins.keep_only(&left), done: true }
    }

    pub(super) fn append(
        &self,
        to: &Addressee,
        events: &[NewEvent],
        partial: bool,
    ) -> Result<Vec<Result<Appended, Conflict>>, AppendError> {
        let mut tables = self.inner.tables();
        let directory = self.directory();
        let domain = to.find(&directory).ok_or(AppendError::UnknownDomain)?;
        let fates = event::triage(events, |at| tables.known(domain.id(), &events[at].id));
        let conflicts = event::conflicts(events, &fates);
        if !partial && !conflicts.is_empty() {
            return Err(AppendError::Conflicts(conflicts));
        }
        let new = || events.iter().zip(&fates).filter(|(_, fate)| matches!(fate, Fate::New));
        let deliveries: u64 = new().map(|(event, _)| u64::from(event.fan_out(&directory, domain))).sum();
        if deliveries > 0 && tables.accounting.pending() + deliveries > self.inner.max_pending {
            return Err(AppendError::Full { limit: self.inner.max_pending });
        }
        let now = Moment::now();
        let claimed = new().flat_map(|(event, _)| tables.insert(&directory, domain, event, now)).collect();
        self.inner.settle(&mut tables, |outbox| outbox.claimed(claimed));
        Ok(event::answers(events, fates, |event| event.fan_out(&directory, domain)))
    }

    /// Looks at every event; there are few.
    pub(super) fn events(&self, query: &EventQuery) -> Result<Vec<StoredEvent>, QueryError> {
        let tables = self.inner.tables();
        let own = tables.events.iter().filter(|(_, row)| row.domain == query.domain);
        let positions = own.map(|(&seq, row)| Position { timestamp: row.timestamp, seq });
        let mut positions: Vec<_> = positions.filter(|&position| query.covers(position)).collect();
        query.arrange(&mut positions);
        let (mut matcher, mut found) = (query.filter.matcher(), Vec::new());
        for position in positions {
            if found.len() == query.limit {
                break;
            }
            if query.is_late() {
                return Err(QueryError::TooLong);
            }
            let row = tables.events.get(&position.seq).filter(|row| matcher.passes(&row.data));
            found.extend(row.map(|row| StoredEvent { position, data: row.data.clone() }));
        }
        Ok(found)
    }

    pub(super) fn snapshot(&self) -> Seq {
        self.inner.tables().last
    }

    pub(super) fn refill(&self, endpoint: EndpointId, room: u32) {
        let directory = self.directory();
        let Some(endpoint) = directory.endpoint(endpoint) else { return };
        let mut tables = self.inner.tables();
        let now = steady_millis();
        let mut due = tables.unclaimed(endpoint.id());
        due.retain(|&(due, _)| due <= now);
        let mut deliveries = Vec::new();
        for (_, id) in due {
            if deliveries.len() as u64 >= u64::from(room) || tables.window.room(endpoint.id()) == 0 {
                break;
            }
            deliveries.extend(tables.claim(id, endpoint));
        }
        let next_due = tables.unclaimed(endpoint.id()).first().map(|&(due, _)| due);
        let more = next_due.is_some_and(|due| due <= now) && tables.window.room(endpoint.id()) > 0;
        tables.window.refilled(endpoint.id(), next_due, more);
        let answer = ToShard::Refilled { endpoint: endpoint.id(), deliveries, more };
        self.inner.settle(&mut tables, |outbox| outbox.tell(endpoint, answer));
    }

    pub(super) fn record(&self, shard: usize, settled: &[Settled]) {
        let mut tables = self.inner.tables();
        let directory = self.directory();
        for settled in settled {
            let holder = tables.window.holder(settled.id).and_then(|holder| directory.endpoint(holder));
            if let Some(endpoint) = holder {
                endpoint.change_health(settled.health);
                tables.window.judge(endpoint.id(), settled.health == Health::Up);
            }
            tables.record(settled);
        }
        let ids = settled.iter().map(|settled| settled.id).collect();
        self.inner.settle(&mut tables, |outbox| outbox.recorded(shard, ids));
    }

    pub(super) fn accounting(&self) -> Accounting {
        self.inner.tables().accounting
    }

    pub(super) fn balance(&self) -> Balance {
        let tables = self.inner.tables();
        Balance { counts: tables.accounting, pending: tables.pending.len() as u64 }
    }

    pub(super) fn oldest_due(&self) -> OldestDue {
        self.inner.tables().window.oldest_due()
    }

    pub(super) fn retain(&self, accepted_before: i64, slice: usize) -> Retained {
        self.inner.tables().retain(accepted_before, slice)
    }

    pub(super) fn forget_endpoints(&self) -> usize {
        let mut tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        let mut unused = directory.unused_endpoints();
        unused.retain(|&endpoint| tables.window.is_idle(endpoint));
        directory.forget_endpoints(&unused);
        unused.iter().for_each(|&endpoint| tables.window.forget(endpoint));
        self.inner.directory.publish(directory);
        unused.len()
    }

    pub(super) fn edit(&self, edit: &Edit) -> Result<WebhookChange, WebhookError> {
        let mut tables = self.inner.tables();
        let mut directory = Directory::clone(&self.directory());
        let change = directory.plan(edit)?;
        let below = (tables.last + 1) << 4;
        for withdrawn in &change.withdrawn {
            tables.cancel(withdrawn);
        }
        directory.apply(&change);
        self.inner.directory.publish(directory);
        self.inner.settle(&mut tables, |outbox| {
            for withdrawn in &change.withdrawn {
                outbox.cancelled(withdrawn, below);
            }
        });
        Ok(change)
    }
}

impl Inner {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a change: tells the shards of it, and then of what became due.
    fn settle(&self, tables: &mut Tables, tell: impl FnOnce(&Outbox)) {
        tell(&self.outbox);
        let directory = self.directory.current();
        tables.changes.commit(&directory);
        for endpoint in tables.window.tell(steady_millis()) {
            if let Some(endpoint) = directory.endpoint(endpoint) {
                self.outbox.tell(endpoint, ToShard::Backlog(endpoint.clone()));
            }
        }
        tables.window.commit();
        self.bell.notify_one();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.bell.notify_one();
    }
}

/// Tells shards of backlogs when they become due, until the store is gone.
async fn tell_when_due(store: Weak<Inner>, bell: Arc<Notify>) {
    loop {
        let wait = {
            let Some(store) = store.upgrade() else { return };
            let mut tables = store.tables();
            let now = steady_millis();
            for endpoint in tables.window.tell(now) {
                if let Some(endpoint) = store.directory.current().endpoint(endpoint) {
                    store.outbox.tell(endpoint, ToShard::Backlog(endpoint.clone()));
                }
            }
            tables.window.commit();
            let due = tables.window.next_due(now).map_or(60_000, |due| due - now);
            Duration::from_millis(due.unsigned_abs().min(60_000))
        };
        tokio::select! {
            () = bell.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
