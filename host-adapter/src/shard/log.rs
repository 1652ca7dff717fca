//! What is logged of attempts: which event, to which endpoint, and how it ended.

use std::fmt;

use sealpost_core::{Outcome, Url};
use tracing::{debug, info, warn};

use crate::storage::{Delivery, Endpoint};

/// An attempt has ended.
pub(super) fn ended(Delivery { event_id, domain, kind, endpoint, .. }: &Delivery, outcome: Outcome) {
    let endpoint = Shown(endpoint);
    match outcome {
        Outcome::Acknowledged => debug!(event = %event_id, %domain, %kind, %endpoint, "acknowledged"),
        Outcome::Refused { status } => {
            info!(event = %event_id, %domain, %kind, %endpoint, status, "refused");
        }
        Outcome::Retry { fault, .. } => info!(event = %event_id, %domain, %kind, %endpoint, %fault, "failed"),
    }
}

/// The last attempt of the schedule has failed.
pub(super) fn exhausted(Delivery { event_id, domain, kind, endpoint, .. }: &Delivery, attempts: u8) {
    warn!(event = %event_id, %domain, %kind, endpoint = %Shown(endpoint), attempts, "exhausted");
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
