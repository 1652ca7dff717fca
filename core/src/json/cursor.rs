//! A place in checked text, and the steps over it.

use super::raw::RawJson;
use super::scan::plain_end;
use super::text::Text;

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
        let start = self.at;
        match first {
            Some(b'"') => self.pass_string(),
            Some(b'{' | b'[') => self.pass_container(),
            _ => self.pass_scalar(),
        }
        RawJson::from_checked(self.since(start))
    }

    /// Passes over `"key" :`.
    pub(super) fn key(&mut self) -> Text<'a> {
        let key = self.value().as_text();
        self.accept(b':');
        key.unwrap_or(Text::plain(""))
    }

    fn pass_string(&mut self) {
        self.at += 1;
        loop {
            self.at = plain_end(self.text.as_bytes(), self.at);
            if self.rest().first() != Some(&b'\\') {
                self.at += 1;
                return;
            }
            self.at += 2;
        }
    }

    /// Brackets outside strings are balanced, so counting them is enough.
    fn pass_container(&mut self) {
        let mut open: usize = 0;
        while let Some(byte) = self.rest().first() {
            match byte {
                b'"' => {
                    self.pass_string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    fn pass_scalar(&mut self) {
        let ends = |byte: &&u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
        self.at += self.rest().iter().take_while(|byte| !ends(byte)).count();
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}
