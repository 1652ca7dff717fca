//! Text that is valid JSON by construction, and the ways into it.

use core::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::cursor::Cursor;
use super::number::Number;
use super::scan::plain_end;
use super::text::Text;
use super::token::{self, Token};

/// One JSON value as the text that came in, without white space around it.
///
/// Only [`check`](super::check) and what it is made of hand it out, so whoever holds one has no faults
/// of syntax to handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawJson<'a>(&'a str);

impl<'a> RawJson<'a> {
    pub(super) const fn from_checked(text: &'a str) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The text as bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// What kind of value this is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// The string, if this is one.
    #[must_use]
    pub fn as_text(self) -> Option<Text<'a>> {
        let content = self.0.strip_prefix('"')?.strip_suffix('"')?;
        // Of what ends a run of plain bytes, checked text has nothing but backslashes between its quotes.
        let plain = plain_end(content.as_bytes(), 0) == content.len();
        Some(if plain { Text::plain(content) } else { Text::escaped(content) })
    }

    /// The number, if this is one.
    #[must_use]
    pub fn as_number(self) -> Option<Number<'a>> {
        (self.kind() == Kind::Number).then(|| Number::from_checked(self.0))
    }

    /// The truth value, if this is one.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then_some(self.0 == "true")
    }

    /// The elements of an array, in order; none for any other kind.
    ///
    /// ```
    /// # use sealpost_core::json;
    /// let raw = json::check(b"[1, [2, 3]]")?;
    /// assert!(raw.elements().map(|element| element.as_str()).eq(["1", "[2, 3]"]));
    /// # Ok::<(), json::InputError>(())
    /// ```
    #[must_use]
    pub fn elements(self) -> Elements<'a> {
        Elements(self.enter(b'['))
    }

    /// The members of an object, in order, duplicates included; none for any other kind.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        Members(self.enter(b'{'))
    }

    /// The value of the first member of this name.
    #[must_use]
    pub fn member(self, name: &str) -> Option<RawJson<'a>> {
        self.members().find_map(|(key, value)| (key == *name).then_some(value))
    }

    fn enter(self, bracket: u8) -> Option<Cursor<'a>> {
        let mut cursor = Cursor::new(self);
        cursor.accept(bracket).then_some(cursor)
    }
}

impl fmt::Display for RawJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'a> Token<'a> for RawJson<'a> {
    const NAME: &'static str = token::VALUE;

    fn from_raw(raw: Self) -> Option<Self> {
        Some(raw)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawJson<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        token::read(deserializer)
    }
}

impl Serialize for RawJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(token::VALUE, self.0)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for RawJson<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.0);
    }
}

/// The kinds of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// The elements of an array: see [`RawJson::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Option<Cursor<'a>>);

impl<'a> Iterator for Elements<'a> {
    type Item = RawJson<'a>;

    fn next(&mut self) -> Option<RawJson<'a>> {
        let cursor = self.0.as_mut()?;
        if !cursor.next_entry(b']') {
            self.0 = None;
            return None;
        }
        Some(cursor.value())
    }
}

/// The members of an object: see [`RawJson::members`].
#[derive(Clone, Debug)]
pub struct Members<'a>(Option<Cursor<'a>>);

impl<'a> Iterator for Members<'a> {
    type Item = (Text<'a>, RawJson<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let cursor = self.0.as_mut()?;
        if !cursor.next_entry(b'}') {
            self.0 = None;
            return None;
        }
        Some((cursor.key(), cursor.value()))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::check;
    use super::*;

    fn raw(text: &str) -> RawJson<'_> {
        check(text.as_bytes()).expect(text)
    }

    #[test]
    fn kinds_are_told_apart() {
        let kinds = [
            ("null", Kind::Null),
            ("true", Kind::Bool),
            ("-1", Kind::Number),
            ("\"x\"", Kind::String),
            ("[]", Kind::Array),
            ("{}", Kind::Object),
        ];
        for (text, kind) in kinds {
            assert_eq!(raw(text).kind(), kind);
            assert_eq!(raw(text).as_text().is_some(), kind == Kind::String);
            assert_eq!(raw(text).as_number().is_some(), kind == Kind::Number);
            assert_eq!(raw(text).as_bool().is_some(), kind == Kind::Bool);
        }
    }

    #[test]
    fn elements_come_in_order_whatever_stands_between_them() {
        let elements: Vec<_> =
            raw(r#"[ 1 ,"a,]\"" , [2,[]],{"b":[3]} ,null ]"#).elements().map(RawJson::as_str).collect();
        assert_eq!(elements, ["1", r#""a,]\"""#, "[2,[]]", r#"{"b":[3]}"#, "null"]);
        assert_eq!(raw("[ ]").elements().count(), 0);
        assert_eq!(raw("{\"a\":1}").elements().count(), 0);
    }

    #[test]
    fn members_come_in_order_with_their_keys() {
        let raw = raw(r#"{ "a" : {"a":0} , "\u0062":"}" ,"a":2}"#);
        let members: Vec<_> = raw.members().map(|(key, value)| (key.raw(), value.as_str())).collect();
        assert_eq!(members, [("a", r#"{"a":0}"#), (r"\u0062", "\"}\""), ("a", "2")]);
        assert_eq!(raw.member("b").map(RawJson::as_str), Some("\"}\""));
        assert_eq!(raw.member("a").map(RawJson::as_str), Some(r#"{"a":0}"#));
        assert_eq!(raw.member("c"), None);
    }
}
