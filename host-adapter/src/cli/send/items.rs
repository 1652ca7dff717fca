//! A stream of JSON objects, taken apart without ever holding more than one of them.

use std::fmt;
use std::io::{self, BufRead};

/// The longest item: more than the largest event-data that a server can be configured to take.
pub(super) const MAX_ITEM: usize = 4 << 20;

/// The objects of an input: one object, several one after the other (NDJSON), or an array of them.
pub(super) struct Items<R> {
    input: R,
    shape: Shape,
    number: u64,
    line: u64,
    read: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Nothing but white space so far.
    Unknown,
    /// Objects one after the other.
    Sequence,
    /// An array that may end here: nothing in it yet.
    ArrayStart,
    /// An array after an object.
    Array,
    /// An array after a comma.
    ArrayComma,
    /// After an array: nothing but white space may come.
    Done,
    /// Something was wrong; what follows has no meaning.
    Broken,
}

/// One object of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Its place in the input, from 1.
    pub(super) number: u64,
    /// The line in which it starts, from 1.
    pub(super) line: u64,
    /// The object, from brace to brace. Braces and strings are balanced; the rest is not checked yet.
    pub(super) bytes: Vec<u8>,
}

/// What is wrong with the input itself.
#[derive(Debug)]
pub(super) enum ItemsError {
    Read(io::Error),
    /// Something other than what belongs here.
    Unexpected {
        line: u64,
        number: u64,
        expected: &'static str,
    },
    /// The input ends too early.
    Truncated {
        line: u64,
        number: u64,
    },
    TooLong {
        line: u64,
        number: u64,
    },
}

impl fmt::Display for ItemsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Unexpected { line, number, expected } => {
                write!(f, "item {number} (line {line}): expected {expected}")
            }
            Self::Truncated { line, number } => {
                write!(f, "item {number} (line {line}): the input ends before it is complete")
            }
            Self::TooLong { line, number } => {
                write!(f, "item {number} (line {line}) is longer than {} MiB", MAX_ITEM >> 20)
            }
        }
    }
}

impl<R: BufRead> Items<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, shape: Shape::Unknown, number: 0, line: 1, read: 0 }
    }

    /// Bytes taken from the input so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    fn step(&mut self) -> Result<Option<Item>, ItemsError> {
        loop {
            let Some(byte) = self.next_visible()? else { return self.end() };
            self.shape = match (self.shape, byte) {
                (Shape::Unknown, b'[') => Shape::ArrayStart,
                (Shape::Unknown | Shape::Sequence, b'{') => return self.object(Shape::Sequence).map(Some),
                (Shape::ArrayStart | Shape::ArrayComma, b'{') => return self.object(Shape::Array).map(Some),
                (Shape::Array, b',') => Shape::ArrayComma,
                (Shape::Array | Shape::ArrayStart, b']') => Shape::Done,
                (Shape::Array, _) => return Err(self.unexpected("`,` or `]` before it")),
                (Shape::Done, _) => return Err(self.unexpected("nothing after the array")),
                _ => return Err(self.unexpected("an event, which is a JSON object")),
            };
        }
    }

    /// Reads to the closing brace; the opening one has been read.
    fn object(&mut self, then: Shape) -> Result<Item, ItemsError> {
        self.number += 1;
        let (number, line) = (self.number, self.line);
        let mut bytes = vec![b'{'];
        let mut scan = Scan { depth: 1, in_string: false, escaped: false };
        while scan.depth > 0 {
            let Some(byte) = self.next_byte()? else { return Err(ItemsError::Truncated { line, number }) };
            if bytes.len() == MAX_ITEM {
                return Err(ItemsError::TooLong { line, number });
            }
            scan.step(byte);
            bytes.push(byte);
        }
        self.shape = then;
        Ok(Item { number, line, bytes })
    }

    fn end(&self) -> Result<Option<Item>, ItemsError> {
        match self.shape {
            Shape::Unknown | Shape::Sequence | Shape::Done | Shape::Broken => Ok(None),
            Shape::Array | Shape::ArrayStart | Shape::ArrayComma => {
                Err(ItemsError::Truncated { line: self.line, number: self.number + 1 })
            }
        }
    }

    fn unexpected(&self, expected: &'static str) -> ItemsError {
        ItemsError::Unexpected { line: self.line, number: self.number + 1, expected }
    }

    fn next_visible(&mut self) -> Result<Option<u8>, ItemsError> {
        loop {
            match self.next_byte()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => {}
                other => return Ok(other),
            }
        }
    }

    fn next_byte(&mut self) -> Result<Option<u8>, ItemsError> {
        let byte = loop {
            match self.input.fill_buf() {
                Ok(buffer) => break buffer.first().copied(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ItemsError::Read(error)),
            }
        };
        if let Some(byte) = byte {
            self.input.consume(1);
            self.read += 1;
            self.line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }
}

impl<R: BufRead> Iterator for Items<R> {
    type Item = Result<Item, ItemsError>;

    /// The next object; after an error, nothing.
    fn next(&mut self) -> Option<Self::Item> {
        if self.shape == Shape::Broken {
            return None;
        }
        let step = self.step();
        if step.is_err() {
            self.shape = Shape::Broken;
        }
        step.transpose()
    }
}

/// Just enough of JSON to find the end of an object.
struct Scan {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    fn step(&mut self, byte: u8) {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The objects, then the error if there is one.
    fn read(input: &str) -> (Vec<String>, Option<String>) {
        let (mut objects, mut error) = (Vec::new(), None);
        for item in Items::new(input.as_bytes()) {
            match item {
                Ok(item) => objects.push(String::from_utf8(item.bytes).unwrap()),
                Err(wrong) => error = Some(wrong.to_string()),
            }
        }
        (objects, error)
    }

    #[test]
    fn an_object_an_array_and_a_sequence_all_give_their_objects() {
        for (input, objects) in [
            ("", vec![]),
            (" [ ] ", vec![]),
            ("{\"a\":{}}", vec!["{\"a\":{}}"]),
            ("{\n \"a\": 1\n}\n\n{}\n", vec!["{\n \"a\": 1\n}", "{}"]),
            ("[{\"a\":[1,2]}, {}]\n", vec!["{\"a\":[1,2]}", "{}"]),
            (r#"{"a":"}\"{[\\"}{}"#, vec![r#"{"a":"}\"{[\\"}"#, "{}"]),
        ] {
            assert_eq!(read(input), (objects.into_iter().map(str::to_owned).collect(), None), "{input}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_item_and_line() {
        for (input, objects, message) in [
            ("{}\n{\"a\":", 1, "item 2 (line 2): the input ends before it is complete"),
            ("[{}", 1, "item 2 (line 1): the input ends before it is complete"),
            ("{}\n7", 1, "item 2 (line 2): expected an event, which is a JSON object"),
            ("[{},]", 1, "item 2 (line 1): expected an event, which is a JSON object"),
            ("[{} {}]", 1, "item 2 (line 1): expected `,` or `]` before it"),
            ("[{}] {}", 1, "item 2 (line 1): expected nothing after the array"),
        ] {
            let (read, error) = read(input);
            assert_eq!((read.len(), error.as_deref()), (objects, Some(message)), "{input}");
        }
    }

    #[test]
    fn a_long_item_is_refused_before_it_is_read_whole() {
        let endless = io::BufReader::new(io::Read::chain(&b"{\"a\":\""[..], io::repeat(b'x')));
        let mut items = Items::new(endless);
        let error = items.next().unwrap().unwrap_err().to_string();
        assert_eq!(error, "item 1 (line 1) is longer than 4 MiB");
        assert!(items.next().is_none());
    }
}
