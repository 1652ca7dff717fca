//! The HTTP API: Mailgun's routes for webhooks, events, domains and the signing key.
//!
//! One file per resource; `error.rs` holds every refusal. Handlers parse, ask [`Store`] or
//! [`Ingest`](crate::ingest::Ingest), and answer; no state lives here.

mod auth;
mod caller;
mod domains;
mod error;
mod events;
mod form;
mod health;
mod reply;
mod signing_key;
mod submit;
#[cfg(test)]
mod testing;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use self::caller::Scope;
use self::events::CursorKey;
use crate::clock::SystemClock;
use crate::config::Limits;
use crate::ingest::Ingest;
use crate::storage::Store;

pub use error::Error;

/// What the API works with. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    store: Store,
    ingest: Ingest,
    cursor_key: CursorKey,
    keys: Vec<[u8; 32]>,
    public_url: Option<String>,
    draining: AtomicBool,
}

/// What an [`App`] is made of.
pub struct Setup {
    /// The store.
    pub store: Store,
    /// The clock that dates events.
    pub clock: SystemClock,
    /// What one submission may hold.
    pub limits: Limits,
    /// [Hashes](crate::secrets::hash_api_key) of keys that are good for the account, beside the store's.
    pub keys: Vec<[u8; 32]>,
    /// The absolute base of paging URLs, without a slash at its end; `None`: what the client asked for.
    pub public_url: Option<String>,
}

impl App {
    /// The API over this setup.
    #[must_use]
    pub fn new(Setup { store, clock, limits, keys, public_url }: Setup) -> Self {
        Self(Arc::new(Inner {
            ingest: Ingest::new(store.clone(), clock, limits),
            cursor_key: CursorKey::new(&store.identity().cursor_key),
            store,
            keys,
            public_url,
            draining: AtomicBool::new(false),
        }))
    }

    /// From now on `/healthz` says that this server takes no more work.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    fn store(&self) -> &Store {
        &self.0.store
    }

    fn ingest(&self) -> &Ingest {
        &self.0.ingest
    }

    fn cursor_key(&self) -> &CursorKey {
        &self.0.cursor_key
    }

    fn public_url(&self) -> Option<&str> {
        self.0.public_url.as_deref()
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
pub fn router(app: App) -> Router {
    let authenticated = Router::new()
        .merge(domains::routes())
        .merge(events::routes())
        .merge(signing_key::routes())
        .merge(webhooks::routes())
        .route_layer(from_fn_with_state(app.clone(), caller::authenticate));
    authenticated
        .merge(health::routes())
        .fallback(async || Error::UnknownRoute)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(from_fn(reply::add_headers))
        .with_state(app)
}
