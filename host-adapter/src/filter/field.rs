//! The fields that a filter may ask about, and where they stand in event-data.

use sealpost_core::json::{Kind, RawJson};

/// A field that a filter may ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// What happened: `event`.
    Event,
    /// The mailing list: `mailing-list.address` or `mailing-list.list-id`.
    List,
    /// The names of the attachments.
    Attachment,
    /// The header `from`.
    From,
    /// The header `message-id`, angle brackets or not.
    MessageId,
    /// The header `subject`.
    Subject,
    /// The header `to`.
    To,
    /// The size of the message in bytes.
    Size,
    /// The recipient that the event is about.
    Recipient,
    /// The recipients of the message: `message.recipients`.
    Recipients,
    /// The tags of the message.
    Tags,
    /// How final a failure is.
    Severity,
}

/// How the values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// One of a few names.
    Name,
    /// The whole value.
    Whole,
    /// An address in the value, or words.
    Address,
    /// Words.
    Words,
    /// A number.
    Number,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Event,
        Self::List,
        Self::Attachment,
        Self::From,
        Self::MessageId,
        Self::Subject,
        Self::To,
        Self::Size,
        Self::Recipient,
        Self::Recipients,
        Self::Tags,
        Self::Severity,
    ];

    /// Those whose values a store may index.
    pub(super) const INDEXED: [Self; 5] =
        [Self::Event, Self::MessageId, Self::Recipient, Self::Tags, Self::Severity];

    /// The name of the parameter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::List => "list",
            Self::Attachment => "attachment",
            Self::From => "from",
            Self::MessageId => "message-id",
            Self::Subject => "subject",
            Self::To => "to",
            Self::Size => "size",
            Self::Recipient => "recipient",
            Self::Recipients => "recipients",
            Self::Tags => "tags",
            Self::Severity => "severity",
        }
    }

    /// What it is, in a sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Event => "What happened.",
            Self::List => "The address or the id of the mailing list.",
            Self::Attachment => "The name of an attachment.",
            Self::From => "An address or words of the header.",
            Self::MessageId => "The message id, in angle brackets or not.",
            Self::Subject => "Words of the subject.",
            Self::To => "An address or words of the header.",
            Self::Size => "The size of the message in bytes: a number, `>` or `<` one.",
            Self::Recipient => "The address that the event is about.",
            Self::Recipients => "An address that the message went to.",
            Self::Tags => "A whole tag.",
            Self::Severity => "How final a failure is: `permanent` or `temporary`.",
        }
    }

    pub(super) const fn comparison(self) -> Comparison {
        match self {
            Self::Event | Self::Severity => Comparison::Name,
            Self::MessageId | Self::Tags => Comparison::Whole,
            Self::From | Self::To | Self::Recipient | Self::Recipients | Self::List => Comparison::Address,
            Self::Subject | Self::Attachment => Comparison::Words,
            Self::Size => Comparison::Number,
        }
    }

    /// Whether any value of this field in an event satisfies a test. Arrays stand for their elements.
    pub(super) fn any<'a>(self, event: RawJson<'a>, test: &mut impl FnMut(RawJson<'a>) -> bool) -> bool {
        self.paths().iter().any(|path| any_at(event, path, test))
    }

    const fn paths(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Event => &[&["event"]],
            Self::List => &[&["mailing-list", "address"], &["mailing-list", "list-id"]],
            Self::Attachment => &[&["message", "attachments", "filename"]],
            Self::From => &[&["message", "headers", "from"]],
            Self::MessageId => &[&["message", "headers", "message-id"]],
            Self::Subject => &[&["message", "headers", "subject"]],
            Self::To => &[&["message", "headers", "to"]],
            Self::Size => &[&["message", "size"]],
            Self::Recipient => &[&["recipient"]],
            Self::Recipients => &[&["message", "recipients"]],
            Self::Tags => &[&["tags"]],
            Self::Severity => &[&["severity"]],
        }
    }
}

/// Recurses no deeper than checked JSON is nested.
fn any_at<'a, F: FnMut(RawJson<'a>) -> bool>(value: RawJson<'a>, path: &[&str], test: &mut F) -> bool {
    if value.kind() == Kind::Array {
        return value.elements().any(|element| any_at(element, path, test));
    }
    match path.split_first() {
        None => test(value),
        Some((name, rest)) => value.member(name).is_some_and(|member| any_at(member, rest, test)),
    }
}
