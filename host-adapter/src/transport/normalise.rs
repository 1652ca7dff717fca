//! A URL as people write it, in the one spelling that the core takes.

use std::fmt;

use sealpost_core::endpoint::UrlError;

/// The normal form of a URL, as endpoints are stored and compared: international names in ASCII, lower case,
/// IPv4 addresses in dotted decimal, no default port, no fragment, no dot behind the host.
///
/// # Errors
/// [`NormaliseError`] says what is wrong.
///
/// ```
/// use sealpost::transport::normalise;
/// assert_eq!(normalise(" HTTPS://Müller.example.:443/a b#c ")?, "https://xn--mller-kva.example/a%20b");
/// assert_eq!(normalise("http://0x7f.1/")?, "http://127.0.0.1/");
/// # Ok::<(), sealpost::transport::NormaliseError>(())
/// ```
pub fn normalise(text: &str) -> Result<String, NormaliseError> {
    let text = text.trim();
    if text.contains(char::is_control) {
        return Err(NormaliseError::ControlCharacter);
    }
    let mut url = url::Url::parse(text).map_err(NormaliseError::Syntax)?;
    url.set_fragment(None);
    if let Some(name) = url.domain().and_then(|name| name.strip_suffix('.')) {
        let name = name.to_owned();
        url.set_host(Some(&name)).map_err(NormaliseError::Syntax)?;
    }
    let normal = percent_encode(url.as_str());
    sealpost_core::Url::parse(&normal).map_err(NormaliseError::Unusable)?;
    Ok(normal)
}

/// Why a text is not the URL of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormaliseError {
    /// It has a line break or the like, which the URL standard would drop unseen.
    ControlCharacter,
    /// It is no absolute URL.
    Syntax(url::ParseError),
    /// It is one, but no endpoint can have it.
    Unusable(UrlError),
}

impl fmt::Display for NormaliseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlCharacter => {
                f.write_str("it has a control character, such as a line break; take it out")
            }
            Self::Syntax(url::ParseError::RelativeUrlWithoutBase) => UrlError::Scheme.fmt(f),
            Self::Syntax(error) => error.fmt(f),
            Self::Unusable(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NormaliseError {}

/// Encodes what the URL standard leaves in paths and queries although no URI may contain it (RFC 3986).
fn percent_encode(url: &str) -> String {
    let mut encoded = String::with_capacity(url.len());
    for character in url.chars() {
        match character {
            '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => {
                encoded.push_str(&format!("%{:02X}", u32::from(character)));
            }
            _ => encoded.push(character),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_comes_to_the_same_url() {
        for (text, normal) in [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://EXAMPLE.com:443/A?b#c", "https://example.com/A?b"),
            ("http://example.com:80/", "http://example.com/"),
            ("http://example.com:8080/", "http://example.com:8080/"),
            ("https://example.com./x", "https://example.com/x"),
            ("https://bücher.example/ü?ü", "https://xn--bcher-kva.example/%C3%BC?%C3%BC"),
            ("https://u:p@example.com/", "https://u:p@example.com/"),
            ("https://2130706433/", "https://127.0.0.1/"),
            ("https://0177.1/", "https://127.0.0.1/"),
            ("https://127.0.0.1./", "https://127.0.0.1/"),
            ("https://[0:0::1]/", "https://[::1]/"),
            ("https://example.com/a/../b", "https://example.com/b"),
            ("https:\\\\example.com\\a", "https://example.com/a"),
            ("http://a.example\\@b.example/", "http://a.example/@b.example/"),
            (
                "https://example.com/{a}|^`?<\"b\">=\\{c}|^`",
                "https://example.com/%7Ba%7D%7C%5E%60?%3C%22b%22%3E=%5C%7Bc%7D%7C%5E%60",
            ),
        ] {
            assert_eq!(normalise(text).as_deref(), Ok(normal), "{text}");
            assert_eq!(normalise(normal).as_deref(), Ok(normal), "{normal} is its own normal form");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        let long = format!("https://example.com/{}", "ü".repeat(400));
        for text in [
            "",
            "example.com/hook",
            "ftp://example.com/",
            "mailto:a@b.c",
            "https://",
            "https://exa mple.com/",
            "https://exa{mple.com/",
            "https://example.com:99999/",
            "https://example.com:0/",
            "https://a..b/",
            "https://exam\nple.com/",
            "https://example.com/\r\nX: y",
            "https://example.com/a\tb",
            "https://example.com/\0",
            "https://.../",
            "https://256.256.256.256/",
            &long,
        ] {
            assert!(normalise(text).is_err(), "{text}: {:?}", normalise(text));
        }
    }
}
