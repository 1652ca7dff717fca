//! `sealpost verify`: is this payload signed with this key?

use std::io::{Read as _, Write as _, stdin, stdout};

use sealpost_core::host::Clock as _;
use sealpost_core::json::Text;
use sealpost_core::sign::{self, ReplayGuard, SigningKey, VerifyError};
use sealpost_core::{Duration, RawJson, UnixTime};

use super::failure::Failure;
use super::key;
use crate::clock::SystemClock;
use crate::config;
use crate::secrets::Secret;

/// The largest payload that is read: more than the largest event-data that can be configured.
const MAX_PAYLOAD: u64 = 8 << 20;

/// Say whether a payload on standard input is signed with the signing key
///
/// Reads one payload, the JSON body of a webhook with `signature` and `event-data`, and checks signature and
/// age. Exit code 0: valid; 1: not valid, and the reason; 64: wrong usage.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The signing key; better in SEALPOST_SIGNING_KEY
    ///
    /// The signing key, which is not the API key. Other users of this machine can see it in the list of
    /// processes; the environment variable SEALPOST_SIGNING_KEY, used without this flag, they cannot.
    #[arg(long, value_name = "KEY", value_parser = key::parse)]
    key: Option<Secret>,

    /// How old the signature may be, such as 15m, or none
    ///
    /// How far the time of signing may lie from now, on either side, such as 30s, 15m or 1h. "none" accepts
    /// any time, for payloads that were kept.
    #[arg(long, value_name = "AGE", default_value = "5m", value_parser = max_age)]
    max_age: MaxAge,
}

#[derive(Clone, Copy)]
enum MaxAge {
    Any,
    Within(Duration),
}

/// A payload whose signature has been checked, in the words of the answer.
#[derive(Debug, PartialEq, Eq)]
struct Valid {
    age: i128,
    event: String,
    id: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let key = key::given(args.key.as_ref(), "SEALPOST_SIGNING_KEY", "signing key")?;
    let key = SigningKey::new(key.expose().as_bytes()).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut body = Vec::new();
    let read = stdin().lock().take(MAX_PAYLOAD + 1).read_to_end(&mut body);
    read.map_err(|error| Failure::Failed(format!("standard input: {error}")))?;
    if body.len() as u64 > MAX_PAYLOAD {
        return Err(Failure::Failed("the payload is longer than 8 MiB; no webhook is".to_owned()));
    }
    match verify(&body, &key, args.max_age, SystemClock::new().unix()) {
        Ok(Valid { age, event, id }) => {
            writeln!(stdout(), "valid: signed {age} s ago, event {event}, id {id}")?;
            Ok(())
        }
        Err(why) => {
            let hint = match why {
                VerifyError::Stale { age } => format!(" ({age} s; --max-age sets what is accepted)"),
                _ => String::new(),
            };
            writeln!(stdout(), "not valid: {why}{hint}")?;
            Err(Failure::No)
        }
    }
}

fn verify(body: &[u8], key: &SigningKey, max_age: MaxAge, now: UnixTime) -> Result<Valid, VerifyError> {
    let at = |time, window| sign::verify(body, key, time, window, &mut ReplayGuard::<1>::new());
    let verified = match max_age {
        MaxAge::Within(window) => at(now, window),
        // The signature is checked before the age, and an age that is too high says when it was made.
        MaxAge::Any => match at(now, Duration::ZERO) {
            Err(VerifyError::Stale { age }) => {
                at(UnixTime::new(now.secs().saturating_add_signed(age.saturating_neg()), 0), Duration::ZERO)
            }
            other => other,
        },
    }?;
    let age = i128::from(now.secs()) - i128::from(verified.timestamp);
    let word = |name| verified.event_data.member(name).and_then(RawJson::as_text).and_then(Text::as_plain);
    let word = |name| word(name).unwrap_or("(none)").to_owned();
    Ok(Valid { age, event: word("event"), id: word("id") })
}

fn max_age(text: &str) -> Result<MaxAge, String> {
    if text == "none" {
        return Ok(MaxAge::Any);
    }
    let millis = config::duration(text).and_then(|age| u32::try_from(age.as_millis()).ok());
    let within = millis.map(|millis| MaxAge::Within(Duration::from_millis(millis)));
    within.ok_or_else(|| "it must be a duration of at most 49d, such as 30s, 5m or 1h, or none".to_owned())
}

#[cfg(test)]
mod tests {
    use sealpost_core::{Payload, Token};

    use super::*;

    const SIGNED: u64 = 1_529_006_854;
    const FIVE_MINUTES: MaxAge = MaxAge::Within(Duration::from_mins(5));

    fn key() -> SigningKey {
        SigningKey::new(b"key-1").unwrap()
    }

    fn payload() -> Vec<u8> {
        let block = key().sign(UnixTime::new(SIGNED, 0), Token::from_entropy([7; 25]));
        Payload::new(&block, br#"{"event":"opened","id":"e1"}"#).chunks().concat()
    }

    fn verdict(body: &[u8], max_age: MaxAge, now: u64) -> Result<Valid, VerifyError> {
        verify(body, &key(), max_age, UnixTime::new(now, 0))
    }

    #[test]
    fn a_fresh_payload_is_valid() {
        let valid = Valid { age: 7, event: "opened".to_owned(), id: "e1".to_owned() };
        assert_eq!(verdict(&payload(), FIVE_MINUTES, SIGNED + 7), Ok(valid));
    }

    #[test]
    fn an_old_one_is_valid_only_where_any_age_is_accepted() {
        let year_later = SIGNED + 31_536_000;
        let stale = VerifyError::Stale { age: 31_536_000 };
        assert_eq!(verdict(&payload(), FIVE_MINUTES, year_later), Err(stale));
        assert_eq!(verdict(&payload(), MaxAge::Any, year_later).unwrap().age, 31_536_000);
        assert_eq!(verdict(&payload(), MaxAge::Any, SIGNED - 60).unwrap().age, -60);
    }

    #[test]
    fn another_key_or_an_altered_token_is_not_valid() {
        let altered = String::from_utf8(payload()).unwrap().replacen("0707", "0708", 1);
        for max_age in [MaxAge::Any, FIVE_MINUTES] {
            let why = verdict(altered.as_bytes(), max_age, SIGNED + 9_000);
            assert_eq!(why, Err(VerifyError::WrongSignature));
        }
    }

    #[test]
    fn an_age_is_a_duration_or_none() {
        assert!(matches!(max_age("none"), Ok(MaxAge::Any)));
        assert!(matches!(max_age("15m"), Ok(MaxAge::Within(age)) if age == Duration::from_mins(15)));
        assert!(max_age("soon").is_err() && max_age("60d").is_err());
    }
}
