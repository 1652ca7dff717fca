//! A body into the events that it holds.

use memchr::memchr;
use sealpost_core::json::{self, InputError, RawJson, Reason};

/// How events are packed in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// One JSON object, or an array of them.
    Json,
    /// One JSON object a line; blank lines count for nothing.
    Ndjson,
}

/// Why a body holds no batch at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SplitError {
    /// More items than one batch takes.
    TooMany,
    /// Not JSON, from this item on: what follows cannot be told apart.
    Broken {
        /// The item's place, from 0.
        index: usize,
        /// Bytes from the start of the body.
        offset: usize,
        /// What is wrong there.
        reason: Reason,
    },
}

/// An item: JSON, or a line that is not.
pub(super) type Item<'a> = Result<RawJson<'a>, InputError>;

/// The items of `body` in order, at most `limit`. In NDJSON a line that is not JSON spoils itself alone; of JSON that is
/// broken nothing can be told apart any more.
pub(super) fn split(body: &[u8], packing: Packing, limit: usize) -> Items<'_> {
    let next = match packing {
        Packing::Ndjson => Next::Line,
        Packing::Json if trim_start(body).starts_with(b"[") => Next::First,
        Packing::Json => Next::Only,
    };
    let rest = if let Next::First = next { trim_start(body).get(1..).unwrap_or_default() } else { body };
    Items { body, rest, next, read: 0, limit }
}

/// The items of a body, found one by one.
pub(super) struct Items<'a> {
    body: &'a [u8],
    /// What has not been read yet.
    rest: &'a [u8],
    next: Next,
    /// Items that have been read.
    read: usize,
    limit: usize,
}

/// What stands at the front of the rest.
#[derive(Clone, Copy)]
enum Next {
    /// The body is the one item.
    Only,
    /// A line, blank or not.
    Line,
    /// The first element of an array, or its end.
    First,
    /// What follows an element.
    Further,
    Nothing,
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, SplitError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = match self.next {
            Next::Only => self.only(),
            Next::Line => self.line(),
            Next::First => self.element(true),
            Next::Further => self.element(false),
            Next::Nothing => Ok(None),
        };
        self.read += 1;
        if !matches!(item, Ok(Some(_))) {
            self.next = Next::Nothing;
        }
        item.transpose()
    }
}

impl<'a> Items<'a> {
    fn only(&mut self) -> Result<Option<Item<'a>>, SplitError> {
        self.next = Next::Nothing;
        self.check_limit()?;
        match json::check(self.body) {
            Ok(item) => Ok(Some(Ok(item))),
            Err(error) => Err(self.broken(error.offset().unwrap_or(0), error.reason())),
        }
    }

    fn line(&mut self) -> Result<Option<Item<'a>>, SplitError> {
        while !self.rest.is_empty() {
            let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let (line, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or_default();
            if !trim_start(line).is_empty() {
                self.check_limit()?;
                return Ok(Some(json::check(line)));
            }
        }
        Ok(None)
    }

    /// Reads an array element by element, so that the array does not count towards the depth of its events.
    fn element(&mut self, is_first: bool) -> Result<Option<Item<'a>>, SplitError> {
        if self.takes(b']') {
            return self.end();
        }
        if !is_first && !self.takes(b',') {
            let ended = trim_start(self.rest).is_empty();
            let reason = if ended { Reason::UnexpectedEnd } else { Reason::Expected("`,` or `]`") };
            return Err(self.broken(0, reason));
        }
        self.check_limit()?;
        let (item, rest) = json::split_first(self.rest)
            .map_err(|error| self.broken(error.offset().unwrap_or(0), error.reason()))?;
        (self.rest, self.next) = (rest, Next::Further);
        Ok(Some(Ok(item)))
    }

    /// Whether there may be one more item. Asked before it is read: what is too many need not be JSON.
    fn check_limit(&self) -> Result<(), SplitError> {
        if self.read == self.limit { Err(SplitError::TooMany) } else { Ok(()) }
    }

    fn takes(&mut self, byte: u8) -> bool {
        match trim_start(self.rest).split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn end(&self) -> Result<Option<Item<'a>>, SplitError> {
        if trim_start(self.rest).is_empty() { Ok(None) } else { Err(self.broken(0, Reason::TrailingData)) }
    }

    /// A fault so many bytes behind what has been read.
    fn broken(&self, offset: usize, reason: Reason) -> SplitError {
        let read = self.body.len() - self.rest.len();
        SplitError::Broken { index: self.read, offset: read + offset, reason }
    }
}

/// Without the white space of RFC 8259 in front.
fn trim_start(bytes: &[u8]) -> &[u8] {
    let space = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    bytes.get(space..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &str, packing: Packing) -> Vec<String> {
        let items = split(body.as_bytes(), packing, 3).map(|item| item.expect(body));
        items.map(|item| item.map_or_else(|error| error.to_string(), |raw| raw.as_str().into())).collect()
    }

    #[test]
    fn one_value_an_array_and_lines_give_their_items() {
        assert_eq!(texts(" {\"a\":1}\r\n", Packing::Json), ["{\"a\":1}"]);
        assert_eq!(texts(" [ {\"a\":1} , 2,[3] ] ", Packing::Json), ["{\"a\":1}", "2", "[3]"]);
        assert_eq!(texts("[]", Packing::Json), [""; 0]);
        assert_eq!(texts("{\"a\":1}\r\n\r\n \n{\"b\":[]}", Packing::Ndjson), ["{\"a\":1}", "{\"b\":[]}"]);
        assert_eq!(texts("", Packing::Ndjson), [""; 0]);
    }

    #[test]
    fn a_broken_line_spoils_itself_alone() {
        let items = texts("{}\n{\"a\"}\n{}", Packing::Ndjson);
        assert_eq!(items.first().map(String::as_str), Some("{}"));
        assert!(items[1].starts_with("at byte 4: "), "{items:?}");
        assert_eq!(items[2], "{}");
    }

    #[test]
    fn a_broken_array_names_the_item_and_the_byte() {
        for (body, index, offset) in [
            ("[", 0, 1),
            ("[{}", 1, 3),
            ("[{},", 1, 4),
            ("[{},]", 1, 4),
            ("[{} {}]", 1, 3),
            ("[{},nul]", 1, 4),
            ("[{}] x", 1, 4),
            ("", 0, 0),
            ("{} {}", 0, 3),
        ] {
            let mut items = split(body.as_bytes(), Packing::Json, 3).skip_while(Result::is_ok);
            let Some(Err(SplitError::Broken { index: at, offset: byte, .. })) = items.next() else {
                panic!("{body}")
            };
            assert!(items.next().is_none(), "{body}");
            assert_eq!((at, byte), (index, offset), "{body}");
        }
    }

    #[test]
    fn more_items_than_the_limit_are_refused() {
        for (body, packing) in [("[1,2,3,4,5]", Packing::Json), ("1\n2\n3\n4\n5", Packing::Ndjson)] {
            let items: Vec<_> = split(body.as_bytes(), packing, 3).collect();
            assert!(items.iter().take(3).all(Result::is_ok), "{body}");
            assert_eq!(items.get(3..), Some(&[Err(SplitError::TooMany)][..]), "{body}");
        }
        for body in ["[1,2,3,nul]", "[1,2,3,4"] {
            let items = split(body.as_bytes(), Packing::Json, 3);
            assert_eq!(items.last(), Some(Err(SplitError::TooMany)), "what is too many is not read: {body}");
        }
        assert!(split(b"[1,2,3]", Packing::Json, 3).all(|item| item.is_ok()));
    }

    #[test]
    fn an_event_in_an_array_may_be_as_deep_as_one_alone() {
        let deep = "[".repeat(json::MAX_DEPTH) + &"]".repeat(json::MAX_DEPTH);
        assert!(split(format!("[1,{deep}]").as_bytes(), Packing::Json, 3).all(|item| item.is_ok()));
        assert!(split(format!("[1,[{deep}]]").as_bytes(), Packing::Json, 3).any(|item| item.is_err()));
    }
}
