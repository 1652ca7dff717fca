//! Writes into event-data what was absent, and leaves the rest as it came.

use core::fmt;

use super::{Account, Domain, Event};
use crate::error::ResourceError;
use crate::json::{EncodeError, Kind, Number, RawJson, Sink, Text, encode};
use crate::time::UnixTime;

/// What an event has from the moment it is accepted, where it did not come with it.
#[derive(Clone, Copy, Debug)]
pub struct Completion<'c> {
    /// Unique per domain; 22 characters where the server assigns it.
    pub id: &'c str,
    /// When it was accepted.
    pub timestamp: UnixTime,
    /// The domain that it was sent to.
    pub domain: &'c str,
    /// The account of that domain.
    pub account: &'c str,
}

/// Writes `raw` with the members `id`, `timestamp`, `domain` and `account` that it lacks, in front.
///
/// What is there stays, byte for byte, but for white space around the whole. `raw` has passed
/// [`accept`](super::accept), so none of these members stands in it twice.
///
/// ```
/// use sealpost_core::{UnixTime, event, json};
/// let raw = json::check(br#"{"event": "opened", "id": "x"}"#)?;
/// let completion = event::Completion {
///     id: "assigned",
///     timestamp: UnixTime::new(1_770_146_431, 658_528),
///     domain: "example.com",
///     account: "a1",
/// };
/// let mut complete = heapless::Vec::<u8, 256>::new();
/// event::complete(raw, &completion, &mut complete).expect("fits");
/// assert_eq!(
///     str::from_utf8(&complete),
///     Ok(concat!(
///         r#"{"timestamp":1770146431.658528,"domain":{"name":"example.com"},"account":{"id":"a1"},"#,
///         r#""event": "opened", "id": "x"}"#,
///     ))
/// );
/// # Ok::<(), json::InputError>(())
/// ```
///
/// # Errors
/// [`CompleteError::OtherDomain`] if the event names a domain that is not the one it was sent to, before
/// anything is written; else those of the sink.
pub fn complete<'a>(
    raw: RawJson<'a>,
    completion: &Completion<'a>,
    sink: &mut (impl Sink + ?Sized),
) -> Result<(), CompleteError<'a>> {
    write(raw, &Present::find(raw), completion, sink)
}

impl<'a> Event<'a> {
    /// As [`complete`], of the event that was read from `raw`: what it has is known, and not looked for again.
    ///
    /// # Errors
    /// As [`complete`].
    pub fn complete(
        &self,
        raw: RawJson<'a>,
        completion: &Completion<'a>,
        sink: &mut (impl Sink + ?Sized),
    ) -> Result<(), CompleteError<'a>> {
        write(raw, &Present::of(self), completion, sink)
    }
}

fn write<'a>(
    raw: RawJson<'a>,
    present: &Present<'a>,
    completion: &Completion<'a>,
    sink: &mut (impl Sink + ?Sized),
) -> Result<(), CompleteError<'a>> {
    let members = raw.as_bytes().strip_prefix(b"{").ok_or(CompleteError::NotAnObject(raw.kind()))?;
    if let Some(named) = present.domain_name
        && !named.eq_ignore_ascii_case(completion.domain)
    {
        return Err(CompleteError::OtherDomain { named, given: completion.domain });
    }

    let mut splice = Splice { sink, lead: b"{" };
    if !present.id {
        splice.member(br#""id":"#, &completion.id)?;
    }
    if !present.timestamp {
        splice.member(br#""timestamp":"#, &Number::from(completion.timestamp))?;
    }
    if !present.domain {
        splice.member(br#""domain":"#, &Domain { name: Some(completion.domain.into()) })?;
    }
    if !present.account {
        splice.member(br#""account":"#, &Account { id: Some(completion.account.into()) })?;
    }
    if present.any || splice.lead == b"{" {
        splice.sink.put(splice.lead)?;
    }
    Ok(splice.sink.put(members)?)
}

/// Why an event could not be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompleteError<'a> {
    /// The event says that it is of another domain. To be corrected by whoever sent it.
    OtherDomain {
        /// What its `domain.name` says.
        named: Text<'a>,
        /// The domain that it was sent to.
        given: &'a str,
    },
    /// It is no object, so [`accept`](super::accept) was not asked.
    NotAnObject(Kind),
    /// The sink could not take it.
    Sink(ResourceError),
}

impl From<ResourceError> for CompleteError<'_> {
    fn from(error: ResourceError) -> Self {
        Self::Sink(error)
    }
}

impl fmt::Display for CompleteError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherDomain { named, given } => {
                write!(
                    f,
                    "`domain.name` is {named:?}, but the event was sent to \"{given}\"; leave it out, or send the event there"
                )
            }
            Self::NotAnObject(kind) => write!(f, "an event is an object, not {kind:?}"),
            Self::Sink(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for CompleteError<'_> {}

/// What the event came with.
#[derive(Default)]
struct Present<'a> {
    any: bool,
    id: bool,
    timestamp: bool,
    domain: bool,
    account: bool,
    domain_name: Option<Text<'a>>,
}

impl<'a> Present<'a> {
    fn find(raw: RawJson<'a>) -> Self {
        let mut present = Self::default();
        for (key, value) in raw.members() {
            present.any = true;
            present.id |= key == "id";
            present.timestamp |= key == "timestamp";
            present.account |= key == "account";
            if key == "domain" {
                present.domain = true;
                present.domain_name = value.member("name").and_then(RawJson::as_text);
            }
        }
        present
    }

    fn of(event: &Event<'a>) -> Self {
        Self {
            // Without its kind it would be no event.
            any: true,
            id: event.id.is_some(),
            timestamp: event.timestamp.is_some(),
            domain: event.domain.is_some(),
            account: event.account.is_some(),
            domain_name: event.domain.and_then(|domain| domain.name),
        }
    }
}

/// Writes members one after the other.
struct Splice<'s, S: ?Sized> {
    sink: &'s mut S,
    /// What stands before the next member: `{`, then `,`.
    lead: &'static [u8],
}

impl<S: Sink + ?Sized> Splice<'_, S> {
    fn member(&mut self, key: &[u8], value: &impl serde::Serialize) -> Result<(), ResourceError> {
        self.sink.put(core::mem::replace(&mut self.lead, b","))?;
        self.sink.put(key)?;
        encode(value, self.sink).map_err(|error| match error {
            EncodeError::Sink(error) => error,
            // Strings, a time and structs of strings are all supported.
            EncodeError::Unsupported => ResourceError::WriteFailed,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;
    use crate::json;

    const COMPLETION: Completion<'_> =
        Completion { id: "i", timestamp: UnixTime::new(7, 42), domain: "example.com", account: "a" };

    fn completed(json: &str) -> Result<String, String> {
        let mut bytes = heapless::Vec::<u8, 512>::new();
        let raw = json::check(json.as_bytes()).expect(json);
        complete(raw, &COMPLETION, &mut bytes).map_err(|error| error.to_string())?;
        json::check(&bytes).map(|raw| raw.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_absent_is_put_in_front() {
        let all = r#"{"id":"i","timestamp":7.000042,"domain":{"name":"example.com"},"account":{"id":"a"}"#;
        assert_eq!(completed(r#"{"event":"opened"}"#), Ok(all.to_string() + r#","event":"opened"}"#));
        assert_eq!(completed("{}"), Ok(all.to_string() + "}"));
        assert_eq!(completed("{ }"), Ok(all.to_string() + " }"));
    }

    #[test]
    fn what_is_there_stays_byte_for_byte() {
        let json = r#"{ "\u0069d" :"x", "timestamp":1e0,"domain" : { },"account":7 , "more":[ 1 ] }"#;
        assert_eq!(completed(&(" \n".to_string() + json + "\n")), Ok(json.to_string()));
    }

    #[test]
    fn another_domain_is_refused_and_both_are_named() {
        let json = r#"{"domain":{"name":"other.example"}}"#;
        let fault = "`domain.name` is \"other.example\", but the event was sent to \"example.com\"; leave it out, or send the event there";
        assert_eq!(completed(json), Err(fault.to_string()));
        assert!(completed(r#"{"domain":{"name":"EXAMPLE.com"}}"#).is_ok());
    }

    #[test]
    fn only_objects_are_completed_and_a_small_sink_is_an_error() {
        assert_eq!(completed("[]"), Err("an event is an object, not Array".to_string()));
        let raw = json::check(b"{}").expect("an object");
        let error = complete(raw, &COMPLETION, &mut heapless::Vec::<u8, 20>::new());
        assert_eq!(error, Err(CompleteError::Sink(ResourceError::BufferTooSmall)));
    }
}
