//! What the message was sent as part of, or why it was not sent.

use serde::{Deserialize, Serialize};

use crate::json::Text;

/// A campaign that the message belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Campaign<'a> {
    /// Its id.
    pub id: Option<Text<'a>>,
    /// Its name.
    pub name: Option<Text<'a>>,
}

/// The batch that the message was sent in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Batch<'a> {
    /// Its id.
    pub id: Option<Text<'a>>,
}

/// The template that the message was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct Template<'a> {
    /// Its name.
    pub name: Option<Text<'a>>,
    /// The tag of its version.
    pub version: Option<Text<'a>>,
    /// It made the text part too.
    pub is_text: Option<bool>,
}

/// The mailing list that the message was sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct MailingList<'a> {
    /// Its address.
    pub address: Option<Text<'a>>,
    /// Its `List-Id`.
    pub list_id: Option<Text<'a>>,
    /// The id of the subscription.
    pub sid: Option<Text<'a>>,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
pub struct Reject<'a> {
    /// The reason in a sentence.
    pub reason: Option<Text<'a>>,
    /// More about it; may be empty.
    pub description: Option<Text<'a>>,
}
