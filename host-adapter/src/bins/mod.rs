//! Request bins: what a webhook looks like when it arrives.
//!
//! A bin is a URL of this server. What is sent to it is kept, judged by the core's verifier, answered as its
//! [`Script`] says, and shown on a page while it arrives. Requests come in by HTTP, like all others; deliveries of
//! this server are handed over inside the process, since the egress guard never lets it connect to itself.
//!
//! Bins are found by their id, which is 128 random bits: whoever knows it sees what is in the bin.

mod bells;
mod details;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod incoming;
pub(crate) mod page;
mod verdict;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sealpost_core::host::Clock as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::bells::Bells;
use crate::clock::{SystemClock, wall_millis};
use crate::config;
use crate::storage::{Bin, BinDraft, BinError, Captured, Script, Store};

pub use details::Details;
pub use incoming::Incoming;
pub use verdict::Verdict;

/// Answers by HTTP that are held back at the same time.
const LATE_ANSWERS: usize = 64;

/// The request bins of a server. Cheap to clone.
#[derive(Clone)]
pub struct Bins(Arc<Inner>);

struct Inner {
    store: Store,
    clock: SystemClock,
    settings: config::Bins,
    standard_webhooks: bool,
    /// What the URL of every bin begins with.
    prefix: String,
    bells: Bells,
    listeners: Arc<Semaphore>,
    late: Arc<Semaphore>,
    closing: watch::Sender<bool>,
}

/// Someone who waits for what comes into a bin.
pub struct Listener {
    news: watch::Receiver<u32>,
    _place: OwnedSemaphorePermit,
}

/// There is no place for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Bins {
    /// The bins in a store, for a server that is reached at `base`, which has no slash at its end. Where
    /// `standard_webhooks` is set, a delivery without those headers is not what this server sends.
    #[must_use]
    pub fn new(store: Store, base: &str, settings: config::Bins, standard_webhooks: bool) -> Self {
        Self(Arc::new(Inner {
            store,
            clock: SystemClock::new(),
            standard_webhooks,
            prefix: format!("{base}/bins/"),
            bells: Bells::default(),
            listeners: Arc::new(Semaphore::new(settings.listeners)),
            late: Arc::new(Semaphore::new(LATE_ANSWERS)),
            closing: watch::Sender::new(false),
            settings,
        }))
    }

    /// The URL that keeps what is sent to it: a URL for webhooks.
    #[must_use]
    pub fn url(&self, bin: &Bin) -> String {
        format!("{}{}/in", self.0.prefix, bin.id)
    }

    /// Where its page is.
    #[must_use]
    pub fn page(&self, bin: &Bin) -> String {
        format!("{}{}", self.0.prefix, bin.id)
    }

    /// The id of the bin that a URL is of. No other URL below this server's own address is anything but denied, and one of
    /// another server is like any other.
    #[must_use]
    pub fn id_in<'a>(&self, url: &'a str) -> Option<&'a str> {
        let (id, rest) = url.strip_prefix(&self.0.prefix)?.split_once('/')?;
        let is_id =
            id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        (is_id && (rest == "in" || rest.starts_with("in?"))).then_some(id)
    }

    /// The bin of this id, unless it has expired.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<Bin>> {
        let now = self.now();
        self.0.store.directory().bin(id).filter(|bin| !bin.has_expired(now)).cloned()
    }

    /// Bins that have not expired, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Bin>> {
        let now = self.now();
        self.0.store.directory().bins().filter(|bin| !bin.has_expired(now)).cloned().collect()
    }

    /// Makes a bin, which stays as long as is configured unless a `lifetime` is given.
    ///
    /// # Errors
    /// There are too many, the domain does not exist, or the store cannot write.
    pub async fn open(
        &self,
        domain: Option<&Arc<str>>,
        lifetime: Option<Duration>,
        script: Script,
    ) -> Result<Arc<Bin>, BinError> {
        let lifetime = lifetime.unwrap_or(self.0.settings.lifetime);
        self.0.store.create_bin(BinDraft { domain: domain.cloned(), lifetime, script }).await
    }

    /// Keeps a request, and tells everyone who listens. The answer is for the caller to give.
    ///
    /// # Errors
    /// The bin is gone, or the store cannot write.
    pub async fn receive(&self, bin: &Bin, incoming: Incoming) -> Result<Captured, BinError> {
        let url = format!("{}{}", self.url(bin), incoming.query());
        let judged = incoming.judge(&self.0.store.directory(), bin, &url, self.0.clock.unix()).await;
        let capture = judged.into_capture(self.now(), self.0.standard_webhooks);
        let captured = self.0.store.capture(&bin.id, capture).await?;
        self.0.bells.ring(&bin.id, captured.number);
        Ok(captured)
    }

    /// The most bytes that the body of a request may have.
    #[must_use]
    pub fn max_body(&self) -> usize {
        self.0.settings.request_bytes
    }

    /// Listens for what comes into a bin from now on.
    ///
    /// # Errors
    /// So many listen already.
    pub fn listen(&self, bin: &Bin) -> Result<Listener, Full> {
        let place = Arc::clone(&self.0.listeners).try_acquire_owned().map_err(|_| Full)?;
        Ok(Listener { news: self.0.bells.listen(&bin.id), _place: place })
    }

    /// Holds an answer back, for as long as this takes or until the server stops; for nothing where too many are held
    /// back already.
    pub async fn hold_back(&self, delay: Duration) {
        if delay.is_zero() {
            return;
        }
        let Ok(_place) = self.0.late.try_acquire() else { return };
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = self.closed() => {}
        }
    }

    /// From now on nobody waits for anything any more.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Waits until [`close`](Self::close) is called.
    pub async fn closed(&self) {
        // The sender is in this very value.
        let _ = self.0.closing.subscribe().wait_for(|closing| *closing).await;
    }

    fn now(&self) -> i64 {
        wall_millis()
    }
}

impl Listener {
    /// Waits until something has come that was not heard of yet.
    pub async fn next(&mut self) {
        // The bell lives as long as someone listens.
        let _ = self.news.changed().await;
    }
}

impl fmt::Debug for Bins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bins").finish_non_exhaustive()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};
    use crate::storage::Settings;

    fn bins(base: &str) -> Bins {
        let (store, _inboxes) = Store::in_memory(&Settings::default());
        Bins::new(store, base, Config::load(&Sources::default()).unwrap().bins, true)
    }

    #[tokio::test]
    async fn only_the_url_of_a_bin_of_this_server_is_recognised() {
        const ID: &str = "AAAAAAAAAAAAAAAAAAAAA-";
        let bins = bins("https://events.example.com/sealpost");
        let id_in = |url: &str| bins.id_in(&url.replace("ID", ID)).map(str::to_owned);
        for url in [
            "https://events.example.com/sealpost/bins/ID/in",
            "https://events.example.com/sealpost/bins/ID/in?a=/b",
        ] {
            assert_eq!(id_in(url).as_deref(), Some(ID), "{url}");
        }
        for url in [
            "https://events.example.com/sealpost/bins/ID",
            "https://events.example.com/sealpost/bins/ID/requests",
            "https://events.example.com/sealpost/bins/ID/in/more",
            "https://events.example.com/sealpost/bins/ID/inside",
            "https://events.example.com/sealpost/bins/short/in",
            "https://events.example.com/sealpost/bins/../v3/aaaaaaaaaaaaaaa/in",
            "https://events.example.com/sealpost/v3/ID/in",
            "https://events.example.com/bins/ID/in",
            "https://user:pw@events.example.com/sealpost/bins/ID/in",
            "http://events.example.com/sealpost/bins/ID/in",
            "https://events.example.com:8443/sealpost/bins/ID/in",
            "https://events.example.com.evil.test/sealpost/bins/ID/in",
            "https://other.example.com/sealpost/bins/ID/in",
        ] {
            assert_eq!(id_in(url), None, "{url}");
        }
    }

    #[tokio::test]
    async fn places_for_listeners_are_bounded_and_free_again() {
        let bins = bins("http://127.0.0.1:8925");
        let bin = bins.open(None, None, Script::default()).await.unwrap();
        let listeners: Vec<_> = (0..64).map(|_| bins.listen(&bin).unwrap()).collect();
        assert!(bins.listen(&bin).is_err());
        drop(listeners);
        assert!(bins.listen(&bin).is_ok());
    }
}
