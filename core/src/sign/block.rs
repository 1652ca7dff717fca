//! The `signature` object of a payload.

use serde::Deserialize;

use super::key::SigningKey;
use super::token::Token;
use super::verify::VerifyError;
use crate::decimal::Decimal;
use crate::hex::Hex;
use crate::json::RawJson;

/// A signature and what it covers, as it goes into the payload.
///
/// ```
/// use sealpost_core::sign::{SigningKey, Token};
/// use sealpost_core::UnixTime;
///
/// let key = SigningKey::new(b"key-example")?;
/// let block = key.sign(UnixTime::new(1_529_006_854, 0), Token::from_entropy([7; 25]));
/// assert_eq!(block.timestamp(), 1_529_006_854);
/// assert_eq!(block.signature().len(), 64);
/// # Ok::<(), sealpost_core::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureBlock {
    timestamp: u64,
    /// The same in digits, which are what is signed and what is sent.
    seconds: Decimal,
    token: Token,
    signature: Hex<64>,
    parent_signature: Option<Hex<64>>,
}

impl SignatureBlock {
    pub(super) fn new(key: &SigningKey, timestamp: u64, token: Token) -> Self {
        let seconds = Decimal::new(timestamp);
        let signature = key.signature(&seconds, &token);
        Self { timestamp, seconds, token, signature, parent_signature: None }
    }

    /// The same block with `parent-signature`, which the domains of a subaccount carry: the same timestamp
    /// and token under the signing key of the account above.
    #[must_use]
    pub fn with_parent(self, parent: &SigningKey) -> Self {
        Self { parent_signature: Some(parent.signature(&self.seconds, &self.token)), ..self }
    }

    /// When it was signed, in seconds since 1970. In the payload this is a string, not a number.
    #[must_use]
    pub const fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// The random part.
    #[must_use]
    pub const fn token(&self) -> Token {
        self.token
    }

    /// The signature, 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn signature(&self) -> &str {
        self.signature.as_str()
    }

    /// The signature of the account above, 64 lowercase hexadecimal digits.
    #[must_use]
    pub fn parent_signature(&self) -> Option<&str> {
        self.parent_signature.as_ref().map(Hex::as_str)
    }

    /// The timestamp as bytes, which need no check that they are text.
    pub(crate) fn timestamp_digits(&self) -> &[u8] {
        self.seconds.as_bytes()
    }

    /// The token as bytes.
    pub(crate) const fn token_digits(&self) -> &[u8] {
        self.token.as_bytes()
    }

    /// The signature as bytes.
    #[must_use]
    pub const fn digits(&self) -> &[u8; 64] {
        self.signature.as_bytes()
    }

    /// The signature of the account above; empty if there is none.
    pub(crate) fn parent_digits(&self) -> &[u8] {
        self.parent_signature.as_ref().map_or(&[], |digits| digits.as_bytes())
    }
}

/// A signature block as it was received: text, nothing of it believed yet. [`verify_block`] judges
/// it.
///
/// [`verify_block`]: super::verify_block
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct ReceivedBlock<'a> {
    /// Seconds since 1970, in decimal.
    pub timestamp: &'a str,
    /// The random part.
    pub token: &'a str,
    /// The signature, 64 hexadecimal digits.
    pub signature: &'a str,
    /// The signature of the account above, where there is one.
    #[serde(rename = "parent-signature")]
    pub parent_signature: Option<&'a str>,
}

impl<'a> ReceivedBlock<'a> {
    /// The block in the `signature` member of a payload.
    ///
    /// Decoded by serde-json-core, for which it is made: four strings of digits, which have no reason to be
    /// escaped. Escapes stay as they are written, so that a part with one is not what was signed, and a timestamp
    /// or signature with one is malformed.
    ///
    /// # Errors
    /// [`VerifyError::Malformed`] if it is missing, one of its three parts is missing or no string, a part
    /// stands twice, or `parent-signature` is there and neither a string nor `null`.
    pub fn in_payload(payload: RawJson<'a>) -> Result<Self, VerifyError> {
        let block = payload.member("signature").ok_or(VerifyError::Malformed("`signature` is missing"))?;
        // The decoder indexes while it looks back over backslashes, which end at the opening quote; slices
        // from that quote to the closing one; has `unreachable!` for keys other than strings, which the type
        // does not ask for; and recurses into members that it skips. Checked text is balanced and at most
        // MAX_DEPTH deep, so none of these can panic.
        let decoded = serde_json_core::from_slice(block.as_bytes());
        decoded.map(|(block, _)| block).map_err(|_| {
            VerifyError::Malformed(
                "`signature` must have the strings `timestamp`, `token`, `signature` and perhaps `parent-signature`, each once",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::json;
    use crate::sign::{DEFAULT_WINDOW, ReplayGuard, verify};
    use crate::time::UnixTime;

    fn key() -> SigningKey {
        SigningKey::new(b"key-55c5c5c5c55f55ca5cd5f55d5c555c55").unwrap()
    }

    fn block() -> SignatureBlock {
        let token = Token::from_entropy(core::array::from_fn(|i| i as u8));
        key().sign(UnixTime::new(1_529_006_854, 0), token)
    }

    fn received(body: &str) -> Result<ReceivedBlock<'_>, VerifyError> {
        ReceivedBlock::in_payload(json::check(body.as_bytes()).expect(body))
    }

    #[test]
    fn an_escaped_part_stays_as_it_is_written_and_does_not_verify() {
        let (signed, now) = (block(), UnixTime::new(1_529_006_854, 0));
        let token = signed.token().as_str().replacen('0', r"\u0030", 1);
        let body = format!(
            r#"{{"signature":{{"timestamp":"1529006854","token":"{token}","signature":"{}"}},"event-data":{{}}}}"#,
            signed.signature()
        );
        assert_eq!(received(&body).map(|block| block.token), Ok(token.as_str()));
        let verdict = verify(body.as_bytes(), &key(), now, DEFAULT_WINDOW, &mut ReplayGuard::<1>::new());
        assert_eq!(verdict, Err(VerifyError::WrongSignature));
    }

    #[test]
    fn a_part_is_a_string_and_only_the_parent_signature_may_be_null() {
        let with_parent = |parent: &str| {
            format!(
                r#"{{"signature":{{"timestamp":"1","token":"a","signature":"b","parent-signature":{parent}}}}}"#
            )
        };
        assert_eq!(received(&with_parent("null")).map(|block| block.parent_signature), Ok(None));
        assert_eq!(received(&with_parent(r#""c""#)).map(|block| block.parent_signature), Ok(Some("c")));
        for parent in ["1", "true", "{}", r#"["c"]"#] {
            let body = with_parent(parent);
            let block = received(&body);
            assert!(matches!(block, Err(VerifyError::Malformed(_))), "{body}: {block:?}");
        }
        for members in [
            r#""timestamp":null,"token":"a","signature":"b""#,
            r#""timestamp":"1","token":null,"signature":"b""#,
            r#""timestamp":"1","token":"a","signature":null"#,
            r#""timestamp":"1","token":"a","token":"a","signature":"b""#,
        ] {
            let body = format!(r#"{{"signature":{{{members}}}}}"#);
            let block = received(&body);
            assert!(matches!(block, Err(VerifyError::Malformed(_))), "{body}: {block:?}");
        }
    }

    #[test]
    fn the_parent_signs_the_same_timestamp_and_token() {
        let block = block().with_parent(&SigningKey::new(b"parent-key").unwrap());
        assert_eq!(
            block.parent_signature(),
            Some("436b65ec6a0d34577c037ac6fc906a261cb5862b71e7ef10a0aef44012aad10d")
        );
        assert_eq!(block.signature(), self::block().signature());
    }
}
