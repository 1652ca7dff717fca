//! The Standard Webhooks secrets that a domain, or the account, shares with one of its endpoints.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use sealpost_core::sign::EndpointSecret;

use super::{AccountWebhookId, DomainId, EndpointId, EndpointUrl, HookKind};
use crate::{entropy, secrets::Secret};

/// The secret of the moment and, while it is being replaced, the one before: at most these two. They are the
/// domain's own, or the account's: another domain with the same URL has others, so that neither can forge what the
/// other sends.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct EndpointSecrets {
    current: Secret,
    /// The current one, hashed into what signatures start from: at its first use, for all clones.
    key: Arc<OnceLock<Option<EndpointSecret>>>,
    previous: Option<Previous>,
}

/// Whose secret is to be replaced.
#[derive(Clone, Debug)]
pub enum SecretOf {
    /// A domain's, for a URL of one of its webhooks, which may be given as it is shown.
    Domain {
        /// The domain's name.
        domain: String,
        /// The webhook.
        kind: HookKind,
        /// Its URL.
        url: EndpointUrl,
    },
    /// The account's, for the URL of one of its webhooks.
    Account(AccountWebhookId),
}

/// Secrets to be stored: whose, [`ACCOUNT`] or a domain, and for which endpoint.
#[derive(Clone, Debug)]
pub(super) struct HeldSecrets {
    pub(super) holder: DomainId,
    pub(super) endpoint: EndpointId,
    pub(super) secrets: EndpointSecrets,
}

/// Holds the secrets that are the account's: no domain's id.
pub(super) const ACCOUNT: DomainId = 0;

/// A secret on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// `whsec_` and base64, as the current one.
    pub secret: Secret,
    /// The end of its time, in wall-clock milliseconds since the Unix epoch.
    pub until: i64,
}

impl EndpointSecrets {
    pub(super) fn new(current: Secret, previous: Option<Previous>) -> Self {
        Self { current, key: Arc::default(), previous }
    }

    /// A new random secret, without one before it.
    pub(super) fn generate() -> Self {
        Self::new(Secret::new(entropy::endpoint_secret()), None)
    }

    /// The newest secret, `whsec_` and the base64 of 32 random bytes.
    #[must_use]
    pub fn current(&self) -> &Secret {
        &self.current
    }

    /// The newest secret, ready to sign with; `None` if it is none.
    #[must_use]
    pub fn key(&self) -> Option<&EndpointSecret> {
        self.key.get_or_init(|| EndpointSecret::parse(self.current.expose()).ok()).as_ref()
    }

    /// The secret before, if it is still good at this wall-clock millisecond.
    #[must_use]
    pub fn previous(&self, now: i64) -> Option<&Previous> {
        self.previous.as_ref().filter(|previous| now < previous.until)
    }

    /// A new secret; the present one stays good until then. One before that is gone.
    pub(super) fn rotated(&self, until: i64) -> Self {
        Self { previous: Some(Previous { secret: self.current.clone(), until }), ..Self::generate() }
    }

    /// Whether the secret before is there, and no longer good.
    pub(super) fn is_outlived(&self, now: i64) -> bool {
        self.previous.is_some() && self.previous(now).is_none()
    }

    /// The secret before, good or not.
    pub(super) fn stored_previous(&self) -> Option<&Previous> {
        self.previous.as_ref()
    }

    pub(super) fn forget_previous(&mut self) {
        self.previous = None;
    }
}

impl PartialEq for EndpointSecrets {
    fn eq(&self, other: &Self) -> bool {
        (&self.current, &self.previous) == (&other.current, &other.previous)
    }
}

impl Eq for EndpointSecrets {}

impl fmt::Debug for EndpointSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointSecrets").field("previous", &self.previous).finish_non_exhaustive()
    }
}
