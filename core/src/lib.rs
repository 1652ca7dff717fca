//! Signed, Mailgun-compatible webhooks without std and without alloc.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(clippy::alloc_instead_of_core, clippy::std_instead_of_core, clippy::std_instead_of_alloc)
)]

#[cfg(test)]
extern crate std;

mod base64;
mod buffer;
mod decimal;
pub mod dispatch;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod host;
pub mod http;
pub mod json;
pub mod outcome;
pub mod payload;
pub mod retry;
pub mod sign;
pub mod time;

pub use dispatch::{
    Attempt, Dispatcher, Health, Lane, LaneId, Limits, Record, Refill, Slot, Ticket, Verdict,
};
pub use endpoint::{Endpoints, Host, Subscriptions, Url};
pub use error::{ConfigError, Full, ResourceError};
pub use event::{Event, EventKind, Severity, WebhookKind};
pub use json::{InputError, RawJson};
pub use outcome::{Fault, Gone, Outcome};
pub use payload::Payload;
pub use retry::Schedule;
pub use sign::{SignatureBlock, SigningKey, Token};
pub use time::{Duration, Instant, UnixTime};
