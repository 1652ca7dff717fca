//! Where the body of an answer ends.

use core::fmt;

/// Finds the end of a body whose content nobody needs, so that the connection can be used again.
///
/// Made by [`ResponseHead::body`](super::ResponseHead::body).
#[derive(Clone, Debug)]
pub struct Body(State);

impl Body {
    pub(super) const fn of_length(length: u64) -> Self {
        Self(if length == 0 { State::Complete } else { State::Length(length) })
    }

    pub(super) const fn chunked() -> Self {
        Self(State::Size { size: 0, digits: 0 })
    }

    pub(super) const fn until_close() -> Self {
        Self(State::UntilClose)
    }

    /// Takes the next bytes of the connection, and says how many of them belong to the body: all, unless it is
    /// complete.
    ///
    /// # Errors
    /// [`MalformedChunk`] if the chunked coding is broken; the rest of the connection has no meaning then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, MalformedChunk> {
        let mut rest = bytes;
        while !self.is_complete() {
            let (State::Length(left) | State::Data(left)) = &mut self.0 else {
                let Some((byte, after)) = rest.split_first() else { break };
                self.0 = self.0.clone().step(*byte)?;
                rest = after;
                continue;
            };
            let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
            let (_, after) = rest.split_at_checked(taken).unwrap_or_default();
            *left = left.saturating_sub(taken as u64);
            if *left > 0 {
                return Ok(bytes.len());
            }
            self.0 = if matches!(self.0, State::Data(_)) { State::DataEnd } else { State::Complete };
            rest = after;
        }
        Ok(bytes.len().saturating_sub(rest.len()))
    }

    /// Whether the body has ended, and whatever follows on the connection does not belong to it.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.0, State::Complete)
    }

    /// Whether the end of the connection, now, is the end of the body.
    #[must_use]
    pub const fn ends_with_connection(&self) -> bool {
        matches!(self.0, State::Complete | State::UntilClose)
    }
}

/// The chunked coding of a body is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MalformedChunk;

impl fmt::Display for MalformedChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the chunked coding of the answer is broken")
    }
}

impl core::error::Error for MalformedChunk {}

/// RFC 9112 section 7.1, with a bare line feed for a line end where a receiver writes one.
#[derive(Clone, Debug)]
enum State {
    /// So many bytes are left.
    Length(u64),
    /// In the line before a chunk, in its hexadecimal size.
    Size {
        size: u64,
        digits: u8,
    },
    /// In the line before a chunk, behind its size.
    Extension(u64),
    /// So many bytes are left of the chunk.
    Data(u64),
    /// At the line end behind a chunk.
    DataEnd,
    /// Behind the last chunk, at the begin of a line.
    Trailer,
    /// Behind the last chunk, in a line that is not empty.
    TrailerLine,
    /// The end of the connection is the end of the body.
    UntilClose,
    Complete,
}

impl State {
    /// The state after one byte, for the states that look at single bytes.
    fn step(self, byte: u8) -> Result<Self, MalformedChunk> {
        Ok(match (self, byte) {
            (Self::Size { size, digits: 1.. }, b'\n') | (Self::Extension(size), b'\n') => match size {
                0 => Self::Trailer,
                _ => Self::Data(size),
            },
            (Self::Size { size, digits: 1.. }, b'\r' | b';' | b' ' | b'\t') => Self::Extension(size),
            (Self::Size { size, digits: digits @ 0..16 }, digit) => {
                let value = char::from(digit).to_digit(16).ok_or(MalformedChunk)?;
                Self::Size { size: size << 4 | u64::from(value), digits: digits + 1 }
            }
            (Self::Size { .. }, _) => return Err(MalformedChunk),
            (Self::Extension(size), _) => Self::Extension(size),
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::DataEnd, _) => return Err(MalformedChunk),
            (Self::Trailer, b'\n') => Self::Complete,
            (Self::Trailer, b'\r') => Self::Trailer,
            (Self::TrailerLine, b'\n') => Self::Trailer,
            (Self::Trailer | Self::TrailerLine, _) => Self::TrailerLine,
            (other @ (Self::Length(_) | Self::Data(_) | Self::UntilClose | Self::Complete), _) => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] = b"4\r\nWiki\r\n0A;name=\"x\"\r\n0\r\n\r\n56789\r\n00\r\nTrailer: 0\r\n\r\n";

    #[test]
    fn the_end_is_found_wherever_the_bytes_are_cut() {
        for first in 0..CHUNKED.len() {
            let mut body = Body::chunked();
            let (front, back) = CHUNKED.split_at(first);
            assert_eq!(body.feed(front), Ok(front.len()));
            assert!(!body.is_complete(), "{first}");
            let next_answer = [back, b"HTTP/1.1 200"].concat();
            assert_eq!(body.feed(&next_answer), Ok(back.len()));
            assert!(body.is_complete(), "{first}");
        }
    }

    #[test]
    fn bare_line_feeds_are_taken_for_line_ends() {
        let mut body = Body::chunked();
        assert_eq!(body.feed(b"1\na\n0\n\n"), Ok(7));
        assert!(body.is_complete());
    }

    #[test]
    fn broken_chunks_are_refused() {
        for bytes in
            [b"\r\n".as_slice(), b"g\r\n", b";x\r\n", b"2\r\nabc\r\n", b"11111111111111111\r\n", b"-1\r\n"]
        {
            assert_eq!(Body::chunked().feed(bytes), Err(MalformedChunk), "{bytes:?}");
        }
    }

    #[test]
    fn a_length_is_counted_down_over_several_reads() {
        let mut body = Body::of_length(7);
        assert_eq!((body.feed(b"abcd"), body.is_complete()), (Ok(4), false));
        assert_eq!((body.feed(b"efgHTTP"), body.is_complete()), (Ok(3), true));
        assert!(Body::of_length(0).is_complete());
        assert_eq!(Body::of_length(u64::MAX).feed(b"abcd"), Ok(4));
    }

    #[test]
    fn only_an_undelimited_body_ends_with_the_connection() {
        let mut body = Body::until_close();
        assert_eq!((body.feed(b"abc"), body.is_complete()), (Ok(3), false));
        assert!(body.ends_with_connection());
        assert!(!Body::of_length(1).ends_with_connection());
        assert!(!Body::chunked().ends_with_connection());
    }
}
