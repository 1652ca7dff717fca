//! Verification, for whoever receives payloads.

use core::fmt;

use super::block::ReceivedBlock;
use super::key::SigningKey;
use super::mac::Code;
use super::replay::Remember;
use crate::decimal;
use crate::hex;
use crate::json::{self, InputError, RawJson};
use crate::time::{Duration, UnixTime};

/// How far a timestamp may lie from now, either way, unless you have reason for another window: 5 minutes,
/// the most common choice among receivers of Mailgun's webhooks.
pub const DEFAULT_WINDOW: Duration = Duration::from_mins(5);

/// Verifies a payload, `{"signature":{…},"event-data":{…}}`, as it came in: every receiver's one call.
///
/// The checks are those of [`verify_block`]. Mailgun's signature does not cover the event-data; to know that
/// nobody altered it, verify the Standard Webhooks headers too
/// ([`EndpointSecret::verify`](super::EndpointSecret::verify)).
///
/// # Errors
/// See [`VerifyError`]. `guard` remembers nothing unless the payload is verified.
///
/// ```
/// use sealpost_core::sign::{self, ReplayGuard, SigningKey, VerifyError};
/// use sealpost_core::UnixTime;
///
/// let body = br#"{
///     "signature": {
///         "timestamp": "1529006854",
///         "token": "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0",
///         "signature": "b27078a1ce4b5ec8416040232b242b1c682ef71248cdad5a811e7867ab1498a8"
///     },
///     "event-data": {"event": "opened"}
/// }"#;
/// let key = SigningKey::new(b"key-55c5c5c5c55f55ca5cd5f55d5c555c55")?;
/// let mut guard = ReplayGuard::<64>::new();
/// let now = UnixTime::new(1_529_006_900, 0);
///
/// let verified = sign::verify(body, &key, now, sign::DEFAULT_WINDOW, &mut guard)?;
/// assert_eq!(verified.event_data.as_str(), r#"{"event": "opened"}"#);
///
/// let again = sign::verify(body, &key, now, sign::DEFAULT_WINDOW, &mut guard);
/// assert_eq!(again, Err(VerifyError::Replayed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify<'a>(
    body: &'a [u8],
    key: &SigningKey,
    now: UnixTime,
    window: Duration,
    guard: &mut (impl Remember + ?Sized),
) -> Result<Verified<'a>, VerifyError> {
    let payload = check_payload(body)?;
    let block = ReceivedBlock::in_payload(payload)?;
    let event_data = payload.member("event-data").ok_or(VerifyError::Malformed("`event-data` is missing"))?;
    let VerifiedBlock { timestamp, token } = verify_block(&block, key, now, window, guard)?;
    Ok(Verified { timestamp, token, event_data })
}

/// A payload as JSON, of which nothing is verified yet: for receivers that take it apart themselves. It is one object
/// around event-data, and so one deeper than what [`json::check`] takes.
///
/// # Errors
/// [`VerifyError::NotJson`].
pub fn check_payload(body: &[u8]) -> Result<RawJson<'_>, VerifyError> {
    json::check_to_depth(body, json::MAX_DEPTH + 1).map_err(VerifyError::NotJson)
}

/// A payload that passed every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    /// When it was signed, in seconds since 1970.
    pub timestamp: u64,
    /// The random part of the signature block.
    pub token: &'a str,
    /// The event, by whose `id` a receiver tells a repetition from something new.
    pub event_data: RawJson<'a>,
}

/// Verifies a signature block on its own, for receivers that have taken the payload apart, in this order:
/// the signature, in constant time; the timestamp, which must lie within `window` of `now` on either side;
/// then `guard`, which must not have seen it before.
///
/// The signature counts if `key` made it, or if it made the `parent-signature`: the one that the key's
/// owner looks at depends on whether the domain belongs to a subaccount.
///
/// # Errors
/// See [`VerifyError`]. `guard` remembers nothing unless the block is verified.
pub fn verify_block<'a>(
    block: &ReceivedBlock<'a>,
    key: &SigningKey,
    now: UnixTime,
    window: Duration,
    guard: &mut (impl Remember + ?Sized),
) -> Result<VerifiedBlock<'a>, VerifyError> {
    let timestamp = seconds(block.timestamp)?;
    let code = key.code(block.timestamp.as_bytes(), block.token.as_bytes());
    if !signs(block, &code)? {
        return Err(VerifyError::WrongSignature);
    }
    check_age(timestamp, now, window)?;
    if !guard.remember(code.as_bytes()) {
        return Err(VerifyError::Replayed);
    }
    Ok(VerifiedBlock { timestamp, token: block.token })
}

/// A signature block that passed every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedBlock<'a> {
    /// When it was signed, in seconds since 1970.
    pub timestamp: u64,
    /// The random part.
    pub token: &'a str,
}

/// Why a payload was not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum VerifyError {
    /// The body is not JSON.
    NotJson(InputError),
    /// It does not have the parts of a signed payload; the text says which is missing or wrong.
    Malformed(&'static str),
    /// Another key made the signature, or someone altered the timestamp or the token.
    WrongSignature,
    /// It was signed outside of the window.
    Stale {
        /// How many seconds ago; negative for a time yet to come.
        age: i64,
    },
    /// It has been received before.
    Replayed,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(error) => write!(f, "the payload is not JSON: {error}"),
            Self::Malformed(what) => f.write_str(what),
            Self::WrongSignature => f.write_str(
                "the signature is not of this signing key (which is not the API key), or was altered",
            ),
            Self::Stale { age: 0.. } => f.write_str("the signature is too old"),
            Self::Stale { .. } => f.write_str("the signature is from the future; compare the clocks"),
            Self::Replayed => f.write_str("this payload has been received before"),
        }
    }
}

impl core::error::Error for VerifyError {}

pub(super) fn seconds(timestamp: &str) -> Result<u64, VerifyError> {
    decimal::parse(timestamp.as_bytes())
        .filter(|secs| i64::try_from(*secs).is_ok())
        .ok_or(VerifyError::Malformed("the timestamp must be a string of decimal seconds since 1970"))
}

/// Whether one of the block's signatures is this one. Compares in constant time.
fn signs(block: &ReceivedBlock<'_>, code: &Code) -> Result<bool, VerifyError> {
    for text in [Some(block.signature), block.parent_signature] {
        let Some(text) = text else { break };
        let signature = hex::decode(text.as_bytes())
            .ok_or(VerifyError::Malformed("a signature must be 64 hexadecimal digits"))?;
        if code.is(&signature) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn check_age(timestamp: u64, now: UnixTime, window: Duration) -> Result<(), VerifyError> {
    // Only a clock can be that far ahead: a timestamp fits into 63 bits.
    let age = now.secs().checked_signed_diff(timestamp).unwrap_or(i64::MAX);
    if age.unsigned_abs() <= u64::from(window.as_millis() / 1000) {
        Ok(())
    } else {
        Err(VerifyError::Stale { age })
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::ToString;

    use super::*;
    use crate::sign::{ReplayGuard, Token};

    const SIGNED: u64 = 1_529_006_854;

    fn key() -> SigningKey {
        SigningKey::new(b"key-55c5c5c5c55f55ca5cd5f55d5c555c55").unwrap()
    }

    fn block() -> ReceivedBlock<'static> {
        ReceivedBlock {
            timestamp: "1529006854",
            token: "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0",
            signature: "b27078a1ce4b5ec8416040232b242b1c682ef71248cdad5a811e7867ab1498a8",
            parent_signature: None,
        }
    }

    fn verify_at(block: &ReceivedBlock<'_>, secs: u64) -> Result<u64, VerifyError> {
        let (now, mut guard) = (UnixTime::new(secs, 0), ReplayGuard::<4>::new());
        verify_block(block, &key(), now, DEFAULT_WINDOW, &mut guard).map(|verified| verified.timestamp)
    }

    #[test]
    fn the_window_is_closed_on_both_sides() {
        for (secs, verdict) in [
            (SIGNED - 301, Err(VerifyError::Stale { age: -301 })),
            (SIGNED - 300, Ok(SIGNED)),
            (SIGNED + 300, Ok(SIGNED)),
            (SIGNED + 301, Err(VerifyError::Stale { age: 301 })),
            (u64::MAX, Err(VerifyError::Stale { age: i64::MAX })),
        ] {
            assert_eq!(verify_at(&block(), secs), verdict, "at {secs}");
        }
    }

    #[test]
    fn an_altered_part_is_a_wrong_signature() {
        let altered = [
            ReceivedBlock { timestamp: "1529006855", ..block() },
            ReceivedBlock { token: "b8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0", ..block() },
            ReceivedBlock {
                signature: "a27078a1ce4b5ec8416040232b242b1c682ef71248cdad5a811e7867ab1498a8",
                ..block()
            },
        ];
        for block in altered {
            assert_eq!(verify_at(&block, SIGNED), Err(VerifyError::WrongSignature), "{block:?}");
        }
    }

    #[test]
    fn a_body_without_a_signed_block_is_malformed() {
        let signature = "b27078a1ce4b5ec8416040232b242b1c682ef71248cdad5a811e7867ab1498a8";
        for body in [
            "{}".to_string(),
            "[]".to_string(),
            r#"{"signature":"x","event-data":{}}"#.to_string(),
            r#"{"signature":{"timestamp":"1","token":"x"},"event-data":{}}"#.to_string(),
            format!(r#"{{"signature":{{"timestamp":1529006854,"token":"x","signature":"{signature}"}}}}"#),
            format!(r#"{{"signature":{{"timestamp":"1","token":"x","signature":"{signature}"}}}}"#),
        ] {
            let mut guard = ReplayGuard::<4>::new();
            let verdict =
                verify(body.as_bytes(), &key(), UnixTime::new(SIGNED, 0), DEFAULT_WINDOW, &mut guard);
            assert!(matches!(verdict, Err(VerifyError::Malformed(_))), "{body}: {verdict:?}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let mut guard = ReplayGuard::<4>::new();
        let verdict = verify(b"{\"a\":", &key(), UnixTime::new(SIGNED, 0), DEFAULT_WINDOW, &mut guard);
        assert!(
            matches!(verdict, Err(VerifyError::NotJson(error)) if error.offset() == Some(5)),
            "{verdict:?}"
        );
    }

    #[test]
    fn what_is_no_number_and_no_hex_is_malformed() {
        let malformed = [
            ReceivedBlock { timestamp: "", ..block() },
            ReceivedBlock { timestamp: "+1529006854", ..block() },
            ReceivedBlock { timestamp: "1529006854.0", ..block() },
            ReceivedBlock { timestamp: "18446744073709551616", ..block() },
            ReceivedBlock { signature: "b270", ..block() },
            ReceivedBlock {
                signature: "z27078a1ce4b5ec8416040232b242b1c682ef71248cdad5a811e7867ab1498a8",
                ..block()
            },
        ];
        for block in malformed {
            assert!(matches!(verify_at(&block, SIGNED), Err(VerifyError::Malformed(_))), "{block:?}");
        }
    }

    #[test]
    fn the_account_above_verifies_by_the_parent_signature() {
        let own = SigningKey::new(b"subaccount").unwrap();
        let signed = own.sign(UnixTime::new(SIGNED, 0), Token::from_entropy([1; 25])).with_parent(&key());
        let token = signed.token();
        let received = ReceivedBlock {
            timestamp: "1529006854",
            token: token.as_str(),
            signature: signed.signature(),
            parent_signature: signed.parent_signature(),
        };
        assert_eq!(verify_at(&received, SIGNED), Ok(SIGNED));
        let orphan = ReceivedBlock { parent_signature: None, ..received };
        assert_eq!(verify_at(&orphan, SIGNED), Err(VerifyError::WrongSignature));
    }

    #[test]
    fn a_second_time_is_a_replay_and_a_refused_block_leaves_no_trace() {
        let mut guard = ReplayGuard::<1>::new();
        let mut verify_at = |block: ReceivedBlock<'_>, secs| {
            verify_block(&block, &key(), UnixTime::new(secs, 0), DEFAULT_WINDOW, &mut guard).map(|_| ())
        };
        assert_eq!(verify_at(block(), SIGNED + 9999), Err(VerifyError::Stale { age: 9999 }));
        assert_eq!(verify_at(block(), SIGNED), Ok(()));
        let forged = ReceivedBlock { token: "x", ..block() };
        assert_eq!(verify_at(forged, SIGNED), Err(VerifyError::WrongSignature));
        assert_eq!(verify_at(block(), SIGNED), Err(VerifyError::Replayed));
    }

    #[test]
    fn digits_moved_between_timestamp_and_token_are_still_the_same_signature() {
        let mut guard = ReplayGuard::<4>::new();
        let moved = ReceivedBlock {
            timestamp: "152900685",
            token: "4a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0",
            ..block()
        };
        let always = Duration::MAX;
        let now = |secs| UnixTime::new(secs, 0);
        assert!(verify_block(&block(), &key(), now(SIGNED), always, &mut guard).is_ok());
        assert_eq!(
            verify_block(&moved, &key(), now(SIGNED / 10), always, &mut guard),
            Err(VerifyError::Replayed)
        );
    }
}
