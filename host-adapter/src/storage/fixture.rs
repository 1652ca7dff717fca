//! What the tests of the stores have in common: a store on a stage, and short ways to act on it.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sealpost_core::{EventKind, Health, Verdict, WebhookKind};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::time::timeout;

use super::{
    Delivery, Endpoint, EndpointUrl, EventQuery, Inbox, NewEvent, Seq, Settings, Settled, Store, ToShard,
    steady_millis,
};
use crate::{filter::Facts, secrets::MasterKey};

pub(super) const DOMAIN: &str = "example.com";
pub(super) const CLICKED: WebhookKind = WebhookKind::Clicked;

/// A store, its first shard's inbox, and the directory it lives in.
pub(super) struct Fixture {
    pub(super) store: Store,
    pub(super) inbox: Inbox,
    /// The inboxes of further shards.
    pub(super) others: Vec<Inbox>,
    pub(super) directory: Option<TempDir>,
}

impl Fixture {
    /// A new store in memory with one domain.
    pub(super) async fn memory(settings: Settings) -> Self {
        let (store, inboxes) = Store::in_memory(&settings);
        Self::stage(store, inboxes, None).await
    }

    /// A new SQLite store with one domain.
    pub(super) async fn sqlite(settings: Settings) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the store");
        let (store, inboxes) = open(directory.path(), &settings);
        Self::stage(store, inboxes, Some(directory)).await
    }

    /// Any store, with one domain.
    pub(super) async fn stage(store: Store, mut inboxes: Vec<Inbox>, directory: Option<TempDir>) -> Self {
        store.create_domain(DOMAIN).await.expect("a domain");
        Self { store, inbox: inboxes.remove(0), others: inboxes, directory }
    }

    /// Sets the webhook `clicked` to these URLs.
    pub(super) async fn subscribe(&self, urls: &[&str]) -> Vec<Arc<Endpoint>> {
        self.store.create_webhook(DOMAIN, CLICKED, self::urls(urls)).await.expect("a webhook")
    }

    /// Appends events that must all be new.
    pub(super) async fn append(&self, events: Vec<NewEvent>) {
        for appended in self.store.append(DOMAIN, events, false).await.expect("appended") {
            assert!(!appended.expect("no conflict").duplicate);
        }
    }

    /// The next message of the first shard.
    pub(super) async fn hear(&mut self) -> ToShard {
        timeout(Duration::from_secs(10), self.inbox.recv())
            .await
            .expect("a message in time")
            .expect("a store")
    }

    /// The next message, which must be new deliveries.
    pub(super) async fn claimed(&mut self) -> Vec<Delivery> {
        match self.hear().await {
            ToShard::Claimed(deliveries) => deliveries,
            other => panic!("expected new deliveries, heard {other:?}"),
        }
    }

    /// The next message, which must be a backlog.
    pub(super) async fn backlog(&mut self) -> Arc<Endpoint> {
        match self.hear().await {
            ToShard::Backlog(endpoint) => endpoint,
            other => panic!("expected a backlog, heard {other:?}"),
        }
    }

    /// The next message, which must say that these deliveries are recorded.
    pub(super) async fn recorded(&mut self) -> Vec<u64> {
        match self.hear().await {
            ToShard::Recorded(ids) => ids,
            other => panic!("expected records, heard {other:?}"),
        }
    }

    /// Asks for deliveries, and returns them with whether there are more.
    pub(super) async fn refill(&mut self, endpoint: &Endpoint, room: u32) -> (Vec<Delivery>, bool) {
        self.store.refill(endpoint.id(), room);
        match self.hear().await {
            ToShard::Refilled { deliveries, more, .. } => (deliveries, more),
            other => panic!("expected a refill, heard {other:?}"),
        }
    }

    /// Waits for an endpoint's backlog and asks for it, whatever the shard hears of other endpoints.
    pub(super) async fn refill_after_backlog(&mut self, asked: &Endpoint) -> Vec<Delivery> {
        loop {
            match self.hear().await {
                ToShard::Backlog(told) if told.id() == asked.id() => self.store.refill(asked.id(), 9),
                ToShard::Refilled { endpoint, deliveries, .. } if endpoint == asked.id() => {
                    return deliveries;
                }
                _ => {}
            }
        }
    }

    /// Records an attempt and waits until that is committed.
    pub(super) async fn settle(&mut self, delivery: &Delivery, verdict: Verdict) {
        self.settle_until(delivery, verdict, steady_millis()).await;
    }

    /// Records an attempt after which the delivery is due at a time.
    pub(super) async fn settle_until(&mut self, delivery: &Delivery, verdict: Verdict, due: i64) {
        let attempts = delivery.attempts + 1;
        let settled = Settled { id: delivery.id, verdict, attempts, due, health: Health::Up };
        self.store.record(0, vec![settled], true);
        assert_eq!(self.recorded().await, [delivery.id]);
    }

    /// Everything committed before is told, and there is nothing to hear.
    pub(super) async fn silence(&mut self) {
        self.store.flush().await.expect("a store");
        if let Ok(message) = self.inbox.try_recv() {
            panic!("expected nothing, heard {message:?}");
        }
    }

    /// The event-data of all events of the domain, oldest first.
    pub(super) async fn listed(&self) -> Vec<Bytes> {
        let events = self.store.events(query(self.store.snapshot())).await.expect("a listing");
        events.into_iter().map(|event| event.data).collect()
    }

    /// Waits until a count has come true.
    pub(super) async fn until(&self, condition: impl Fn(&Store) -> bool) {
        let come = async {
            while !condition(&self.store) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), come).await.expect("the condition comes true in time");
    }
}

/// Opens the SQLite store of a directory under the tests' master key.
pub(super) fn open(directory: &Path, settings: &Settings) -> (Store, Vec<Inbox>) {
    Store::open(directory, &master_key(), settings).expect("a store")
}

pub(super) fn master_key() -> MasterKey {
    MasterKey::parse(&"42".repeat(32)).expect("a key")
}

/// Settings for tests: any disk will do.
pub(super) fn settings() -> Settings {
    Settings { min_free: 0, ..Settings::default() }
}

/// A `clicked` event.
pub(super) fn event(id: &str) -> NewEvent {
    event_at(id, 1_700_000_000_000_000)
}

/// A `clicked` event of a time in microseconds.
pub(super) fn event_at(id: &str, timestamp: i64) -> NewEvent {
    let data = Bytes::from(format!("{{\"event\":\"clicked\",\"id\":\"{id}\"}}"));
    NewEvent {
        id: id.into(),
        assigned: false,
        timestamp,
        kind: EventKind::Clicked,
        webhook: Some(CLICKED),
        legacy: None,
        facts: Facts::of_data(&data),
        digest: Sha256::digest(&data).into(),
        data,
    }
}

/// An event without a webhook, with more members than `id`.
pub(super) fn event_with(id: &str, timestamp: i64, kind: EventKind, members: &str) -> NewEvent {
    let data = Bytes::from(format!("{{\"event\":\"{kind}\",\"id\":\"{id}\",{members}}}"));
    let (facts, digest) = (Facts::of_data(&data), Sha256::digest(&data).into());
    NewEvent { kind, webhook: None, facts, digest, data, ..event_at(id, timestamp) }
}

/// The same id from another submission.
pub(super) fn other_bytes(id: &str) -> NewEvent {
    NewEvent { digest: [255; 32], ..event(id) }
}

/// Everything of the domain up to a snapshot, oldest first.
pub(super) fn query(snapshot: Seq) -> EventQuery {
    EventQuery {
        domain: DOMAIN.into(),
        from: 0,
        to: i64::MAX,
        floor: 0,
        snapshot,
        filter: Arc::default(),
        ascending: true,
        after: None,
        limit: 100,
        until: Instant::now() + Duration::from_secs(60),
    }
}

pub(super) fn urls(urls: &[&str]) -> Vec<EndpointUrl> {
    urls.iter().map(|url| EndpointUrl::new(url)).collect()
}

/// The ids of the events of deliveries.
pub(super) fn events_of(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| &*delivery.event_id).collect()
}
