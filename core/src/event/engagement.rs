//! Who opened, clicked or unsubscribed: with what, and where.

use serde::{Deserialize, Serialize};

use crate::json::Text;

/// The program at the recipient's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct ClientInfo<'a> {
    /// `browser`, `mobile browser`, `email client`, `library`, `robot`, `other` or `unknown`.
    pub client_type: Option<Text<'a>>,
    /// The operating system.
    pub client_os: Option<Text<'a>>,
    /// `desktop`, `mobile`, `tablet` or `unknown`.
    pub device_type: Option<Text<'a>>,
    /// The program's name.
    pub client_name: Option<Text<'a>>,
    /// The `User-Agent` header.
    pub user_agent: Option<Text<'a>>,
    /// The name of the bot, or empty for a person.
    pub bot: Option<Text<'a>>,
    /// The `Accept-Language` header.
    pub accept_language: Option<Text<'a>>,
    /// The IP address.
    pub ip: Option<Text<'a>>,
}

/// Where the recipient's IP address is. Each may be `Unknown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct Geolocation<'a> {
    /// The country, as ISO 3166 code.
    pub country: Option<Text<'a>>,
    /// The region within it.
    pub region: Option<Text<'a>>,
    /// The city.
    pub city: Option<Text<'a>>,
}
