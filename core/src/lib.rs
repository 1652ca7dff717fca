//! Signed, Mailgun-compatible webhooks without std and without alloc.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_core, clippy::std_instead_of_alloc)]

#[cfg(test)]
extern crate std;

pub mod error;
pub mod event;
pub mod json;
pub mod outcome;
pub mod retry;
pub mod time;

pub use error::{ConfigError, Full, ResourceError};
pub use event::{Event, EventKind, Severity, WebhookKind};
pub use json::{InputError, RawJson};
pub use outcome::{Fault, Gone, Outcome};
pub use retry::Schedule;
pub use time::{Duration, Instant, UnixTime};
