//! Tells whoever listens to a bin that something has come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// A bell for each bin that someone listens to; those to which nobody listens any more are taken away.
#[derive(Default)]
pub(super) struct Bells(Mutex<HashMap<Arc<str>, watch::Sender<u32>>>);

impl Bells {
    /// Hears of every request that comes from now on.
    pub(super) fn listen(&self, bin: &Arc<str>) -> watch::Receiver<u32> {
        let mut bells = self.bells();
        bells.retain(|_, bell| bell.receiver_count() > 0);
        bells.entry(Arc::clone(bin)).or_default().subscribe()
    }

    /// The request of this number has come.
    pub(super) fn ring(&self, bin: &str, number: u32) {
        if let Some(bell) = self.bells().get(bin) {
            bell.send_replace(number);
        }
    }

    fn bells(&self) -> MutexGuard<'_, HashMap<Arc<str>, watch::Sender<u32>>> {
        // A panic elsewhere leaves a map that is as good as before.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
