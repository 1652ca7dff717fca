//! The whole signed body of one attempt.

use core::fmt;

use embedded_io::Write;

use crate::body::Body;
use crate::decimal::Decimal;
use crate::json::{Sink, SliceSink};
use crate::sign::{SignatureBlock, SigningKey, Token};
use crate::time::UnixTime;

pub use crate::write::WriteError;

const TIMESTAMP: &[u8] = br#"{"signature":{"timestamp":""#;
const TOKEN: &[u8] = br#"","token":""#;
const SIGNATURE: &[u8] = br#"","signature":""#;
const PARENT_SIGNATURE: &[u8] = br#"","parent-signature":""#;
const EVENT_DATA: &[u8] = br#""},"event-data":"#;
const END: &[u8] = b"}";

/// The longest signed prefix, in bytes: with the longest timestamp and a parent's signature.
pub const MAX_PREFIX: usize = TIMESTAMP.len()
    + Decimal::MAX_LEN
    + TOKEN.len()
    + Token::LEN
    + SIGNATURE.len()
    + 64
    + PARENT_SIGNATURE.len()
    + 64
    + EVENT_DATA.len();

/// `{"signature":{…},"event-data":…}` in three chunks: a signed prefix of this attempt's own, the event-data
/// that all attempts share, and a brace.
///
/// Only the prefix is rendered, into the payload itself: about 200 bytes, at most [`MAX_PREFIX`]. The
/// event-data is whatever holds its bytes (`&[u8]`, or bytes counted by reference), and goes out as it is.
///
/// ```
/// use sealpost_core::sign::{SigningKey, Token};
/// use sealpost_core::{Payload, UnixTime};
///
/// let key = SigningKey::new(b"key-example")?;
/// let block = key.sign(UnixTime::new(1_529_006_854, 0), Token::from_entropy([7; 25]));
/// let payload = Payload::new(&block, br#"{"event":"opened"}"#);
///
/// let body = payload.chunks().concat();
/// assert_eq!(body.len(), payload.len());
/// assert!(body.starts_with(br#"{"signature":{"timestamp":"1529006854","token":"0707"#));
/// assert!(body.ends_with(br#""},"event-data":{"event":"opened"}}"#));
/// # Ok::<(), sealpost_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Payload<D> {
    prefix: [u8; MAX_PREFIX],
    prefix_len: usize,
    event_data: D,
}

impl<D: AsRef<[u8]>> Payload<D> {
    /// The payload of one attempt. `event_data` must be one JSON value, the caller answers for that.
    #[must_use]
    pub fn new(signature: &SignatureBlock, event_data: D) -> Self {
        let mut payload = Self::unsigned(event_data);
        let values = [
            signature.timestamp_digits(),
            signature.token_digits(),
            signature.digits(),
            signature.parent_digits(),
        ];
        payload.prefix_len = render(values, &mut payload.prefix);
        payload
    }

    /// Without a prefix yet: to be signed where it stands, since it is large for the stack of a microcontroller.
    pub(crate) const fn unsigned(event_data: D) -> Self {
        Self { prefix: [0; MAX_PREFIX], prefix_len: 0, event_data }
    }

    /// Signs in place.
    pub(crate) fn sign(&mut self, key: &SigningKey, now: UnixTime, token: &Token) {
        let timestamp = Decimal::new(now.secs());
        let signature = key.signature(&timestamp, token);
        let values = [timestamp.as_bytes(), token.as_bytes(), signature.as_bytes(), &[]];
        self.prefix_len = render(values, &mut self.prefix);
    }

    /// The three chunks that make up the body.
    #[must_use]
    pub fn chunks(&self) -> [&[u8]; 3] {
        [self.prefix.get(..self.prefix_len).unwrap_or_default(), self.event_data.as_ref(), END]
    }

    /// The length of the body in bytes: its Content-Length.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        Body::len(self)
    }

    /// Writes the body and flushes.
    ///
    /// # Errors
    /// [`WriteError::Sink`] with the sink's error; [`WriteError::Closed`] if it takes no more bytes.
    pub fn write_to<W: Write>(&self, sink: &mut W) -> Result<(), WriteError<W::Error>> {
        Body::write_to(self, sink)
    }
}

/// Shows lengths alone: event-data is personal data.
impl<D: AsRef<[u8]>> fmt::Debug for Payload<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Renders the prefix and gives its length. A value that is empty is left out with its name.
#[cfg_attr(target_os = "none", inline(never))]
fn render(values: [&[u8]; 4], prefix: &mut [u8; MAX_PREFIX]) -> usize {
    let mut prefix = SliceSink::new(prefix);
    for (name, value) in [TIMESTAMP, TOKEN, SIGNATURE, PARENT_SIGNATURE].iter().zip(&values) {
        if !value.is_empty() {
            // MAX_PREFIX is the sum of the longest parts, so there is always room.
            let _room = prefix.put(name).and_then(|()| prefix.put(value));
        }
    }
    let _room = prefix.put(EVENT_DATA);
    prefix.into_filled().len()
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::*;
    use crate::sign::{self, ReceivedBlock, ReplayGuard, SigningKey};
    use crate::time::UnixTime;
    use crate::{event, json};

    fn signed(secs: u64) -> SignatureBlock {
        SigningKey::new(b"key").unwrap().sign(UnixTime::new(secs, 0), Token::from_entropy([7; 25]))
    }

    #[test]
    fn the_body_has_the_signature_block_and_the_event_data_and_nothing_else() {
        let block = signed(1_529_006_854);
        let body = Payload::new(&block, br#"{"event":"opened"}"#).chunks().concat();
        let (token, signature) = ("07".repeat(25), block.signature());
        let expected = format!(
            r#"{{"signature":{{"timestamp":"1529006854","token":"{token}","signature":"{signature}"}},"event-data":{{"event":"opened"}}}}"#
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn the_longest_prefix_fits_exactly() {
        let block = signed(u64::MAX).with_parent(&SigningKey::new(b"parent").unwrap());
        let payload = Payload::new(&block, b"{}");
        let [prefix, _, _] = payload.chunks();
        assert_eq!(prefix.len(), MAX_PREFIX);

        #[derive(serde::Deserialize)]
        struct Body<'a> {
            #[serde(borrow)]
            signature: ReceivedBlock<'a>,
        }
        let body = payload.chunks().concat();
        let Body { signature } = serde_json::from_slice(&body).unwrap();
        assert_eq!(signature.signature, block.signature());
        assert_eq!(signature.parent_signature, block.parent_signature());
    }

    #[test]
    fn a_payload_around_event_data_of_the_greatest_depth_is_verified() {
        let depth = json::MAX_DEPTH - 2;
        let nested = "[".repeat(depth) + &"]".repeat(depth);
        let data = format!(r#"{{"event":"opened","user-variables":{{"x":{nested}}}}}"#);
        let now = UnixTime::new(1_529_006_854, 0);
        let raw = json::check(data.as_bytes()).unwrap();
        event::accept(raw, now).unwrap();

        let body = Payload::new(&signed(now.secs()), raw.as_bytes()).chunks().concat();
        let key = SigningKey::new(b"key").unwrap();
        let verified = sign::verify(&body, &key, now, sign::DEFAULT_WINDOW, &mut ReplayGuard::<1>::new());
        assert_eq!(verified.map(|verified| verified.event_data), Ok(raw));
    }

    #[test]
    fn writes_the_same_bytes_through_a_sink_that_takes_few_at_a_time() {
        let payload = Payload::new(&signed(0), b"[1,2,3]");
        let mut sink = Trickle { bytes: Vec::new(), room: usize::MAX };
        payload.write_to(&mut sink).unwrap();
        assert_eq!(sink.bytes, payload.chunks().concat());
        assert_eq!(sink.bytes.len(), payload.len());
    }

    #[test]
    fn a_sink_that_ends_is_an_error_and_no_panic() {
        let payload = Payload::new(&signed(0), b"{}");
        let mut sink = Trickle { bytes: Vec::new(), room: payload.len() - 1 };
        assert_eq!(payload.write_to(&mut sink), Err(WriteError::Closed));
    }

    #[test]
    fn debug_shows_no_event_data() {
        let shown = format!("{:?}", Payload::new(&signed(0), b"alice@recipient.test"));
        assert!(!shown.contains("alice"), "{shown}");
    }

    /// Takes at most seven bytes at a time and `room` in all.
    struct Trickle {
        bytes: Vec<u8>,
        room: usize,
    }

    impl embedded_io::ErrorType for Trickle {
        type Error = core::convert::Infallible;
    }

    impl Write for Trickle {
        fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
            let taken = bytes.len().min(7).min(self.room);
            self.bytes.extend_from_slice(&bytes[..taken]);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }
}
