//! The values of fields, as UTF-8.

use crate::error::ResourceError;
use crate::event::Headers;
use crate::json::{Sink, Text, put_characters};

/// What a field says. How the form escapes it is for the sink that it is written to.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    /// These characters.
    Text(Text<'a>),
    /// These characters between `<` and `>`.
    Bracketed(Text<'a>),
    /// Digits.
    Ascii(&'a [u8]),
    /// `[["To","…"],…]`: the headers that are there, as JSON.
    Headers(&'a Headers<'a>),
}

impl Value<'_> {
    pub(super) fn write(self, sink: &mut impl Sink) -> Result<(), ResourceError> {
        match self {
            Self::Text(text) => put_text(sink, text),
            Self::Bracketed(text) => {
                sink.put(b"<")?;
                put_text(sink, text)?;
                sink.put(b">")
            }
            Self::Ascii(digits) => sink.put(digits),
            Self::Headers(headers) => put_headers(sink, headers),
        }
    }
}

/// Writes the characters, escapes resolved.
pub(super) fn put_text(sink: &mut impl Sink, text: Text<'_>) -> Result<(), ResourceError> {
    match text.as_plain() {
        Some(characters) => sink.put(characters.as_bytes()),
        None => {
            text.chars().try_for_each(|character| sink.put(character.encode_utf8(&mut [0; 4]).as_bytes()))
        }
    }
}

fn put_headers(sink: &mut impl Sink, headers: &Headers<'_>) -> Result<(), ResourceError> {
    let pairs = [
        (br#"["To",""#.as_slice(), headers.to, br#""]"#.as_slice()),
        (br#"["From",""#, headers.from, br#""]"#),
        (br#"["Subject",""#, headers.subject, br#""]"#),
        (br#"["Message-Id","<"#, headers.message_id, br#">"]"#),
    ];
    let mut lead: &[u8] = b"[";
    for (before, text, after) in pairs {
        let Some(text) = text else { continue };
        sink.put(core::mem::replace(&mut lead, b","))?;
        sink.put(before)?;
        match text.as_plain() {
            Some(characters) => put_characters(sink, characters)?,
            // It came from JSON, and goes into JSON.
            None => sink.put(text.raw().as_bytes())?,
        }
        sink.put(after)?;
    }
    sink.put(if lead == b"[" { b"[]" } else { b"]" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_made_by_hand_get_the_escapes_they_need() {
        let headers = Headers {
            subject: Some("\"a\"\n".into()),
            message_id: Some("\\@x".into()),
            ..Headers::default()
        };
        let mut json = heapless::Vec::<u8, 64>::new();
        Value::Headers(&headers).write(&mut json).unwrap();
        assert_eq!(json, br#"[["Subject","\"a\"\n"],["Message-Id","<\\@x>"]]"#);
    }
}
