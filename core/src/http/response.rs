//! The head of an answer.

use core::fmt;

use super::body::Body;
use super::request::is_token;
use crate::decimal;
use crate::time::Duration;

/// The head of one answer: the status, and the few headers that a sender of webhooks needs.
///
/// The status line decides what became of the attempt. Headers that make no sense take nothing from it; after
/// them the connection just cannot be used again.
///
/// ```
/// use sealpost_core::http::ResponseHead;
///
/// let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// let (head, rest) = ResponseHead::parse(bytes)?.expect("a whole head");
/// assert_eq!((head.status(), rest), (200, b"ok".as_slice()));
///
/// let mut body = head.body();
/// assert_eq!(body.feed(rest)?, 2);
/// assert!(body.is_complete() && head.keep_alive());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct ResponseHead<'a> {
    status: u16,
    minor_version: u8,
    fields: Fields<'a>,
}

impl<'a> ResponseHead<'a> {
    /// Reads the head at the front of `bytes`, and gives it with what follows it. `None`: it is not whole yet, call
    /// again with more behind it. How much to wait for is the caller's to bound.
    ///
    /// # Errors
    /// [`NotHttp`] as soon as the bytes do not begin with `HTTP/1.`, and when the status line is whole and not
    /// one of HTTP/1.0 or 1.1.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, NotHttp> {
        let Some((line, headers)) = split_line(bytes) else {
            return if may_begin_status_line(bytes) { Ok(None) } else { Err(NotHttp) };
        };
        let (minor_version, status) = status_line(line).ok_or(NotHttp)?;
        let Some((headers, rest)) = split_headers(headers) else { return Ok(None) };
        Ok(Some((Self { status, minor_version, fields: Fields::read(headers) }, rest)))
    }

    /// The status code, 100 to 999.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether this is a 1xx that another answer follows on the same connection. (After 101, which nobody
    /// asked for, none does.)
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        matches!(self.status, 100..=199) && self.status != 101
    }

    /// Whether the connection may carry another request once the body is complete.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        let persistent = self.minor_version >= 1 || self.fields.keep_alive;
        let delimited = match self.framing() {
            Framing::Length(_) => true,
            // HTTP/1.0 knows no codings, and who passed one on may not have understood it (RFC 9112 section 6.1).
            Framing::Chunked => self.minor_version >= 1,
            Framing::UntilClose | Framing::Contradictory => false,
        };
        persistent && delimited && !self.fields.close && self.status != 101
    }

    /// How the body ends. With headers that contradict each other: at once, and the connection with it.
    #[must_use]
    pub fn body(&self) -> Body {
        match self.framing() {
            Framing::Length(length) => Body::of_length(length),
            Framing::Chunked => Body::chunked(),
            Framing::UntilClose => Body::until_close(),
            Framing::Contradictory => Body::of_length(0),
        }
    }

    /// How long the receiver asks to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<RetryAfter<'a>> {
        let value = self.fields.retry_after?;
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return core::str::from_utf8(value).ok().map(RetryAfter::Date);
        }
        let secs = decimal::parse(value).and_then(|secs| u32::try_from(secs).ok()).unwrap_or(u32::MAX);
        Some(RetryAfter::Delay(Duration::from_secs(secs)))
    }

    /// RFC 9112 section 6.3.
    fn framing(&self) -> Framing {
        if matches!(self.status, 100..=199 | 204 | 304) {
            return Framing::Length(0);
        }
        match (self.fields.coding, self.fields.length) {
            (None, Length::Absent) => Framing::UntilClose,
            (None, Length::Known(length)) => Framing::Length(length),
            (Some(coding), Length::Absent) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
            (Some(_), Length::Absent) => Framing::UntilClose,
            (_, Length::Contradictory) | (Some(_), Length::Known(_)) => Framing::Contradictory,
        }
    }
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What a `Retry-After` says (RFC 9110 section 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter<'a> {
    /// To wait this long.
    Delay(Duration),
    /// To wait until this date, in text that nobody has checked: the host, which has a calendar, reads it.
    Date(&'a str),
}

/// What came is not an answer in HTTP/1.0 or 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotHttp;

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer does not begin with an HTTP/1.0 or HTTP/1.1 status line")
    }
}

impl core::error::Error for NotHttp {}

/// How the end of a body is known.
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
    Contradictory,
}

/// The header fields that matter here.
#[derive(Clone, Copy)]
struct Fields<'a> {
    close: bool,
    keep_alive: bool,
    /// The last transfer coding.
    coding: Option<&'a [u8]>,
    length: Length,
    retry_after: Option<&'a [u8]>,
}

/// What all Content-Length fields together say.
#[derive(Clone, Copy)]
enum Length {
    Absent,
    Known(u64),
    Contradictory,
}

impl<'a> Fields<'a> {
    fn read(headers: &'a [u8]) -> Self {
        let mut fields =
            Self { close: false, keep_alive: false, coding: None, length: Length::Absent, retry_after: None };
        let mut rest = headers;
        while let Some((line, after)) = split_line(rest) {
            match split_at_first(line, b':') {
                Some((name, value)) if is_token(name) => fields.take(name, value.trim_ascii()),
                // White space before the colon, or a value that goes on in another line: other readers may
                // find the end of the body elsewhere (RFC 9112 section 5).
                _ => fields.close = true,
            }
            rest = after;
        }
        fields
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) {
        let mut elements = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        if name.eq_ignore_ascii_case(b"connection") {
            for option in elements {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            for length in elements {
                self.length = match (self.length, decimal::parse(length)) {
                    (Length::Absent, Some(length)) => Length::Known(length),
                    (Length::Known(known), Some(length)) if known == length => Length::Known(known),
                    _ => Length::Contradictory,
                };
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.coding = elements.next_back();
        } else if name.eq_ignore_ascii_case(b"retry-after") {
            self.retry_after = self.retry_after.or(Some(value));
        }
    }
}

/// The first line without its end, and what follows. A bare line feed ends a line too.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = split_at_first(bytes, b'\n')?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest))
}

/// What stands before and behind the first `mark`.
fn split_at_first(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == mark)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

/// The header lines, and what follows the empty line behind them.
fn split_headers(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = bytes;
    loop {
        let (line, after) = split_line(rest)?;
        if line.is_empty() {
            let headers = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
            return Some((headers, after));
        }
        rest = after;
    }
}

fn may_begin_status_line(bytes: &[u8]) -> bool {
    b"HTTP/1.".iter().zip(bytes).all(|(expected, byte)| expected == byte)
}

/// The minor version and the status code.
fn status_line(line: &[u8]) -> Option<(u8, u16)> {
    let (version, rest) = line.strip_prefix(b"HTTP/1.")?.split_first()?;
    let minor_version = version.checked_sub(b'0').filter(|minor| *minor <= 1)?;
    let (code, reason) = rest.strip_prefix(b" ")?.split_at_checked(3)?;
    if !reason.is_empty() && !reason.starts_with(b" ") {
        return None;
    }
    let status = decimal::parse(code).and_then(|status| u16::try_from(status).ok())?;
    (status >= 100).then_some((minor_version, status))
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::vec::Vec;

    use super::*;

    fn with_head<T>(headers: &str, check: impl FnOnce(ResponseHead<'_>) -> T) -> T {
        let bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        check(ResponseHead::parse(bytes.as_bytes()).unwrap().unwrap().0)
    }

    /// Whether the connection lives on, and how many bytes of a long run of zeros the body takes.
    fn framing(headers: &str) -> (bool, Option<usize>) {
        with_head(headers, |head| (head.keep_alive(), head.body().feed(&[b'0'; 100]).ok()))
    }

    #[test]
    fn a_head_is_whole_at_its_empty_line_and_not_before() {
        let bytes = b"HTTP/1.1 503 Try later\r\nRetry-After: 7\r\nX: y\r\n\r\nrest";
        let end = bytes.len() - 4;
        for cut in 0..end {
            assert!(ResponseHead::parse(&bytes[..cut]).unwrap().is_none(), "{cut}");
        }
        let (head, rest) = ResponseHead::parse(bytes).unwrap().unwrap();
        assert_eq!((head.status(), rest), (503, b"rest".as_slice()));
        assert_eq!(head.retry_after(), Some(RetryAfter::Delay(Duration::from_secs(7))));
    }

    #[test]
    fn status_lines_are_read_as_senders_write_them() {
        for (line, status) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("HTTP/1.0 404 Not Found\r\n\r\n", Some(404)),
            ("HTTP/1.1 200\r\n\r\n", Some(200)),
            ("HTTP/1.1 200 \r\n\r\n", Some(200)),
            ("HTTP/1.1 299 gr\u{fc}n\n\n", Some(299)),
            ("HTTP/2 200\r\n\r\n", None),
            ("HTTP/1.2 200 OK\r\n\r\n", None),
            ("HTTP/1.1 20 OK\r\n\r\n", None),
            ("HTTP/1.1 2000 OK\r\n\r\n", None),
            ("HTTP/1.1 +20 OK\r\n\r\n", None),
            ("HTTP/1.1 099 OK\r\n\r\n", None),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", None),
            ("SSH-2.0-OpenSSH", None),
            ("<html>", None),
        ] {
            let head = ResponseHead::parse(line.as_bytes());
            assert_eq!(head.map(|head| head.unwrap().0.status()).ok(), status, "{line:?}");
        }
    }

    #[test]
    fn the_body_ends_as_its_headers_say() {
        let all = Some(100);
        for (headers, expected) in [
            ("", (false, all)),
            ("Content-Length: 5\r\n", (true, Some(5))),
            ("content-length:5\r\n", (true, Some(5))),
            ("Content-Length: 5, 5\r\n", (true, Some(5))),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", (true, Some(5))),
            ("Content-Length: 5\r\nConnection: x, Close\r\n", (false, Some(5))),
            ("Transfer-Encoding: gzip, chunked\r\n", (true, None)),
            ("Transfer-Encoding: chunked, gzip\r\n", (false, all)),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", (true, None)),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", (false, all)),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", (false, all)),
        ] {
            assert_eq!(framing(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn headers_that_contradict_each_other_end_the_connection_and_not_the_answer() {
        for headers in [
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(framing(headers), (false, Some(0)), "{headers:?}");
        }
    }

    #[test]
    fn after_lines_that_are_no_header_fields_the_connection_is_not_used_again() {
        for line in
            ["Content-Length : 6", "Transfer-Encoding : chunked", " 6", "\tchunked", " X: folded", ": x", "x"]
        {
            let headers = format!("Content-Length: 5\r\n{line}\r\n");
            assert_eq!(framing(&headers), (false, Some(5)), "{line:?}");
        }
    }

    #[test]
    fn a_204_has_no_body_whatever_its_headers_say() {
        let (head, _) =
            ResponseHead::parse(b"HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n").unwrap().unwrap();
        assert!(head.body().is_complete() && head.keep_alive());
    }

    #[test]
    fn http_1_0_keeps_a_connection_only_when_it_says_so() {
        let keep_alive = |headers: &str| {
            let bytes = format!("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n{headers}\r\n");
            ResponseHead::parse(bytes.as_bytes()).unwrap().unwrap().0.keep_alive()
        };
        assert_eq!([keep_alive(""), keep_alive("Connection: Keep-Alive\r\n")], [false, true]);
    }

    #[test]
    fn http_1_0_has_no_transfer_codings_and_what_has_some_is_not_kept() {
        let bytes = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (head, _) = ResponseHead::parse(bytes).unwrap().unwrap();
        assert!(!head.keep_alive());
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let date = "Fri, 31 Dec 1999 23:59:59 GMT";
        for (value, expected) in [
            ("120", RetryAfter::Delay(Duration::from_secs(120))),
            ("99999999999", RetryAfter::Delay(Duration::MAX)),
            (date, RetryAfter::Date(date)),
            ("-1", RetryAfter::Date("-1")),
            ("", RetryAfter::Date("")),
        ] {
            with_head(&format!("Retry-After: {value}\r\n"), |head| {
                assert_eq!(head.retry_after(), Some(expected), "{value:?}");
            });
        }
        assert!(with_head("", |head| head.retry_after().is_none()));
    }

    #[test]
    fn an_interim_answer_is_told_from_the_last_one() {
        let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n";
        let (first, rest) = ResponseHead::parse(bytes).unwrap().unwrap();
        let (second, rest) = ResponseHead::parse(rest).unwrap().unwrap();
        assert_eq!([first.is_interim(), second.is_interim()], [true, false]);
        assert_eq!((second.status(), rest.len()), (202, 0));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut bytes: Vec<u8> =
            b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n:\r\n\xff: \xff\r\n\r\n".to_vec();
        for i in 0..bytes.len() {
            for value in [0, b'\n', b':', b',', 0xff] {
                let original = core::mem::replace(&mut bytes[i], value);
                if let Ok(Some((head, rest))) = ResponseHead::parse(&bytes) {
                    let _ = (head.keep_alive(), head.retry_after(), head.body().feed(rest));
                }
                bytes[i] = original;
            }
        }
    }
}
