//! Signing and verifying.
//!
//! Two schemes go out with every payload:
//!
//! - Mailgun's **signature block** inside the payload, by the account's one [`SigningKey`]. It covers a
//!   timestamp and a [`Token`], not the body: it says who sent, not what.
//! - **Standard Webhooks** headers, by an [`EndpointSecret`] per endpoint, over id, timestamp and body.
//!
//! Receivers call [`verify()`] and [`EndpointSecret::verify`].

mod block;
mod key;
mod mac;
mod replay;
mod standard;
mod token;
mod verify;

pub use block::{ReceivedBlock, SignatureBlock};
pub use key::SigningKey;
pub use replay::{Remember, ReplayGuard};
pub use standard::{EndpointSecret, SecretText, StandardHeaders, StandardSignature, StandardSignatures};
pub use token::Token;
pub use verify::{DEFAULT_WINDOW, Verified, VerifiedBlock, VerifyError, check_payload, verify, verify_block};
