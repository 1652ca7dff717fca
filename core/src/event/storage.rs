//! Where the message itself is kept.

use serde::{Deserialize, Serialize};

use crate::json::Text;

/// Where the message itself is kept, for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Storage<'a> {
    /// The URL that it can be fetched from.
    pub url: Option<Text<'a>>,
    /// Its key in the store.
    pub key: Option<Text<'a>>,
    /// The region of the store.
    pub region: Option<Text<'a>>,
    /// The environment of the store, such as `production`.
    pub env: Option<Text<'a>>,
}
