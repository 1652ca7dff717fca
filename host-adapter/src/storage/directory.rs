//! What is configured: domains, webhooks, endpoints, keys. Small, read all the time, changed rarely.
//!
//! A store keeps it in memory behind one shared pointer. A change is planned against the current
//! directory, committed, and only then published as a new one: readers never see what is not on disk.

mod bins;
mod keys;
mod secrets;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::Arc,
};

use sealpost_core::WebhookKind;

use super::{
    AccountWebhook, AccountWebhookId, ApiKey, EndpointSecrets, HookKind, StoreError,
    bin::{Bin, BinKey, BinLimits},
    delivery::{Endpoint, EndpointId},
    endpoint_secrets::ACCOUNT,
    webhooks::{Configured, WebhookChange, has},
};
use crate::secrets::Secret;

/// URLs that one webhook can have in one scope, domain or account: Mailgun's limit.
pub const MAX_URLS: usize = 3;

/// Names a domain within the store.
pub type DomainId = u32;

/// A consistent picture of the configuration. Cloning copies pointers, not contents.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    domains: BTreeMap<Arc<str>, Arc<Domain>>,
    names: BTreeMap<DomainId, Arc<str>>,
    endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    account: BTreeMap<AccountWebhookId, Arc<AccountWebhook>>,
    /// What `account` comes to, by kind.
    account_endpoints: [Vec<Arc<Endpoint>>; WebhookKind::ALL.len()],
    /// Of the account's secrets those that replaced the one that an endpoint was made with.
    account_secrets: BTreeMap<EndpointId, EndpointSecrets>,
    /// The greatest id that a domain ever had.
    last_domain: DomainId,
    /// The greatest id that an endpoint ever had.
    last_endpoint: EndpointId,
    keys: HashMap<[u8; 32], ApiKey>,
    bins: BTreeMap<Arc<str>, Arc<Bin>>,
    /// The greatest key that a bin has.
    last_bin: BinKey,
    signing_key: Option<Secret>,
    caps: Caps,
}

/// How much can be configured.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Caps {
    pub(super) domains: usize,
    pub(super) endpoints: usize,
    pub(super) keys: usize,
    pub(super) bins: BinLimits,
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

    /// Every webhook of the account, the oldest first.
    pub fn account_webhooks(&self) -> impl ExactSizeIterator<Item = &Arc<AccountWebhook>> {
        self.account.values()
    }

    /// The webhook of the account that has this id.
    #[must_use]
    pub fn account_webhook(&self, id: AccountWebhookId) -> Option<&Arc<AccountWebhook>> {
        self.account.get(&id)
    }

    /// Where the account sends events of this kind, whichever domain they are of.
    #[must_use]
    pub fn account_endpoints(&self, kind: WebhookKind) -> &[Arc<Endpoint>] {
        self.account_endpoints.get(kind.index()).map_or(&[], Vec::as_slice)
    }

    /// How many URLs of legacy webhooks are set in all domains. Looks at every domain.
    #[must_use]
    pub fn legacy_urls(&self) -> usize {
        self.domains.values().map(|domain| domain.legacy_urls()).sum()
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

    /// Takes a domain away, its bins, and the keys that are good for it.
    pub(super) fn remove_domain(&mut self, domain: &Domain) {
        self.domains.remove(&domain.name);
        self.names.remove(&domain.id);
        self.keys.retain(|_, key| key.domain.as_ref() != Some(&domain.name));
        self.bins.retain(|_, bin| bin.domain.as_ref() != Some(&domain.name));
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
        let of_domains = self.domains.values().flat_map(|domain| domain.endpoints());
        let of_account = self.account.values().map(|webhook| &webhook.endpoint);
        let used: HashSet<_> = of_domains.chain(of_account).map(|endpoint| endpoint.id()).collect();
        self.endpoints.keys().copied().filter(|id| !used.contains(id)).collect()
    }

    /// Forgets endpoints, and everyone's secrets for them; whose those were.
    pub(super) fn forget_endpoints(&mut self, ids: &[EndpointId]) -> Vec<(DomainId, EndpointId)> {
        let mut forgotten = Vec::new();
        for id in ids {
            self.endpoints.remove(id);
        }
        let ids: HashSet<_> = ids.iter().copied().collect();
        for endpoint in &ids {
            if self.account_secrets.remove(endpoint).is_some() {
                forgotten.push((ACCOUNT, *endpoint));
            }
        }
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
        match &change.configured {
            Configured::Domain { domain, .. } => drop(self.insert_domain(Domain::clone(domain))),
            Configured::Account { put, removed } => {
                for webhook in removed {
                    self.account.remove(&webhook.id);
                }
                self.put_account_webhooks(put.iter().cloned());
            }
        }
    }

    pub(super) fn put_account_webhooks(&mut self, webhooks: impl IntoIterator<Item = Arc<AccountWebhook>>) {
        self.account.extend(webhooks.into_iter().map(|webhook| (webhook.id, webhook)));
        self.account_endpoints = WebhookKind::ALL.map(|kind| {
            let of_kind = self.account.values().filter(|webhook| webhook.kinds.contains(&kind));
            of_kind.map(|webhook| webhook.endpoint.clone()).collect()
        });
    }

    /// A further domain, without webhooks. Its id was never used before.
    pub(super) fn plan_domain(&self, name: &str) -> Result<Domain, DomainError> {
        if self.domains.len() >= self.caps.domains {
            return Err(DomainError::TooMany { limit: self.caps.domains });
        }
        Ok(Domain::new(self.last_domain + 1, name))
    }

    /// Every endpoint, by id.
    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.values()
    }

    /// Endpoints from which on there is no further one.
    pub(super) fn max_endpoints(&self) -> usize {
        self.caps.endpoints
    }
}

/// A sending domain and its webhooks.
#[derive(Clone, Debug)]
pub struct Domain {
    id: DomainId,
    name: Arc<str>,
    /// Those that are set.
    webhooks: BTreeMap<HookKind, Vec<Arc<Endpoint>>>,
    /// Whether it may have legacy webhooks.
    legacy: bool,
    secrets: BTreeMap<EndpointId, EndpointSecrets>,
}

impl Domain {
    pub(super) fn new(id: DomainId, name: &str) -> Self {
        Self { id, name: name.into(), webhooks: BTreeMap::new(), legacy: false, secrets: BTreeMap::new() }
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
    pub fn webhook<K: Into<HookKind>>(&self, kind: K) -> &[Arc<Endpoint>] {
        self.webhooks.get(&kind.into()).map_or(&[], Vec::as_slice)
    }

    /// Its Standard Webhooks secrets for an endpoint that is in one of its webhooks, or was not long ago.
    #[must_use]
    pub fn secrets(&self, endpoint: EndpointId) -> Option<&EndpointSecrets> {
        self.secrets.get(&endpoint)
    }

    pub(super) fn set_secrets(&mut self, endpoint: EndpointId, secrets: EndpointSecrets) {
        self.secrets.insert(endpoint, secrets);
    }

    /// Every webhook that is set.
    pub fn webhooks(&self) -> impl Iterator<Item = (HookKind, &[Arc<Endpoint>])> {
        self.webhooks.iter().map(|(kind, endpoints)| (*kind, endpoints.as_slice()))
    }

    /// The endpoints of all its webhooks, those first that are in no legacy one.
    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.webhooks.values().flatten()
    }

    /// Whether it may have legacy webhooks.
    #[must_use]
    pub fn has_legacy(&self) -> bool {
        self.legacy
    }

    /// How many URLs its legacy webhooks have.
    #[must_use]
    pub fn legacy_urls(&self) -> usize {
        let legacy = self.webhooks.iter().filter(|(kind, _)| matches!(kind, HookKind::Legacy(_)));
        legacy.map(|(_, endpoints)| endpoints.len()).sum()
    }

    pub(super) fn allow_legacy(&mut self, allowed: bool) {
        self.legacy = allowed;
    }

    pub(super) fn set_webhook(&mut self, kind: HookKind, endpoints: Vec<Arc<Endpoint>>) {
        if endpoints.is_empty() {
            self.webhooks.remove(&kind);
        } else {
            self.webhooks.insert(kind, endpoints);
        }
    }

    /// Adds an endpoint to a webhook; whether it was not there.
    pub(super) fn add(&mut self, kind: WebhookKind, endpoint: &Arc<Endpoint>) -> bool {
        let is_new = !has(self.webhook(kind), endpoint);
        if is_new {
            self.webhooks.entry(kind.into()).or_default().push(endpoint.clone());
        }
        is_new
    }

    /// Takes an endpoint out of a webhook; whether it was there.
    pub(super) fn take(&mut self, kind: WebhookKind, endpoint: &Endpoint) -> bool {
        let mut endpoints = self.webhook(kind).to_vec();
        let before = endpoints.len();
        endpoints.retain(|known| known.id() != endpoint.id());
        let was_there = endpoints.len() < before;
        self.set_webhook(kind.into(), endpoints);
        was_there
    }
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
    /// The webhook of this kind has this URL already.
    HasUrl(WebhookKind),
    /// The webhook of this kind would have more than its [`max_urls`](HookKind::max_urls).
    TooManyUrls(HookKind),
    /// The domain may not have legacy webhooks.
    NoLegacy,
    /// The domain still has legacy webhooks.
    LegacyInUse,
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
            Self::HasUrl(kind) => write!(f, "the webhook '{kind}' has this URL already"),
            Self::TooManyUrls(kind) => {
                write!(f, "the webhook '{kind}' can have no more than {} of them", kind.max_urls())
            }
            Self::NoLegacy => {
                f.write_str("legacy webhooks are switched off for the domain; switch them on first")
            }
            Self::LegacyInUse => f.write_str("the domain still has legacy webhooks; delete them first"),
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
