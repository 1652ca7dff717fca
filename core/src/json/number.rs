//! A number that stays the text it came in.

use core::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::raw::RawJson;
use super::sink::{Sink, SliceSink};
use super::token::{self, Token};
use crate::decimal::Decimal;
use crate::time::UnixTime;

/// A JSON number. One that came in is its digits, and goes out as them; one made here is an integer or
/// a time. Read without floats: exactly, or not at all.
///
/// ```
/// use sealpost_core::{UnixTime, json};
/// let number = json::check(b"1529006854.329574")?.as_number().expect("a number");
/// assert_eq!(number.as_unix_time(), Some(UnixTime::new(1_529_006_854, 329_574)));
/// assert_eq!(number.as_u64(), None);
/// # Ok::<(), json::InputError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Number<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    /// Checked text.
    Text(&'a str),
    Integer(u64),
    Time(UnixTime),
}

impl<'a> Number<'a> {
    pub(super) const fn from_checked(text: &'a str) -> Self {
        Self(Repr::Text(text))
    }

    /// The text, for a number that came in.
    #[must_use]
    pub const fn as_str(self) -> Option<&'a str> {
        match self.0 {
            Repr::Text(text) => Some(text),
            Repr::Integer(_) | Repr::Time(_) => None,
        }
    }

    /// The value, if it is whole and fits.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        match self.0 {
            Repr::Text(text) => {
                let number = Unsigned::parse(text)?;
                number.is_whole().then(|| number.whole()).flatten()
            }
            Repr::Integer(value) => Some(value),
            Repr::Time(time) => (time.subsec_micros() == 0).then_some(time.secs()),
        }
    }

    /// The value as seconds since 1970, cut to microseconds. `None` if it is negative or does not fit.
    #[must_use]
    pub fn as_unix_time(self) -> Option<UnixTime> {
        match self.0 {
            Repr::Text(text) => {
                let number = Unsigned::parse(text)?;
                Some(UnixTime::new(number.whole()?, number.micros()))
            }
            Repr::Integer(secs) => Some(UnixTime::new(secs, 0)),
            Repr::Time(time) => Some(time),
        }
    }

    /// The text, rendered into `rendered` unless it came in.
    fn text<'t>(self, rendered: &'t mut [u8; RENDERED]) -> &'t [u8]
    where
        'a: 't,
    {
        let (whole, micros) = match self.0 {
            Repr::Text(text) => return text.as_bytes(),
            Repr::Integer(value) => (value, None),
            Repr::Time(time) => (time.secs(), Some(time.subsec_micros())),
        };
        let mut sink = SliceSink::new(rendered);
        // There is room for all that is made here.
        let _room = sink.put(Decimal::new(whole).as_bytes());
        if let Some(micros) = micros {
            // The one in front keeps the zeros behind it, and is left out.
            let micros = Decimal::new(1_000_000 + u64::from(micros));
            let _room =
                sink.put(b".").and_then(|()| sink.put(micros.as_bytes().get(1..).unwrap_or_default()));
        }
        sink.into_filled()
    }
}

impl From<u64> for Number<'_> {
    fn from(value: u64) -> Self {
        Self(Repr::Integer(value))
    }
}

impl From<UnixTime> for Number<'_> {
    fn from(time: UnixTime) -> Self {
        Self(Repr::Time(time))
    }
}

impl fmt::Display for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(self.text(&mut [0; RENDERED])).unwrap_or_default())
    }
}

impl fmt::Debug for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// By the text: `1.0` and `1` are two different numbers here, as they are for strict readers.
impl PartialEq for Number<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text(&mut [0; RENDERED]) == other.text(&mut [0; RENDERED])
    }
}

impl Eq for Number<'_> {}

impl<'a> Token<'a> for Number<'a> {
    const NAME: &'static str = token::NUMBER;

    fn from_raw(raw: RawJson<'a>) -> Option<Self> {
        raw.as_number()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Number<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        token::read(deserializer)
    }
}

impl Serialize for Number<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Repr::Text(text) => serializer.serialize_newtype_struct(token::NUMBER, text),
            Repr::Integer(_) | Repr::Time(_) => {
                serializer.serialize_newtype_struct(token::NUMBER, &Bytes(self.text(&mut [0; RENDERED])))
            }
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Number<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}", defmt::Display2Format(self));
    }
}

/// The length of the longest number made here, which is a time. It is made without `core::fmt`, which would be
/// the largest part of a small encoder.
const RENDERED: usize = Decimal::MAX_LEN + ".000000".len();

/// Text that goes out without a check that it is text.
struct Bytes<'t>(&'t [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A number that is not negative, as digits and the place of its point.
struct Unsigned<'a> {
    /// All digits, those before the written point and those after it.
    digits: (&'a [u8], &'a [u8]),
    /// How many digits stand before the true point, exponent included.
    before_point: i32,
}

impl<'a> Unsigned<'a> {
    /// `None` for a negative number, and for an exponent beyond 32 bits.
    fn parse(text: &'a str) -> Option<Self> {
        if text.starts_with('-') {
            return None;
        }
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written: i32 = before.len().try_into().ok()?;
        let before_point = written.checked_add(exponent.parse().ok()?)?;
        Some(Self { digits: (before.as_bytes(), after.as_bytes()), before_point })
    }

    /// The digits before the point; `None` if they are more than 64 bits hold.
    fn whole(&self) -> Option<u64> {
        let count = usize::try_from(self.before_point).unwrap_or(0);
        let mut digits = self.digits();
        let written = digits.by_ref().take(count).try_fold((0_u64, 0), |(value, count), digit| {
            Some((value.checked_mul(10)?.checked_add(digit)?, count + 1))
        });
        let (value, written): (u64, usize) = written?;
        if value == 0 {
            return Some(0);
        }
        (written..count).try_fold(value, |value, _| value.checked_mul(10))
    }

    /// The first six digits behind the point.
    fn micros(&self) -> u32 {
        let zeros = self.before_point.min(0).unsigned_abs() as usize;
        let skipped = usize::try_from(self.before_point).unwrap_or(0);
        let digits = core::iter::repeat_n(0, zeros.min(6)).chain(self.digits().skip(skipped));
        digits.chain(core::iter::repeat(0)).take(6).fold(0, |micros, digit| micros * 10 + digit as u32)
    }

    fn is_whole(&self) -> bool {
        let count = usize::try_from(self.before_point).unwrap_or(0);
        self.digits().skip(count).all(|digit| digit == 0)
    }

    fn digits(&self) -> impl Iterator<Item = u64> {
        let (before, after) = self.digits;
        before.iter().chain(after).map(|digit| u64::from(digit.wrapping_sub(b'0')))
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::super::check;
    use super::*;

    fn number(json: &str) -> Number<'_> {
        check(json.as_bytes()).expect(json).as_number().expect(json)
    }

    #[test]
    fn whole_numbers_are_read_exactly() {
        let cases = [
            ("0", Some(0)),
            ("250", Some(250)),
            ("250.00", Some(250)),
            ("2.5e2", Some(250)),
            ("2500e-1", Some(250)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("0e999999999", Some(0)),
            ("1e999999999", None),
            ("1e99999999999", None),
            ("250.5", None),
            ("25e-1", None),
            ("-1", None),
        ];
        for (json, value) in cases {
            assert_eq!(number(json).as_u64(), value, "{json}");
        }
    }

    #[test]
    fn times_are_read_to_the_microsecond() {
        let cases = [
            ("1529006854", 1_529_006_854, 0),
            ("1529006854.3", 1_529_006_854, 300_000),
            ("1770146431.65852839", 1_770_146_431, 658_528),
            ("1.5290068543295e9", 1_529_006_854, 329_500),
            ("0.000001", 0, 1),
            ("1e-6", 0, 1),
            ("1e-7", 0, 0),
            ("12e-1", 1, 200_000),
        ];
        for (json, secs, micros) in cases {
            assert_eq!(number(json).as_unix_time(), Some(UnixTime::new(secs, micros)), "{json}");
        }
        assert_eq!(number("-1").as_unix_time(), None);
        assert_eq!(number("1e30").as_unix_time(), None);
    }

    #[test]
    fn numbers_made_here_equal_their_text() {
        assert_eq!(Number::from(250), number("250"));
        assert_eq!(Number::from(UnixTime::new(7, 42)), number("7.000042"));
        assert_ne!(Number::from(1), number("1.0"));
        assert_eq!(Number::from(u64::MAX).to_string(), "18446744073709551615");
        assert_eq!(Number::from(UnixTime::new(u64::MAX, 1)), Number::from(UnixTime::new(u64::MAX, 1)));
    }
}
