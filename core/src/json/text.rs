//! A string, with its escapes left as they are.

use core::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::check::check_text;
use super::raw::RawJson;
use super::scan::plain_end;
use super::token::{self, Token};
use crate::SMALL;

/// A JSON string: either characters as they are, or the text between the quotes with its escapes.
///
/// Escaped text is written back verbatim and read through [`chars`](Self::chars), so nothing is copied.
/// Comparison and `Display` go by the characters it stands for.
///
/// ```
/// use sealpost_core::json::{self, Text};
/// let raw = json::check(br#""caf\u00e9""#)?;
/// assert_eq!(raw.as_text(), Some(Text::from("café")));
/// # Ok::<(), json::InputError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Text<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    /// Characters. Those that come from checked text need no escape; others may.
    Plain(&'a str),
    /// What stands between the quotes of checked text, with at least one escape.
    Escaped(&'a str),
}

impl<'a> Text<'a> {
    pub(super) const fn plain(characters: &'a str) -> Self {
        Self(Repr::Plain(characters))
    }

    /// `content` has been checked.
    pub(super) const fn escaped(content: &'a str) -> Self {
        Self(Repr::Escaped(content))
    }

    /// The characters in one piece; `None` where escapes stand between them.
    #[must_use]
    pub const fn as_plain(self) -> Option<&'a str> {
        match self.0 {
            Repr::Plain(characters) => Some(characters),
            Repr::Escaped(_) => None,
        }
    }

    /// The text as it stands: characters, or content with escapes.
    #[must_use]
    pub const fn raw(self) -> &'a str {
        match self.0 {
            Repr::Plain(text) | Repr::Escaped(text) => text,
        }
    }

    /// Whether there is no character.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.raw().is_empty()
    }

    /// The characters, escapes resolved.
    #[must_use]
    pub fn chars(self) -> Chars<'a> {
        Chars { rest: self.raw().chars(), escaped: self.as_plain().is_none() }
    }

    /// The characters, escapes resolved; borrowed where there are none, else written into `buffer`.
    /// `None` if they need more than its `N` bytes.
    ///
    /// ```
    /// # use sealpost_core::json;
    /// let text = json::check(br#""a\/b""#)?.as_text().expect("a string");
    /// assert_eq!(text.unescape::<8>(&mut Default::default()), Some("a/b"));
    /// # Ok::<(), json::InputError>(())
    /// ```
    pub fn unescape<'b, const N: usize>(self, buffer: &'b mut heapless::String<N>) -> Option<&'b str>
    where
        'a: 'b,
    {
        if let Repr::Plain(characters) = self.0 {
            return Some(characters);
        }
        buffer.clear();
        for character in self.chars() {
            buffer.push(character).ok()?;
        }
        Some(buffer)
    }

    /// Whether both have the same characters but for the case of ASCII letters, as in domain names.
    #[must_use]
    pub fn eq_ignore_ascii_case(self, other: &str) -> bool {
        let lower = |character: char| character.to_ascii_lowercase();
        self.chars().map(lower).eq(other.chars().map(lower))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(characters: &'a str) -> Self {
        Self::plain(characters)
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Repr::Plain(left), Repr::Plain(right)) => left == right,
            _ => self.chars().eq(other.chars()),
        }
    }
}

impl Eq for Text<'_> {}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        *self == Text::plain(other)
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Plain(characters) => f.write_str(characters),
            Repr::Escaped(_) => self.chars().try_for_each(|character| fmt::Write::write_char(f, character)),
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Plain(characters) => fmt::Debug::fmt(characters, f),
            Repr::Escaped(content) => write!(f, "\"{content}\""),
        }
    }
}

impl<'a> Token<'a> for Text<'a> {
    const NAME: &'static str = token::TEXT;

    fn from_raw(raw: RawJson<'a>) -> Option<Self> {
        raw.as_text()
    }

    /// A string without escapes needs one scan to be checked and to be read.
    fn from_text(json: &'a str) -> Option<Self> {
        let content = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match content.filter(|content| !SMALL && plain_end(content.as_bytes(), 0) == content.len()) {
            Some(characters) => Some(Self::plain(characters)),
            None => check_text(json).and_then(Self::from_raw),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        token::read(deserializer)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Repr::Plain(characters) => serializer.serialize_str(characters),
            Repr::Escaped(content) => serializer.serialize_newtype_struct(token::TEXT, content),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Text<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.raw());
    }
}

/// The characters of a [`Text`], escapes resolved.
#[derive(Clone, Debug)]
pub struct Chars<'a> {
    rest: core::str::Chars<'a>,
    escaped: bool,
}

impl Chars<'_> {
    /// The character of the escape whose backslash has been passed.
    fn escape(&mut self) -> Option<char> {
        Some(match self.rest.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.code_point(),
            other => other,
        })
    }

    fn code_point(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        let code_point = match first {
            0xD800..=0xDBFF => {
                let _backslash_and_u = (self.rest.next(), self.rest.next());
                0x1_0000 + ((first & 0x3FF) << 10 | (self.code_unit()? & 0x3FF))
            }
            _ => first,
        };
        char::from_u32(code_point)
    }

    fn code_unit(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |unit, _| Some(unit << 4 | self.rest.next()?.to_digit(16)?))
    }
}

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.rest.next()? {
            '\\' if self.escaped => self.escape(),
            character => Some(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::{String, ToString};

    use super::super::check;
    use super::*;

    fn text(json: &str) -> Text<'_> {
        check(json.as_bytes()).expect(json).as_text().expect(json)
    }

    #[test]
    fn escapes_are_resolved_on_reading_and_kept_as_they_came() {
        let escaped = text(r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00x""#);
        assert_eq!(escaped.to_string(), "\"\\/\u{8}\u{c}\n\r\té😀x");
        assert_eq!(escaped.raw(), r#"\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00x"#);
        assert_eq!(escaped.as_plain(), None);
    }

    #[test]
    fn a_backslash_in_plain_text_is_a_backslash() {
        assert_eq!(Text::from(r"\n").chars().collect::<String>(), r"\n");
    }

    #[test]
    fn texts_are_equal_by_what_they_say() {
        assert_eq!(text(r#""a\u0062c""#), "abc");
        assert_eq!(text(r#""a\u0062c""#), text(r#""\u0061bc""#));
        assert_ne!(text(r#""\\n""#), "\n");
        assert!(text(r#""EX\u0041mple.com""#).eq_ignore_ascii_case("exaMPLE.COM"));
    }

    #[test]
    fn unescape_copies_only_what_has_escapes() {
        let mut buffer = heapless::String::<4>::new();
        assert_eq!(text(r#""longer than it""#).unescape(&mut buffer), Some("longer than it"));
        assert_eq!(text(r#""a\tb""#).unescape(&mut buffer), Some("a\tb"));
        assert_eq!(text(r#""abcd\n""#).unescape(&mut buffer), None);
    }

    #[test]
    fn debug_output_is_quoted() {
        assert_eq!(format!("{:?} {:?}", Text::from("a\"b"), text(r#""c\n""#)), r#""a\"b" "c\n""#);
    }
}
