//! The life of a store, step by step; after each the mark of what its user can see then.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use sealpost::filter::Facts;
use sealpost::secrets::Secret;
use sealpost::storage::{ApiKey, Delivery, EndpointUrl, Inbox, NewEvent, SecretOf, Settled, Store, ToShard};
use sealpost_core::{EventKind, Health, Verdict, WebhookKind};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::{master_key, settings, visible};

/// The file that the marks are written to, beside the store's.
pub(crate) const MARKS: &str = "marks";

const DOMAINS: [&str; 3] = ["one.example", "two.example", "three.example"];
const KIND: WebhookKind = WebhookKind::Clicked;
/// After this time retention finds every event old.
const FAR: i64 = 4_000_000_000_000;

struct Life<'d> {
    directory: &'d Path,
    store: Store,
    inbox: Inbox,
    held: Vec<Delivery>,
    marks: File,
    chance: u64,
    events: u64,
}

/// Lives through so many steps.
pub(crate) fn run(directory: &Path, steps: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, inbox) = open(directory);
        let marks = File::create_new(directory.join(MARKS)).unwrap();
        let mut life = Life { directory, store, inbox, held: Vec::new(), marks, chance: 5, events: 0 };
        for domain in DOMAINS {
            life.make_domain(domain).await;
        }
        for _ in 0..steps {
            life.step().await;
            life.hear();
        }
        life.store.close().await.unwrap();
    });
}

fn open(directory: &Path) -> (Store, Inbox) {
    let (store, mut inboxes) = Store::open(directory, &master_key(), &settings()).unwrap();
    (store, inboxes.remove(0))
}

impl Life<'_> {
    async fn step(&mut self) {
        let domain = DOMAINS[self.below(3) as usize];
        match self.below(100) {
            0..55 => self.append(domain).await,
            55..80 => self.settle().await,
            80..84 => {
                let urls = self.urls();
                self.store.replace_webhook(domain, KIND, urls).await.unwrap();
            }
            84..86 => {
                self.store.delete_webhook(domain, KIND).await.unwrap();
                self.mark();
                let urls = self.urls();
                self.store.create_webhook(domain, KIND, urls).await.unwrap();
            }
            86..88 => {
                let hash = std::array::from_fn(|_| self.below(256) as u8);
                self.store.add_api_key(ApiKey::new(hash, None, "key")).await.unwrap();
            }
            88..90 => {
                let key = Secret::new(format!("key-{}", self.below(1000)));
                self.store.set_signing_key(key).await.unwrap();
            }
            90..92 => {
                let directory = self.store.directory();
                let url = directory.domain(domain).unwrap().webhook(KIND)[0].url().clone();
                let of = SecretOf::Domain { domain: domain.to_string(), kind: KIND.into(), url };
                self.store.rotate_secret(of, Duration::from_secs(3600)).await.unwrap();
            }
            92..96 => drop(self.store.retain(FAR, 10).await.unwrap()),
            96..98 => {
                self.store.delete_domain(domain).await.unwrap();
                self.mark();
                self.make_domain(domain).await;
            }
            _ => {
                self.store.close().await.unwrap();
                self.held.clear();
                (self.store, self.inbox) = open(self.directory);
            }
        }
        self.mark();
    }

    async fn make_domain(&mut self, domain: &str) {
        self.store.create_domain(domain).await.unwrap();
        self.mark();
        let urls = self.urls();
        self.store.create_webhook(domain, KIND, urls).await.unwrap();
        self.mark();
    }

    async fn append(&mut self, domain: &str) {
        let events = (0..=self.below(6)).map(|_| self.event()).collect();
        self.store.append(domain, events, false).await.unwrap();
    }

    fn event(&mut self) -> NewEvent {
        self.events += 1;
        let length = if self.below(8) == 0 { self.below(60_000) } else { self.below(2_000) } as usize;
        let (id, timestamp) = (format!("e{}", self.events), 1_700_000_000 + self.below(1000));
        let data = format!(
            r#"{{"event":"clicked","id":"{id}","timestamp":{timestamp},"domain":{{}},"account":{{}},"recipient":"r{}@x","more":"{}"}}"#,
            self.below(50),
            "x".repeat(length)
        );
        NewEvent {
            assigned: false,
            id: id.into(),
            timestamp: timestamp as i64 * 1_000_000,
            kind: EventKind::Clicked,
            webhook: Some(KIND),
            legacy: None,
            facts: Facts::of_data(data.as_bytes()),
            digest: Sha256::digest(data.as_bytes()).into(),
            data: data.into(),
        }
    }

    /// Records outcomes of some of what the shard holds, and waits until they are recorded.
    async fn settle(&mut self) {
        let some = self.held.len().min(1 + self.below(10) as usize);
        if some == 0 {
            return;
        }
        let deliveries: Vec<_> = self.held.drain(..some).collect();
        let mut settled = Vec::new();
        for delivery in &deliveries {
            let wait = sealpost_core::Duration::ZERO;
            let verdict = match self.below(6) {
                0 => Verdict::Refused,
                1 => Verdict::Exhausted,
                2 => Verdict::Retry { wait, kept: false },
                _ => Verdict::Acknowledged,
            };
            let health = if self.below(4) == 0 { Health::UNPROVEN } else { Health::Up };
            let (attempts, due) = (delivery.attempts.saturating_add(1), delivery.due + 1000);
            settled.push(Settled { id: delivery.id, verdict, attempts, due, health });
        }
        self.store.record(0, settled, true);
        loop {
            match timeout(Duration::from_secs(20), self.inbox.recv()).await.unwrap().unwrap() {
                ToShard::Recorded(_) => return,
                other => self.take(other),
            }
        }
    }

    fn hear(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            self.take(message);
        }
    }

    fn take(&mut self, message: ToShard) {
        match message {
            ToShard::Claimed(deliveries) => self.held.extend(deliveries),
            ToShard::Backlog(endpoint) => self.store.refill(endpoint.id(), 16),
            ToShard::Refilled { endpoint, deliveries, more } => {
                self.held.extend(deliveries);
                if more {
                    self.store.refill(endpoint, 16);
                }
            }
            ToShard::Recorded(_) | ToShard::Cancelled { .. } | ToShard::DomainDeleted { .. } => {}
        }
    }

    /// One to three of six URLs.
    fn urls(&mut self) -> Vec<EndpointUrl> {
        let first = self.below(6);
        (0..=self.below(3))
            .map(|at| EndpointUrl::new(&format!("https://r{}.example/", (first + at) % 6)))
            .collect()
    }

    fn mark(&mut self) {
        let seen = visible::hash(&self.directory.join("sealpost.db"));
        self.marks.write_all(&seen.to_ne_bytes()).unwrap();
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.chance =
            self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % limit
    }
}
