//! How the threads of a store say that it has failed.

use std::thread;

use tokio::sync::watch;

/// Raised once, by whichever thread fails first, be it by a panic.
#[derive(Clone)]
pub(super) struct Alarm(watch::Sender<Option<String>>);

impl Alarm {
    /// The alarm, and where it is heard. A channel that closes without an alarm is a store that was closed.
    pub(super) fn new() -> (Self, watch::Receiver<Option<String>>) {
        let (raise, heard) = watch::channel(None);
        (Self(raise), heard)
    }

    pub(super) fn raise(&self, why: &str) {
        self.0.send_if_modified(|raised| {
            let first = raised.is_none();
            raised.get_or_insert_with(|| why.to_owned());
            first
        });
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.borrow().is_some()
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            self.raise("a thread of the store panicked");
        }
    }
}
