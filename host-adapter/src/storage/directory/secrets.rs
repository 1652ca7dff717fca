//! Secrets for endpoints, of domains and of the account: which are good, and what a rotation comes to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Directory, Domain, DomainId, WebhookError};
use crate::storage::{
    EndpointSecrets, HookKind,
    delivery::{Endpoint, EndpointId},
    endpoint_secrets::{ACCOUNT, HeldSecrets, SecretOf},
    webhooks::has,
};

impl Directory {
    /// The secrets under which a domain's events of this kind go to an endpoint: the domain's own, if it has any, and
    /// the account's, if one of its webhooks has the endpoint too, or the domain has none. So whoever set the URL can
    /// verify, though it gets one POST for both.
    #[must_use]
    pub fn secrets_for(&self, domain: &str, kind: HookKind, endpoint: &Endpoint) -> Vec<EndpointSecrets> {
        let own = self.domain(domain).and_then(|domain| domain.secrets(endpoint.id())).cloned();
        let is_account_s = match kind {
            HookKind::Current(kind) => has(self.account_endpoints(kind), endpoint),
            HookKind::Legacy(_) => false,
        };
        let account = (is_account_s || own.is_none()).then(|| self.account_secrets(endpoint));
        own.into_iter().chain(account).collect()
    }

    /// The account's secrets for an endpoint: the one that the endpoint was made with, until it is replaced.
    #[must_use]
    pub fn account_secrets(&self, endpoint: &Endpoint) -> EndpointSecrets {
        self.account_secrets.get(&endpoint.id()).unwrap_or_else(|| endpoint.own_secrets()).clone()
    }

    /// The secrets with which events of a domain may be signed that go to this URL: those of the domain and of the
    /// account, where a webhook of theirs has it.
    #[must_use]
    pub fn secrets_of_url(&self, domain: &str, url: &str) -> Vec<EndpointSecrets> {
        let has_url = |endpoint: &&Arc<Endpoint>| endpoint.url().expose() == url;
        let domain = self.domain(domain);
        let own = domain.and_then(|domain| {
            domain.endpoints().find(has_url).and_then(|endpoint| domain.secrets(endpoint.id())).cloned()
        });
        let account = self.account.values().map(|webhook| &webhook.endpoint).find(has_url);
        own.into_iter().chain(account.map(|endpoint| self.account_secrets(endpoint))).collect()
    }

    /// What a rotation at this time with this overlap comes to.
    pub(in crate::storage) fn plan_rotation(
        &self,
        of: &SecretOf,
        (now, overlap): (i64, Duration),
    ) -> Result<HeldSecrets, WebhookError> {
        let (holder, endpoint, secrets) = match of {
            SecretOf::Domain { domain, kind, url } => {
                let domain = self.domain(domain).ok_or(WebhookError::UnknownDomain)?;
                let webhook = domain.webhook(*kind);
                if webhook.is_empty() {
                    return Err(WebhookError::NotSet);
                }
                let is_meant = |endpoint: &&Arc<Endpoint>| {
                    endpoint.url() == url || endpoint.url().shown() == url.expose()
                };
                let endpoint = webhook.iter().find(is_meant).ok_or(WebhookError::UnknownUrl)?;
                let own = domain.secrets(endpoint.id()).cloned();
                (domain.id(), endpoint, own.unwrap_or_else(EndpointSecrets::generate))
            }
            SecretOf::Account(id) => {
                let endpoint = &self.account_webhook(*id).ok_or(WebhookError::NotSet)?.endpoint;
                (ACCOUNT, endpoint, self.account_secrets(endpoint))
            }
        };
        let until = now.saturating_add(i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX));
        Ok(HeldSecrets { holder, endpoint: endpoint.id(), secrets: secrets.rotated(until) })
    }

    /// Takes over secrets that are committed; whether whose they are is there.
    pub(in crate::storage) fn set_secrets(&mut self, held: HeldSecrets) -> bool {
        let HeldSecrets { holder, endpoint, secrets } = held;
        self.secrets_of(holder).map(|all| all.insert(endpoint, secrets)).is_some()
    }

    /// Whether a secret has outlived its rotation.
    pub(in crate::storage) fn has_outlived_secrets(&self, now: i64) -> bool {
        let of_domains = self.domains.values().flat_map(|domain| domain.secrets.values());
        of_domains.chain(self.account_secrets.values()).any(|secrets| secrets.is_outlived(now))
    }

    /// Forgets secrets that have outlived their rotation; how many.
    pub(in crate::storage) fn forget_outlived_secrets(&mut self, now: i64) -> usize {
        let outlived =
            |domain: &&mut Arc<Domain>| domain.secrets.values().any(|secrets| secrets.is_outlived(now));
        let of_domains = self.domains.values_mut().filter(outlived);
        let all =
            of_domains.map(|domain| &mut Arc::make_mut(domain).secrets).chain([&mut self.account_secrets]);
        let secrets = all.flat_map(BTreeMap::values_mut).filter(|secrets| secrets.is_outlived(now));
        secrets.map(EndpointSecrets::forget_previous).count()
    }

    /// The secrets of a domain, or of the account.
    fn secrets_of(&mut self, holder: DomainId) -> Option<&mut BTreeMap<EndpointId, EndpointSecrets>> {
        if holder == ACCOUNT {
            return Some(&mut self.account_secrets);
        }
        let domain = self.domains.get_mut(self.names.get(&holder)?)?;
        Some(&mut Arc::make_mut(domain).secrets)
    }
}
