//! The whole signed body of one attempt to a legacy webhook.

use core::fmt;

use embedded_io::Write;

use super::fields;
use super::form::FormEncoding;
use super::multipart::{CLOSE, PART, PartEncoder};
use super::urlencoded::UrlEncoder;
use crate::body::Body;
use crate::decimal::Decimal;
use crate::error::ResourceError;
use crate::json::SliceSink;
use crate::payload::WriteError;
use crate::sign::{SignatureBlock, Token};

/// The longest signed ending, in bytes: of a multipart form, with the longest timestamp.
pub const MAX_ENDING: usize = 3 * PART
    + "timestamp".len()
    + Decimal::MAX_LEN
    + "token".len()
    + Token::LEN
    + "signature".len()
    + 64
    + CLOSE;

/// The form of an event, which all attempts share, and the fields `timestamp`, `token` and `signature` of this
/// attempt's own.
///
/// Only these are rendered, into the payload itself: about 150 bytes, in a multipart form at most [`MAX_ENDING`].
/// Mailgun's legacy webhooks knew no `parent-signature`, so that is not sent.
#[derive(Clone)]
pub struct LegacyPayload<D> {
    encoding: FormEncoding,
    form: D,
    ending: [u8; MAX_ENDING],
    ending_len: usize,
}

impl<D: AsRef<[u8]>> LegacyPayload<D> {
    /// The payload of one attempt. `form` is what [`LegacyForm::write`](super::LegacyForm::write) wrote in this
    /// encoding, the caller answers for that.
    #[must_use]
    pub fn new(encoding: FormEncoding, form: D, signature: &SignatureBlock) -> Self {
        let mut ending = [0; MAX_ENDING];
        // MAX_ENDING is the sum of the longest parts, so there is always room.
        let ending_len = render(encoding, signature, &mut ending).unwrap_or(0);
        Self { encoding, form, ending, ending_len }
    }

    /// The value of the `Content-Type` header.
    #[must_use]
    pub fn content_type(&self) -> &str {
        self.encoding.content_type()
    }

    /// The two chunks that make up the body, and an empty one.
    #[must_use]
    pub fn chunks(&self) -> [&[u8]; 3] {
        [self.form.as_ref(), self.ending.get(..self.ending_len).unwrap_or_default(), &[]]
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

impl<D: AsRef<[u8]>> Body for LegacyPayload<D> {
    fn content_type(&self) -> &str {
        self.content_type()
    }

    fn chunks(&self) -> [&[u8]; 3] {
        self.chunks()
    }
}

/// Shows the length alone: a form is personal data.
impl<D: AsRef<[u8]>> fmt::Debug for LegacyPayload<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LegacyPayload").field("len", &self.len()).finish_non_exhaustive()
    }
}

fn render(
    encoding: FormEncoding,
    signature: &SignatureBlock,
    ending: &mut [u8],
) -> Result<usize, ResourceError> {
    let mut ending = SliceSink::new(ending);
    match encoding {
        FormEncoding::UrlEncoded => fields::of_signature(signature, &mut UrlEncoder::resume(&mut ending))?,
        FormEncoding::Multipart(boundary) => {
            fields::of_signature(signature, &mut PartEncoder { sink: &mut ending, boundary })?;
            boundary.close(&mut ending)?;
        }
    }
    Ok(ending.into_filled().len())
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::event::{Event, EventKind};
    use crate::json;
    use crate::legacy::LegacyForm;
    use crate::sign::SigningKey;
    use crate::time::UnixTime;

    fn signed(secs: u64) -> SignatureBlock {
        SigningKey::new(b"key").unwrap().sign(UnixTime::new(secs, 0), Token::from_entropy([7; 25]))
    }

    fn payload(event: &Event<'_>, signature: &SignatureBlock) -> LegacyPayload<Vec<u8>> {
        let form = LegacyForm::new(event).unwrap();
        let mut fields = vec![0; form.len()];
        form.write(&mut SliceSink::new(&mut fields)).unwrap();
        LegacyPayload::new(form.encoding(), fields, signature)
    }

    fn body(event: &Event<'_>, signature: &SignatureBlock) -> String {
        String::from_utf8(payload(event, signature).chunks().concat()).unwrap()
    }

    #[test]
    fn the_longest_ending_fits_exactly() {
        let payload = payload(&Event::new(EventKind::Complained), &signed(u64::MAX));
        let [_, ending, _] = payload.chunks();
        assert_eq!(ending.len(), MAX_ENDING);
        assert!(ending.ends_with(format!("{}--\r\n", boundary(&payload)).as_bytes()));
    }

    fn boundary(payload: &LegacyPayload<Vec<u8>>) -> &str {
        payload.content_type().strip_prefix("multipart/form-data; boundary=").unwrap()
    }

    #[test]
    fn only_the_signature_is_new_for_each_attempt() {
        for kind in [EventKind::Complained, EventKind::Opened] {
            let event = Event { recipient: Some("alice@recipient.test".into()), ..Event::new(kind) };
            let (first, second) = (payload(&event, &signed(1)), payload(&event, &signed(2)));
            assert_eq!(first.content_type(), second.content_type());
            assert_eq!(first.chunks()[0], second.chunks()[0]);
            assert_ne!(first.chunks()[1], second.chunks()[1]);
        }
    }

    #[test]
    fn events_that_say_different_things_have_different_boundaries() {
        let event =
            |name: &'static str| Event { recipient: Some(name.into()), ..Event::new(EventKind::Complained) };
        let of = |event: &Event<'_>| String::from(boundary(&payload(event, &signed(1))));
        let first = of(&event("alice@recipient.test"));
        assert_ne!(first, of(&event("bob@recipient.test")));
        // Whoever has seen the boundary of an event cannot have it in that event.
        let quoted = Event { recipient: Some(first.as_str().into()), ..Event::new(EventKind::Complained) };
        assert_ne!(first, of(&quoted));
    }

    #[test]
    fn what_is_signed_comes_last_and_has_no_parent() {
        let json = br#"{"event":"opened","user-variables":{"token":"mine","event":"mine"}}"#;
        let event = Event::decode(json::check(json).unwrap()).unwrap();
        let block = signed(1_529_006_854).with_parent(&SigningKey::new(b"parent").unwrap());
        let (token, signature) = ("07".repeat(25), block.signature());
        let expected = format!(
            "event=opened&token=mine&event=mine&timestamp=1529006854&token={token}&signature={signature}"
        );
        assert_eq!(body(&event, &block), expected);
    }

    #[test]
    fn a_name_begins_no_other_header_and_no_other_part() {
        let json =
            br#"{"event":"complained","user-variables":{"\"\r\nX: y\r\n\r\n\\\u0000\u00e9":"\r\n--"}}"#;
        let event = Event::decode(json::check(json).unwrap()).unwrap();
        let body = body(&event, &signed(1));
        let part = "\r\nContent-Disposition: form-data; name=\"%22%0D%0AX: y%0D%0A%0D%0A%5C%00é\"\r\n\r\n\r\n--\r\n--";
        assert!(body.contains(part), "{body}");
    }

    #[test]
    fn writing_is_what_the_chunks_are() {
        let payload = payload(&Event::new(EventKind::Complained), &signed(1));
        let mut written = vec![0; payload.len()];
        payload.write_to(&mut written.as_mut_slice()).unwrap();
        assert_eq!(written, payload.chunks().concat());
        let mut short = vec![0; payload.len() - 1];
        assert!(payload.write_to(&mut short.as_mut_slice()).is_err());
    }

    #[test]
    fn debug_shows_no_form() {
        let event = Event { recipient: Some("alice".into()), ..Event::new(EventKind::Opened) };
        let shown = format!("{:?}", payload(&event, &signed(0)));
        assert!(!shown.contains("alice"), "{shown}");
    }
}
