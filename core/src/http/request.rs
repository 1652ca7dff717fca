//! The head of a request.

use core::fmt;

use crate::base64;
use crate::decimal::Decimal;
use crate::endpoint::{Url, Userinfo};
use crate::error::ResourceError;
use crate::json::{Sink, SliceSink};

/// The head of one POST.
///
/// ```
/// use sealpost_core::http::{Header, RequestHead};
/// use sealpost_core::Url;
///
/// let url = Url::parse("https://user:pass@example.com/hook")?;
/// let headers = [Header::new("Content-Type", "application/json")?];
/// let mut buffer = [0; 256];
/// let head = RequestHead { url: &url, headers: &headers, content_length: 2 }.write(&mut buffer)?;
/// assert_eq!(
///     head,
///     b"POST /hook HTTP/1.1\r\n\
///       Host: example.com\r\n\
///       Authorization: Basic dXNlcjpwYXNz\r\n\
///       Content-Type: application/json\r\n\
///       Content-Length: 2\r\n\r\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Where it goes: gives the request line, `Host`, and `Authorization` if the URL has credentials.
    pub url: &'a Url<'a>,
    /// The other headers, in order. Not to contain those that are written here anyway.
    pub headers: &'a [Header<'a>],
    /// The length of the body in bytes.
    pub content_length: usize,
}

impl RequestHead<'_> {
    /// Writes the head to the front of `buffer`, and gives that part.
    ///
    /// # Errors
    /// [`ResourceError::BufferTooSmall`]. Beside the headers it takes seldom more than 300 bytes, and at most
    /// 3 KiB: for the longest URL, all of it credentials, which base64 makes longer by a third.
    pub fn write<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ResourceError> {
        let mut head = SliceSink::new(buffer);
        for part in ["POST ", self.url.path_and_query(), " HTTP/1.1\r\nHost: ", self.url.authority(), "\r\n"]
        {
            head.put(part.as_bytes())?;
        }
        if let Some(userinfo) = self.url.userinfo() {
            push_authorization(&mut head, userinfo)?;
        }
        for Header { name, value } in self.headers {
            for part in [name, ": ", value, "\r\n"] {
                head.put(part.as_bytes())?;
            }
        }
        head.put(b"Content-Length: ")?;
        head.put(Decimal::new(self.content_length as u64).as_bytes())?;
        head.put(b"\r\n\r\n")?;
        Ok(head.into_filled())
    }
}

/// A header field that can be sent as it is. `Debug` shows the name alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> Header<'a> {
    /// A header field.
    ///
    /// # Errors
    /// [`HeaderError::Name`] unless the name is a token (RFC 9110 section 5.6.2), [`HeaderError::Value`] if the value
    /// has a control character, such as a line break that would begin another header.
    pub const fn new(name: &'a str, value: &'a str) -> Result<Self, HeaderError> {
        if !is_token(name.as_bytes()) {
            return Err(HeaderError::Name);
        }
        if has_control(value.as_bytes()) {
            return Err(HeaderError::Value);
        }
        Ok(Self { name, value })
    }
}

impl fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({})", self.name)
    }
}

/// Why something is not a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HeaderError {
    /// The name is empty, or has another character than letters, digits and ``!#$%&'*+-.^_`|~``.
    Name,
    /// The value has a control character.
    Value,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a header name must be a token of letters, digits and hyphens",
            Self::Value => "a header value must not contain line breaks or other control characters",
        })
    }
}

impl core::error::Error for HeaderError {}

fn push_authorization(head: &mut SliceSink<'_>, userinfo: Userinfo<'_>) -> Result<(), ResourceError> {
    head.put(b"Authorization: Basic ")?;
    base64::encode_each(userinfo.credentials(), |digit| head.put(&[digit]))?;
    head.put(b"\r\n")
}

/// Whether this is a token (RFC 9110 section 5.6.2), as the name of a header field must be.
pub(super) const fn is_token(mut bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return false;
    }
    while let [byte, rest @ ..] = bytes {
        if !byte.is_ascii_alphanumeric() && !is_token_mark(*byte) {
            return false;
        }
        bytes = rest;
    }
    true
}

const fn is_token_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    )
}

const fn has_control(mut bytes: &[u8]) -> bool {
    while let [byte, rest @ ..] = bytes {
        if byte.is_ascii_control() && *byte != b'\t' {
            return true;
        }
        bytes = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::{format, vec};

    use super::*;

    fn written(url: &str, headers: &[Header<'_>]) -> String {
        let url = Url::parse(url).unwrap();
        let mut buffer = vec![0; 8192];
        let head = RequestHead { url: &url, headers, content_length: usize::MAX }.write(&mut buffer);
        String::from_utf8(head.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_host_header_is_the_authority_without_credentials() {
        let head = written("http://a:b@example.com:8080/x?y", &[]);
        assert!(head.starts_with("POST /x?y HTTP/1.1\r\nHost: example.com:8080\r\n"), "{head}");
        assert!(head.ends_with(&format!("Content-Length: {}\r\n\r\n", usize::MAX)), "{head}");
    }

    #[test]
    fn a_url_of_nothing_but_credentials_takes_less_than_3_kib() {
        let head = written(&format!("http://{}@h/", "a".repeat(Url::MAX_LEN - "http://@h/".len())), &[]);
        assert!((2 * 1024..3 * 1024).contains(&head.len()), "{}", head.len());
    }

    #[test]
    fn credentials_of_every_length_are_padded_as_base64_is() {
        for (userinfo, encoded) in [("", "Og=="), ("a", "YTo="), ("a:b", "YTpi"), ("a:b%00", "YTpiAA==")] {
            let head = written(&format!("http://{userinfo}@h/"), &[]);
            assert!(head.contains(&format!("Authorization: Basic {encoded}\r\n")), "{head}");
        }
    }

    #[test]
    fn nothing_that_would_break_the_head_becomes_a_header() {
        for value in ["a\r\nb", "a\nb", "a\rb", "a\0b", "\x7f"] {
            assert_eq!(Header::new("X-Any", value), Err(HeaderError::Value), "{value:?}");
        }
        for name in ["", "a b", "a:b", "a\r\nb", "ä"] {
            assert_eq!(Header::new(name, "x"), Err(HeaderError::Name), "{name:?}");
        }
        assert!(Header::new("webhook-id", "grün\t1").is_ok());
    }

    #[test]
    fn a_buffer_one_byte_too_small_is_an_error() {
        let url = Url::parse("http://h/").unwrap();
        let head = RequestHead { url: &url, headers: &[], content_length: 0 };
        let mut buffer = [0; 256];
        let len = head.write(&mut buffer).unwrap().len();
        assert_eq!(head.write(&mut buffer[..len - 1]), Err(ResourceError::BufferTooSmall));
        assert_eq!(head.write(&mut buffer[..len]).unwrap().len(), len);
    }
}
