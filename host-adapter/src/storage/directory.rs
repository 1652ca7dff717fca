//! What is configured: domains, webhooks, endpoints, keys. Small, read all the time, changed rarely.
//!
//! A store keeps it in memory behind one shared pointer. A change is planned against the current
//! directory, committed, and only then published as a new one: readers never see what is not on disk.

mod keys;
mod secrets;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use sealpost_core::{Health, WebhookKind};

use super::{
    ApiKey, EndpointSecrets, StoreError,
    delivery::{Endpoint, EndpointId, EndpointUrl},
};
use crate::{entropy, secrets::Secret};

/// URLs that one webhook of a domain can have: Mailgun's limit.
pub const MAX_URLS: usize = 3;

/// Names a domain within the store.
pub type DomainId = u32;

/// A consistent picture of the configuration. Cloning copies pointers, not contents.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    domains: BTreeMap<Arc<str>, Arc<Domain>>,
    names: BTreeMap<DomainId, Arc<str>>,
    endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    /// The greatest id that a domain ever had.
    last_domain: DomainId,
    /// The greatest id that an endpoint ever had.
    last_endpoint: EndpointId,
    keys: HashMap<[u8; 32], ApiKey>,
    signing_key: Option<Secret>,
    caps: Caps,
}

/// How much can be configured.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caps {
    pub(super) domains: usize,
    pub(super) endpoints: usize,
    pub(super) keys: usize,
}

impl Directory {
    /// Nothing configured yet.
    pub(super) fn new(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    /// The domain of this name, in lower case.
    #[must_use]
    pub fn domain(&self, name: &str) -> Option<&Arc<Domain>> {
        self.domains.get(name)
    }

    /// Every domain, by name.
    pub fn domains(&self) -> impl ExactSizeIterator<Item = &Arc<Domain>> {
        self.domains.values()
    }

    /// The endpoint of this id.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// The API key with this hash, which [`hash_api_key`](crate::secrets::hash_api_key) makes. Looking a
    /// hash up gives a guesser nothing to time.
    #[must_use]
    pub fn api_key(&self, hash: &[u8; 32]) -> Option<&ApiKey> {
        self.keys.get(hash)
    }

    /// Every API key, in no order.
    pub fn api_keys(&self) -> impl ExactSizeIterator<Item = &ApiKey> {
        self.keys.values()
    }

    /// The account's webhook signing key; `None` until one is set.
    #[must_use]
    pub fn signing_key(&self) -> Option<&Secret> {
        self.signing_key.as_ref()
    }

    /// Works out what an edit of a webhook comes to, with endpoints made where URLs are new.
    pub(super) fn plan(
        &self,
        domain: &str,
        kind: WebhookKind,
        edit: &WebhookEdit,
    ) -> Result<WebhookChange, WebhookError> {
        let domain = self.domain(domain).ok_or(WebhookError::UnknownDomain)?.clone();
        let before = domain.webhook(kind).to_vec();
        let urls = match edit {
            WebhookEdit::Create(_) if !before.is_empty() => return Err(WebhookError::AlreadySet),
            WebhookEdit::Replace(_) | WebhookEdit::Delete if before.is_empty() => {
                return Err(WebhookError::NotSet);
            }
            WebhookEdit::Create(urls) | WebhookEdit::Replace(urls) => urls.as_slice(),
            WebhookEdit::Delete => &[],
        };
        let (mut after, mut made) = (Vec::<Arc<Endpoint>>::new(), Vec::new());
        let mut next_id = self.last_endpoint + 1;
        for url in urls {
            let endpoint = match self.known(&domain, kind, url) {
                Some(known) => known,
                None if after.iter().any(|earlier| earlier.url() == url) => continue,
                None => {
                    let secret = Secret::new(entropy::endpoint_secret());
                    let new = Arc::new(Endpoint::new(next_id, url.clone(), secret, Health::UNPROVEN));
                    next_id += 1;
                    made.push(new.clone());
                    new
                }
            };
            if !after.iter().any(|earlier| earlier.id() == endpoint.id()) {
                after.push(endpoint);
            }
        }
        if after.len() > MAX_URLS {
            return Err(WebhookError::TooManyUrls);
        }
        if !made.is_empty() && self.endpoints.len() + made.len() > self.caps.endpoints {
            return Err(WebhookError::TooManyEndpoints { limit: self.caps.endpoints });
        }
        let removed =
            before.into_iter().filter(|old| !after.iter().any(|new| new.id() == old.id())).collect();
        let without = after.iter().filter(|endpoint| domain.secrets(endpoint.id()).is_none());
        let secrets = without.map(|endpoint| (endpoint.id(), EndpointSecrets::generate())).collect();
        Ok(WebhookChange { domain, kind, after, made, removed, secrets })
    }

    /// The endpoint that a URL means: one of the account with the same URL, or one of the domain whose
    /// shown form it is, so that a list which was read, edited and written back keeps its credentials.
    fn known(&self, domain: &Domain, kind: WebhookKind, url: &EndpointUrl) -> Option<Arc<Endpoint>> {
        let mut own = domain.webhook(kind).iter().chain(domain.webhooks.iter().flatten());
        let same = self.endpoints.values().find(|endpoint| endpoint.url() == url);
        same.or_else(|| own.find(|endpoint| endpoint.url().shown() == url.expose())).cloned()
    }

    /// The name of the domain of this id.
    pub(super) fn domain_name(&self, id: DomainId) -> Option<&Arc<str>> {
        self.names.get(&id)
    }

    pub(super) fn insert_domain(&mut self, domain: Domain) -> Arc<Domain> {
        self.keep_domain_ids_from_reuse(domain.id);
        let domain = Arc::new(domain);
        self.names.insert(domain.id, domain.name.clone());
        self.domains.insert(domain.name.clone(), domain.clone());
        domain
    }

    /// Takes a domain away, and the keys that are good for it.
    pub(super) fn remove_domain(&mut self, domain: &Domain) {
        self.domains.remove(&domain.name);
        self.names.remove(&domain.id);
        self.keys.retain(|_, key| key.domain.as_ref() != Some(&domain.name));
    }

    /// No domain made from now on gets an id up to this one.
    pub(super) fn keep_domain_ids_from_reuse(&mut self, last: DomainId) {
        self.last_domain = self.last_domain.max(last);
    }

    pub(super) fn last_domain(&self) -> DomainId {
        self.last_domain
    }

    pub(super) fn insert_endpoint(&mut self, endpoint: Arc<Endpoint>) {
        self.keep_ids_from_reuse(endpoint.id());
        self.endpoints.insert(endpoint.id(), endpoint);
    }

    /// No endpoint made from now on gets an id up to this one.
    pub(super) fn keep_ids_from_reuse(&mut self, last: EndpointId) {
        self.last_endpoint = self.last_endpoint.max(last);
    }

    pub(super) fn last_endpoint(&self) -> EndpointId {
        self.last_endpoint
    }

    /// Endpoints that no webhook has.
    pub(super) fn unused_endpoints(&self) -> Vec<EndpointId> {
        let webhooks = self.domains.values().flat_map(|domain| domain.webhooks.iter().flatten());
        let used: HashSet<_> = webhooks.map(|endpoint| endpoint.id()).collect();
        self.endpoints.keys().copied().filter(|id| !used.contains(id)).collect()
    }

    /// Forgets endpoints, and every domain's secrets for them; whose those were.
    pub(super) fn forget_endpoints(&mut self, ids: &[EndpointId]) -> Vec<(DomainId, EndpointId)> {
        let mut forgotten = Vec::new();
        for id in ids {
            self.endpoints.remove(id);
        }
        let ids: HashSet<_> = ids.iter().copied().collect();
        for domain in self.domains.values_mut() {
            let gone = domain.secrets.keys().copied().filter(|endpoint| ids.contains(endpoint));
            let gone: Vec<_> = gone.collect();
            for endpoint in gone {
                Arc::make_mut(domain).secrets.remove(&endpoint);
                forgotten.push((domain.id, endpoint));
            }
        }
        forgotten
    }

    pub(super) fn replace_signing_key(&mut self, key: Secret) {
        self.signing_key = Some(key);
    }

    /// Takes over a webhook change that is committed.
    pub(super) fn apply(&mut self, change: &WebhookChange) {
        for endpoint in &change.made {
            self.insert_endpoint(endpoint.clone());
        }
        let mut domain = Domain::clone(&change.domain);
        domain.set_webhook(change.kind, change.after.clone());
        domain.secrets.extend(change.secrets.iter().cloned());
        self.insert_domain(domain);
    }

    /// A further domain, without webhooks. Its id was never used before.
    pub(super) fn plan_domain(&self, name: &str) -> Result<Domain, DomainError> {
        if self.domains.len() >= self.caps.domains {
            return Err(DomainError::TooMany { limit: self.caps.domains });
        }
        Ok(Domain::new(self.last_domain + 1, name))
    }

    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.values()
    }
}

/// A sending domain and its webhooks.
#[derive(Clone, Debug)]
pub struct Domain {
    id: DomainId,
    name: Arc<str>,
    webhooks: [Vec<Arc<Endpoint>>; WebhookKind::ALL.len()],
    secrets: BTreeMap<EndpointId, EndpointSecrets>,
}

impl Domain {
    pub(super) fn new(id: DomainId, name: &str) -> Self {
        Self { id, name: name.into(), webhooks: Default::default(), secrets: BTreeMap::new() }
    }

    /// Its name within the store.
    #[must_use]
    pub fn id(&self) -> DomainId {
        self.id
    }

    /// Its name, in lower case.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The endpoints of a webhook in the order in which they were given; empty if it is not set.
    #[must_use]
    pub fn webhook(&self, kind: WebhookKind) -> &[Arc<Endpoint>] {
        self.webhooks.get(kind.index()).map_or(&[], Vec::as_slice)
    }

    /// Its Standard Webhooks secrets for an endpoint that is in one of its webhooks, or was not long ago.
    #[must_use]
    pub fn secrets(&self, endpoint: EndpointId) -> Option<&EndpointSecrets> {
        self.secrets.get(&endpoint)
    }

    pub(super) fn set_secrets(&mut self, endpoint: EndpointId, secrets: EndpointSecrets) {
        self.secrets.insert(endpoint, secrets);
    }

    pub(super) fn set_webhook(&mut self, kind: WebhookKind, endpoints: Vec<Arc<Endpoint>>) {
        if let Some(webhook) = self.webhooks.get_mut(kind.index()) {
            *webhook = endpoints;
        }
    }
}

/// What a request asks of a webhook.
pub(super) enum WebhookEdit {
    /// Set it, if it is not set.
    Create(Vec<EndpointUrl>),
    /// Set it anew, if it is set.
    Replace(Vec<EndpointUrl>),
    /// Take it away, if it is set.
    Delete,
}

/// What an edit of a webhook comes to.
pub(super) struct WebhookChange {
    /// The domain as it was.
    pub(super) domain: Arc<Domain>,
    pub(super) kind: WebhookKind,
    /// The webhook's endpoints from now on.
    pub(super) after: Vec<Arc<Endpoint>>,
    /// Those of `after` that the store does not have yet.
    pub(super) made: Vec<Arc<Endpoint>>,
    /// Endpoints no longer in the webhook: their pending deliveries are to be cancelled.
    pub(super) removed: Vec<Arc<Endpoint>>,
    /// The domain's secrets for those of `after` that it had none for.
    pub(super) secrets: Vec<(EndpointId, EndpointSecrets)>,
}

/// Why a domain was not made or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainError {
    /// There is no such domain.
    Unknown,
    /// The account has as many domains as it can have.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The store cannot write.
    Store(StoreError),
}

impl From<StoreError> for DomainError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("the domain does not exist"),
            Self::TooMany { limit } => write!(f, "the account has {limit} domains, which is the limit"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for DomainError {}

/// Why a webhook was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookError {
    /// There is no such domain.
    UnknownDomain,
    /// It is set already; replace it instead.
    AlreadySet,
    /// It is not set; create it instead.
    NotSet,
    /// The webhook does not have this URL.
    UnknownUrl,
    /// More than [`MAX_URLS`] different URLs.
    TooManyUrls,
    /// The account has as many endpoints as it can have.
    TooManyEndpoints {
        /// The limit.
        limit: usize,
    },
    /// The store cannot write.
    Store(StoreError),
}

impl From<StoreError> for WebhookError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownDomain => f.write_str("the domain does not exist; create it first"),
            Self::AlreadySet => f.write_str("the webhook is set already; replace it instead"),
            Self::NotSet => f.write_str("the webhook is not set; create it instead"),
            Self::UnknownUrl => {
                f.write_str("the webhook does not have this URL; its list shows those it has")
            }
            Self::TooManyUrls => write!(f, "a webhook has at most {MAX_URLS} URLs"),
            Self::TooManyEndpoints { limit } => write!(
                f,
                "the account's webhooks have {limit} different URLs, which is the limit; take some away, and \
                 try again in a minute"
            ),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WebhookError {}
