//! Heads of requests that tell in two ways where the body ends, found among the bytes of a connection.
//!
//! Where a head has both `Transfer-Encoding` and `Content-Length` the chunks count (RFC 9112, section 6.3); whoever
//! stands in front of this server and believes the length sees another request than it does. So a server may refuse
//! such a request (sections 6.1 and 6.3), and this one does. The HTTP library takes the length away before anybody can
//! see it: it is looked for here, in the bytes as they arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memchr::memchr;

/// Whether what a connection has brought so far held a head with both fields.
///
/// Bytes are read ahead, and bodies are not told from heads: it can be the head of a later request, or lines of a body
/// that look like a whole head. So it concerns only a request that has `Transfer-Encoding` itself, which is refused in
/// doubt.
#[derive(Clone, Debug, Default)]
pub(super) struct Suspicion(Arc<AtomicBool>);

impl Suspicion {
    /// Whether there was one.
    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Looks through the bytes of one connection, in whatever pieces they come. Never misses a head; holds a line's start
/// and end at most.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    suspicion: Suspicion,
    line: Line,
    head: Head,
}

/// What is known of the lines since the last empty one.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// A request begins with one of these lines: what stands before it belongs to a body that no line's end closed.
    begun: bool,
    length: bool,
    coding: bool,
}

impl Scanner {
    /// Raises this suspicion at what is found.
    pub(super) fn new(suspicion: Suspicion) -> Self {
        Self { suspicion, line: Line::default(), head: Head::default() }
    }

    /// Looks through what has come next.
    pub(super) fn scan(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            if self.line.length == 0 {
                self.head.add(line);
            } else {
                self.line.push(line);
                self.head.add(self.line.as_bytes());
                self.line.length = 0;
            }
            if self.head.length && self.head.coding {
                self.suspicion.0.store(true, Ordering::Relaxed);
            }
            bytes = rest.get(1..).unwrap_or_default();
        }
        self.line.push(bytes);
    }
}

impl Head {
    /// A line without the LF at its end.
    fn add(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_field = |name: &str| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        };
        if line.is_empty() {
            *self = Self::default();
        } else if self.begun {
            self.length |= is_field("content-length:");
            self.coding |= is_field("transfer-encoding:");
        } else {
            // No other version has chunks. The parser allows nothing behind it, and no space before a colon.
            self.begun = line.ends_with(b" HTTP/1.1");
        }
    }
}

/// A line that has not ended yet, of which only the start and the end matter: what is between them is left out.
#[derive(Debug, Default)]
struct Line {
    bytes: [u8; Self::START + Self::END],
    length: usize,
}

impl Line {
    /// The longer name with its colon.
    const START: usize = "transfer-encoding:".len();
    /// The version, behind a space and before a CR.
    const END: usize = " HTTP/1.1\r".len();

    fn push(&mut self, piece: &[u8]) {
        let room = self.bytes.len() - self.length;
        let (fits, over) = piece.split_at(piece.len().min(room));
        for (place, byte) in self.bytes.iter_mut().skip(self.length).zip(fits) {
            *place = *byte;
        }
        self.length += fits.len();
        let (_, end) = self.bytes.split_at_mut(Self::START);
        let over = over.get(over.len().saturating_sub(Self::END)..).unwrap_or_default();
        end.rotate_left(over.len() % Self::END);
        for (place, byte) in end.iter_mut().rev().zip(over.iter().rev()) {
            *place = *byte;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(pieces: &[&[u8]]) -> bool {
        let suspicion = Suspicion::default();
        let mut scanner = Scanner::new(suspicion.clone());
        pieces.iter().for_each(|piece| scanner.scan(piece));
        suspicion.is_raised()
    }

    const CASES: [(&str, bool); 12] = [
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", true),
        ("POST / HTTP/1.1\ntransfer-ENCODING:chunked\nX: y\ncONTENT-length:5\n\n", true),
        // Behind a body without a line's end.
        (
            "\r\n{\"a\":1}POST /aaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nContent-Length:\r\nTransfer-Encoding:\r\n",
            true,
        ),
        ("0\r\n\r\n\r\nPOST / HTTP/1.1\r\nContent-Length:\r\nX: HTTP/1.1\r\nTransfer-Encoding:\r\n", true),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\nX-Transfer-Encoding: chunked\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nContent-Lengths: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nContent-Length: 5\r\n\r\n", false),
        (
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n",
            false,
        ),
        ("--x\r\nContent-Length: 5\r\nTransfer-Encoding: 8bit\r\n\r\n", false),
        ("\r\n\r\nContent-Length: 5\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false),
        (
            "POST / HTTP/1.1\r\nX: Content-Length:\r\nY: Transfer-Encoding:\r\nContent-Length: 5\r\n\r\n",
            false,
        ),
    ];

    #[test]
    fn a_head_with_both_is_found_however_it_is_cut() {
        for (text, expected) in CASES {
            let text = text.as_bytes();
            assert_eq!(finds(&[text]), expected, "{}", text.escape_ascii());
            assert_eq!(finds(&text.chunks(1).collect::<Vec<_>>()), expected, "{}", text.escape_ascii());
            for first in 0..text.len() {
                for second in first..text.len() {
                    let pieces = [&text[..first], &text[first..second], &text[second..]];
                    assert_eq!(finds(&pieces), expected, "{first} {second} {}", text.escape_ascii());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_line_of_which_the_middle_is_left_out_has_its_start_and_its_end(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        ) {
            let (mut line, whole) = (Line::default(), pieces.concat());
            pieces.iter().for_each(|piece| line.push(piece));
            let kept = line.as_bytes();
            prop_assert_eq!(kept.len(), whole.len().min(Line::START + Line::END));
            let (start, end) = (whole.len().min(Line::START), whole.len().min(Line::END));
            prop_assert_eq!(&kept[..start], &whole[..start]);
            prop_assert_eq!(&kept[kept.len() - end..], &whole[whole.len() - end..]);
        }
    }
}
