//! The SMTP envelope of the message.

use serde::{Deserialize, Serialize};

use crate::json::Text;

/// The SMTP envelope of the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct Envelope<'a> {
    /// The address in `MAIL FROM`.
    pub sender: Option<Text<'a>>,
    /// `smtp` or `http`: how the message left.
    pub transport: Option<Text<'a>>,
    /// The address or addresses in `RCPT TO`.
    pub targets: Option<Text<'a>>,
    /// The IP address that the message left from; not known yet when it is accepted.
    pub sending_ip: Option<Text<'a>>,
    /// The address in `MAIL FROM`, where it differs from `sender`.
    pub mail_from: Option<Text<'a>>,
    /// The host that the message left from.
    pub sending_host: Option<Text<'a>>,
    /// The IP pool that `sending_ip` belongs to.
    pub i_ip_pool_id: Option<Text<'a>>,
    /// The name of that pool.
    pub i_ip_pool_name: Option<Text<'a>>,
}
