//! The headers of the Standard Webhooks specification (<https://www.standardwebhooks.com>).

use sealpost_core::http::Header;
use sealpost_core::sign::{EndpointSecret, StandardSignatures};
use sealpost_core::{Body, UnixTime};

use crate::storage::EndpointSecrets;

/// `webhook-id`, `webhook-timestamp` and `webhook-signature` of one attempt.
pub(crate) struct StandardHeaders {
    id: String,
    timestamp: String,
    signatures: String,
}

impl StandardHeaders {
    /// Signs a body with those of each holder's secrets that are good now; `None` if one of them is not one. `id` is
    /// the same for every attempt.
    pub(crate) fn sign<B: Body>(
        holders: &[EndpointSecrets],
        id: &str,
        now: UnixTime,
        body: &B,
    ) -> Option<Self> {
        let signatures = holders.iter().map(|secrets| signatures(secrets, id, now, body));
        let signatures =
            signatures.map(|signed| Some(signed?.as_str().to_owned())).collect::<Option<Vec<_>>>()?;
        Some(Self { id: id.to_owned(), timestamp: now.secs().to_string(), signatures: signatures.join(" ") })
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

fn signatures<B: Body>(
    secrets: &EndpointSecrets,
    id: &str,
    now: UnixTime,
    body: &B,
) -> Option<StandardSignatures> {
    let millis = i64::try_from(now.secs()).unwrap_or(i64::MAX).saturating_mul(1000);
    let millis = millis.saturating_add(i64::from(now.subsec_micros() / 1000));
    let old = match secrets.previous(millis) {
        Some(previous) => Some(EndpointSecret::parse(previous.secret.expose()).ok()?),
        None => None,
    };
    Some(StandardSignatures::sign(secrets.key()?, old.as_ref(), id, now, &body.chunks()))
}
