//! What has to be looked after once a minute: old events and bins, and endpoints and connections that nobody uses.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

use crate::clock::wall_millis;
use crate::storage::Store;
use crate::transport::Client;

const EVERY: Duration = Duration::from_secs(60);

/// Events looked at in one transaction, at most and at least.
const SLICES: RangeInclusive<usize> = 20..=1_000;

/// How long one of these transactions is to take, the wait for its turn included: whoever submits meanwhile waits
/// for it.
const SLICE_TAKES: Duration = Duration::from_micros(2_500);

/// Requests of bins that are gone, removed in one transaction.
const BIN_SLICE: usize = 100;

/// Removes events that were accepted longer than `retention` ago, and endpoints without use, and closes connections that are idle
/// beyond their age, until `stop` turns true.
pub(super) async fn run(
    store: Store,
    retention: Duration,
    client: Arc<Client>,
    mut stop: watch::Receiver<bool>,
) {
    let retention = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        client.close_expired();
        forget(&store, wall_millis(), retention, &stop).await;
    }
}

async fn forget(store: &Store, now: i64, retention: i64, stop: &watch::Receiver<bool>) {
    forget_bins(store, now, stop).await;
    let before = now.saturating_sub(retention);
    let (mut removed, mut size) = (0, *SLICES.start());
    while !*stop.borrow() {
        let begin = Instant::now();
        match store.retain(before, size).await {
            Ok(slice) => {
                removed += slice.removed;
                if slice.done {
                    break;
                }
                // Most of the time is for everybody else; what is old can wait.
                let took = begin.elapsed();
                size = next_slice(size, took);
                sleep((5 * took).min(EVERY)).await;
            }
            Err(error) => {
                warn!(%error, "old events could not be removed; trying again in a minute");
                break;
            }
        }
    }
    if removed > 0 {
        info!(removed, "old events removed");
    }
    if let Err(error) = store.forget_old_secrets(now).await {
        warn!(%error, "replaced secrets could not be removed; trying again in a minute");
    }
    if let Err(error) = store.forget_endpoints().await {
        warn!(%error, "unused endpoints could not be removed; trying again in a minute");
    }
}

/// The size of the slice after one of this size that took so long.
fn next_slice(size: usize, took: Duration) -> usize {
    let next = if took > SLICE_TAKES { size / 2 } else { size + size / 4 };
    next.clamp(*SLICES.start(), *SLICES.end())
}

async fn forget_bins(store: &Store, now: i64, stop: &watch::Receiver<bool>) {
    while !*stop.borrow() {
        match store.forget_bins(now, BIN_SLICE).await {
            Ok(slice) if slice.done => break,
            Ok(_) => {}
            Err(error) => {
                warn!(%error, "expired bins could not be removed; trying again in a minute");
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_while_they_are_quick_and_shrink_where_they_are_not() {
        let (quick, slow) = (SLICE_TAKES / 2, SLICE_TAKES * 2);
        let mut size = *SLICES.start();
        (0..50).for_each(|_| size = next_slice(size, quick));
        assert_eq!(size, *SLICES.end());
        assert_eq!(next_slice(size, slow), size / 2);
        (0..50).for_each(|_| size = next_slice(size, slow));
        assert_eq!(size, *SLICES.start());
    }
}
