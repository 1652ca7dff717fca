//! The URL of an endpoint, taken apart.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
        if let Some(offset) = text.bytes().position(|byte| !byte.is_ascii_graphic()) {
            return Err(UrlError::Character { offset });
        }
        if text.contains('#') {
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
        let (name, rest) = text.split_once("://")?;
        let scheme = [Self::Http, Self::Https].into_iter().find(|scheme| scheme.as_str() == name)?;
        Some((scheme, rest))
    }
}

/// The credentials in a URL, still percent-encoded. `Debug` shows nothing of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Userinfo<'a> {
    text: &'a str,
}

impl<'a> Userinfo<'a> {
    /// The bytes of `user:password` with `%xx` decoded, as HTTP Basic authentication encodes them (RFC 7617). A
    /// `%` without two hexadecimal digits stands for itself.
    pub fn credentials(&self) -> impl Iterator<Item = u8> + 'a {
        let user = self.text.split(':').next().unwrap_or_default();
        let password = self.text.get(user.len().saturating_add(1)..).unwrap_or_default();
        percent_decoded(user).chain([b':']).chain(percent_decoded(password))
    }
}

impl fmt::Debug for Userinfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Userinfo(redacted)")
    }
}

/// The host of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A name to be resolved: up to 253 bytes of letters, digits, `-` and `_`, in labels of up to 63.
    Name(&'a str),
    /// A literal IPv4 address.
    V4([u8; 4]),
    /// A literal IPv6 address.
    V6([u8; 16]),
}

impl<'a> Host<'a> {
    /// The address, if the host is one.
    #[must_use]
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(octets) => Some(octets.into()),
            Self::V6(octets) => Some(octets.into()),
        }
    }

    fn parse(text: &'a str) -> Result<Self, UrlError> {
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            return address.map(|address| Self::V6(address.octets())).ok_or(UrlError::Host);
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::V4(address.octets()));
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        if text.len() > 253 || !text.split('.').all(is_label) || is_ipv4_number(last) {
            return Err(UrlError::Host);
        }
        Ok(Self::Name(text))
    }
}

/// Why a text is not the URL of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UrlError {
    /// It has more than [`Url::MAX_LEN`] bytes.
    TooLong,
    /// It has a character outside of printable ASCII.
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
                return write!(f, "the URL has a space or a character outside of ASCII at byte {offset}");
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

fn split_path(rest: &str) -> Result<(&str, &str), UrlError> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    match rest.split_at_checked(end) {
        Some((authority, "")) => Ok((authority, "/")),
        Some((authority, path)) if path.starts_with('/') => Ok((authority, path)),
        _ => Err(UrlError::Path),
    }
}

fn split_userinfo(authority: &str) -> (Option<Userinfo<'_>>, &str) {
    match authority.rsplit_once('@') {
        Some((text, authority)) => (Some(Userinfo { text }), authority),
        None => (None, authority),
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let after_address = authority.rfind(']').unwrap_or(0);
    let port = authority.get(after_address..).and_then(|rest| rest.rsplit_once(':')).map(|(_, port)| port);
    let Some(port) = port else { return Ok((authority, None)) };
    let host = authority.len().checked_sub(port.len() + 1).and_then(|end| authority.get(..end));
    let number = Some(port).filter(|port| is_number(port)).and_then(|port| port.parse().ok());
    match (host, number) {
        (Some(host), Some(1..)) => Ok((host, number)),
        _ => Err(UrlError::Port),
    }
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len()) && label.bytes().all(inner)
}

/// Whether resolvers take a name that ends in this label for an IPv4 address in an old spelling.
fn is_ipv4_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    is_number(label) || hex.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn percent_decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    core::iter::from_fn(move || {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => match (hex_value(*high), hex_value(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (b'%', rest.get(1..)?),
            },
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        rest = after;
        Some(byte)
    })
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::{String, ToString};
    use std::vec::Vec;

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
    fn credentials_are_percent_decoded() {
        let credentials = |text: &str| {
            let userinfo = Url::parse(text).unwrap().userinfo().unwrap();
            String::from_utf8(userinfo.credentials().collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(credentials("http://us%65r:p%40ss%3a@h/"), "user:p@ss:");
        assert_eq!(credentials("http://user@h/"), "user:");
        assert_eq!(credentials("http://:a:b@h/"), ":a:b");
        assert_eq!(credentials("http://50%:%4@h/"), "50%:%4");
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        let url = Url::parse("https://user:secret@example.com/hook?key=secret").unwrap();
        let shown = format!("{url} {url:?} {:?}", url.userinfo());
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(url.to_string(), "https://***@example.com/hook?***");
    }
}
