//! The order to break a connection instead of answering on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stands among the extensions of a request; the loop that serves its connection heeds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hangup(Arc<AtomicBool>);

impl Hangup {
    /// From now on nothing is written to the connection: whatever is answered, the peer sees a reset.
    pub(crate) fn order(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was ordered.
    pub(crate) fn is_ordered(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
