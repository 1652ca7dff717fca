//! What the receiving server said.

use serde::{Deserialize, Serialize};

use crate::json::{Number, RawJson, Text};

/// What the receiving server said, and how the attempt to reach it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct DeliveryStatus<'a> {
    /// Which attempt it was, from 1.
    pub attempt_no: Option<u32>,
    /// The SMTP reply code, or one of Mailgun's own: 498 and 499 no mail exchanger, 602 too old, 605 to
    /// 607 suppressed.
    pub code: Option<u32>,
    /// The text of the reply.
    pub message: Option<Text<'a>>,
    /// More about it; may be empty.
    pub description: Option<Text<'a>>,
    /// The enhanced status code (RFC 3463), such as `5.1.1`.
    pub enhanced_code: Option<Text<'a>>,
    /// The mail exchanger.
    pub mx_host: Option<Text<'a>>,
    /// Its IP address.
    pub mx_host_ip: Option<Text<'a>>,
    /// The session was encrypted.
    pub tls: Option<bool>,
    /// The session used SMTPUTF8.
    pub utf8: Option<bool>,
    /// The certificate of the mail exchanger was good.
    pub certificate_verified: Option<bool>,
    /// How long the session took, in seconds.
    pub session_seconds: Option<Number<'a>>,
    /// How long it was until the first attempt, in seconds.
    pub first_delivery_attempt_seconds: Option<Number<'a>>,
    /// When the next attempt follows, in seconds; in temporary failures.
    pub retry_seconds: Option<u32>,
    /// `hard` or `soft`.
    pub bounce_type: Option<Text<'a>>,
    /// A code of the bounce. Mailgun does not say of which type it is, so any value passes.
    pub bounce_code: Option<RawJson<'a>>,
    /// The `code` of the attempt before.
    pub last_code: Option<u32>,
    /// The `message` of the attempt before.
    pub last_message: Option<Text<'a>>,
}
