//! Changes of webhooks: what is asked, and what it comes to.

use std::{collections::BTreeSet, sync::Arc};

use sealpost_core::{Health, LegacyKind, WebhookKind};

use super::{
    AccountWebhook, AccountWebhookId, Directory, Domain, DomainId, Domains, Endpoint, EndpointId,
    EndpointSecrets, EndpointUrl, HookKind, WebhookError, wall_millis,
};
use crate::{entropy, secrets::Secret};

/// What is asked of the webhooks of a domain, or of the account.
#[derive(Debug)]
pub(super) enum Edit {
    /// Of this domain.
    Domain(String, WebhookEdit),
    /// Of the account.
    Account(AccountEdit),
}

/// What is asked of the webhooks of a domain. A URL that is the shown form of one of the domain's endpoints means
/// that endpoint; the same URL twice counts once.
#[derive(Debug)]
pub enum WebhookEdit {
    /// Set one, if it is not set.
    Create(HookKind, Vec<EndpointUrl>),
    /// Set one anew, if it is set.
    Replace(HookKind, Vec<EndpointUrl>),
    /// Take one away, if it is set.
    Delete(HookKind),
    /// Add a URL to the webhooks of these kinds, none of which has it.
    Add(EndpointUrl, Vec<WebhookKind>),
    /// Have a URL, which at least one webhook has, in the webhooks of exactly these kinds.
    Assign(EndpointUrl, Vec<WebhookKind>),
    /// Take URLs, at least one of which is there, out of the webhooks of all kinds.
    Remove(Vec<EndpointUrl>),
    /// Let the domain have legacy webhooks, or no longer, if it has none.
    AllowLegacy(bool),
}

/// What is asked of the webhooks of the account. A URL that is the shown form of one of them means that endpoint.
#[derive(Debug)]
pub enum AccountEdit {
    /// Make one.
    Create(AccountDraft),
    /// Make one what this says, if it is there.
    Replace(AccountWebhookId, AccountDraft),
    /// Take away those of these that are there, if any is.
    Delete(Vec<AccountWebhookId>),
    /// Take all away, if there is any.
    DeleteAll,
}

/// What is said of a webhook of the account.
#[derive(Debug)]
pub struct AccountDraft {
    /// What its owner says of it.
    pub description: Arc<str>,
    /// Where it is to go.
    pub url: EndpointUrl,
    /// What it is to subscribe to: at least one kind, each once.
    pub kinds: Vec<WebhookKind>,
}

/// What an edit comes to.
#[derive(Debug)]
pub(super) struct WebhookChange {
    pub(super) configured: Configured,
    /// Endpoints that the store does not have yet.
    pub(super) made: Vec<Arc<Endpoint>>,
    /// Subscriptions that have ended: their pending deliveries are to be cancelled.
    pub(super) withdrawn: Vec<Withdrawn>,
}

/// What is configured from now on.
#[derive(Debug)]
pub(super) enum Configured {
    Domain {
        /// The domain as it is then.
        domain: Arc<Domain>,
        /// Its webhooks that differ.
        kinds: Vec<HookKind>,
        /// Endpoints that are no longer in one of these.
        removed: Vec<Arc<Endpoint>>,
        /// The domain's secrets for endpoints that it had none for.
        secrets: Vec<(EndpointId, EndpointSecrets)>,
    },
    Account {
        /// Made or changed.
        put: Option<Arc<AccountWebhook>>,
        /// Taken away.
        removed: Vec<Arc<AccountWebhook>>,
    },
}

impl Configured {
    /// Secrets that are new, and the domain whose they are: the account has none of its own.
    pub(super) fn secrets(&self) -> (DomainId, &[(EndpointId, EndpointSecrets)]) {
        match self {
            Self::Domain { domain, secrets, .. } => (domain.id(), secrets),
            Self::Account { .. } => (0, &[]),
        }
    }
}

/// An endpoint that gets no more events of a kind from these domains.
#[derive(Clone, Debug)]
pub(super) struct Withdrawn {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) domains: Domains,
    pub(super) kind: HookKind,
}

impl Directory {
    /// Works out what an edit comes to, with endpoints made where URLs are new.
    pub(super) fn plan(&self, edit: &Edit) -> Result<WebhookChange, WebhookError> {
        match edit {
            Edit::Domain(domain, edit) => self.plan_of_domain(domain, edit),
            Edit::Account(edit) => self.plan_of_account(edit),
        }
    }

    fn plan_of_domain(&self, name: &str, edit: &WebhookEdit) -> Result<WebhookChange, WebhookError> {
        let before = self.domain(name).ok_or(WebhookError::UnknownDomain)?;
        let own: Vec<_> = before.endpoints().cloned().collect();
        let mut workshop = Workshop::new(self, own);
        let mut after = Domain::clone(before);
        match edit {
            WebhookEdit::Create(kind, _) if !before.webhook(*kind).is_empty() => {
                return Err(WebhookError::AlreadySet);
            }
            WebhookEdit::Create(HookKind::Legacy(_), _) if !before.has_legacy() => {
                return Err(WebhookError::NoLegacy);
            }
            WebhookEdit::Replace(kind, _) | WebhookEdit::Delete(kind) if before.webhook(*kind).is_empty() => {
                return Err(WebhookError::NotSet);
            }
            WebhookEdit::Create(kind, urls) | WebhookEdit::Replace(kind, urls) => {
                let preferred = before.webhook(*kind);
                let endpoints = urls.iter().map(|url| workshop.endpoint(preferred, url));
                after.set_webhook(*kind, once_each(endpoints));
            }
            WebhookEdit::Delete(kind) => after.set_webhook(*kind, Vec::new()),
            WebhookEdit::Add(url, kinds) => {
                let endpoint = workshop.endpoint(&[], url);
                for &kind in kinds {
                    if !after.add(kind, &endpoint) {
                        return Err(WebhookError::HasUrl(kind));
                    }
                }
            }
            WebhookEdit::Assign(url, kinds) => {
                let endpoint = workshop.endpoint(&[], url);
                let mut has_been = false;
                for kind in WebhookKind::ALL {
                    if kinds.contains(&kind) {
                        has_been |= !after.add(kind, &endpoint);
                    } else {
                        has_been |= after.take(kind, &endpoint);
                    }
                }
                if !has_been {
                    return Err(WebhookError::NotSet);
                }
            }
            WebhookEdit::Remove(urls) => {
                let mut taken = false;
                for endpoint in urls.iter().filter_map(|url| workshop.known(&[], url)) {
                    for kind in WebhookKind::ALL {
                        taken |= after.take(kind, &endpoint);
                    }
                }
                if !taken {
                    return Err(WebhookError::NotSet);
                }
            }
            WebhookEdit::AllowLegacy(false) if before.legacy_urls() > 0 => {
                return Err(WebhookError::LegacyInUse);
            }
            WebhookEdit::AllowLegacy(allowed) => after.allow_legacy(*allowed),
        }
        let kinds = changed_kinds(before, &after);
        if let Some(kind) = kinds.iter().find(|kind| after.webhook(**kind).len() > kind.max_urls()) {
            return Err(WebhookError::TooManyUrls(*kind));
        }
        let without = once_each(after.endpoints().filter(|own| after.secrets(own.id()).is_none()).cloned());
        let secrets: Vec<_> =
            without.iter().map(|endpoint| (endpoint.id(), EndpointSecrets::generate())).collect();
        for (endpoint, secrets) in &secrets {
            after.set_secrets(*endpoint, secrets.clone());
        }
        let removed: Vec<_> = kinds.iter().flat_map(|kind| lost(before, &after, *kind)).collect();
        let withdrawn = removed.iter().filter(|(kind, endpoint)| !self.account_has(*kind, endpoint));
        let withdrawn = withdrawn.map(|(kind, endpoint)| Withdrawn {
            endpoint: endpoint.clone(),
            domains: Domains::Only(before.id()),
            kind: *kind,
        });
        Ok(WebhookChange {
            made: workshop.made()?,
            withdrawn: withdrawn.collect(),
            configured: Configured::Domain {
                domain: Arc::new(after),
                kinds,
                removed: removed.into_iter().map(|(_, endpoint)| endpoint).collect(),
                secrets,
            },
        })
    }

    fn plan_of_account(&self, edit: &AccountEdit) -> Result<WebhookChange, WebhookError> {
        let own: Vec<_> = self.account_webhooks().map(|webhook| webhook.endpoint.clone()).collect();
        let mut workshop = Workshop::new(self, own);
        let now = wall_millis();
        let (put, removed) = match edit {
            AccountEdit::Create(draft) => {
                let id = AccountWebhookId::generate(now);
                (Some(self.drafted(&mut workshop, draft, (id, now))?), Vec::new())
            }
            AccountEdit::Replace(id, draft) => {
                let created_at = self.account_webhook(*id).ok_or(WebhookError::NotSet)?.created_at;
                (Some(self.drafted(&mut workshop, draft, (*id, created_at))?), Vec::new())
            }
            AccountEdit::Delete(ids) => {
                let ids: BTreeSet<_> = ids.iter().collect();
                (None, ids.into_iter().filter_map(|id| self.account_webhook(*id)).cloned().collect())
            }
            AccountEdit::DeleteAll => (None, self.account_webhooks().cloned().collect()),
        };
        if put.is_none() && removed.is_empty() {
            return Err(WebhookError::NotSet);
        }
        let replaced = put.as_ref().and_then(|put| self.account_webhook(put.id));
        let gone = removed
            .iter()
            .chain(replaced)
            .flat_map(|webhook| webhook.kinds.iter().map(move |kind| (*kind, &webhook.endpoint)));
        let stays = |kind: WebhookKind, endpoint: &Endpoint| {
            let put = put.as_ref().filter(|put| put.endpoint.id() == endpoint.id());
            put.is_some_and(|put| put.kinds.contains(&kind))
        };
        let withdrawn = gone.filter(|(kind, endpoint)| !stays(*kind, endpoint)).map(|(kind, endpoint)| {
            let have = self.domains().filter(|domain| has(domain.webhook(kind), endpoint));
            let domains = Domains::AllBut(have.map(|domain| domain.id()).collect());
            Withdrawn { endpoint: endpoint.clone(), domains, kind: kind.into() }
        });
        let withdrawn = withdrawn.collect();
        Ok(WebhookChange {
            made: workshop.made()?,
            withdrawn,
            configured: Configured::Account { put, removed },
        })
    }

    /// The webhook that a draft describes, if it fits beside the others.
    fn drafted(
        &self,
        workshop: &mut Workshop<'_>,
        draft: &AccountDraft,
        (id, created_at): (AccountWebhookId, i64),
    ) -> Result<Arc<AccountWebhook>, WebhookError> {
        let preferred = self.account_webhook(id).map(|webhook| webhook.endpoint.clone());
        let endpoint = workshop.endpoint(preferred.as_slice(), &draft.url);
        for &kind in &draft.kinds {
            let others =
                self.account_webhooks().filter(|other| other.id != id && other.kinds.contains(&kind));
            let others: Vec<_> = others.map(|other| other.endpoint.clone()).collect();
            if has(&others, &endpoint) {
                return Err(WebhookError::HasUrl(kind));
            }
            if others.len() >= HookKind::from(kind).max_urls() {
                return Err(WebhookError::TooManyUrls(kind.into()));
            }
        }
        let (description, kinds) = (draft.description.clone(), draft.kinds.clone());
        Ok(Arc::new(AccountWebhook { id, description, endpoint, kinds, created_at }))
    }

    /// Whether the account itself sends events of this kind to this endpoint.
    fn account_has(&self, kind: HookKind, endpoint: &Endpoint) -> bool {
        matches!(kind, HookKind::Current(kind) if has(self.account_endpoints(kind), endpoint))
    }
}

/// Finds the endpoints that URLs mean, and makes those that are missing.
struct Workshop<'a> {
    directory: &'a Directory,
    /// Those of whoever asks.
    own: Vec<Arc<Endpoint>>,
    made: Vec<Arc<Endpoint>>,
}

impl<'a> Workshop<'a> {
    fn new(directory: &'a Directory, own: Vec<Arc<Endpoint>>) -> Self {
        Self { directory, own, made: Vec::new() }
    }

    /// The endpoint that a URL means: one with the same URL, or one of whoever asks whose shown form it is, so
    /// that a list which was read, edited and written back keeps its credentials.
    fn known(&self, preferred: &[Arc<Endpoint>], url: &EndpointUrl) -> Option<Arc<Endpoint>> {
        let same = self.directory.endpoints().chain(&self.made).find(|endpoint| endpoint.url() == url);
        let mut own = preferred.iter().chain(&self.own);
        same.or_else(|| own.find(|endpoint| endpoint.url().shown() == url.expose())).cloned()
    }

    /// The endpoint that a URL means, made if there is none.
    fn endpoint(&mut self, preferred: &[Arc<Endpoint>], url: &EndpointUrl) -> Arc<Endpoint> {
        self.known(preferred, url).unwrap_or_else(|| {
            let made = u32::try_from(self.made.len()).unwrap_or(u32::MAX);
            let id = self.directory.last_endpoint() + 1 + made;
            let secret = Secret::new(entropy::endpoint_secret());
            let endpoint = Arc::new(Endpoint::new(id, url.clone(), secret, Health::UNPROVEN));
            self.made.push(endpoint.clone());
            endpoint
        })
    }

    /// Those that were made, if there is room for them.
    fn made(self) -> Result<Vec<Arc<Endpoint>>, WebhookError> {
        let limit = self.directory.max_endpoints();
        let all = self.directory.endpoints().count() + self.made.len();
        if !self.made.is_empty() && all > limit {
            return Err(WebhookError::TooManyEndpoints { limit });
        }
        Ok(self.made)
    }
}

fn changed_kinds(before: &Domain, after: &Domain) -> Vec<HookKind> {
    let ids = |domain: &Domain, kind| -> Vec<_> {
        domain.webhook::<HookKind>(kind).iter().map(|endpoint| endpoint.id()).collect()
    };
    let current = WebhookKind::ALL.into_iter().map(HookKind::from);
    let all = current.chain(LegacyKind::ALL.into_iter().map(HookKind::from));
    all.filter(|&kind| ids(before, kind) != ids(after, kind)).collect()
}

fn lost(before: &Domain, after: &Domain, kind: HookKind) -> Vec<(HookKind, Arc<Endpoint>)> {
    let lost = before.webhook(kind).iter().filter(|old| !has(after.webhook(kind), old));
    lost.map(|endpoint| (kind, endpoint.clone())).collect()
}

fn once_each(endpoints: impl Iterator<Item = Arc<Endpoint>>) -> Vec<Arc<Endpoint>> {
    let mut each = Vec::new();
    for endpoint in endpoints {
        if !has(&each, &endpoint) {
            each.push(endpoint);
        }
    }
    each
}

/// Whether an endpoint is among these.
pub(super) fn has(endpoints: &[Arc<Endpoint>], endpoint: &Endpoint) -> bool {
    endpoints.iter().any(|known| known.id() == endpoint.id())
}
