//! What has to be looked after once a minute: old events and bins, and endpoints and connections that nobody uses.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::clock::wall_millis;
use crate::storage::Store;
use crate::transport::Client;

const EVERY: Duration = Duration::from_secs(60);

/// Events looked at in one transaction, so that nobody waits for it.
const SLICE: usize = 1_000;

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
    if let Err(error) = store.forget_old_secrets(now).await {
        warn!(%error, "replaced secrets could not be removed; trying again in a minute");
    }
    if let Err(error) = store.forget_endpoints().await {
        warn!(%error, "unused endpoints could not be removed; trying again in a minute");
    }
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
