//! Who may call: HTTP Basic with the user `api` and an API key as the password.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::digest::{CtOutput, Output};
use sha2::{Digest, Sha256};

/// The SHA-256 of an API key, which is all that is kept of it. Compares in constant time.
#[derive(Clone)]
pub struct KeyHash(CtOutput<Sha256>);

impl KeyHash {
    /// The hash of this key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(CtOutput::new(Sha256::digest(key)))
    }

    /// The hash with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(CtOutput::new(Output::<Sha256>::from(bytes)))
    }
}

/// The hash of the key that the request carries; `None` where it carries none for the user `api`.
pub(super) fn presented(headers: &HeaderMap) -> Option<KeyHash> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, credentials) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let credentials = BASE64_STANDARD.decode(credentials.trim_ascii()).ok()?;
    credentials.strip_prefix(b"api:").map(KeyHash::of)
}

/// Whether `key` is one of `known`. Looks at all of them, whichever it is.
pub(super) fn is_known<'a>(key: &KeyHash, known: impl Iterator<Item = &'a KeyHash>) -> bool {
    known.fold(false, |found, one| found | (one.0 == key.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().expect("a header value"))])
    }

    fn basic(credentials: &str) -> HeaderMap {
        headers(&format!("Basic {}", BASE64_STANDARD.encode(credentials)))
    }

    #[test]
    fn the_password_of_the_user_api_is_the_key() {
        let known = [KeyHash::of(b"key-1"), KeyHash::of(b"key-2")];
        let accepts = |headers| presented(&headers).is_some_and(|key| is_known(&key, known.iter()));
        assert!(accepts(basic("api:key-1")));
        assert!(accepts(basic("api:key-2")));
        assert!(accepts(headers("bAsIc YXBpOmtleS0x")));
        assert!(!accepts(basic("api:key-3")));
        assert!(!accepts(basic("api:")));
        assert!(!accepts(basic("root:key-1")));
    }

    #[test]
    fn anything_but_basic_presents_no_key() {
        for value in ["Bearer key-1", "Basic", "Basic ?", "", "Basic YXBp"] {
            assert!(presented(&headers(value)).is_none(), "{value}");
        }
        assert!(presented(&HeaderMap::new()).is_none());
    }
}
