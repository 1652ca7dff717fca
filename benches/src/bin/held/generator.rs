//! Submits events at a fixed rate, whether or not earlier ones were answered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::client::Client;
use crate::server::Place;

/// Connections; whichever is free takes the next event.
const CONNECTIONS: u32 = 32;
/// What makes an event about as long as Mailgun's are.
const PADDING: usize = 600;

/// Says where the event of this number goes.
pub(crate) type Choose = dyn Fn(u64) -> usize + Send + Sync;

/// How submissions went.
pub(crate) struct Sent {
    /// From the moment at which an event was due to be sent until its answer, in microseconds.
    pub(crate) answered: Histogram<u64>,
    /// How many: those numbered from 0.
    pub(crate) events: u64,
}

/// Submits events for so long; `rate` is in events a second, infinite for as fast as the answers come.
pub(crate) async fn run(
    address: SocketAddr,
    places: &Arc<[Place]>,
    choose: &Arc<Choose>,
    rate: f64,
    span: Duration,
) -> io::Result<Sent> {
    let (begin, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let end = begin + span;
    let mut connections = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (places, choose, next) = (Arc::clone(places), Arc::clone(choose), Arc::clone(&next));
        connections.spawn(async move {
            let mut client = Client::connect(address).await?;
            let mut answered = histogram();
            while rate.is_finite() || Instant::now() < end {
                let number = next.fetch_add(1, Relaxed);
                let due = if rate.is_finite() {
                    begin + Duration::from_secs_f64(number as f64 / rate)
                } else {
                    Instant::now()
                };
                if due >= end {
                    break;
                }
                sleep_until(due).await;
                let place = &places[choose(number)];
                // As long ago as the event was due.
                let at = micros() - u64::try_from(due.elapsed().as_micros()).unwrap_or(0);
                let event = event(place.kind, at, number);
                client.post(&place.events, "application/json", &event).await?;
                let _ = answered.record(u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            Ok::<_, io::Error>(answered)
        });
    }
    let mut answered = histogram();
    while let Some(of_one) = connections.join_next().await {
        answered += of_one??;
    }
    Ok(Sent { events: answered.len(), answered })
}

/// For microseconds, up to two minutes.
pub(crate) fn histogram() -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, 120_000_000, 3).expect("bounds in order");
    histogram.auto(false);
    histogram
}

/// Its p99 in milliseconds.
pub(crate) fn p99(histogram: &Histogram<u64>) -> f64 {
    histogram.value_at_quantile(0.99) as f64 / 1000.0
}

/// Microseconds since 1970.
pub(crate) fn micros() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
}

/// An event that tells when it was due to be sent.
fn event(kind: &str, at: u64, number: u64) -> String {
    format!(
        r#"{{"event":"{kind}","id":"{at}-{number}","recipient":"alice@example.net","user-variables":{{"due":"{at}","pad":"{}"}}}}"#,
        "x".repeat(PADDING)
    )
}
