//! `application/x-www-form-urlencoded` (<https://url.spec.whatwg.org/#urlencoded-serializing>), without a dot.
//!
//! The body signature of Standard Webhooks covers `id.timestamp.body`. As the body has no dot, that can be split in one
//! way only, whatever the fields say; a dot that is escaped is read as one that is not.

use super::fields::FieldSink;
use super::percent;
use super::value::{Value, put_text};
use crate::error::ResourceError;
use crate::json::{Sink, Text};

pub(super) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Writes fields as `name=value`, with `&` between them.
pub(super) struct UrlEncoder<'s, S: ?Sized> {
    sink: &'s mut S,
    /// What stands before the next field: nothing, then `&`.
    lead: &'static [u8],
}

impl<'s, S: Sink + ?Sized> UrlEncoder<'s, S> {
    /// Begins a form.
    pub(super) const fn new(sink: &'s mut S) -> Self {
        Self { sink, lead: b"" }
    }

    /// Goes on behind other fields.
    pub(super) const fn resume(sink: &'s mut S) -> Self {
        Self { sink, lead: b"&" }
    }
}

impl<S: Sink + ?Sized> FieldSink for UrlEncoder<'_, S> {
    fn field(&mut self, name: Text<'_>, value: Value<'_>) -> Result<(), ResourceError> {
        self.sink.put(core::mem::replace(&mut self.lead, b"&"))?;
        put_text(&mut Escape(&mut *self.sink), name)?;
        self.sink.put(b"=")?;
        value.write(&mut Escape(&mut *self.sink))
    }
}

/// `+` for a space, `%` for what is not a letter, a digit or one of `*-_`.
struct Escape<'s, S: ?Sized>(&'s mut S);

impl<S: Sink + ?Sized> Sink for Escape<'_, S> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'_');
        for (index, word) in bytes.split(|byte| *byte == b' ').enumerate() {
            if index > 0 {
                self.0.put(b"+")?;
            }
            percent::put(self.0, word, plain)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: &str, value: &str) -> heapless::Vec<u8, 128> {
        let mut bytes = heapless::Vec::new();
        let mut form = UrlEncoder::new(&mut bytes);
        form.field("a".into(), Value::Ascii(b"1")).unwrap();
        form.field(name.into(), Value::Text(value.into())).unwrap();
        bytes
    }

    #[test]
    fn bytes_are_escaped_as_the_url_standard_has_it_and_dots_too() {
        assert_eq!(encoded("b.", "*-._09AZaz"), b"a=1&b%2E=*-%2E_09AZaz");
        assert_eq!(encoded("b", "  x "), b"a=1&b=++x+");
        assert_eq!(encoded("b&=", "+%~\r\n\0"), b"a=1&b%26%3D=%2B%25%7E%0D%0A%00");
        assert_eq!(encoded("é", "😀"), b"a=1&%C3%A9=%F0%9F%98%80");
        assert_eq!(encoded("", ""), b"a=1&=");
    }
}
