//! A body into the events that it holds.

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

/// The items of `body` in order, at most `limit`. In NDJSON a line that is not JSON spoils itself alone.
pub(super) fn split(body: &[u8], packing: Packing, limit: usize) -> Result<Vec<Item<'_>>, SplitError> {
    match packing {
        Packing::Ndjson => lines(body, limit),
        Packing::Json => match trim_start(body).strip_prefix(b"[") {
            Some(elements) => Array { body, rest: elements, items: Vec::new() }.read(limit),
            None => match json::check(body) {
                Ok(item) => Ok(vec![Ok(item)]),
                Err(error) => Err(SplitError::Broken {
                    index: 0,
                    offset: error.offset().unwrap_or(0),
                    reason: error.reason(),
                }),
            },
        },
    }
}

fn lines(body: &[u8], limit: usize) -> Result<Vec<Item<'_>>, SplitError> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !trim_start(line).is_empty());
    let items: Vec<_> = lines.take(limit.saturating_add(1)).map(json::check).collect();
    if items.len() > limit { Err(SplitError::TooMany) } else { Ok(items) }
}

/// Reads an array element by element, so that the array does not count towards the depth of its events.
struct Array<'a> {
    body: &'a [u8],
    /// What has not been read yet; the opening bracket has.
    rest: &'a [u8],
    items: Vec<Item<'a>>,
}

impl<'a> Array<'a> {
    fn read(mut self, limit: usize) -> Result<Vec<Item<'a>>, SplitError> {
        if self.takes(b']') {
            return self.end();
        }
        loop {
            if self.items.len() == limit {
                return Err(SplitError::TooMany);
            }
            let (item, rest) = json::split_first(self.rest)
                .map_err(|error| self.broken(error.offset().unwrap_or(0), error.reason()))?;
            self.items.push(Ok(item));
            self.rest = rest;
            if self.takes(b']') {
                return self.end();
            }
            if !self.takes(b',') {
                let ended = trim_start(self.rest).is_empty();
                let reason = if ended { Reason::UnexpectedEnd } else { Reason::Expected("`,` or `]`") };
                return Err(self.broken(0, reason));
            }
        }
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

    fn end(self) -> Result<Vec<Item<'a>>, SplitError> {
        if trim_start(self.rest).is_empty() {
            Ok(self.items)
        } else {
            Err(self.broken(0, Reason::TrailingData))
        }
    }

    /// A fault so many bytes behind what has been read.
    fn broken(&self, offset: usize, reason: Reason) -> SplitError {
        let read = self.body.len() - self.rest.len();
        SplitError::Broken { index: self.items.len(), offset: read + offset, reason }
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
        let items = split(body.as_bytes(), packing, 3).expect(body);
        items
            .into_iter()
            .map(|item| item.map_or_else(|error| error.to_string(), |raw| raw.as_str().into()))
            .collect()
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
            let broken = split(body.as_bytes(), Packing::Json, 3);
            let Err(SplitError::Broken { index: at, offset: byte, .. }) = broken else {
                panic!("{body}: {broken:?}")
            };
            assert_eq!((at, byte), (index, offset), "{body}");
        }
    }

    #[test]
    fn more_items_than_the_limit_are_refused() {
        assert_eq!(split(b"[1,2,3,4]", Packing::Json, 3), Err(SplitError::TooMany));
        assert_eq!(split(b"1\n2\n3\n4", Packing::Ndjson, 3), Err(SplitError::TooMany));
        assert!(split(b"[1,2,3]", Packing::Json, 3).is_ok());
    }

    #[test]
    fn an_event_in_an_array_may_be_as_deep_as_one_alone() {
        let deep = "[".repeat(json::MAX_DEPTH) + &"]".repeat(json::MAX_DEPTH);
        assert!(split(format!("[1,{deep}]").as_bytes(), Packing::Json, 3).is_ok());
        assert!(split(format!("[1,[{deep}]]").as_bytes(), Packing::Json, 3).is_err());
    }
}
