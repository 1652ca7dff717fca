//! The API key of a request: HTTP Basic with the user `api` and the key as the password.

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::digest::CtOutput;
use sha2::Sha256;

use crate::secrets::hash_api_key;

/// The hash of the key that the request carries; `None` where it carries none for the user `api`.
pub(super) fn presented(headers: &HeaderMap) -> Option<[u8; 32]> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
    credentials.strip_prefix("api:").map(hash_api_key)
}

/// Whether both hashes are the same. Takes the same time whether they are or not.
pub(super) fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    CtOutput::<Sha256>::from(&(*one).into()) == CtOutput::from(&(*other).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, authorization.parse().expect("a header value"))])
    }

    #[test]
    fn the_password_of_the_user_api_is_the_key() {
        let key = Some(hash_api_key("key-1:x"));
        let encoded = BASE64_STANDARD.encode("api:key-1:x");
        assert_eq!(presented(&headers(&format!("Basic {encoded}"))), key);
        assert_eq!(presented(&headers(&format!("bAsIc  {encoded}"))), key);
    }

    #[test]
    fn anything_else_presents_no_key() {
        let root = format!("Basic {}", BASE64_STANDARD.encode("root:key-1"));
        for value in ["Bearer key-1", "Basic", "Basic ?", "", "Basic YXBp", &root] {
            assert!(presented(&headers(value)).is_none(), "{value}");
        }
        assert!(presented(&HeaderMap::new()).is_none());
    }

    #[test]
    fn only_equal_hashes_are_the_same() {
        assert!(same(&hash_api_key("a"), &hash_api_key("a")));
        assert!(!same(&hash_api_key("a"), &hash_api_key("b")));
    }
}
