//! The secrets of domains for their endpoints: which are good, and what a rotation comes to.

use std::{sync::Arc, time::Duration};

use super::{Directory, Domain, WebhookError};
use crate::storage::{
    EndpointSecrets, HookKind,
    delivery::{Endpoint, EndpointId, EndpointUrl},
};

impl Directory {
    /// The secrets under which a domain's events go to an endpoint: the domain's own, if the endpoint is in one
    /// of its webhooks, else the endpoint's.
    #[must_use]
    pub fn secrets_for(&self, domain: &str, endpoint: &Endpoint) -> EndpointSecrets {
        let own = self.domain(domain).and_then(|domain| domain.secrets(endpoint.id()));
        own.cloned().unwrap_or_else(|| EndpointSecrets::new(endpoint.secret().clone(), None))
    }

    /// The secrets under which a domain's events go to this URL, if one of its webhooks has it, or one of the account.
    #[must_use]
    pub fn secrets_of_url(&self, domain: &str, url: &str) -> Option<EndpointSecrets> {
        let domain = self.domain(domain)?;
        let of_account = self.account.values().map(|webhook| &webhook.endpoint);
        let mut all = domain.endpoints().chain(of_account);
        let endpoint = all.find(|endpoint| endpoint.url().expose() == url)?;
        Some(self.secrets_for(domain.name(), endpoint))
    }

    /// The domain, the endpoint and the secrets that a rotation at this time with this overlap comes to.
    pub(in crate::storage) fn plan_rotation(
        &self,
        domain: &str,
        kind: HookKind,
        url: &EndpointUrl,
        (now, overlap): (i64, Duration),
    ) -> Result<(Arc<Domain>, EndpointId, EndpointSecrets), WebhookError> {
        let domain = self.domain(domain).ok_or(WebhookError::UnknownDomain)?;
        let webhook = domain.webhook(kind);
        if webhook.is_empty() {
            return Err(WebhookError::NotSet);
        }
        let is_meant =
            |endpoint: &&Arc<Endpoint>| endpoint.url() == url || endpoint.url().shown() == url.expose();
        let endpoint = webhook.iter().find(is_meant).ok_or(WebhookError::UnknownUrl)?;
        let until = now.saturating_add(i64::try_from(overlap.as_millis()).unwrap_or(i64::MAX));
        let secrets = self.secrets_for(domain.name(), endpoint).rotated(until);
        Ok((domain.clone(), endpoint.id(), secrets))
    }

    pub(in crate::storage) fn set_secrets(
        &mut self,
        domain: &Domain,
        secrets: impl IntoIterator<Item = (EndpointId, EndpointSecrets)>,
    ) {
        let mut domain = Domain::clone(domain);
        domain.secrets.extend(secrets);
        self.insert_domain(domain);
    }

    /// Whether a secret has outlived its rotation.
    pub(in crate::storage) fn has_outlived_secrets(&self, now: i64) -> bool {
        let mut secrets = self.domains.values().flat_map(|domain| domain.secrets.values());
        secrets.any(|secrets| secrets.is_outlived(now))
    }

    /// Forgets secrets that have outlived their rotation; how many.
    pub(in crate::storage) fn forget_outlived_secrets(&mut self, now: i64) -> usize {
        let mut forgotten = 0;
        for domain in self.domains.values_mut() {
            if domain.secrets.values().any(|secrets| secrets.is_outlived(now)) {
                let outlived = Arc::make_mut(domain).secrets.values_mut();
                for secrets in outlived.filter(|secrets| secrets.is_outlived(now)) {
                    secrets.forget_previous();
                    forgotten += 1;
                }
            }
        }
        forgotten
    }
}
