//! The HTTP API: Mailgun's routes for webhooks, events, domains and keys.
//!
//! One file per resource; `error.rs` holds every refusal. Handlers parse, ask [`Store`] or
//! [`Ingest`], and answer; no state lives here. A new route is a handler with its documentation in
//! `#[utoipa::path]`, and its name in a `routes!`: see `document`.

mod account_webhooks;
mod accounting;
mod answers;
mod auth;
mod base_url;
mod bins;
mod body;
mod caller;
mod document;
mod domains;
mod error;
mod events;
mod form;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod health;
mod keys;
mod legacy;
mod metrics;
mod reply;
mod service;
mod shape;
mod signing_key;
mod submit;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod testing;
mod webhooks;
mod wrong_keys;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::middleware::from_fn_with_state;
use bytes::Bytes;
use ipnet::IpNet;
use tokio::sync::watch;

use self::caller::Scope;
use self::document::Routes;
use self::events::CursorKey;
use self::wrong_keys::WrongKeys;
use crate::bins::Bins;
use crate::clock::SystemClock;
use crate::config::Limits;
use crate::ingest::Ingest;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::storage::Store;
use crate::transport::Client;

pub(crate) use answers::TwoEnds;
pub use error::Error;
pub use service::Service;
pub use shape::Shape;

/// What the API works with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    store: Store,
    ingest: Ingest,
    /// For pages of events that are being read, or are on their way out.
    pages: Memory,
    /// Request bins.
    bins: Bins,
    /// For requests to bins that are on their way in.
    captures: Memory,
    client: Arc<Client>,
    clock: SystemClock,
    cursor_key: CursorKey,
    keys: Vec<[u8; 32]>,
    wrong_keys: WrongKeys,
    signing_key_is_configured: bool,
    standard_webhooks: bool,
    public_url: Option<String>,
    trusted_proxies: Vec<IpNet>,
    metrics: Metrics,
    metrics_allow: Vec<IpNet>,
    /// The description of the routes, from the first time on that someone asks for it.
    document: OnceLock<Bytes>,
    draining: AtomicBool,
    /// The part of the server that ended first without being told to.
    failed: watch::Sender<Option<&'static str>>,
}

/// What an [`App`] is made of.
pub struct Setup {
    /// The store.
    pub store: Store,
    /// What test calls go through, and what judges new endpoints.
    pub client: Arc<Client>,
    /// Request bins.
    pub bins: Bins,
    /// The clock that dates events.
    pub clock: SystemClock,
    /// What one submission may hold.
    pub limits: Limits,
    /// [Hashes](crate::secrets::hash_api_key) of keys that are good for the account, beside the store's.
    pub keys: Vec<[u8; 32]>,
    /// Whether the signing key comes from the configuration, and so is not to be changed by a request.
    pub signing_key_is_configured: bool,
    /// Whether test calls carry the headers of Standard Webhooks, as deliveries do.
    pub standard_webhooks: bool,
    /// The absolute base of paging URLs, without a slash at its end; `None`: what the client asked for.
    pub public_url: Option<String>,
    /// Peers whose `X-Forwarded-For` is believed and, where there is no `public_url`, `X-Forwarded-Proto` and
    /// `X-Forwarded-Host`.
    /// A peer is known by the request's [`ConnectInfo`](axum::extract::ConnectInfo) extension.
    pub trusted_proxies: Vec<IpNet>,
    /// What answers are counted in, and what `/metrics` tells.
    pub metrics: Metrics,
    /// Addresses that need no key for `/metrics`.
    pub metrics_allow: Vec<IpNet>,
}

impl App {
    /// The API over this setup.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let Setup { store, client, bins, clock, limits, keys, .. } = setup;
        let Setup {
            signing_key_is_configured,
            standard_webhooks,
            public_url,
            trusted_proxies,
            metrics,
            metrics_allow,
            ..
        } = setup;
        Self(Arc::new(Inner {
            ingest: Ingest::new(store.clone(), clock, limits),
            pages: Memory::new(events::MEMORY),
            bins,
            captures: Memory::new(bins::MEMORY),
            cursor_key: CursorKey::new(&store.identity().cursor_key),
            store,
            client,
            clock,
            keys,
            wrong_keys: WrongKeys::default(),
            signing_key_is_configured,
            standard_webhooks,
            public_url,
            trusted_proxies,
            metrics,
            metrics_allow,
            document: OnceLock::new(),
            draining: AtomicBool::new(false),
            failed: watch::Sender::new(None),
        }))
    }

    /// From now on `/healthz` says that this server takes no more work, and nobody waits any more for what may come
    /// into a bin.
    pub fn drain(&self) {
        self.bins().close();
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// From now on `/healthz` says that this part of the server has failed, unless another one has before.
    pub fn fail(&self, part: &'static str) {
        self.0.failed.send_if_modified(|failed| failed.replace(failed.unwrap_or(part)).is_none());
    }

    /// Waits until a part of the server has failed, and names it. Never returns while all is well.
    pub async fn failed(&self) -> &'static str {
        let mut failed = self.0.failed.subscribe();
        let part = failed.wait_for(Option::is_some).await.ok().and_then(|part| *part);
        match part {
            Some(part) => part,
            // The sender is in this very app.
            None => std::future::pending().await,
        }
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn ingest(&self) -> &Ingest {
        &self.0.ingest
    }

    fn pages(&self) -> &Memory {
        &self.0.pages
    }

    fn bins(&self) -> &Bins {
        &self.0.bins
    }

    fn captures(&self) -> &Memory {
        &self.0.captures
    }

    fn client(&self) -> &Client {
        &self.0.client
    }

    fn clock(&self) -> SystemClock {
        self.0.clock
    }

    fn cursor_key(&self) -> &CursorKey {
        &self.0.cursor_key
    }

    fn has_configured_key(&self) -> bool {
        !self.0.keys.is_empty()
    }

    fn wrong_keys(&self) -> &WrongKeys {
        &self.0.wrong_keys
    }

    fn signing_key_is_configured(&self) -> bool {
        self.0.signing_key_is_configured
    }

    fn standard_webhooks(&self) -> bool {
        self.0.standard_webhooks
    }

    fn public_url(&self) -> Option<&str> {
        self.0.public_url.as_deref()
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn gives_metrics_to(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.metrics_allow.iter().any(|network| network.contains(&address))
    }

    fn document(&self) -> &Bytes {
        let keyed = || keyed().merge(metrics::routes()).into_openapi();
        let render = || document::render(keyed(), open().into_openapi(), self.public_url());
        self.0.document.get_or_init(render)
    }

    fn trusts_proxy(&self, peer: IpAddr) -> bool {
        self.0.trusted_proxies.iter().any(|network| network.contains(&peer))
    }

    /// What the key with this hash is good for; `None` if nobody knows it. Compares with all keys in
    /// constant time.
    fn scope_of(&self, key: &[u8; 32]) -> Option<Scope> {
        let directory = self.store().directory();
        let account = self.0.keys.iter().map(|hash| (hash, None));
        let stored = directory.api_keys().map(|key| (&key.hash, key.domain.clone()));
        let known = account.chain(stored).filter(|(hash, _)| auth::same(key, hash));
        known.last().map(|(_, domain)| Scope::of(domain))
    }
}

/// Every route of the API. Bodies are bounded here; slow clients and the number of connections are the
/// server loop's concern.
fn router(app: App) -> Router {
    let keyed = Router::from(keyed()).route_layer(from_fn_with_state(app.clone(), caller::authenticate));
    let metrics = Router::from(metrics::routes());
    keyed
        .merge(metrics.route_layer(from_fn_with_state(app.clone(), metrics::authenticate)))
        .merge(open())
        .fallback(async || Error::UnknownRoute)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(from_fn_with_state(app.clone(), answers::finish))
        .with_state(app)
}

/// The routes that want a key.
fn keyed() -> Routes {
    Routes::new()
        .merge(account_webhooks::routes())
        .merge(accounting::routes())
        .merge(bins::keyed())
        .merge(domains::routes())
        .merge(events::routes())
        .merge(keys::routes())
        .merge(legacy::routes())
        .merge(signing_key::routes())
        .merge(webhooks::routes())
}

/// The routes that want none.
fn open() -> Routes {
    Routes::new().merge(bins::open()).merge(document::routes()).merge(health::routes())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, header};

    use super::testing::Api;

    #[tokio::test]
    async fn every_answer_has_mailguns_headers() {
        let api = Api::new().await;
        for path in ["/v4/domains", "/v3/nowhere.test/events", "/nowhere"] {
            let (head, body) = api.send(Request::get(path), Body::empty()).await;
            assert_eq!(head.headers[header::CONTENT_TYPE], "application/json; charset=utf-8", "{path}");
            assert_eq!(head.headers[header::CACHE_CONTROL], "no-store", "{path}");
            assert_eq!(head.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{path}");
            assert!(body.ends_with("}\n") && !body.contains("\": "), "{path}: {body}");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_a_404_and_a_wrong_method_a_405_that_says_which() {
        let api = Api::new().await;
        assert_eq!(api.get("/v3/nowhere").await.0, 404);
        assert_eq!(api.get("/v3/b.test/events").await, (404, "{\"message\":\"Domain not found\"}\n".into()));
        let (head, body) = api.send(Request::delete("/v4/domains"), Body::empty()).await;
        assert_eq!(head.status, 405);
        assert_eq!(head.headers[header::ALLOW], "GET,HEAD");
        assert!(body.starts_with("{\"message\":\"Method not allowed"), "{body}");
    }
}
