//! Signed, Mailgun-compatible webhooks without std and without alloc.
//!
//! The core serialises events, signs them, fans them out to their endpoints and decides when each is attempted.
//! It has no clock, no socket and no memory of its own: the host passes time in, posts what the core hands
//! out, and owns every buffer. A server and a microcontroller run on the same code.
//!
//! # The way of an event
//! ```text
//! bytes ─▶ json::check ─▶ event::accept, complete ─▶ event-data, frozen
//!                                                        │
//!                       Subscriptions: which endpoints ◀─┤
//!                                                        ▼
//! host ◀─ Payload ◀─ SigningKey::sign ◀─ attempt ◀─ Dispatcher ◀─ Outcome ◀─ host
//! ```
//!
//! # The map
//! | module | what it is |
//! |---|---|
//! | [`event`] | event-data: its kinds, its fields, what makes it acceptable |
//! | [`json`] | JSON over borrowed bytes: check, decode, encode |
//! | [`sign`] | the signature block, its verification, the Standard Webhooks headers |
//! | [`payload`] | the signed body, in three slices around one event-data |
//! | [`legacy`] | the form bodies of legacy webhooks, in place of a payload |
//! | [`endpoint`] | subscribed URLs, at most three for each kind of event |
//! | [`dispatch`] | the state machine of deliveries: caps, fairness, retries, health |
//! | [`outcome`], [`retry`] | what an answer means, and when to try again |
//! | [`http`] | the head of an HTTP/1.1 request, the head and body of its response |
//! | [`host`] | what a host supplies: clock, entropy, transport, storage |
//! | [`driver`] | a run loop over these for hosts of one task |
//! | [`time`], [`error`] | instants and spans; errors sorted by who must act |
//!
//! # Promises
//! No unsafe code, no floating point, no global state, no panic on any input. Every buffer and every queue has a
//! length that the caller chose. Arithmetic on time saturates.
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
mod body;
mod decimal;
pub mod dispatch;
pub mod driver;
pub mod endpoint;
pub mod error;
pub mod event;
mod hex;
pub mod host;
pub mod http;
pub mod json;
pub mod legacy;
pub mod outcome;
pub mod payload;
pub mod retry;
pub mod sign;
pub mod time;
mod write;

pub use body::Body;
pub use dispatch::{
    Attempt, Dispatcher, Health, Lane, LaneId, Limits, Record, Refill, Slot, Ticket, Verdict,
};
pub use driver::Driver;
pub use endpoint::{Endpoints, Host, Subscriptions, Url};
pub use error::{ConfigError, Full, ResourceError};
pub use event::{Event, EventKind, Severity, WebhookKind};
pub use json::{InputError, RawJson};
pub use legacy::{LegacyForm, LegacyKind, LegacyPayload};
pub use outcome::{Fault, Gone, Outcome};
pub use payload::Payload;
pub use retry::Schedule;
pub use sign::{SignatureBlock, SigningKey, Token};
pub use time::{Duration, Instant, UnixTime};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Whether code has to be small before it is fast: on a microcontroller, and in a module that is sent to others.
pub(crate) const SMALL: bool = cfg!(any(target_os = "none", target_family = "wasm"));
