//! What the tests of the API share: the API over a store in memory, asked without a socket.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::response::Parts;
use axum::http::{Request, header, request};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{App, Service, Setup, router};
use crate::bins::Bins;
use crate::clock::SystemClock;
use crate::config::{Config, Limits, Sources};
use crate::entropy;
use crate::metrics::Metrics;
use crate::secrets::{Secret, hash_api_key};
use crate::storage::{ApiKey, Inbox, Settings, Store};
use crate::transport::{Client, ClientConfig, EgressRules, Guard};

/// Every route that wants a key: its method and its path.
pub(super) const ROUTES: [(&str, &str); 42] = [
    ("GET", "/metrics"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/x"),
    ("GET", "/v1/webhooks"),
    ("POST", "/v1/webhooks"),
    ("DELETE", "/v1/webhooks"),
    ("GET", "/v1/webhooks/507f1f77bcf86cd799439011"),
    ("PUT", "/v1/webhooks/507f1f77bcf86cd799439011"),
    ("DELETE", "/v1/webhooks/507f1f77bcf86cd799439011"),
    ("GET", "/v1/webhooks/507f1f77bcf86cd799439011/secrets"),
    ("POST", "/v1/webhooks/507f1f77bcf86cd799439011/secrets"),
    ("GET", "/bins"),
    ("POST", "/bins"),
    ("DELETE", "/bins/x"),
    ("GET", "/v3/domains"),
    ("POST", "/v3/domains"),
    ("GET", "/v4/domains"),
    ("GET", "/v3/domains/{domain}"),
    ("GET", "/v4/domains/{domain}"),
    ("PUT", "/v3/domains/{domain}"),
    ("DELETE", "/v3/domains/{domain}"),
    ("GET", "/v5/accounts/accounting"),
    ("GET", "/v5/accounts/http_signing_key"),
    ("POST", "/v5/accounts/http_signing_key"),
    ("POST", "/v1/analytics/logs"),
    ("GET", "/v3/{domain}/events"),
    ("POST", "/v3/{domain}/events"),
    ("GET", "/v3/{domain}/events/x"),
    ("GET", "/v3/domains/{domain}/webhooks"),
    ("POST", "/v3/domains/{domain}/webhooks"),
    ("GET", "/v3/domains/{domain}/webhooks/opened"),
    ("PUT", "/v3/domains/{domain}/webhooks/opened"),
    ("DELETE", "/v3/domains/{domain}/webhooks/opened"),
    ("GET", "/v3/domains/{domain}/webhooks/opened/secrets"),
    ("POST", "/v3/domains/{domain}/webhooks/opened/secrets"),
    ("PUT", "/v3/domains/{domain}/webhooks/opened/test"),
    ("POST", "/v4/domains/{domain}/webhooks"),
    ("PUT", "/v4/domains/{domain}/webhooks"),
    ("DELETE", "/v4/domains/{domain}/webhooks"),
    ("GET", "/v3/domains/{domain}/webhooks/none"),
    ("POST", "/v3/domains/{domain}/webhooks/none/secrets"),
];

/// An API with the domain `a.test`, the key `key-1` and the signing key `signing-1`.
pub(super) struct Api {
    pub(super) app: App,
    service: Service,
    /// Held, so that the store has someone to tell.
    _inboxes: Vec<Inbox>,
}

impl Api {
    pub(super) async fn new() -> Self {
        Self::with(&Settings::default(), Limits { event_data: 2048, batch_bytes: 64 * 1024, batch_items: 20 })
            .await
    }

    pub(super) async fn with(settings: &Settings, limits: Limits) -> Self {
        Self::set_up(settings, limits, |_| {}).await
    }

    /// An API whose signing key comes from the configuration.
    pub(super) async fn with_configured_signing_key() -> Self {
        let limits = Limits { event_data: 2048, batch_bytes: 2048, batch_items: 20 };
        Self::set_up(&Settings::default(), limits, |setup| setup.signing_key_is_configured = true).await
    }

    /// An API whose configuration switches Standard Webhooks off.
    pub(super) async fn without_standard_webhooks() -> Self {
        let limits = Limits { event_data: 2048, batch_bytes: 2048, batch_items: 20 };
        Self::set_up(&Settings::default(), limits, |setup| setup.standard_webhooks = false).await
    }

    /// An API whose metrics these addresses read without a key.
    pub(super) async fn giving_metrics_to(network: &str) -> Self {
        let limits = Limits { event_data: 2048, batch_bytes: 2048, batch_items: 20 };
        let network = network.parse().expect("a network");
        Self::set_up(&Settings::default(), limits, |setup| setup.metrics_allow = vec![network]).await
    }

    /// An API whose only key is the first one.
    pub(super) async fn without_configured_key() -> Self {
        let limits = Limits { event_data: 2048, batch_bytes: 2048, batch_items: 20 };
        Self::set_up(&Settings::default(), limits, |setup| setup.keys.clear()).await
    }

    /// A key of the account that is not configured.
    pub(super) async fn first_key(&self) -> String {
        self.key_for(None).await
    }

    /// A new key, for a domain or for the account.
    pub(super) async fn key_for(&self, domain: Option<&str>) -> String {
        let key = entropy::key();
        let stored = ApiKey::new(hash_api_key(&key), domain, "");
        self.app.store().add_api_key(stored).await.expect("a key");
        key
    }

    async fn set_up(settings: &Settings, limits: Limits, change: impl FnOnce(&mut Setup)) -> Self {
        let (store, inboxes) = Store::in_memory(settings);
        store.create_domain("a.test").await.expect("a domain");
        store.set_signing_key(Secret::new("signing-1")).await.expect("a signing key");
        let keys = vec![hash_api_key("key-1")];
        let loopback = "127.0.0.0/8".parse().expect("a network");
        let guard = Guard::new(EgressRules { allow: vec![loopback], ..EgressRules::default() });
        let settings = Config::load(&Sources::default()).expect("defaults").bins;
        let bins = Bins::new(store.clone(), "http://localhost:8925", settings, true);
        let client = ClientConfig {
            guard,
            deadline: Duration::from_millis(500),
            bins: Some(bins.clone()),
            ..ClientConfig::default()
        };
        let client = Arc::new(Client::new(client).expect("a client"));
        let trusted_proxies = vec!["192.0.2.1/32".parse().expect("a network")];
        let clock = SystemClock::new();
        let mut setup = Setup {
            store,
            client,
            bins,
            clock,
            limits,
            keys,
            signing_key_is_configured: false,
            standard_webhooks: true,
            public_url: None,
            trusted_proxies,
            metrics: Metrics::default(),
            metrics_allow: Vec::new(),
        };
        change(&mut setup);
        let app = App::new(setup);
        Self { service: Service::new(app.clone()), app, _inboxes: inboxes }
    }

    pub(super) fn router(&self) -> Router {
        router(self.app.clone())
    }

    /// The answer to a request with the key.
    pub(super) async fn send(&self, request: request::Builder, body: impl Into<Body>) -> (Parts, String) {
        let authorization = format!("Basic {}", BASE64_STANDARD.encode("api:key-1"));
        let request =
            request.header(header::AUTHORIZATION, authorization).header(header::HOST, "localhost:8925");
        self.send_bare(request, body).await
    }

    /// The answer to a request with another key and no body.
    pub(super) async fn with_key(&self, key: &str, method: &str, path: &str) -> (u16, String) {
        let request = self.request_with(key, method, path);
        let (head, body) = self.send_bare(request, Body::empty()).await;
        (head.status.as_u16(), body)
    }

    /// A request with another key.
    pub(super) fn request_with(&self, key: &str, method: &str, path: &str) -> request::Builder {
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(format!("api:{key}")));
        let request = Request::builder().method(method).uri(path);
        request.header(header::AUTHORIZATION, authorization).header(header::HOST, "localhost:8925")
    }

    /// The answer to a request as it is.
    pub(super) async fn send_bare(
        &self,
        request: request::Builder,
        body: impl Into<Body>,
    ) -> (Parts, String) {
        read(self.response(request.body(body.into()).expect("a request")).await).await
    }

    /// The answer to a request as it is, its body not yet taken.
    pub(super) async fn response(&self, request: Request<Body>) -> Response {
        self.service.answer(request).await
    }

    pub(super) async fn get(&self, path: &str) -> (u16, String) {
        let (head, body) = self.send(Request::get(path), Body::empty()).await;
        (head.status.as_u16(), body)
    }

    /// The answer to a form, urlencoded.
    pub(super) async fn form(&self, method: &str, path: &str, fields: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (head, body) = self.send(request, fields.to_owned()).await;
        (head.status.as_u16(), body)
    }

    /// The answer to events submitted to `a.test`.
    pub(super) async fn submit(&self, query: &str, media_type: &str, body: impl Into<Body>) -> (u16, String) {
        let request =
            Request::post(format!("/v3/a.test/events{query}")).header(header::CONTENT_TYPE, media_type);
        let (head, body) = self.send(request, body).await;
        (head.status.as_u16(), body)
    }
}

/// The head and the body of an answer.
pub(super) async fn read(response: Response) -> (Parts, String) {
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.expect("the whole body");
    (head, String::from_utf8(body.into()).expect("UTF-8"))
}
