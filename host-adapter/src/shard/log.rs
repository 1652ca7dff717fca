//! What is logged of deliveries: one line for each decision, with the ids of event, delivery and endpoint.
//!
//! What goes as it should is for whoever debugs; what does not, for everybody.

use std::fmt;
use std::time::Duration;

use sealpost_core::{Outcome, Url};
use tracing::{debug, info, warn};

use crate::storage::{Delivery, Endpoint};
use crate::transport::Answer;

/// A line about a delivery, at a level, with more fields.
macro_rules! line {
    ($level:ident, $delivery:expr, $($field:tt)*) => {{
        let Delivery { id, event_id, domain, kind, endpoint, .. } = $delivery;
        $level!(
            event = %event_id, delivery = id, %domain, %kind, endpoint = %Shown(endpoint),
            endpoint_id = endpoint.id(), $($field)*
        );
    }};
}

/// An attempt starts.
pub(super) fn started(delivery: &Delivery, attempt: u8) {
    line!(debug, delivery, attempt, "attempt");
}

/// An attempt has ended.
pub(super) fn ended(delivery: &Delivery, attempt: u8, answer: &Answer, took: Duration) {
    let (took_ms, detail) = (u64::try_from(took.as_millis()).unwrap_or(u64::MAX), &answer.detail);
    match answer.outcome {
        Outcome::Acknowledged => line!(debug, delivery, attempt, took_ms, detail, "acknowledged"),
        Outcome::Refused { status } => line!(info, delivery, attempt, took_ms, status, "refused"),
        Outcome::Retry { fault, .. } => line!(info, delivery, attempt, took_ms, %fault, detail, "failed"),
    }
}

/// A delivery is to be attempted again, after this wait.
pub(super) fn waits(delivery: &Delivery, attempts: u8, wait: sealpost_core::Duration) {
    line!(debug, delivery, attempts, wait_ms = wait.as_millis(), "retry");
}

/// The last attempt of the schedule has failed.
pub(super) fn exhausted(delivery: &Delivery, attempts: u8) {
    line!(warn, delivery, attempts, "exhausted");
}

/// The endpoint is no longer wanted.
pub(super) fn cancelled(delivery: &Delivery, attempts: u8) {
    line!(info, delivery, attempts, "cancelled");
}

/// The URL of an endpoint without its credentials and its query, which may hold a token.
struct Shown<'a>(&'a Endpoint);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(self.0.url().expose()) {
            Ok(url) => url.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}
