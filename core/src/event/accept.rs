//! The rules that the values of an event must keep, beyond their types.

use super::Event;
use crate::json::{InputError, Number, RawJson, Reason, Text};
use crate::time::UnixTime;

/// Reads event-data that comes from outside: [`Event::decode`], then the rules of its values.
///
/// - `id`, if it is there: 1 to 64 printable ASCII characters without space, `"`, `\` and `/`, so that
///   it can stand in a header and in a URL.
/// - `timestamp`, if it is there: seconds, between the year 2000 and a day after `now`.
///
/// ```
/// use sealpost_core::{UnixTime, event, json};
/// let now = UnixTime::new(1_770_146_431, 0);
/// let raw = json::check(br#"{"event":"opened","timestamp":1770146431658}"#)?;
/// let error = event::accept(raw, now).unwrap_err();
/// assert_eq!(error.to_string(), "`timestamp` must be in seconds; this is in milliseconds or finer");
/// # Ok::<(), json::InputError>(())
/// ```
///
/// # Errors
/// The field at fault, by its path, and what it must be.
pub fn accept(raw: RawJson<'_>, now: UnixTime) -> Result<Event<'_>, InputError> {
    let event = Event::decode(raw)?;
    event.id.map_or(Ok(()), check_id).map_err(|error| error.inside_field("id"))?;
    event
        .timestamp
        .map_or(Ok(()), |timestamp| check_timestamp(timestamp, now))
        .map_err(|error| error.inside_field("timestamp"))?;
    Ok(event)
}

fn check_id(id: Text<'_>) -> Result<(), InputError> {
    const MAX_LEN: usize = 64;
    const RULE: &str = "be 1 to 64 printable ASCII characters without space, \", \\ and /";

    let good = |character: char| character.is_ascii_graphic() && !matches!(character, '"' | '\\' | '/');
    let length = id.chars().take(MAX_LEN + 1).count();
    let fits = (1..=MAX_LEN).contains(&length) && id.chars().all(good);
    if fits { Ok(()) } else { Err(InputError::value(Reason::Must(RULE))) }
}

fn check_timestamp(timestamp: Number<'_>, now: UnixTime) -> Result<(), InputError> {
    /// 2000-01-01T00:00:00Z.
    const EARLIEST: u64 = 946_684_800;
    const DAY: u64 = 86_400;
    /// In seconds the year 5138, in milliseconds 1973: never seconds.
    const MILLISECONDS: u64 = 100_000_000_000;

    let rule = match timestamp.as_unix_time() {
        Some(time) if time.secs() >= MILLISECONDS => "be in seconds; this is in milliseconds or finer",
        Some(time)
            if time.secs() >= EARLIEST
                && time <= UnixTime::new(now.secs().saturating_add(DAY), now.subsec_micros()) =>
        {
            return Ok(());
        }
        _ => "lie between the year 2000 and a day from now",
    };
    Err(InputError::value(Reason::Must(rule)))
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::{String, ToString};

    use super::super::EventKind;
    use super::*;
    use crate::json;

    const NOW: UnixTime = UnixTime::new(1_770_146_431, 500_000);

    fn accepted(members: &str) -> Result<EventKind, String> {
        let json = format!(r#"{{"event":"opened",{members}}}"#);
        let raw = json::check(json.as_bytes()).expect(&json);
        accept(raw, NOW).map(|event| event.kind).map_err(|error| error.to_string())
    }

    #[test]
    fn ids_can_stand_in_a_header_and_in_a_url() {
        let longest = "x".repeat(64);
        for id in ["x", "MXcc2gEpS-eN8HfkOnmK2w", "~!@#$%^&*()_+'", r"\u0041", &longest] {
            assert_eq!(accepted(&format!(r#""id":"{id}""#)), Ok(EventKind::Opened), "{id}");
        }
        let too_long = "x".repeat(65);
        for id in ["", "a b", "a/b", r"a\/b", r#"a\"b"#, r"a\\b", r"a\n", "é", "\u{7f}", &too_long] {
            let fault = accepted(&format!(r#""id":"{id}""#)).expect_err(id);
            assert!(fault.starts_with("`id` must be 1 to 64 printable ASCII characters"), "{id}: {fault}");
        }
    }

    #[test]
    fn timestamps_lie_between_2000_and_tomorrow() {
        for timestamp in ["946684800", "1770146431.658528", "1770232831.5", "1.770146431e9"] {
            assert_eq!(
                accepted(&format!(r#""timestamp":{timestamp}"#)),
                Ok(EventKind::Opened),
                "{timestamp}"
            );
        }
        for timestamp in ["0", "-1770146431", "946684799.999999", "1770232831.500001", "1e30"] {
            let fault = accepted(&format!(r#""timestamp":{timestamp}"#)).expect_err(timestamp);
            assert_eq!(fault, "`timestamp` must lie between the year 2000 and a day from now", "{timestamp}");
        }
    }

    #[test]
    fn milliseconds_are_refused_by_name() {
        for timestamp in ["100000000000", "1770146431658", "1770146431658.5", "1770146431658528"] {
            let fault = accepted(&format!(r#""timestamp":{timestamp}"#)).expect_err(timestamp);
            assert_eq!(fault, "`timestamp` must be in seconds; this is in milliseconds or finer");
        }
    }

    #[test]
    fn members_that_decide_are_there_once() {
        for name in ["event", "id", "timestamp", "domain", "account"] {
            let member = match name {
                "event" => r#""event":"opened""#,
                "id" => r#""id":"x","id":"x""#,
                "timestamp" => r#""timestamp":1770146431,"timestamp":1770146431"#,
                "domain" => r#""domain":{},"domain":{}"#,
                _ => r#""account":{},"\u0061ccount":{}"#,
            };
            assert_eq!(accepted(member), Err(format!("`{name}` stands twice in one object")));
        }
    }
}
