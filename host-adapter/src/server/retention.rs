//! Forgets old events, a slice at a time, so that nobody waits for it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::clock::SystemClock;
use crate::storage::Store;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(60);

/// Events looked at in one transaction.
const SLICE: usize = 1_000;

/// Removes events older than `keep` until `stop` turns true.
pub(super) async fn run(store: Store, keep: Duration, mut stop: watch::Receiver<bool>) {
    let clock = SystemClock::new();
    let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let before = i64::try_from(clock.wall_millis()).unwrap_or(i64::MAX).saturating_sub(keep);
        let mut removed = 0;
        while !*stop.borrow() {
            match store.retain(before, SLICE).await {
                Ok(slice) => {
                    removed += slice.removed;
                    if slice.done {
                        break;
                    }
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
    }
}
