//! The encoder: types with `Serialize` in, JSON out.

use core::fmt;

use serde::ser::{self, Impossible, Serialize};

use super::scan::plain_end;
use super::sink::{CountingSink, Sink};
use super::token;
use crate::decimal::Decimal;
use crate::error::ResourceError;
use crate::hex;

/// Writes `value` as compact JSON.
///
/// Takes booleans, integers, strings, options, sequences, structs, unit variants of enums (as their
/// name) and the types of [this module](super), which are written as the text that came in. **A struct
/// field that is `None` is left out**; elsewhere `None` is `null`.
///
/// ```
/// use sealpost_core::json::{self, SliceSink};
/// #[derive(serde::Serialize)]
/// struct Status<'a> { code: u32, tls: Option<bool>, message: &'a str }
///
/// let mut buffer = [0; 64];
/// let mut sink = SliceSink::new(&mut buffer);
/// json::encode(&Status { code: 250, tls: None, message: "\"OK\"" }, &mut sink)?;
/// assert_eq!(sink.into_filled(), br#"{"code":250,"message":"\"OK\""}"#);
/// # Ok::<(), json::EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError::Sink`] where the sink fails, [`EncodeError::Unsupported`] for types not named above.
pub fn encode<T: Serialize + ?Sized>(value: &T, sink: &mut (impl Sink + ?Sized)) -> Result<(), EncodeError> {
    value.serialize(Encoder { sink, field: None, style: Style::Characters })
}

/// How many bytes [`encode`] would write.
///
/// # Errors
/// [`EncodeError::Unsupported`], as [`encode`].
pub fn encoded_len<T: Serialize + ?Sized>(value: &T) -> Result<usize, EncodeError> {
    let mut sink = CountingSink::default();
    encode(value, &mut sink)?;
    Ok(sink.count())
}

/// Why a value could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EncodeError {
    /// The sink could not take it.
    Sink(ResourceError),
    /// The value has a type that is not written here: a float, a map, an enum with fields.
    Unsupported,
}

impl From<ResourceError> for EncodeError {
    fn from(error: ResourceError) -> Self {
        Self::Sink(error)
    }
}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Unsupported
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sink(error) => fmt::Display::fmt(error, f),
            Self::Unsupported => f.write_str("floats, maps, bytes and enums with fields are not encoded; use the number and text types of the json module"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Writes one value, behind its key if it is a field.
struct Encoder<'s, S: ?Sized> {
    sink: &'s mut S,
    field: Option<Field<'s>>,
    style: Style,
}

/// The key that is written once the value turns out not to be `None`.
struct Field<'s> {
    name: &'static str,
    /// What stands before the next key: `{`, then `,`.
    lead: &'s mut u8,
}

/// How strings are written.
#[derive(Clone, Copy)]
enum Style {
    /// Characters: in quotes, with escapes where needed.
    Characters,
    /// What stands between quotes already: in quotes, as it is.
    Content,
    /// JSON: as it is.
    Json,
}

impl<'s, S: Sink + ?Sized> Encoder<'s, S> {
    /// Writes the key, and gives the sink for the value.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn begin(self) -> Result<&'s mut S, EncodeError> {
        if let Some(field) = self.field {
            self.sink.put(&[core::mem::replace(field.lead, b','), b'"'])?;
            put_characters(self.sink, field.name)?;
            self.sink.put(b"\":")?;
        }
        Ok(self.sink)
    }

    fn put(self, token: &str) -> Result<(), EncodeError> {
        Ok(self.begin()?.put(token.as_bytes())?)
    }

    fn put_integer(self, negative: bool, magnitude: u64) -> Result<(), EncodeError> {
        let sink = self.begin()?;
        if negative {
            sink.put(b"-")?;
        }
        Ok(sink.put(Decimal::new(magnitude).as_bytes())?)
    }
}

/// Writes what stands between quotes, with the escapes it needs.
#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
fn put_characters<S: Sink + ?Sized>(sink: &mut S, text: &str) -> Result<(), ResourceError> {
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at_checked(plain_end(rest, 0)).unwrap_or((rest, &[]));
        sink.put(plain)?;
        let Some((byte, tail)) = special.split_first() else {
            return Ok(());
        };
        put_escape(sink, *byte)?;
        rest = tail;
    }
}

#[cold]
fn put_escape<S: Sink + ?Sized>(sink: &mut S, byte: u8) -> Result<(), ResourceError> {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => return sink.put(&[b'\\', b'u', b'0', b'0', hex::digit(byte >> 4), hex::digit(byte & 15)]),
    };
    sink.put(&[b'\\', letter])
}

/// The methods for integers that fit another.
macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), EncodeError> {
            self.put_integer(value < 0, value.unsigned_abs().into())
        })*
    };
}

/// The methods for types that are not written.
macro_rules! unsupported {
    ($($method:ident($($argument:ty),*) -> $output:ty),* $(,)?) => {
        $(fn $method(self $(, _: $argument)*) -> Result<$output, EncodeError> {
            Err(EncodeError::Unsupported)
        })*
    };
}

impl<'s, S: Sink + ?Sized> ser::Serializer for Encoder<'s, S> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = SeqEncoder<'s, S>;
    type SerializeTuple = SeqEncoder<'s, S>;
    type SerializeTupleStruct = Impossible<(), EncodeError>;
    type SerializeTupleVariant = Impossible<(), EncodeError>;
    type SerializeMap = Impossible<(), EncodeError>;
    type SerializeStruct = StructEncoder<'s, S>;
    type SerializeStructVariant = Impossible<(), EncodeError>;

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.put(if value { "true" } else { "false" })
    }

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);

    fn serialize_u8(self, value: u8) -> Result<(), EncodeError> {
        self.put_integer(false, value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), EncodeError> {
        self.put_integer(false, value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), EncodeError> {
        self.put_integer(false, value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), EncodeError> {
        self.put_integer(false, value)
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        let style = self.style;
        let sink = self.begin()?;
        if let Style::Json = style {
            return Ok(sink.put(value.as_bytes())?);
        }
        sink.put(b"\"")?;
        match style {
            Style::Content => sink.put(value.as_bytes())?,
            _ => put_characters(sink, value)?,
        }
        Ok(sink.put(b"\"")?)
    }

    /// Text of JSON that was never a `str`, such as the digits of a number.
    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        match self.style {
            Style::Json => Ok(self.begin()?.put(value)?),
            Style::Characters | Style::Content => Err(EncodeError::Unsupported),
        }
    }

    /// Leaves a field out; is `null` elsewhere.
    fn serialize_none(self) -> Result<(), EncodeError> {
        if self.field.is_some() { Ok(()) } else { self.put("null") }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.put("null")
    }

    fn serialize_unit_variant(self, _: &str, _: u32, variant: &'static str) -> Result<(), EncodeError> {
        self.serialize_str(variant)
    }

    // Where it is called the name is known, and nothing is left of the comparison.
    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let style = match name {
            token::TEXT => Style::Content,
            token::NUMBER | token::VALUE => Style::Json,
            _ => self.style,
        };
        value.serialize(Self { style, ..self })
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, EncodeError> {
        Ok(SeqEncoder { sink: self.begin()?, lead: b'[' })
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, EncodeError> {
        self.serialize_seq(None)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, EncodeError> {
        Ok(StructEncoder { sink: self.begin()?, lead: b'{' })
    }

    unsupported! {
        serialize_f32(f32) -> (),
        serialize_f64(f64) -> (),
        serialize_unit_struct(&'static str) -> (),
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant,
        serialize_map(Option<usize>) -> Self::SerializeMap,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant,
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), EncodeError> {
        Err(EncodeError::Unsupported)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), EncodeError> {
        Err(EncodeError::Unsupported)
    }
}

/// Writes the elements of an array.
struct SeqEncoder<'s, S: ?Sized> {
    sink: &'s mut S,
    /// What stands before the next element: `[`, then `,`.
    lead: u8,
}

impl<S: Sink + ?Sized> SeqEncoder<'_, S> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.sink.put(&[core::mem::replace(&mut self.lead, b',')])?;
        encode(value, self.sink)
    }

    fn finish(self) -> Result<(), EncodeError> {
        Ok(self.sink.put(if self.lead == b'[' { b"[]" } else { b"]" })?)
    }
}

impl<S: Sink + ?Sized> ser::SerializeSeq for SeqEncoder<'_, S> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

impl<S: Sink + ?Sized> ser::SerializeTuple for SeqEncoder<'_, S> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

/// Writes the fields of an object.
struct StructEncoder<'s, S: ?Sized> {
    sink: &'s mut S,
    /// What stands before the next key: `{`, then `,`.
    lead: u8,
}

impl<S: Sink + ?Sized> ser::SerializeStruct for StructEncoder<'_, S> {
    type Ok = ();
    type Error = EncodeError;

    // One copy for each type of field, not one for each field: half of the encoder's size on a microcontroller.
    #[cfg_attr(target_os = "none", inline(never))]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let field = Some(Field { name, lead: &mut self.lead });
        value.serialize(Encoder { sink: self.sink, field, style: Style::Characters })
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(self.sink.put(if self.lead == b'{' { b"{}" } else { b"}" })?)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::super::{Number, Text, check};
    use super::*;

    fn encoded<T: Serialize + ?Sized>(value: &T) -> heapless::String<256> {
        let mut bytes = heapless::Vec::<u8, 256>::new();
        encode(value, &mut bytes).expect("fits");
        heapless::String::from_utf8(bytes).expect("UTF-8")
    }

    #[derive(Serialize)]
    struct Pair<'a, T> {
        first: Option<T>,
        second: Option<&'a str>,
    }

    #[test]
    fn plain_types_are_written_as_json() {
        assert_eq!(
            encoded(&(true, -7_i8, u64::MAX, i64::MIN, 'x')),
            "[true,-7,18446744073709551615,-9223372036854775808,\"x\"]"
        );
        assert_eq!(encoded(&[Some(0_u8), None]), "[0,null]");
        assert_eq!(encoded::<[u8]>(&[]), "[]");
    }

    #[test]
    fn fields_that_are_none_are_left_out() {
        assert_eq!(encoded(&Pair { first: Some(1), second: Some("x") }), r#"{"first":1,"second":"x"}"#);
        assert_eq!(encoded(&Pair::<u8> { first: None, second: Some("x") }), r#"{"second":"x"}"#);
        assert_eq!(encoded(&Pair::<u8> { first: None, second: None }), "{}");
        assert_eq!(encoded(&Pair { first: Some([None::<u8>]), second: None }), r#"{"first":[null]}"#);
    }

    #[test]
    fn characters_are_escaped_where_json_asks_for_it() {
        assert_eq!(encoded("a\"b\\c/\n\r\t\u{0}\u{1f}é😀"), r#""a\"b\\c/\n\r\t\u0000\u001fé😀""#);
    }

    #[test]
    fn what_came_in_goes_out_as_it_was() {
        let json = r#"[1.50e+3,"\u00e9\/",{"a" : [ ]}]"#;
        let raw = check(json.as_bytes()).expect(json);
        let [number, text, object] = [0, 1, 2].map(|at| raw.elements().nth(at).expect(json));
        assert_eq!(encoded(&raw), json);
        assert_eq!(encoded(&(number.as_number(), text.as_text(), object)), json);
    }

    #[test]
    fn numbers_and_text_made_here_are_written_too() {
        let time = crate::UnixTime::new(1_529_006_854, 7);
        let values = (Number::from(250), Number::from(time), Text::from("\"x\""));
        assert_eq!(encoded(&values), r#"[250,1529006854.000007,"\"x\""]"#);
    }

    #[test]
    fn the_length_is_known_without_writing() {
        let value = Pair { first: Some(1234), second: Some("\u{1}") };
        assert_eq!(encoded_len(&value), Ok(encoded(&value).len()));
    }

    #[test]
    fn a_sink_that_is_too_small_and_a_float_are_errors() {
        let mut small = heapless::Vec::<u8, 4>::new();
        let full = EncodeError::Sink(ResourceError::BufferTooSmall);
        assert_eq!(encode("abc", &mut small), Err(full));
        assert_eq!(encoded_len(&1.5), Err(EncodeError::Unsupported));
        assert_eq!(encoded_len(&Pair { first: Some(1.5_f32), second: None }), Err(EncodeError::Unsupported));
    }
}
