//! Webhooks of the account, which every domain's events go to.

use std::{fmt, sync::Arc};

use sealpost_core::WebhookKind;

use super::Endpoint;
use crate::entropy;

/// Names a webhook of the account: 24 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountWebhookId([u8; 12]);

impl AccountWebhookId {
    /// A new id at this time, in wall-clock milliseconds. The seconds come first, so that ids sort by age; the other
    /// 64 bits are random.
    pub(super) fn generate(now: i64) -> Self {
        let mut id = entropy::bytes();
        let seconds = u32::try_from(now / 1000).unwrap_or(u32::MAX).to_be_bytes();
        for (to, from) in id.iter_mut().zip(seconds) {
            *to = from;
        }
        Self(id)
    }

    /// The id of this text; `None` unless it is 24 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
        Self::from_bytes(number.to_be_bytes().get(4..)?)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl fmt::Display for AccountWebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AccountWebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A webhook of the account. No two of them have a URL and a kind in common, and no kind has more than
/// [`MAX_URLS`](super::MAX_URLS) of them, which bounds their number.
#[derive(Clone, Debug)]
pub struct AccountWebhook {
    /// Its id.
    pub id: AccountWebhookId,
    /// What its owner says of it.
    pub description: Arc<str>,
    /// Where it goes.
    pub endpoint: Arc<Endpoint>,
    /// What it subscribes to: at least one kind, each once.
    pub kinds: Vec<WebhookKind>,
    /// When it was made, in wall-clock milliseconds since the Unix epoch.
    pub created_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_24_digits_and_begins_with_its_time() {
        let id = AccountWebhookId::generate(1_771_268_761_000);
        assert!(id.to_string().starts_with("69936a99"), "{id}");
        assert_eq!(AccountWebhookId::parse(&id.to_string()), Some(id));
        for text in ["", "507f1f77bcf86cd79943901", "507f1f77bcf86cd7994390111", "507f1f77bcf86cd79943901x"] {
            assert_eq!(AccountWebhookId::parse(text), None, "{text}");
        }
    }
}
