//! What is known about a request beside what the store looks at.

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;

/// What is known about a request to a bin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Header fields in their order. Those with credentials are masked.
    pub headers: Vec<(String, String)>,
    /// The recipient of the event.
    pub recipient: Option<String>,
    /// When the event happened, in microseconds since 1970.
    pub event_at: Option<i64>,
    /// What the signature block in the body comes to.
    pub mailgun: Verdict,
    /// What the Standard Webhooks headers come to.
    pub standard_webhooks: Verdict,
}

impl Details {
    /// How long after its event the request came, in milliseconds, at this time of its own.
    #[must_use]
    pub fn latency(&self, received_at: i64) -> Option<i64> {
        Some(received_at.saturating_sub(self.event_at?.div_euclid(1000)))
    }
}
