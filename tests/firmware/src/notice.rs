//! The event of a device that knows what it reports: a few members of Mailgun's event-data.

use sealpost_core::event::EventKind;
use sealpost_core::json::{Number, Text};
use serde::{Deserialize, Serialize};

/// A compact event: what this device is told, and, with its time, what it sends.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Notice<'a> {
    /// What happened.
    pub event: EventKind,
    /// Unique per domain.
    pub id: Text<'a>,
    /// When it happened.
    pub timestamp: Option<Number<'a>>,
    /// Whom the message is for.
    pub recipient: Text<'a>,
}
