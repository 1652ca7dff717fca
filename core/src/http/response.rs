//! The head of an answer.

use core::fmt;

use super::body::Body;
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
    headers: &'a [u8],
}

impl<'a> ResponseHead<'a> {
    /// Reads the head at the front of `bytes`, and gives it with what follows it. `None`: it is not whole yet, call
    /// again with more behind it. How much to wait for is the caller's to bound.
    ///
    /// # Errors
    /// [`NotHttp`] as soon as the bytes cannot become an answer in HTTP/1.0 or 1.1.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, NotHttp> {
        let Some((line, headers)) = split_line(bytes) else {
            return if may_begin_status_line(bytes) { Ok(None) } else { Err(NotHttp) };
        };
        let (minor_version, status) = status_line(line).ok_or(NotHttp)?;
        Ok(split_headers(headers).map(|(headers, rest)| (Self { status, minor_version, headers }, rest)))
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
        let named = |option| self.tokens("connection").any(|token| token.eq_ignore_ascii_case(option));
        let persistent = self.minor_version >= 1 || named("keep-alive");
        persistent
            && !named("close")
            && self.status != 101
            && self.framing().is_some_and(Framing::is_delimited)
    }

    /// How the body ends. With headers that contradict each other: at once, and the connection with it.
    #[must_use]
    pub fn body(&self) -> Body {
        match self.framing() {
            Some(Framing::Length(length)) => Body::of_length(length),
            Some(Framing::Chunked) => Body::chunked(),
            Some(Framing::UntilClose) => Body::until_close(),
            None => Body::of_length(0),
        }
    }

    /// How long the receiver asks to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<RetryAfter<'a>> {
        let value = self.values("retry-after").next()?;
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(RetryAfter::Date(value));
        }
        Some(RetryAfter::Delay(Duration::from_secs(value.parse().unwrap_or(u32::MAX))))
    }

    /// RFC 9112 section 6.3; `None` where the headers contradict each other or make no sense.
    fn framing(&self) -> Option<Framing> {
        if matches!(self.status, 100..=199 | 204 | 304) {
            return Some(Framing::Length(0));
        }
        let coding = self.tokens("transfer-encoding").last();
        let mut lengths = self.tokens("content-length").map(content_length);
        match (coding, lengths.next()) {
            (None, None) => Some(Framing::UntilClose),
            (None, Some(length)) => {
                length.filter(|_| lengths.all(|other| other == length)).map(Framing::Length)
            }
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Some(Framing::Chunked),
            (Some(_), None) => Some(Framing::UntilClose),
            (Some(_), Some(_)) => None,
        }
    }

    fn tokens(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.values(name).flat_map(|value| value.split(',')).map(trim)
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.headers
            .split(|byte| *byte == b'\n')
            .filter_map(|line| core::str::from_utf8(line).ok()?.split_once(':'))
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| trim(value))
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

#[derive(Clone, Copy)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Framing {
    const fn is_delimited(self) -> bool {
        !matches!(self, Self::UntilClose)
    }
}

/// The first line without its end, and what follows. A bare line feed ends a line too.
fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..)?))
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
    let digits = code.iter().all(u8::is_ascii_digit);
    let status = core::str::from_utf8(code).ok()?.parse().ok()?;
    (digits && status >= 100).then_some((minor_version, status))
}

fn content_length(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r'])
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
