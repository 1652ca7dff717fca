//! Events.

mod kind;

pub use kind::{EventKind, Severity, WebhookKind};
