//! The URL of an endpoint, taken apart.

use core::fmt;

use super::host::{Host, is_number};
use super::userinfo::Userinfo;

/// An absolute `http` or `https` URL without a fragment, taken apart once.
///
/// The parser is strict and changes nothing: lower-case schemes, ASCII hosts, dotted decimal IPv4
/// addresses. Text from people is first brought into that form by a WHATWG URL library.
///
/// `Debug` and `Display` leave out what may be secret: the credentials and the query.
///
/// ```
/// use sealpost_core::{Host, Url};
///
/// let url = Url::parse("https://user:pa%20ss@example.com:8443/hook?k=v")?;
/// assert_eq!(url.host(), Host::Name("example.com"));
/// assert_eq!((url.port(), url.authority()), (8443, "example.com:8443"));
/// assert_eq!(url.path_and_query(), "/hook?k=v");
/// assert_eq!(url.to_string(), "https://***@example.com:8443/hook?***");
/// # Ok::<(), sealpost_core::endpoint::UrlError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Url<'a> {
    text: &'a str,
    scheme: Scheme,
    userinfo: Option<Userinfo<'a>>,
    authority: &'a str,
    host: Host<'a>,
    port: u16,
    path_and_query: &'a str,
}

impl<'a> Url<'a> {
    /// The longest URL, in bytes.
    pub const MAX_LEN: usize = 2048;

    /// Takes a URL apart.
    ///
    /// # Errors
    /// [`UrlError`] names the part that is wrong.
    pub fn parse(text: &'a str) -> Result<Self, UrlError> {
        if text.len() > Self::MAX_LEN {
            return Err(UrlError::TooLong);
        }
        if let Some(offset) = text.bytes().position(|byte| !may_stand(byte)) {
            return Err(UrlError::Character { offset });
        }
        if text.bytes().any(|byte| byte == b'#') {
            return Err(UrlError::Fragment);
        }
        let (scheme, rest) = Scheme::split(text).ok_or(UrlError::Scheme)?;
        let (authority, path_and_query) = split_path(rest)?;
        let (userinfo, authority) = split_userinfo(authority);
        let (host, port) = split_port(authority)?;
        Ok(Self {
            text,
            scheme,
            userinfo,
            authority,
            host: Host::parse(host)?,
            port: port.unwrap_or(scheme.default_port()),
            path_and_query,
        })
    }

    /// The whole text, credentials and all.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The credentials, which go out as HTTP Basic authentication.
    #[must_use]
    pub const fn userinfo(&self) -> Option<Userinfo<'a>> {
        self.userinfo
    }

    /// Host and, where the text has it, port: the value of the `Host` header.
    #[must_use]
    pub const fn authority(&self) -> &'a str {
        self.authority
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> Host<'a> {
        self.host
    }

    /// The port, which is the scheme's where the text has none. Never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What stands in the request line; at least `/`.
    #[must_use]
    pub const fn path_and_query(&self) -> &'a str {
        self.path_and_query
    }
}

impl PartialEq for Url<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Url<'_> {}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let userinfo = if self.userinfo.is_some() { "***@" } else { "" };
        write!(f, "{}://{userinfo}{}", self.scheme.as_str(), self.authority)?;
        match self.path_and_query.split_once('?') {
            Some((path, _)) => write!(f, "{path}?***"),
            None => f.write_str(self.path_and_query),
        }
    }
}

impl fmt::Debug for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scheme {
    /// In clear text.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The name, as in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    fn split(text: &str) -> Option<(Self, &str)> {
        [Self::Http, Self::Https].into_iter().find_map(|scheme| {
            let rest = text.strip_prefix(scheme.as_str())?.strip_prefix("://")?;
            Some((scheme, rest))
        })
    }
}

/// Why a text is not the URL of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UrlError {
    /// It has more than [`Url::MAX_LEN`] bytes.
    TooLong,
    /// It has a space, a character outside of printable ASCII or one of ``" < > \ ^ ` { | }``.
    Character {
        /// The place of its first byte.
        offset: usize,
    },
    /// It has a fragment.
    Fragment,
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// The host is missing, or neither a name nor a complete address.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// A query follows the host without a `/`.
    Path,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the URL is longer than 2048 bytes",
            Self::Character { offset } => {
                return write!(f, "the character at byte {offset} of the URL must be percent-encoded");
            }
            Self::Fragment => "the URL has a fragment (`#`), which is never sent; leave it out",
            Self::Scheme => "invalid URL scheme; it must begin with http:// or https://",
            Self::Host => "the URL has no valid host name or address",
            Self::Port => "the port of the URL must be a number from 1 to 65535",
            Self::Path => "the host of the URL must be followed by `/`",
        })
    }
}

impl core::error::Error for UrlError {}

/// Whether the character may stand in a URL without percent-encoding (RFC 3986, sections 2.2 and 2.3). Readers
/// disagree about the others: to some a backslash is a slash, and the host ends before it.
const fn may_stand(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn split_path(rest: &str) -> Result<(&str, &str), UrlError> {
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    match rest.split_at_checked(end) {
        Some((authority, "")) => Ok((authority, "/")),
        Some((authority, path)) if path.starts_with('/') => Ok((authority, path)),
        _ => Err(UrlError::Path),
    }
}

fn split_userinfo(authority: &str) -> (Option<Userinfo<'_>>, &str) {
    match split_last(authority, b'@') {
        Some((text, authority)) => (Some(Userinfo::new(text)), authority),
        None => (None, authority),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    match split_last(authority, b':') {
        // The colon stands inside of an IPv6 address.
        Some((_, after)) if after.bytes().any(|byte| byte == b']') => Ok((authority, None)),
        Some((host, port)) if is_number(port.as_bytes()) => match port.parse() {
            Ok(number @ 1..) => Ok((host, Some(number))),
            _ => Err(UrlError::Port),
        },
        Some(_) => Err(UrlError::Port),
        None => Ok((authority, None)),
    }
}

/// What stands before and behind the last `mark`, an ASCII character.
fn split_last(text: &str, mark: u8) -> Option<(&str, &str)> {
    let at = text.bytes().rposition(|byte| byte == mark)?;
    Some((text.get(..at)?, text.get(at.checked_add(1)?..)?))
}

#[cfg(test)]
mod tests {
    use core::net::Ipv6Addr;
    use std::format;
    use std::string::ToString;

    use super::*;

    #[test]
    fn takes_every_part_out() {
        let url = Url::parse("http://u@h.example_1.test?x");
        assert_eq!(url, Err(UrlError::Path));
        let url = Url::parse("http://u@h.example_1.test/?x").unwrap();
        assert_eq!(
            (url.scheme(), url.host(), url.port()),
            (Scheme::Http, Host::Name("h.example_1.test"), 80)
        );
        assert_eq!((url.authority(), url.path_and_query()), ("h.example_1.test", "/?x"));
        let url = Url::parse("https://[2001:db8::1]:8443").unwrap();
        let address = "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets();
        assert_eq!((url.host(), url.port(), url.path_and_query()), (Host::V6(address), 8443, "/"));
        assert_eq!(url.authority(), "[2001:db8::1]:8443");
        let url = Url::parse("https://192.0.2.1/a@b:1").unwrap();
        assert_eq!((url.host(), url.port(), url.userinfo()), (Host::V4([192, 0, 2, 1]), 443, None));
    }

    #[test]
    fn names_the_part_that_is_wrong() {
        let long = format!("https://example.com/{}", "a".repeat(2048));
        let label = format!("https://{}.test/", "a".repeat(64));
        let name = format!("https://{}test/", "abcdefg.".repeat(32));
        for (text, error) in [
            ("", UrlError::Scheme),
            ("example.com", UrlError::Scheme),
            ("//example.com/", UrlError::Scheme),
            ("ftp://example.com/", UrlError::Scheme),
            ("HTTPS://example.com/", UrlError::Scheme),
            ("https:/example.com/", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https:///path", UrlError::Host),
            ("https://user@/", UrlError::Host),
            ("https://a..b/", UrlError::Host),
            ("https://example.com./", UrlError::Host),
            ("https://exa$mple.com/", UrlError::Host),
            ("https://exa%6dple.com/", UrlError::Host),
            ("https://127.1/", UrlError::Host),
            ("https://2130706433/", UrlError::Host),
            ("https://0x7f000001/", UrlError::Host),
            ("https://127.0.0.0X1/", UrlError::Host),
            ("https://0127.0.0.1/", UrlError::Host),
            ("https://1.2.3.256/", UrlError::Host),
            ("https://[::1/", UrlError::Host),
            ("https://[::1]x/", UrlError::Host),
            ("https://[fe80::1%25eth0]/", UrlError::Host),
            ("https://::1/", UrlError::Host),
            (&label, UrlError::Host),
            (&name, UrlError::Host),
            ("https://example.com:/", UrlError::Port),
            ("https://example.com:0/", UrlError::Port),
            ("https://example.com:65536/", UrlError::Port),
            ("https://example.com:+80/", UrlError::Port),
            ("https://example.com/#top", UrlError::Fragment),
            ("https://example.com/a b", UrlError::Character { offset: 21 }),
            ("https://example.com/\r\nX: y", UrlError::Character { offset: 20 }),
            (r"http://evil.example\@good.example/", UrlError::Character { offset: 19 }),
            ("https://example.com/?a=\"", UrlError::Character { offset: 23 }),
            ("https://example.com/<", UrlError::Character { offset: 20 }),
            ("https://example.com/>", UrlError::Character { offset: 20 }),
            ("https://example.com/^", UrlError::Character { offset: 20 }),
            ("https://example.com/`", UrlError::Character { offset: 20 }),
            ("https://{user}@example.com/", UrlError::Character { offset: 8 }),
            ("https://example.com/|", UrlError::Character { offset: 20 }),
            ("https://example.com/}", UrlError::Character { offset: 20 }),
            ("https://exämple.com/", UrlError::Character { offset: 10 }),
            (&long, UrlError::TooLong),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn the_longest_url_fits() {
        let text = format!("https://example.com/{}", "a".repeat(2048 - 20));
        assert_eq!(Url::parse(&text).unwrap().as_str().len(), Url::MAX_LEN);
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let url = Url::parse("https://user:secret@example.com/hook?key=secret").unwrap();
        let shown = format!("{url} {url:?} {:?}", url.userinfo());
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(url.to_string(), "https://***@example.com/hook?***");
    }
}
