//! The HTTP API: Mailgun's routes for webhooks, events, domains and the signing key.

mod auth;
mod error;
mod events;
mod form;
mod reply;
#[cfg(test)]
mod testing;

pub use auth::KeyHash;
pub use error::{Error, Faults, ItemFault};
pub use events::CursorKey;
