//! Signed, Mailgun-compatible webhooks without std and without alloc.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]

#[cfg(test)]
extern crate std;

mod buffer;
mod decimal;
pub mod dispatch;
pub mod error;
pub mod event;
pub mod json;
pub mod outcome;
pub mod payload;
pub mod retry;
pub mod sign;
pub mod time;

pub use dispatch::{Health, LaneId, Record, Ticket, Verdict};
pub use error::{ConfigError, Full, ResourceError};
pub use event::{EventKind, Severity, WebhookKind};
pub use json::{InputError, RawJson};
pub use outcome::{Fault, Gone, Outcome};
pub use payload::Payload;
pub use retry::Schedule;
pub use sign::{SignatureBlock, SigningKey, Token};
pub use time::{Duration, Instant, UnixTime};
