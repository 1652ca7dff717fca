//! `multipart/form-data` (RFC 7578, in the dialect of browsers:
//! <https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>).

use core::fmt;

use sha2::{Digest as _, Sha256};

use super::fields::FieldSink;
use super::percent;
use super::value::{Value, put_text};
use crate::error::ResourceError;
use crate::hex::Hex;
use crate::json::{Sink, Text};

const CONTENT_TYPE: &[u8] = b"multipart/form-data; boundary=";
const PREFIX: &[u8] = b"sealpost-";
const DIGITS: usize = 32;
const DISPOSITION: &[u8] = b"\r\nContent-Disposition: form-data; name=\"";

/// What stands between the parts of a multipart form: `sealpost-` and 32 hexadecimal digits of the SHA-256 of all
/// that the form says of its event.
///
/// So it is the same for every attempt, and it stands nowhere in the parts: an event with its own hash in it would
/// take 2^128 trials to find, and a signature has no letters beyond `f`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Boundary {
    /// The whole Content-Type, which ends with the boundary.
    content_type: [u8; CONTENT_TYPE.len() + Self::LEN],
}

impl Boundary {
    /// Its length in bytes.
    pub const LEN: usize = PREFIX.len() + DIGITS;

    /// The boundary of the form whose fields `list` hands over.
    pub(super) fn around(list: impl FnOnce(&mut FieldHash) -> Result<(), ResourceError>) -> Self {
        let mut hash = FieldHash(Sha256::new());
        // A hash takes everything.
        let _taken = list(&mut hash);
        let hash: [u8; 32] = hash.0.finalize().into();
        let digits = Hex::<DIGITS>::encode(hash.first_chunk::<{ DIGITS / 2 }>().unwrap_or(&[0; DIGITS / 2]));

        let mut content_type = [0; CONTENT_TYPE.len() + Self::LEN];
        let text = CONTENT_TYPE.iter().chain(PREFIX).chain(digits.as_bytes());
        for (place, byte) in content_type.iter_mut().zip(text) {
            *place = *byte;
        }
        Self { content_type }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.content_type().get(CONTENT_TYPE.len()..).unwrap_or_default()
    }

    pub(super) fn content_type(&self) -> &str {
        core::str::from_utf8(&self.content_type).unwrap_or_default()
    }

    /// Ends the form.
    pub(super) fn close(&self, sink: &mut impl Sink) -> Result<(), ResourceError> {
        [b"--", self.as_str().as_bytes(), b"--\r\n"].into_iter().try_for_each(|part| sink.put(part))
    }
}

impl fmt::Debug for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Boundary({})", self.as_str())
    }
}

/// How many bytes a part has beside its name and its value.
pub(super) const PART: usize = 2 + Boundary::LEN + DISPOSITION.len() + 5 + 2;
/// How many bytes the end of a form has.
pub(super) const CLOSE: usize = 2 + Boundary::LEN + 4;

/// Writes fields as parts, each behind its boundary.
pub(super) struct PartEncoder<'s, S: ?Sized> {
    pub(super) sink: &'s mut S,
    pub(super) boundary: Boundary,
}

impl<S: Sink + ?Sized> FieldSink for PartEncoder<'_, S> {
    fn field(&mut self, name: Text<'_>, value: Value<'_>) -> Result<(), ResourceError> {
        self.sink.put(b"--")?;
        self.sink.put(self.boundary.as_str().as_bytes())?;
        self.sink.put(DISPOSITION)?;
        put_text(&mut QuotedName(&mut *self.sink), name)?;
        self.sink.put(b"\"\r\n\r\n")?;
        value.write(&mut &mut *self.sink)?;
        self.sink.put(b"\r\n")
    }
}

/// A name between its quotes. A line break in it would begin another header, a quote would end it: they are
/// percent-encoded, as browsers do. So are the other control characters, which no header may have, and the
/// backslash, which some parsers take for an escape.
struct QuotedName<'s, S: ?Sized>(&'s mut S);

impl<S: Sink + ?Sized> Sink for QuotedName<'_, S> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        percent::put(self.0, bytes, |byte| !byte.is_ascii_control() && !matches!(byte, b'"' | b'\\'))
    }
}

/// Hashes all names and values.
pub(super) struct FieldHash(Sha256);

impl FieldSink for FieldHash {
    fn field(&mut self, name: Text<'_>, value: Value<'_>) -> Result<(), ResourceError> {
        put_text(self, name)?;
        value.write(self)
    }
}

impl Sink for FieldHash {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        self.0.update(bytes);
        Ok(())
    }
}
