//! What a webhook is about, in either generation of Mailgun's webhooks.

use std::fmt;

use sealpost_core::{LegacyKind, WebhookKind};

use super::MAX_URLS;

/// What a webhook subscribes to, and so the format in which it is told: event-data in JSON, or, for a legacy webhook,
/// a form. No name belongs to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookKind {
    /// A webhook of today.
    Current(WebhookKind),
    /// A legacy webhook.
    Legacy(LegacyKind),
}

impl HookKind {
    /// The name in the webhooks API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current(kind) => kind.as_str(),
            Self::Legacy(kind) => kind.as_str(),
        }
    }

    /// The kind of this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let current = WebhookKind::parse(name).map(Self::Current);
        current.or_else(|| LegacyKind::parse(name).map(Self::Legacy))
    }

    /// How many URLs one webhook of this kind can have in one scope.
    #[must_use]
    pub const fn max_urls(self) -> usize {
        match self {
            Self::Current(_) => MAX_URLS,
            Self::Legacy(_) => 1,
        }
    }

    /// The number of the format on disk.
    pub(super) const fn format(self) -> u8 {
        match self {
            Self::Current(_) => 0,
            Self::Legacy(_) => 1,
        }
    }
}

impl From<WebhookKind> for HookKind {
    fn from(kind: WebhookKind) -> Self {
        Self::Current(kind)
    }
}

impl From<LegacyKind> for HookKind {
    fn from(kind: LegacyKind) -> Self {
        Self::Legacy(kind)
    }
}

impl fmt::Display for HookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_to_its_kind_and_none_is_of_both() {
        let current = WebhookKind::ALL.map(HookKind::from);
        let legacy = LegacyKind::ALL.map(HookKind::from);
        for kind in current.into_iter().chain(legacy) {
            assert_eq!(HookKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(HookKind::parse("failed"), None);
    }
}
