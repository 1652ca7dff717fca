//! The names by which the types of this module, its encoder and its decoder know each other.
//!
//! Serde has no raw JSON and no numbers without a machine type. So [`Text`](super::Text),
//! [`Number`](super::Number) and the like pass through it as newtype structs of these names around a
//! string: written as it is, or read as the text that stands there. Serializers and deserializers of
//! other crates do not know the names, so these types are for [`encode`](super::encode) and
//! [`decode`](super::decode) alone.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};

use super::check::check_text;
use super::raw::RawJson;

/// A string; written from what stands between its quotes.
pub(super) const TEXT: &str = "$json::Text";
/// A number.
pub(super) const NUMBER: &str = "$json::Number";
/// An object.
pub(super) const OBJECT: &str = "$json::Object";
/// Any value.
pub(super) const VALUE: &str = "$json::Value";
/// An array; read as a sequence of its own text followed by its elements.
pub(super) const LIST: &str = "$json::List";
/// A value that may be `null`.
pub(super) const NULLABLE: &str = "$json::Nullable";

/// A type that is read from one value as it stands.
pub(super) trait Token<'a>: Sized {
    /// One of the names above: what the decoder lets pass.
    const NAME: &'static str;

    fn from_raw(raw: RawJson<'a>) -> Option<Self>;

    /// The token of text that may be anything.
    fn from_text(json: &'a str) -> Option<Self> {
        check_text(json).and_then(Self::from_raw)
    }
}

pub(super) fn read<'de, T: Token<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(T::NAME, TokenVisitor(PhantomData))
}

struct TokenVisitor<T>(PhantomData<T>);

impl<'de, T: Token<'de>> Visitor<'de> for TokenVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::NAME)
    }

    /// The decoder calls it with checked text. Other deserializers that do not know the names, such as those
    /// of serde's own for borrowed strings, call it with any: so it is checked here (measured: a quarter of
    /// the time to decode an event).
    fn visit_borrowed_str<E: Error>(self, json: &'de str) -> Result<T, E> {
        T::from_text(json).ok_or_else(|| E::custom(T::NAME))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::value::{BorrowedStrDeserializer, Error};

    use super::super::{Number, Object, RawJson, Text};

    fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
        T::deserialize(BorrowedStrDeserializer::new(text))
    }

    #[test]
    fn another_deserializer_cannot_make_a_token_of_text_that_is_not_json() {
        for text in ["", "{", r#"{"a"}"#, "[1]]", "1 2", "01", r#""a"#, r#""\x""#, r#""a"b""#] {
            assert!(read::<RawJson>(text).is_err(), "{text}");
            assert!(read::<Object>(text).is_err(), "{text}");
            assert!(read::<Number>(text).is_err(), "{text}");
            assert!(read::<Text>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn another_deserializer_can_hand_over_json() {
        assert_eq!(read::<RawJson>("[1]").map(RawJson::as_str), Ok("[1]"));
        assert_eq!(read::<Number>("1e3").map(Number::as_str), Ok(Some("1e3")));
        assert_eq!(read::<Text>(r#""a""#), Ok(Text::from("a")));
    }
}
