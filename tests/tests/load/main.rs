//! The server when more is wanted of it than it may take: every bound holds, and who behaves well does not notice.
//!
//! One test at a time, since each of them measures time and needs the machine.

mod burst;
mod crowd;
mod drip;
mod endpoints;
mod retries;
mod slow_clients;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by the test that runs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime for peers of the server that are too many for a thread each.
fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().expect("a runtime")
}
