//! A place in checked text, and the steps over it.

use super::raw::RawJson;
use super::scan::plain_end;
use super::text::Text;
use crate::SMALL;

/// Walks through text that [`check`](super::check) has passed.
///
/// So the grammar holds, and no step reports a fault. Steps taken out of turn (a string where there is
/// none) give empty tokens, never a panic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(raw: RawJson<'a>) -> Self {
        Self { text: raw.as_str(), at: 0 }
    }

    /// Skips white space and looks at the next byte.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Skips white space, and the next byte if it is this one.
    #[inline]
    pub(super) fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Steps to the next element or key of the container that `close` ends: over the comma before it,
    /// if there is one. `false` when the container has ended, and its end has been passed.
    pub(super) fn next_entry(&mut self, close: u8) -> bool {
        if self.accept(close) {
            return false;
        }
        self.accept(b',');
        self.peek().is_some()
    }

    /// Passes over one whole value.
    pub(super) fn value(&mut self) -> RawJson<'a> {
        let first = self.peek();
        let (bytes, start) = (self.text.as_bytes(), self.at);
        self.at = match first {
            Some(b'"') => string_end(bytes, start),
            Some(b'{' | b'[') => container_end(bytes, start),
            _ => scalar_end(bytes, start),
        };
        RawJson::from_checked(self.since(start))
    }

    /// Passes over `"key" :`.
    pub(super) fn key(&mut self) -> Text<'a> {
        let key = self.plain_string().or_else(|| self.value().as_text());
        self.accept(b':');
        key.unwrap_or(Text::plain(""))
    }

    /// Passes over a string without escapes in one scan, where code need not be small.
    #[inline]
    fn plain_string(&mut self) -> Option<Text<'a>> {
        if SMALL || self.peek() != Some(b'"') {
            return None;
        }
        let (bytes, start) = (self.text.as_bytes(), self.at + 1);
        let end = plain_end(bytes, start);
        let characters = self.text.get(start..end)?;
        (bytes.get(end) == Some(&b'"')).then(|| {
            self.at = end + 1;
            Text::plain(characters)
        })
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}

/// Behind the string whose opening quote stands at `at`.
#[inline]
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    at += 1;
    loop {
        at = plain_end(bytes, at);
        if bytes.get(at) != Some(&b'\\') {
            return at + 1;
        }
        at += 2;
    }
}

/// Behind the container whose bracket stands at `at`. Brackets outside strings are balanced, so counting them is
/// enough.
fn container_end(bytes: &[u8], mut at: usize) -> usize {
    let mut open: usize = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at);
                continue;
            }
            b'{' | b'[' => open += 1,
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if open == 0 {
            break;
        }
    }
    at
}

fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let ends = |byte: &&u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
    start + bytes.iter().skip(start).take_while(|byte| !ends(byte)).count()
}
