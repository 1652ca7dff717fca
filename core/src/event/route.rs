//! The routes that an inbound message took.

use serde::{Deserialize, Serialize};

use crate::json::Text;

/// One route that an inbound message took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Route<'a> {
    /// Its filter.
    pub expression: Option<Text<'a>>,
    /// Its id.
    pub id: Option<Text<'a>>,
    /// What of the message the filter met.
    #[serde(rename = "match")]
    pub matched: Option<RouteMatch<'a>>,
}

/// What of a message the filter of a route met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct RouteMatch<'a> {
    /// The recipient.
    pub recipient: Option<Text<'a>>,
}
