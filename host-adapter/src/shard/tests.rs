//! A shard between a store in memory and a transport that answers as scripted.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use sealpost_core::dispatch::Limits;
use sealpost_core::host::{Clock as _, Transport};
use sealpost_core::http::Header;
use sealpost_core::{Body, Duration as Millis, EventKind, Fault, Outcome, Schedule, Url, WebhookKind};
use tokio::sync::watch;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

use super::{Policy, Shard};
use crate::clock::SystemClock;
use crate::filter::Facts;
use crate::metrics::Metrics;
use crate::secrets::Secret;
use crate::storage::{Accounting, EndpointUrl, NewEvent, Settings, Store};
use crate::transport::Answer;

/// Answers with the next outcome of the script; `None`, or the script's end, is silence.
#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<Option<Outcome>>>,
    seen: Mutex<Vec<(String, String)>>,
    headers: Mutex<Vec<String>>,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Option<Outcome>>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), ..Self::default() })
    }

    fn bodies(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

impl Transport for Scripted {
    type Answer = Answer;

    async fn post<B: Body>(&self, to: &Url<'_>, headers: &[Header<'_>], body: &B) -> Answer {
        let body = String::from_utf8(body.chunks().concat()).unwrap();
        self.seen.lock().unwrap().push((to.as_str().to_owned(), body));
        self.headers.lock().unwrap().extend(headers.iter().map(|header| format!("{header:?}")));
        let next = self.script.lock().unwrap().pop_front().flatten();
        match next {
            Some(outcome) => Answer { outcome, detail: "as scripted".to_owned(), status: outcome.status() },
            None => std::future::pending().await,
        }
    }
}

struct House {
    store: Store,
    transport: Arc<Scripted>,
    stop: watch::Sender<Option<Instant>>,
    shards: RefCell<Vec<tokio::task::JoinHandle<()>>>,
}

const SOON: Duration = Duration::from_secs(10);

impl House {
    async fn new(transport: Arc<Scripted>, urls: &[&str], steps: &[u32]) -> Self {
        Self::signing(true, transport, urls, steps).await
    }

    /// A house where every attempt is signed anew, or not.
    async fn signing(
        sign_every_attempt: bool,
        transport: Arc<Scripted>,
        urls: &[&str],
        steps: &[u32],
    ) -> Self {
        Self::within(64, sign_every_attempt, transport, urls, steps).await
    }

    /// A house with room for so many deliveries in memory.
    async fn within(
        window: u16,
        sign_every_attempt: bool,
        transport: Arc<Scripted>,
        urls: &[&str],
        steps: &[u32],
    ) -> Self {
        let steps: Vec<Millis> = steps.iter().map(|ms| Millis::from_millis(*ms)).collect();
        let limits = Limits {
            schedule: Schedule::new(&steps).unwrap(),
            deadline: Millis::from_millis(100),
            keep: Millis::from_millis(50),
            ..Limits::DEFAULT
        };
        let policy =
            Policy { limits, window, in_flight_per_endpoint: 8, sign_every_attempt, standard_webhooks: true };
        let (store, mut inboxes) =
            Store::in_memory(&Settings { window: window.into(), ..Settings::default() });
        store.set_signing_key(Secret::new("key-test")).await.unwrap();
        store.create_domain("example.com").await.unwrap();
        let urls = urls.iter().map(|url| EndpointUrl::new(url)).collect();
        store.create_webhook("example.com", WebhookKind::Opened, urls).await.unwrap();
        let (stop, stopped) = watch::channel(None);
        let (inbox, transport_of_shard) = (inboxes.remove(0), Arc::clone(&transport));
        let metrics = Metrics::default();
        let shard = Shard::new(0, store.clone(), inbox, transport_of_shard, policy, 1, metrics);
        let shards = RefCell::new(vec![tokio::task::spawn_local(shard.run(stopped))]);
        Self { store, transport, stop, shards }
    }

    async fn open(&self, id: &str) {
        self.open_with(id, 0).await;
    }

    /// An event with so many bytes of white space in it.
    async fn open_with(&self, id: &str, padding: usize) {
        let padding = " ".repeat(padding);
        let data =
            Bytes::from(format!(r#"{{"event":"opened","id":"{id}",{padding}"timestamp":1770000000.5}}"#));
        let event = NewEvent {
            id: id.into(),
            assigned: false,
            timestamp: 1_770_000_000_500_000,
            kind: EventKind::Opened,
            webhook: Some(WebhookKind::Opened),
            legacy: None,
            facts: Facts::of_data(&data),
            data,
            digest: [0; 32],
        };
        self.store.append("example.com", vec![event], false).await.unwrap();
    }

    /// Until the accounts are as wanted.
    async fn until(&self, wanted: impl Fn(Accounting) -> bool) {
        let done = async {
            while !wanted(self.store.accounting()) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let reached = timeout(SOON, done).await;
        assert!(reached.is_ok(), "{:?} after {:?}", self.store.accounting(), self.transport.bodies());
    }

    async fn stop(&self) {
        self.stop.send(Some(Instant::now() + Duration::from_secs(1))).unwrap();
        let shards = self.shards.take();
        for shard in shards {
            timeout(SOON, shard).await.expect("the shard stops").unwrap();
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    // One thread for what would block the shard, so that a test can keep it busy.
    let runtime =
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

const ACK: Option<Outcome> = Some(Outcome::Acknowledged);
const ERROR: Option<Outcome> = Some(Outcome::retry(Fault::Status(500)));

#[test]
fn an_event_goes_to_each_of_its_endpoints_with_the_same_event_data() {
    run(async {
        let urls = ["http://a.example/", "http://b.example/", "http://c.example/"];
        let house = House::new(Scripted::new([ACK, ACK, ACK]), &urls, &[]).await;
        house.open("one").await;
        house.until(|accounts| accounts.acknowledged == 3).await;
        let data = r#","event-data":{"event":"opened","id":"one","timestamp":1770000000.5}}"#;
        for body in house.transport.bodies() {
            assert!(body.ends_with(&data[1..]), "{body}");
        }
        let mut seen: Vec<String> =
            house.transport.seen.lock().unwrap().iter().map(|(url, _)| url.clone()).collect();
        seen.sort_unstable();
        assert_eq!(seen, urls);
        let header = house.transport.headers.lock().unwrap()[2].clone();
        assert_eq!(header, "Header(webhook-signature)");
    });
}

#[test]
fn an_endpoint_that_stays_in_memory_while_it_is_idle_makes_room_for_another() {
    run(async {
        let urls = ["http://a.example/", "http://b.example/"];
        let house = House::within(1, true, Scripted::new([ACK, ACK, ACK, ACK]), &urls, &[]).await;
        house.open("one").await;
        house.until(|accounts| accounts.acknowledged == 2).await;
        house.open("two").await;
        house.until(|accounts| accounts.acknowledged == 4).await;
    });
}

#[test]
fn every_attempt_is_signed_anew_over_the_same_event_data() {
    run(async {
        let house = House::new(Scripted::new([ERROR, ERROR, ACK]), &["http://a.example/"], &[5, 120]).await;
        house.open("one").await;
        house.until(|accounts| accounts.acknowledged == 1).await;
        let bodies = house.transport.bodies();
        let parts: Vec<_> = bodies.iter().map(|body| body.split_once(r#","event-data":"#).unwrap()).collect();
        assert_eq!(parts.len(), 3);
        assert!(parts[0].0 != parts[1].0 && parts[1].0 != parts[2].0);
        assert!(parts[0].1 == parts[1].1 && parts[1].1 == parts[2].1);
    });
}

#[test]
fn while_a_large_event_waits_to_be_signed_the_shard_goes_on() {
    run(async {
        let acks = Scripted::new([ACK, ACK, ACK]);
        let house = House::new(acks, &["http://a.example/"], &[5, 5, 5, 5, 5]).await;
        house.open("first").await;
        // Before that, the endpoint has one attempt at a time.
        house.until(|accounts| accounts.acknowledged == 1).await;
        let (free, busy) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || busy.recv());

        house.open_with("large", 100_000).await;
        house.open("small").await;

        house.until(|accounts| accounts.acknowledged == 2).await;
        assert!(house.transport.bodies()[1].contains(r#""id":"small""#));
        free.send(()).unwrap();
        house.until(|accounts| accounts.acknowledged == 3).await;
    });
}

#[test]
fn a_signature_that_is_repeated_has_the_time_when_the_event_was_accepted() {
    run(async {
        let script = Scripted::new([ERROR, ERROR, ACK]);
        let house = House::signing(false, script, &["http://a.example/"], &[5, 120]).await;
        let before = SystemClock::new().unix().secs();
        house.open("one").await;
        house.until(|accounts| accounts.acknowledged == 1).await;
        let bodies = house.transport.bodies();
        assert!(bodies.len() == 3 && bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
        let body: serde_json::Value = serde_json::from_str(&bodies[0]).unwrap();
        let signed: u64 = body["signature"]["timestamp"].as_str().unwrap().parse().unwrap();
        assert!((before..before + 10).contains(&signed), "{signed}, and not the event's 1770000000");
    });
}

#[test]
fn a_refusal_is_final_and_a_silence_is_retried_until_the_schedule_is_spent() {
    run(async {
        let refused = Some(Outcome::Refused { status: 406 });
        let house = House::new(Scripted::new([refused]), &["http://a.example/"], &[5, 60]).await;
        house.open("refused").await;
        house.until(|accounts| accounts.refused == 1).await;
        house.open("silence").await;
        house.until(|accounts| accounts.exhausted == 1).await;
        assert_eq!(house.transport.bodies().len(), 1 + 3);
        assert!(house.store.accounting().pending() == 0);
    });
}

#[test]
fn taking_a_url_away_cancels_what_waits_for_it() {
    run(async {
        let house = House::new(Scripted::new([ERROR, ERROR]), &["http://a.example/"], &[20, 60_000]).await;
        house.open("kept").await;
        house.open("waits").await;
        while house.transport.bodies().len() < 2 {
            sleep(Duration::from_millis(1)).await;
        }
        house.store.delete_webhook("example.com", WebhookKind::Opened).await.unwrap();
        house.until(|accounts| accounts.cancelled == 2 && accounts.pending() == 0).await;
    });
}

#[test]
fn a_shard_that_is_stopped_lets_attempts_end_and_starts_none() {
    run(async {
        let house = House::new(Scripted::new([None]), &["http://a.example/"], &[60_000]).await;
        house.open("flies").await;
        house.open("waits").await;
        while house.transport.bodies().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
        house.stop().await;
        assert_eq!(house.transport.bodies().len(), 1, "a suspect endpoint gets one attempt at a time");
        assert_eq!(house.store.accounting().pending(), 2);
    });
}

thread_local! {
    /// What this thread has logged since [`log`] was called for the first time.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the log of the thread that it is on. One subscriber serves all threads, since what one thread
/// alone subscribes to may be switched off by another that comes first.
struct Log;

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|log| log.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log() -> String {
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::DEBUG);
    let _ = subscriber.with_writer(|| Log).try_init();
    LOGGED.with_borrow(|log| String::from_utf8(log.clone()).unwrap())
}

#[test]
fn every_attempt_is_logged_without_what_may_be_secret_in_the_url() {
    run(async {
        assert_eq!(log(), "");
        let refused = Some(Outcome::Refused { status: 406 });
        let url = "http://user:hunter2@a.example/hook?token=hunter2";
        let house = House::new(Scripted::new([ACK, ERROR, refused]), &[url], &[5]).await;
        house.open("one").await;
        house.until(|accounts| accounts.acknowledged == 1).await;
        house.open("two").await;
        house.until(|accounts| accounts.refused == 1).await;
        house.open("silence").await;
        house.until(|accounts| accounts.exhausted == 1).await;
        let text = log();
        let told = text.lines().filter(|line| line.contains("endpoint=http://***@a.example/hook?***"));
        let words = ["acknowledged", "failed", "refused", "exhausted"];
        let told: Vec<_> = told
            .filter_map(|line| words.into_iter().find(|word| line.contains(&format!(": {word} "))))
            .collect();
        assert_eq!(told, ["acknowledged", "failed", "refused", "failed", "failed", "exhausted"], "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    });
}
