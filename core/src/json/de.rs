//! The decoder: checked JSON in, types with `Deserialize` out.

use core::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::cursor::Cursor;
use super::error::{InputError, Reason};
use super::raw::{Kind, RawJson};
use super::text::Text;
use super::token;

/// Reads `raw` as a `T`, borrowing from its text.
///
/// Takes structs (members that they do not name pass), arrays, booleans, integers, `&str` where there
/// are no escapes, and the types of [this module](super). **`null` is nothing that an `Option` takes**:
/// it is a value of another type like any other. Recurses only as deep as `T` itself.
///
/// ```
/// use sealpost_core::json;
/// #[derive(serde::Deserialize)]
/// struct Status<'a> {
///     code: u32,
///     #[serde(borrow)]
///     message: json::Text<'a>,
///     tls: Option<bool>,
/// }
///
/// let raw = json::check(br#"{"code":250,"message":"\"OK\"","more":[]}"#)?;
/// let status: Status = json::decode(raw)?;
/// assert_eq!((status.code, status.tls), (250, None));
/// assert_eq!(status.message, "\"OK\"");
/// # Ok::<(), json::InputError>(())
/// ```
///
/// # Errors
/// The [`Path`](super::Path) and [`Reason`] of the first value that is not what `T` wants.
pub fn decode<'a, T: Deserialize<'a>>(raw: RawJson<'a>) -> Result<T, InputError> {
    T::deserialize(Decoder(&mut Cursor::new(raw)))
}

/// Reads the value at the cursor.
struct Decoder<'c, 'a>(&'c mut Cursor<'a>);

impl<'a> Decoder<'_, 'a> {
    /// Passes over the value, if it is of this kind.
    fn value(&mut self, kind: Kind, expected: &'static str) -> Result<RawJson<'a>, InputError> {
        let value = self.0.value();
        if value.kind() == kind { Ok(value) } else { Err(InputError::value(Reason::Type(expected))) }
    }

    /// Passes over the bracket, if the value starts with it.
    fn enter(&mut self, bracket: u8, expected: &'static str) -> Result<(), InputError> {
        if self.0.accept(bracket) { Ok(()) } else { Err(InputError::value(Reason::Type(expected))) }
    }
}

/// The methods for machine integers: the number must be written as one, and fit.
macro_rules! integers {
    ($($method:ident: $type:ty, $visit:ident, $expected:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, InputError> {
            let expected = concat!("a whole number ", $expected);
            let digits = self.value(Kind::Number, expected)?.as_str();
            let value: $type = digits.parse().map_err(|_| InputError::value(Reason::Type(expected)))?;
            visitor.$visit(value)
        })*
    };
}

impl<'de> Deserializer<'de> for Decoder<'_, 'de> {
    type Error = InputError;

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_bool(self.value(Kind::Bool, "true or false")?.as_str() == "true")
    }

    integers! {
        deserialize_u8: u8, visit_u8, "from 0 to 255";
        deserialize_u16: u16, visit_u16, "from 0 to 65535";
        deserialize_u32: u32, visit_u32, "from 0 to 4294967295";
        deserialize_u64: u64, visit_u64, "from 0 to 18446744073709551615";
        deserialize_i8: i8, visit_i8, "from -128 to 127";
        deserialize_i16: i16, visit_i16, "from -32768 to 32767";
        deserialize_i32: i32, visit_i32, "from -2147483648 to 2147483647";
        deserialize_i64: i64, visit_i64, "from -9223372036854775808 to 9223372036854775807";
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, InputError> {
        let text = self.value(Kind::String, "a string")?.as_text();
        match text.and_then(Text::as_plain) {
            Some(characters) => visitor.visit_borrowed_str(characters),
            None => Err(InputError::value(Reason::Must("be written without escapes"))),
        }
    }

    /// A field that is there has a value: what may be `null` says so by [`nullable`](super::nullable).
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        let token = match name {
            token::TEXT => self.value(Kind::String, "a string")?,
            token::NUMBER => self.value(Kind::Number, "a number")?,
            token::OBJECT => self.value(Kind::Object, "an object")?,
            token::VALUE => self.0.value(),
            token::LIST => {
                let mut ahead = *self.0;
                let whole = Decoder(&mut ahead).value(Kind::Array, "an array")?;
                self.0.accept(b'[');
                return visitor.visit_seq(Sequence::new(self.0, Some(whole)));
            }
            token::NULLABLE if self.0.peek() == Some(b'n') => {
                self.0.value();
                return visitor.visit_none();
            }
            token::NULLABLE => return visitor.visit_some(self),
            _ => return visitor.visit_newtype_struct(self),
        };
        visitor.visit_borrowed_str(token.as_str())
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, InputError> {
        self.enter(b'[', "an array")?;
        let mut elements = Sequence::new(self.0, None);
        let value = visitor.visit_seq(&mut elements)?;
        match elements.next_element::<IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(InputError::value(Reason::Must("have fewer elements"))),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        self.enter(b'{', "an object")?;
        visitor.visit_map(Fields { cursor: self.0, names, key: Text::plain("") })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.0.value();
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, InputError> {
        Err(InputError::value(Reason::Refused))
    }

    forward_to_deserialize_any! {
        f32 f64 i128 u128 char bytes byte_buf unit unit_struct tuple_struct map enum
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        self.deserialize_str(visitor)
    }
}

/// The elements of an array, whose opening bracket has been passed.
struct Sequence<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    /// For a [`token::LIST`], the array as it stands: it comes before the elements.
    whole: Option<RawJson<'a>>,
    index: u32,
    /// Whether the closing bracket has been passed: what follows it is not of this array, however often
    /// the visitor asks.
    ended: bool,
}

impl<'c, 'a> Sequence<'c, 'a> {
    fn new(cursor: &'c mut Cursor<'a>, whole: Option<RawJson<'a>>) -> Self {
        Self { cursor, whole, index: 0, ended: false }
    }
}

impl<'de> SeqAccess<'de> for Sequence<'_, 'de> {
    type Error = InputError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, InputError> {
        if let Some(whole) = self.whole.take() {
            return seed.deserialize(Decoder(&mut Cursor::new(whole))).map(Some);
        }
        if self.ended || !self.cursor.next_entry(b']') {
            self.ended = true;
            return Ok(None);
        }
        let index = self.index;
        self.index = index.saturating_add(1);
        seed.deserialize(Decoder(self.cursor)).map(Some).map_err(|error| error.inside_element(index))
    }
}

/// The members of an object, whose opening bracket has been passed.
struct Fields<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    names: &'static [&'static str],
    key: Text<'a>,
}

impl Fields<'_, '_> {
    /// The key, if it is the name of a field.
    fn name(&self) -> Option<&'static str> {
        self.names.iter().copied().find(|name| self.key == **name)
    }
}

impl<'de> MapAccess<'de> for Fields<'_, 'de> {
    type Error = InputError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, InputError> {
        if !self.cursor.next_entry(b'}') {
            return Ok(None);
        }
        self.key = self.cursor.key();
        // A name spelled with escapes is the same name, so that no field can be slipped past.
        let name = self.key.as_plain().or_else(|| self.name()).unwrap_or(self.key.raw());
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, InputError> {
        seed.deserialize(Decoder(self.cursor)).map_err(|error| match self.name() {
            Some(name) => error.inside_field(name),
            None => error,
        })
    }
}

impl de::Error for InputError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::value(Reason::Refused)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::value(Reason::OneOf(expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::value(Reason::Missing).inside_field(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::value(Reason::Duplicate).inside_field(field)
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use serde::Deserialize;

    use super::super::nullable::nullable;
    use super::super::{List, Number, Object, check};
    use super::*;

    fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
        decode(check(json.as_bytes()).expect(json)).map_err(|error| error.to_string())
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
    struct Part<'a> {
        attempt_no: u8,
        text: Option<Text<'a>>,
        any: Option<RawJson<'a>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(bound(deserialize = "'de: 'a"))]
    struct Whole<'a> {
        part: Option<Part<'a>>,
        list: Option<List<'a, Part<'a>>>,
        number: Option<Number<'a>>,
        object: Option<Object<'a>>,
        #[serde(default, deserialize_with = "nullable")]
        maybe: Option<bool>,
    }

    impl Clone for Part<'_> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl Copy for Part<'_> {}

    #[test]
    fn fields_are_found_and_others_pass() {
        let part = read::<Part>(r#" { "more" : {"text":[1]}, "text":"x\ty" ,"attempt-no" : 7,"any":null}"#);
        let text = Some(Text::from("x\ty"));
        assert_eq!(part, Ok(Part { attempt_no: 7, text, any: Some(RawJson::from_checked("null")) }));
    }

    #[test]
    fn names_with_escapes_are_the_same_names() {
        assert!(read::<Part>(r#"{"\u0061ttempt-no":1}"#).is_ok());
        let twice = read::<Part>(r#"{"attempt-no":1,"\u0061ttempt-no":2}"#);
        assert_eq!(twice, Err("`attempt-no` stands twice in one object".to_string()));
    }

    #[test]
    fn a_fault_is_named_by_path_and_by_what_would_be_right() {
        let faults = [
            ("[]", "the value must be an object"),
            (r#"{"part":[]}"#, "`part` must be an object"),
            (r#"{"part":{}}"#, "`part.attempt-no` is required"),
            (r#"{"part":{"attempt-no":"1"}}"#, "`part.attempt-no` must be a whole number from 0 to 255"),
            (r#"{"part":{"attempt-no":256}}"#, "`part.attempt-no` must be a whole number from 0 to 255"),
            (r#"{"part":{"attempt-no":1.0}}"#, "`part.attempt-no` must be a whole number from 0 to 255"),
            (r#"{"part":{"attempt-no":1,"text":null}}"#, "`part.text` must be a string"),
            (r#"{"list":{}}"#, "`list` must be an array"),
            (r#"{"list":[{"attempt-no":1},{"attempt-no":1,"text":2}]}"#, "`list[1].text` must be a string"),
            (r#"{"list":[{"attempt-no":1},3]}"#, "`list[1]` must be an object"),
            (r#"{"number":"1"}"#, "`number` must be a number"),
            (r#"{"object":[]}"#, "`object` must be an object"),
            (r#"{"maybe":1}"#, "`maybe` must be true or false"),
        ];
        for (json, fault) in faults {
            assert_eq!(read::<Whole>(json), Err(fault.to_string()), "{json}");
        }
    }

    #[test]
    fn null_stands_for_an_absent_field_where_the_field_says_so() {
        assert_eq!(read::<Whole>(r#"{"maybe":null}"#), read::<Whole>("{}"));
        assert_eq!(read::<Whole>(r#"{"maybe":true}"#).map(|whole| whole.maybe), Ok(Some(true)));
    }

    #[test]
    fn lists_are_read_by_iteration_each_time_anew() {
        let list = read::<List<u16>>("[ 1 , 2,3 ]").expect("a list");
        assert!(list.iter().eq([1, 2, 3]));
        assert!(list.iter().eq([1, 2, 3]));
        assert!(read::<List<u16>>("[]").is_ok_and(|list| list.is_empty()));
        assert_eq!(
            read::<List<List<bool>>>("[[true],[1]]").expect_err("a number"),
            "`[1][0]` must be true or false"
        );
    }

    #[test]
    fn arrays_of_fixed_length_are_that_long() {
        assert_eq!(read::<[u8; 2]>("[1,2]"), Ok([1, 2]));
        assert_eq!(read::<[u8; 2]>("[1,2,3]"), Err("the value must have fewer elements".to_string()));
        assert!(read::<[u8; 2]>("[1]").is_err());
    }

    #[test]
    fn what_follows_a_collected_array_is_read() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Collected {
            first: heapless::Vec<u8, 4>,
            second: heapless::Vec<[u8; 1], 4>,
            last: u8,
        }
        let json = r#"{"first":[1,2] , "second":[[3]],"last":4}"#;
        let (first, second) = ([1, 2].into_iter().collect(), [[3]].into_iter().collect());
        assert_eq!(read(json), Ok(Collected { first, second, last: 4 }));
        assert!(read::<Collected>(r#"{"first":[1,2,3,4,5],"second":[],"last":4}"#).is_err());
    }

    #[test]
    fn floats_are_refused() {
        assert!(read::<f64>("1.5").is_err());
    }
}
