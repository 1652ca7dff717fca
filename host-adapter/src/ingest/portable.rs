//! What every reader of JSON takes for the same: no name stands twice in one object, and a double holds each number.
//!
//! RFC 8259 leaves both to its readers (sections 4 and 6), and they differ: of two values some take the first and some
//! the last, and a number out of range makes some refuse the whole page of events that it is on.

use std::borrow::Cow;

use memchr::memchr2;
use sealpost_core::json::{self, RawJson, Reason};

/// What is not portable in a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotPortable {
    /// Where, as a path of names and places.
    pub(super) path: String,
    /// What is wrong.
    pub(super) reason: String,
}

/// Checks a value, in one pass over its text.
///
/// # Errors
/// The first number out of range, or the first object to end that has a name twice.
pub(super) fn check(raw: RawJson<'_>) -> Result<(), NotPortable> {
    Walk { text: raw.as_str(), at: 0, open: Vec::with_capacity(8), names: Vec::with_capacity(32) }.run()
}

/// A walk over text that is known to be JSON.
struct Walk<'a> {
    text: &'a str,
    /// The byte that is looked at.
    at: usize,
    open: Vec<Open>,
    /// The names of all objects that are open, the outermost first.
    names: Vec<Cow<'a, str>>,
}

/// A value that has begun and not ended.
enum Open {
    /// Its names start at this place.
    Object(usize),
    /// So many elements are behind.
    Array(usize),
}

impl<'a> Walk<'a> {
    fn run(mut self) -> Result<(), NotPortable> {
        while let Some(byte) = self.rest().first() {
            match byte {
                b'"' => self.string(),
                b'-' | b'0'..=b'9' => self.number()?,
                b'{' => self.open.push(Open::Object(self.names.len())),
                b'[' => self.open.push(Open::Array(0)),
                b'}' | b']' => self.leave()?,
                b',' => {
                    if let Some(Open::Array(elements)) = self.open.last_mut() {
                        *elements += 1;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Goes to the closing quote of a string, and keeps it if it is a name.
    fn string(&mut self) {
        let start = self.at;
        let mut is_escaped = false;
        self.at += 1;
        while let Some(plain) = memchr2(b'"', b'\\', self.rest()) {
            self.at += plain;
            if self.rest().first() == Some(&b'"') {
                break;
            }
            is_escaped = true;
            self.at += 2;
        }
        let behind = self.rest().get(1..).unwrap_or_default();
        if behind.trim_ascii_start().first() == Some(&b':') {
            let plain = self.text.get(start + 1..self.at).unwrap_or_default();
            self.names.push(if is_escaped { self.unescaped(start).into() } else { plain.into() });
        }
    }

    /// The value of the string from this quote to the one that the walk is at.
    fn unescaped(&self, start: usize) -> String {
        let text = self.text.as_bytes().get(start..=self.at).and_then(|quoted| json::check(quoted).ok());
        text.and_then(RawJson::as_text).map(|text| text.chars().collect()).unwrap_or_default()
    }

    /// Goes to the last digit of a number.
    fn number(&mut self) -> Result<(), NotPortable> {
        /// No number of fewer digits, without an exponent, is out of range.
        const SHORT: usize = 300;
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
        let length = self.rest().iter().position(ends).unwrap_or(self.rest().len());
        let text = self.text.get(self.at..self.at + length).unwrap_or_default();
        let is_small = length < SHORT && !text.contains(['e', 'E']);
        if !is_small && !text.parse().is_ok_and(f64::is_finite) {
            let reason = "must be less than 1.8e308, which is all that most readers take".to_owned();
            return Err(NotPortable { path: self.path(), reason });
        }
        self.at += length - 1;
        Ok(())
    }

    fn leave(&mut self) -> Result<(), NotPortable> {
        if let Some(Open::Object(first)) = self.open.last() {
            let first = *first;
            if let Some(twice) = twice(self.names.get(first..).unwrap_or_default()) {
                let twice = twice.to_owned();
                self.names.push(twice.into());
                return Err(NotPortable { path: self.path(), reason: Reason::Duplicate.to_string() });
            }
            self.names.truncate(first);
        }
        self.open.pop();
        Ok(())
    }

    /// Where the walk is: the latest name of each object that is open, and the place in each array.
    fn path(&self) -> String {
        let mut path = String::new();
        for (level, value) in self.open.iter().enumerate() {
            match value {
                Open::Array(elements) => path += &format!("[{elements}]"),
                Open::Object(_) => {
                    let inner = self.open.iter().skip(level + 1).find_map(|value| match value {
                        Open::Object(first) => Some(*first),
                        Open::Array(_) => None,
                    });
                    let name = inner.unwrap_or(self.names.len()).checked_sub(1);
                    let dot = if path.is_empty() { "" } else { "." };
                    path += dot;
                    path += name.and_then(|name| self.names.get(name)).map_or("", |name| name);
                }
            }
        }
        path
    }
}

/// A name that is among these twice.
fn twice<'n>(names: &'n [Cow<'_, str>]) -> Option<&'n str> {
    /// So few are compared with each other, where their marks do not tell them apart; more are sorted.
    const FEW: usize = 64;
    if names.len() <= FEW {
        let mut seen = 0_u128;
        let mut places = names.iter().enumerate();
        return places.find_map(|(at, name)| {
            let mark = mark(name);
            let is_new = seen & mark == 0;
            seen |= mark;
            (!is_new && names.iter().take(at).any(|other| other == name)).then_some(&**name)
        });
    }
    let mut sorted: Vec<&str> = names.iter().map(|name| &**name).collect();
    sorted.sort_unstable();
    sorted.windows(2).find_map(|pair| (pair.first() == pair.last()).then(|| pair.first().copied())?)
}

/// One of 128 bits, the same for the same name.
fn mark(name: &str) -> u128 {
    let bytes = name.as_bytes();
    let at = |place: usize| bytes.get(place).copied().map_or(0, usize::from);
    let (length, last) = (bytes.len(), bytes.len().wrapping_sub(1));
    1 << ((at(0) * 3 + at(length / 2) * 5 + at(last) * 7 + length * 11) % 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<String> {
        let raw = json::check(text.as_bytes()).expect(text);
        check(raw).err().map(|NotPortable { path, reason }| format!("{path}: {reason}"))
    }

    #[test]
    fn what_all_readers_take_for_the_same_passes() {
        let digits = "9".repeat(308);
        let distinct: String = (0..60).map(|at| format!("\"k{at}\":0,")).collect();
        let distinct = format!("{{{distinct}\"z\":0}}");
        let objects = r#"{"a":{"a":[{"a":1},{"a":2}]},"b":"a","c":"\"a\":","":"}","d":[["x"],{}]}"#;
        let numbers = "[0,-1,1.7976931348623157e308,1e-400,0e999,true,null,1E+3]";
        for text in [objects, numbers, &digits, &distinct, "\"e\"", " {\n\"a\" : 1 , \"b\" :\t\"a\" } "] {
            assert_eq!(fault(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_found_wherever_and_however_it_is_written() {
        let members = |count| (0..count).map(|at| format!("\"k{at}\":0,")).collect::<String>();
        let (many, few) = (members(500), members(40));
        for (text, path) in [
            (r#"{"a":1,"b":2,"a":3}"#, "a"),
            (r#"{"x":{"y":[0,{"a":1,"a":1}]}}"#, "x.y[1].a"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
            (r#"{"":1,"":2}"#, ""),
            (r#"[[],[{"a":{},"a":[]}]]"#, "[1][0].a"),
            (&format!("{{\"v\":{{{many}\"k7\":1}}}}"), "v.k7"),
            (&format!("{{\"v\":{{{few}\"k39\":1}}}}"), "v.k39"),
        ] {
            assert_eq!(fault(text), Some(format!("{path}: stands twice in one object")), "{text}");
        }
    }

    #[test]
    fn a_number_that_no_double_holds_is_found() {
        let digits = format!("[1,-{}]", "9".repeat(310));
        for (text, path) in
            [(r#"{"a":{"b":1e400}}"#, "a.b"), (r#"{"a":[1,1.8E+308]}"#, "a[1]"), (&digits, "[1]")]
        {
            let said = fault(text).expect(text);
            assert!(said.starts_with(&format!("{path}: must be less than 1.8e308")), "{said}");
        }
    }
}
