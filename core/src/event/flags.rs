//! What is true of the message.

use serde::{Deserialize, Serialize};

/// What is true of the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Flags {
    /// It arrived through a route.
    pub is_routed: Option<bool>,
    /// Its sender had authenticated.
    pub is_authenticated: Option<bool>,
    /// It is a test of the system itself.
    pub is_system_test: Option<bool>,
    /// It was sent in test mode, and not delivered.
    pub is_test_mode: Option<bool>,
    /// It is large.
    pub is_big: Option<bool>,
    /// It has an AMP part.
    pub is_amp: Option<bool>,
    /// It is stored encrypted.
    pub is_encrypted: Option<bool>,
    /// The bounce came after the receiving server had taken the message.
    pub is_delayed_bounce: Option<bool>,
}
