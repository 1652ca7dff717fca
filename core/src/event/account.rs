//! Whose event it is.

use serde::{Deserialize, Serialize};

use crate::json::Text;

/// The account whose mail this is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Account<'a> {
    /// 24 hexadecimal digits at Mailgun; any text here.
    pub id: Option<Text<'a>>,
}

/// The sending domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Domain<'a> {
    /// The domain name, such as `example.com`.
    pub name: Option<Text<'a>>,
}
