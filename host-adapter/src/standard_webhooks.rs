//! The headers of the Standard Webhooks specification (<https://www.standardwebhooks.com>).

use sealpost_core::http::Header;
use sealpost_core::sign::{EndpointSecret, StandardSignatures};
use sealpost_core::{Payload, UnixTime};

use crate::secrets::Secret;
use crate::storage::EndpointSecrets;

/// `webhook-id`, `webhook-timestamp` and `webhook-signature` of one attempt.
pub(crate) struct StandardHeaders {
    id: String,
    timestamp: String,
    signatures: StandardSignatures,
}

impl StandardHeaders {
    /// Signs a payload with the secrets that are good now; `None` if one of them is not one.
    pub(crate) fn sign<D: AsRef<[u8]>>(
        secrets: &EndpointSecrets,
        event_id: &str,
        now: UnixTime,
        payload: &Payload<D>,
    ) -> Option<Self> {
        let parse = |secret: &Secret| EndpointSecret::parse(secret.expose()).ok();
        let millis = i64::try_from(now.secs()).unwrap_or(i64::MAX).saturating_mul(1000);
        let millis = millis.saturating_add(i64::from(now.subsec_micros() / 1000));
        let old = match secrets.previous(millis) {
            Some(previous) => Some(parse(&previous.secret)?),
            None => None,
        };
        let new = parse(secrets.current())?;
        let signatures = StandardSignatures::sign(&new, old.as_ref(), event_id, now, &payload.chunks());
        Some(Self { id: event_id.to_owned(), timestamp: now.secs().to_string(), signatures })
    }

    /// The headers to send.
    pub(crate) fn headers(&self) -> Vec<Header<'_>> {
        [
            ("webhook-id", self.id.as_str()),
            ("webhook-timestamp", self.timestamp.as_str()),
            ("webhook-signature", self.signatures.as_str()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Header::new(name, value).ok())
        .collect()
    }
}
