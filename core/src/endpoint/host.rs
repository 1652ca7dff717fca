//! The host of a URL.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::url::UrlError;

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

    pub(super) fn parse(text: &'a str) -> Result<Self, UrlError> {
        if let Some(inner) = text.strip_prefix('[') {
            let address = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            return address.map(|address| Self::V6(address.octets())).ok_or(UrlError::Host);
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::V4(address.octets()));
        }
        let mut labels = text.as_bytes().split(|byte| *byte == b'.');
        let last = labels.clone().next_back().unwrap_or_default();
        if text.len() > 253 || !labels.all(is_label) || is_ipv4_number(last) {
            return Err(UrlError::Host);
        }
        Ok(Self::Name(text))
    }
}

fn is_label(label: &[u8]) -> bool {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&label.len()) && label.iter().all(inner)
}

/// Whether resolvers take a name that ends in this label for an IPv4 address in an old spelling.
fn is_ipv4_number(label: &[u8]) -> bool {
    match label {
        [b'0', b'x' | b'X', hex @ ..] => hex.iter().all(u8::is_ascii_hexdigit),
        _ => is_number(label),
    }
}

pub(super) fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}
