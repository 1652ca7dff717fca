//! The checker: bytes in, valid JSON out, or the place and reason of a fault.

use super::block::Block;
use super::error::{InputError, Reason};
use super::raw::RawJson;
use super::scan::plain_end;
use crate::SMALL;

/// How many arrays and objects may stand inside each other.
pub const MAX_DEPTH: usize = 32;

/// Checks that `input` is one JSON value (RFC 8259), with white space around it or not.
///
/// Beyond the grammar: the text is UTF-8, `\u` escapes of surrogates come in pairs (so that every
/// string has a value), and nesting is at most [`MAX_DEPTH`]. Numbers have no limit, since they stay
/// text. Takes time in proportion to the input and constant stack.
///
/// # Errors
/// The offset and the [`Reason`] of the first fault in the grammar; of the first in the encoding where the
/// grammar has none.
pub fn check(input: &[u8]) -> Result<RawJson<'_>, InputError> {
    check_to_depth(input, MAX_DEPTH)
}

/// As [`check`], with another limit to the nesting: at most 64.
pub(crate) fn check_to_depth(input: &[u8], max_depth: usize) -> Result<RawJson<'_>, InputError> {
    let (value, rest) = split_to_depth(input, max_depth)?;
    let rest = skip_space(rest);
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(InputError::syntax(input.len() - rest.len(), Reason::TrailingData))
    }
}

/// Splits the first JSON value off `input`: for values one after the other, as in NDJSON. White space
/// before the value is dropped; the rest starts right behind it and has not been looked at.
///
/// ```
/// use sealpost_core::json;
/// let (first, rest) = json::split_first(b"{\"a\":1}\n{\"a\":2}\n")?;
/// assert_eq!(first.as_str(), "{\"a\":1}");
/// assert_eq!(rest, b"\n{\"a\":2}\n");
/// # Ok::<(), json::InputError>(())
/// ```
///
/// # Errors
/// As [`check`]; empty input is [`Reason::UnexpectedEnd`].
pub fn split_first(input: &[u8]) -> Result<(RawJson<'_>, &[u8]), InputError> {
    split_to_depth(input, MAX_DEPTH)
}

fn split_to_depth(input: &[u8], max_depth: usize) -> Result<(RawJson<'_>, &[u8]), InputError> {
    let start = skip_space(input);
    let max_depth = max_depth.min(Open::LEVELS);
    let mut scanner = Scanner { input, at: input.len() - start.len(), max_depth, block: Block::default() };
    scanner.value().map_err(|reason| InputError::syntax(scanner.at, reason))?;
    let rest = scanner.rest();
    let value = start.get(..start.len() - rest.len()).unwrap_or_default();
    // Outside strings the grammar has let only ASCII pass, and inside them any byte from 0x80 up.
    let text = core::str::from_utf8(value).map_err(|error| {
        let offset = input.len() - start.len() + error.valid_up_to();
        InputError::syntax(offset, Reason::Utf8)
    })?;
    Ok((RawJson::from_checked(text), rest))
}

/// The value itself, if `text` is one without white space around it.
pub(super) fn check_text(text: &str) -> Option<RawJson<'_>> {
    let input = text.as_bytes();
    let mut scanner = Scanner { input, at: 0, max_depth: MAX_DEPTH, block: Block::default() };
    let whole =
        skip_space(input).len() == input.len() && scanner.value().is_ok() && scanner.at == input.len();
    whole.then(|| RawJson::from_checked(text))
}

/// The place in the input. A method that fails leaves it at the fault.
///
/// A place rather than the rest of the input: a slice would be checked, and both its halves computed, at
/// every step (measured: a fifth slower).
struct Scanner<'a> {
    input: &'a [u8],
    at: usize,
    max_depth: usize,
    /// Where the strings around `at` end.
    block: Block,
}

impl<'a> Scanner<'a> {
    /// Passes over one value. Iterative: what is open is one bit per level. All strings, keys or not,
    /// pass at one place, so that the scan for their end can be compiled into this loop.
    fn value(&mut self) -> Result<(), Reason> {
        let mut open = Open::default();
        let mut key_wanted = false;
        loop {
            match self.next_byte() {
                Some(b'"') => {
                    self.string()?;
                    if key_wanted {
                        self.expect(b':', "`:`")?;
                        key_wanted = false;
                        continue;
                    }
                }
                _ if key_wanted => return Err(self.expected("a key in quotes")),
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b'{') => {
                    self.enter(&mut open, Container::Object)?;
                    key_wanted = self.next_byte() != Some(b'}');
                    if key_wanted {
                        continue;
                    }
                }
                Some(b'[') => {
                    self.enter(&mut open, Container::Array)?;
                    if self.next_byte() != Some(b']') {
                        continue;
                    }
                }
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => return Err(self.expected("a value")),
            }
            if !self.after_value(&mut open, &mut key_wanted)? {
                return Ok(());
            }
        }
    }

    /// Passes over closing brackets and the comma before what comes next; `false` when nothing is open.
    #[inline]
    fn after_value(&mut self, open: &mut Open, key_wanted: &mut bool) -> Result<bool, Reason> {
        while let Some(container) = open.innermost() {
            match (self.next_byte(), container) {
                (Some(b','), _) => {
                    self.at += 1;
                    *key_wanted = matches!(container, Container::Object);
                    return Ok(true);
                }
                (Some(b'}'), Container::Object) | (Some(b']'), Container::Array) => {
                    self.at += 1;
                    open.pop();
                }
                (_, Container::Object) => return Err(self.expected("`,` or `}`")),
                (_, Container::Array) => return Err(self.expected("`,` or `]`")),
            }
        }
        Ok(false)
    }

    #[inline]
    fn enter(&mut self, open: &mut Open, container: Container) -> Result<(), Reason> {
        if open.depth == self.max_depth {
            return Err(Reason::TooDeep);
        }
        open.push(container);
        self.at += 1;
        Ok(())
    }

    /// Passes over a string, standing on its opening quote.
    #[inline]
    fn string(&mut self) -> Result<(), Reason> {
        self.at += 1;
        loop {
            self.at = if SMALL {
                plain_end(self.input, self.at)
            } else {
                self.block.plain_end(self.input, self.at)
            };
            match self.input.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(Reason::ControlCharacter),
                None => return Err(Reason::UnexpectedEnd),
            }
        }
    }

    /// Passes over an escape, standing on its backslash.
    fn escape(&mut self) -> Result<(), Reason> {
        match self.rest() {
            [_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
            [_, b'u', ..] => match self.code_unit()? {
                0xDC00..=0xDFFF => return Err(Reason::LoneSurrogate),
                0xD800..=0xDBFF => self.surrogate_pair()?,
                _ => self.at += 6,
            },
            [_] => return Err(self.ended()),
            _ => return Err(Reason::Escape),
        }
        Ok(())
    }

    /// Passes over a pair of surrogates, standing on the first.
    fn surrogate_pair(&mut self) -> Result<(), Reason> {
        let first = self.at;
        self.at += 6;
        if let [b'\\', b'u', ..] = self.rest()
            && let 0xDC00..=0xDFFF = self.code_unit()?
        {
            self.at += 6;
            return Ok(());
        }
        self.at = first;
        Err(Reason::LoneSurrogate)
    }

    /// The four hexadecimal digits of the `\u` escape here.
    fn code_unit(&mut self) -> Result<u32, Reason> {
        let Some(digits) = self.rest().get(2..6) else {
            return Err(self.ended());
        };
        digits
            .iter()
            .try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
            .ok_or(Reason::Escape)
    }

    /// Passes over a number: `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?`.
    fn number(&mut self) -> Result<(), Reason> {
        self.accept(b"-");
        if !self.accept(b"0") {
            self.digits()?;
        }
        if self.accept(b".") {
            self.digits()?;
        }
        if self.accept(b"eE") {
            self.accept(b"+-");
            self.digits()?;
        }
        Ok(())
    }

    /// Passes over at least one digit.
    fn digits(&mut self) -> Result<(), Reason> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.expected("a digit"));
        }
        self.at += digits;
        Ok(())
    }

    #[inline]
    fn literal(&mut self, literal: &'static [u8]) -> Result<(), Reason> {
        if !self.rest().starts_with(literal) {
            return Err(self.expected("a value"));
        }
        self.at += literal.len();
        Ok(())
    }

    /// Passes over white space and this byte.
    #[inline]
    fn expect(&mut self, byte: u8, name: &'static str) -> Result<(), Reason> {
        if self.next_byte() != Some(byte) {
            return Err(self.expected(name));
        }
        self.at += 1;
        Ok(())
    }

    /// Passes over the next byte if it is one of these.
    fn accept(&mut self, bytes: &[u8]) -> bool {
        let found = self.input.get(self.at).is_some_and(|byte| bytes.iter().any(|other| other == byte));
        self.at += usize::from(found);
        found
    }

    /// Skips white space and looks at the next byte.
    #[inline]
    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.input.get(self.at).copied();
        if byte.is_none_or(|byte| byte > b' ') {
            return byte;
        }
        self.at = self.input.len() - skip_space(self.rest()).len();
        self.input.get(self.at).copied()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, what: &'static str) -> Reason {
        if self.at >= self.input.len() { Reason::UnexpectedEnd } else { Reason::Expected(what) }
    }

    fn ended(&mut self) -> Reason {
        self.at = self.input.len();
        Reason::UnexpectedEnd
    }
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| is_space(**byte)).count();
    bytes.get(spaces..).unwrap_or_default()
}

#[inline]
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

#[derive(Clone, Copy)]
enum Container {
    Array,
    Object,
}

/// The containers that are open: one bit each, the innermost lowest, set for an object.
#[derive(Default)]
struct Open {
    objects: u64,
    depth: usize,
}

impl Open {
    /// How many can be open.
    const LEVELS: usize = u64::BITS as usize;

    fn push(&mut self, container: Container) {
        self.objects = self.objects << 1 | u64::from(matches!(container, Container::Object));
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.objects >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }

    #[inline]
    fn innermost(&self) -> Option<Container> {
        match (self.depth, self.objects & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Array),
            _ => Some(Container::Object),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn fault(input: &str) -> (usize, Reason) {
        let error = check(input.as_bytes()).expect_err(input);
        (error.offset().expect(input), error.reason())
    }

    #[test]
    fn one_value_of_each_kind_passes() {
        for input in ["null", "true", "false", "0", "-1.5e+10", "1e400", "\"\"", "[]", "{}", "[1,[2],{}]"] {
            assert_eq!(check(input.as_bytes()).map(RawJson::as_str), Ok(input));
        }
    }

    #[test]
    fn white_space_around_the_value_is_trimmed_and_inside_it_stays() {
        let raw = check(b" \r\n\t{ \"a\" : [ 1 , 2 ] }\n").map(RawJson::as_str);
        assert_eq!(raw, Ok("{ \"a\" : [ 1 , 2 ] }"));
    }

    #[test]
    fn faults_have_a_place_and_a_reason() {
        assert_eq!(fault(""), (0, Reason::UnexpectedEnd));
        assert_eq!(fault("nul"), (0, Reason::Expected("a value")));
        assert_eq!(fault("[1,]"), (3, Reason::Expected("a value")));
        assert_eq!(fault("[1 2]"), (3, Reason::Expected("`,` or `]`")));
        assert_eq!(fault("{\"a\" 1}"), (5, Reason::Expected("`:`")));
        assert_eq!(fault("{\"a\":1,}"), (7, Reason::Expected("a key in quotes")));
        assert_eq!(fault("{\"a\":1]"), (6, Reason::Expected("`,` or `}`")));
        assert_eq!(fault("{\"a\":1"), (6, Reason::UnexpectedEnd));
        assert_eq!(fault("1 2"), (2, Reason::TrailingData));
        assert_eq!(fault("01"), (1, Reason::TrailingData));
        assert_eq!(fault("1."), (2, Reason::UnexpectedEnd));
        assert_eq!(fault("-x"), (1, Reason::Expected("a digit")));
        assert_eq!(fault("\"a\nb\""), (2, Reason::ControlCharacter));
        assert_eq!(fault("\"a"), (2, Reason::UnexpectedEnd));
        assert_eq!(fault("\"\\"), (2, Reason::UnexpectedEnd));
        assert_eq!(fault(r#""\x""#), (1, Reason::Escape));
        assert_eq!(fault(r#""\u12g4""#), (1, Reason::Escape));
        assert_eq!(fault("\"\\u12"), (5, Reason::UnexpectedEnd));
    }

    #[test]
    fn surrogates_come_in_pairs() {
        assert!(check(br#""\uD83D\uDE00""#).is_ok());
        for lone in [r#""\uD83D""#, r#""\uDE00""#, r#""\uD83D\u0041""#, r#""\uD83Dx""#, r#""\uD83D\n""#] {
            assert_eq!(fault(lone), (1, Reason::LoneSurrogate));
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(check(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(fault(&nested(MAX_DEPTH + 1)), (MAX_DEPTH, Reason::TooDeep));
        assert_eq!(fault(&"{\"a\":".repeat(1_000_000)), (MAX_DEPTH * 5, Reason::TooDeep));
    }

    #[test]
    fn text_is_utf8() {
        assert!(check("\"é😀\"".as_bytes()).is_ok());
        let error = check(b" \"ab\xC3\"").expect_err("a cut-off sequence");
        assert_eq!((error.offset(), error.reason()), (Some(4), Reason::Utf8));
        assert_eq!(error.to_string(), "at byte 4: the text is not valid UTF-8");
        assert!(check(b"\xEF\xBB\xBF{}").is_err(), "a byte order mark is no white space");
    }

    #[test]
    fn values_one_after_the_other_are_split() {
        let (first, rest) = split_first(b" [1]\n\n{}").expect("a value");
        assert_eq!((first.as_str(), rest), ("[1]", b"\n\n{}".as_slice()));
        let (second, rest) = split_first(rest).expect("a value");
        assert_eq!((second.as_str(), rest), ("{}", b"".as_slice()));
    }
}
