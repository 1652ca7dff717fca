//! The headers of the Standard Webhooks specification (<https://www.standardwebhooks.com>).

use sealpost_core::http::Header;
use sealpost_core::sign::{EndpointSecret, StandardSignature};
use sealpost_core::{Payload, UnixTime};

use crate::secrets::Secret;

/// `webhook-id`, `webhook-timestamp` and `webhook-signature` of one attempt.
pub(crate) struct StandardHeaders {
    id: String,
    timestamp: String,
    signature: StandardSignature,
}

impl StandardHeaders {
    /// Signs a payload with the endpoint's secret; `None` if that is not one.
    pub(crate) fn sign<D: AsRef<[u8]>>(
        secret: &Secret,
        event_id: &str,
        now: UnixTime,
        payload: &Payload<D>,
    ) -> Option<Self> {
        let secret = EndpointSecret::parse(secret.expose()).ok()?;
        let signature = secret.sign(event_id, now, &payload.chunks());
        Some(Self { id: event_id.to_owned(), timestamp: now.secs().to_string(), signature })
    }

    /// The headers to send.
    pub(crate) fn headers(&self) -> Vec<Header<'_>> {
        [
            ("webhook-id", self.id.as_str()),
            ("webhook-timestamp", self.timestamp.as_str()),
            ("webhook-signature", self.signature.as_str()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Header::new(name, value).ok())
        .collect()
    }
}
