//! The message that an event is about.

use serde::{Deserialize, Serialize};

use crate::json::{List, RawJson, Text};

/// The message that an event is about. Events of engagement have its `message-id` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct Message<'a> {
    /// The headers that are kept.
    pub headers: Option<Headers<'a>>,
    /// What is attached.
    pub attachments: Option<List<'a, Attachment<'a>>>,
    /// All recipients, where the event is about more than one: `accepted` and `stored`.
    pub recipients: Option<List<'a, Text<'a>>>,
    /// Bytes.
    pub size: Option<u32>,
    /// When it was to be sent. Mailgun does not say of which type it is, so any value passes.
    pub scheduled_for: Option<RawJson<'a>>,
}

/// The headers of a message that an event keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct Headers<'a> {
    /// `To`.
    pub to: Option<Text<'a>>,
    /// `From`.
    pub from: Option<Text<'a>>,
    /// `Subject`.
    pub subject: Option<Text<'a>>,
    /// `Message-ID`, without the angle brackets.
    pub message_id: Option<Text<'a>>,
}

/// One attachment of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct Attachment<'a> {
    /// The file name.
    pub filename: Option<Text<'a>>,
    /// The media type.
    pub content_type: Option<Text<'a>>,
    /// Bytes.
    pub size: Option<u32>,
}
