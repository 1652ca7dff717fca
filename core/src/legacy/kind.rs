//! The names of legacy webhooks.

use core::fmt;

use crate::event::{Event, WebhookKind};

/// What a legacy webhook subscribes to: its `id` in the webhooks API of before 2018.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum LegacyKind {
    Bounce,
    Click,
    Deliver,
    Drop,
    Open,
    Spam,
    Unsubscribe,
}

impl LegacyKind {
    /// Every kind, in alphabetical order; `ALL[i].index() == i`.
    pub const ALL: [Self; 7] =
        [Self::Bounce, Self::Click, Self::Deliver, Self::Drop, Self::Open, Self::Spam, Self::Unsubscribe];

    /// The name in the webhooks API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Click => "click",
            Self::Deliver => "deliver",
            Self::Drop => "drop",
            Self::Open => "open",
            Self::Spam => "spam",
            Self::Unsubscribe => "unsubscribe",
        }
    }

    /// The kind of this name; `None` for any other text.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The place of this kind in [`LegacyKind::ALL`], 0 to 6.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The legacy webhook that this event goes to. A permanent failure goes to `bounce` if that is its reason,
    /// and to `drop` for every other; `None` for what legacy webhooks never told: `accepted`, temporary failures,
    /// `rejected`, `stored`.
    #[must_use]
    pub fn of(event: &Event<'_>) -> Option<Self> {
        match event.webhook()? {
            WebhookKind::Clicked => Some(Self::Click),
            WebhookKind::Complained => Some(Self::Spam),
            WebhookKind::Delivered => Some(Self::Deliver),
            WebhookKind::Opened => Some(Self::Open),
            WebhookKind::PermanentFail if event.reason.is_some_and(|reason| reason == "bounce") => {
                Some(Self::Bounce)
            }
            WebhookKind::PermanentFail => Some(Self::Drop),
            WebhookKind::Unsubscribed => Some(Self::Unsubscribe),
            WebhookKind::Accepted | WebhookKind::TemporaryFail => None,
        }
    }

    /// The webhook of today that tells the same events; `permanent_fail` those of both `bounce` and `drop`.
    #[must_use]
    pub const fn webhook(self) -> WebhookKind {
        match self {
            Self::Bounce | Self::Drop => WebhookKind::PermanentFail,
            Self::Click => WebhookKind::Clicked,
            Self::Deliver => WebhookKind::Delivered,
            Self::Open => WebhookKind::Opened,
            Self::Spam => WebhookKind::Complained,
            Self::Unsubscribe => WebhookKind::Unsubscribed,
        }
    }

    /// The value of the `event` field.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Bounce => "bounced",
            Self::Click => "clicked",
            Self::Deliver => "delivered",
            Self::Drop => "dropped",
            Self::Open => "opened",
            Self::Spam => "complained",
            Self::Unsubscribe => "unsubscribed",
        }
    }
}

impl fmt::Display for LegacyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, Severity};

    #[test]
    fn every_name_parses_back_to_its_kind() {
        for (index, kind) in LegacyKind::ALL.into_iter().enumerate() {
            assert_eq!(LegacyKind::parse(kind.as_str()), Some(kind));
            assert_eq!(kind.index(), index);
        }
        assert_eq!(LegacyKind::parse("bounced"), None);
        assert_eq!(LegacyKind::parse("delivered"), None);
    }

    #[test]
    fn the_reason_decides_between_bounce_and_drop() {
        let failed = |severity, reason: Option<&'static str>| Event {
            severity: Some(severity),
            reason: reason.map(Into::into),
            ..Event::new(EventKind::Failed)
        };
        let of = |severity, reason| LegacyKind::of(&failed(severity, reason));
        assert_eq!(of(Severity::Permanent, Some("bounce")), Some(LegacyKind::Bounce));
        assert_eq!(of(Severity::Permanent, Some("suppress-bounce")), Some(LegacyKind::Drop));
        assert_eq!(of(Severity::Permanent, None), Some(LegacyKind::Drop));
        assert_eq!(of(Severity::Temporary, Some("bounce")), None);
    }

    #[test]
    fn an_event_goes_to_the_legacy_webhook_and_to_that_of_today() {
        for kind in EventKind::ALL {
            let event = Event { severity: Some(Severity::Permanent), ..Event::new(kind) };
            if let Some(legacy) = LegacyKind::of(&event) {
                assert_eq!(event.webhook(), Some(legacy.webhook()), "{kind}");
            } else {
                assert!(
                    matches!(kind, EventKind::Accepted | EventKind::Rejected | EventKind::Stored),
                    "{kind}"
                );
            }
        }
    }
}
