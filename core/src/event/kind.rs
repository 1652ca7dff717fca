//! The names of events, in both of their spellings.
//!
//! An event in the Events API has one of nine names; a webhook subscribes to one of eight. They differ
//! where Mailgun's do: `failed` becomes `permanent_fail` or `temporary_fail` by its severity, and
//! `rejected` and `stored` have no webhook.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::json::Text;

/// What happened, as event-data's `event` field names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum EventKind {
    Accepted,
    Clicked,
    Complained,
    Delivered,
    Failed,
    Opened,
    Rejected,
    Stored,
    Unsubscribed,
}

impl EventKind {
    /// Every kind, in alphabetical order.
    pub const ALL: [Self; 9] = [
        Self::Accepted,
        Self::Clicked,
        Self::Complained,
        Self::Delivered,
        Self::Failed,
        Self::Opened,
        Self::Rejected,
        Self::Stored,
        Self::Unsubscribed,
    ];

    /// The value of the `event` field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Clicked => "clicked",
            Self::Complained => "complained",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Opened => "opened",
            Self::Rejected => "rejected",
            Self::Stored => "stored",
            Self::Unsubscribed => "unsubscribed",
        }
    }

    /// The kind of this name; `None` for any other text, webhook names included.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The webhook that events of this kind go to. A `failed` event goes by its `severity`, which every
    /// valid one has; `rejected` and `stored` go nowhere.
    #[must_use]
    pub const fn webhook(self, severity: Option<Severity>) -> Option<WebhookKind> {
        match (self, severity) {
            (Self::Accepted, _) => Some(WebhookKind::Accepted),
            (Self::Clicked, _) => Some(WebhookKind::Clicked),
            (Self::Complained, _) => Some(WebhookKind::Complained),
            (Self::Delivered, _) => Some(WebhookKind::Delivered),
            (Self::Failed, Some(Severity::Permanent)) => Some(WebhookKind::PermanentFail),
            (Self::Failed, Some(Severity::Temporary)) => Some(WebhookKind::TemporaryFail),
            (Self::Opened, _) => Some(WebhookKind::Opened),
            (Self::Unsubscribed, _) => Some(WebhookKind::Unsubscribed),
            (Self::Failed, None) | (Self::Rejected | Self::Stored, _) => None,
        }
    }

    /// The name of each kind in [`EventKind::ALL`].
    const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = Self::ALL[index].as_str();
            index += 1;
        }
        names
    };
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Text::deserialize(deserializer)?;
        let kind = Self::ALL.into_iter().find(|kind| name == kind.as_str());
        kind.ok_or_else(|| Error::unknown_variant(name.raw(), &Self::NAMES))
    }
}

/// How final a `failed` event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Severity {
    /// The message will not be tried again.
    Permanent,
    /// The message will be tried again.
    Temporary,
}

impl Severity {
    const ALL: [Self; 2] = [Self::Permanent, Self::Temporary];
    const NAMES: [&'static str; 2] = [Self::Permanent.as_str(), Self::Temporary.as_str()];

    /// The value of the `severity` field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Temporary => "temporary",
        }
    }

    /// The severity of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Text::deserialize(deserializer)?;
        let severity = Self::ALL.into_iter().find(|severity| name == severity.as_str());
        severity.ok_or_else(|| Error::unknown_variant(name.raw(), &Self::NAMES))
    }
}

/// What a webhook subscribes to: the `id` of Mailgun's webhooks API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum WebhookKind {
    Accepted,
    Clicked,
    Complained,
    Delivered,
    Opened,
    PermanentFail,
    TemporaryFail,
    Unsubscribed,
}

impl WebhookKind {
    /// Every kind, in alphabetical order; `ALL[i].index() == i`.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Clicked,
        Self::Complained,
        Self::Delivered,
        Self::Opened,
        Self::PermanentFail,
        Self::TemporaryFail,
        Self::Unsubscribed,
    ];

    /// The name in the webhooks API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Clicked => "clicked",
            Self::Complained => "complained",
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::PermanentFail => "permanent_fail",
            Self::TemporaryFail => "temporary_fail",
            Self::Unsubscribed => "unsubscribed",
        }
    }

    /// The kind of this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The place of this kind in [`WebhookKind::ALL`], 0 to 7.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for WebhookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back_to_its_kind() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
        for (index, kind) in WebhookKind::ALL.into_iter().enumerate() {
            assert_eq!(WebhookKind::parse(kind.as_str()), Some(kind));
            assert_eq!(kind.index(), index);
        }
        assert_eq!(EventKind::parse("permanent_fail"), None);
        assert_eq!(WebhookKind::parse("failed"), None);
    }

    #[test]
    fn severity_decides_where_a_failure_goes() {
        let failed = EventKind::Failed;
        assert_eq!(failed.webhook(Some(Severity::Permanent)), Some(WebhookKind::PermanentFail));
        assert_eq!(failed.webhook(Some(Severity::Temporary)), Some(WebhookKind::TemporaryFail));
        assert_eq!(failed.webhook(None), None);
        assert_eq!(EventKind::Stored.webhook(None), None);
    }
}
