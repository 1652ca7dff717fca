//! The `signature` object of a payload.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::hex::Hex;
use super::key::SigningKey;
use super::token::Token;
use super::verify::VerifyError;
use crate::decimal::Decimal;
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
    token: Token,
    signature: Hex<64>,
    parent_signature: Option<Hex<64>>,
}

impl SignatureBlock {
    pub(super) const fn new(timestamp: u64, token: Token, signature: Hex<64>) -> Self {
        Self { timestamp, token, signature, parent_signature: None }
    }

    /// The same block with `parent-signature`, which the domains of a subaccount carry: the same timestamp
    /// and token under the signing key of the account above.
    #[must_use]
    pub fn with_parent(self, parent: &SigningKey) -> Self {
        Self { parent_signature: Some(parent.signature(self.timestamp, &self.token)), ..self }
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

    /// The signature as bytes, which need no check that they are text.
    pub(crate) const fn digits(&self) -> &[u8; 64] {
        self.signature.as_bytes()
    }

    pub(crate) fn parent_digits(&self) -> Option<&[u8; 64]> {
        self.parent_signature.as_ref().map(Hex::as_bytes)
    }
}

impl Serialize for SignatureBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 3 + usize::from(self.parent_signature.is_some());
        let mut object = serializer.serialize_struct("SignatureBlock", fields)?;
        object.serialize_field("timestamp", Decimal::new(self.timestamp).as_str())?;
        object.serialize_field("token", &self.token)?;
        object.serialize_field("signature", &self.signature)?;
        if let Some(parent) = &self.parent_signature {
            object.serialize_field("parent-signature", parent)?;
        }
        object.end()
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
    /// Decoded by serde-json-core, for which it is made: four strings that have no reason to be escaped. It only
    /// sees what the checker let through.
    ///
    /// # Errors
    /// [`VerifyError::Malformed`] if it, or one of its three parts, is missing or no plain string.
    pub fn in_payload(payload: RawJson<'a>) -> Result<Self, VerifyError> {
        let block = payload.member("signature").ok_or(VerifyError::Malformed("`signature` is missing"))?;
        let decoded = serde_json_core::from_slice(block.as_bytes());
        decoded.map(|(block, _)| block).map_err(|_| {
            VerifyError::Malformed("`signature` must have the strings `timestamp`, `token` and `signature`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn block() -> SignatureBlock {
        let key = SigningKey::new(b"key-55c5c5c5c55f55ca5cd5f55d5c555c55").unwrap();
        let token = Token::from_entropy(core::array::from_fn(|i| i as u8));
        key.sign(UnixTime::new(1_529_006_854, 0), token)
    }

    #[test]
    fn serialises_the_timestamp_as_a_string_and_no_absent_parent() {
        assert_eq!(
            serde_json::to_string(&block()).unwrap(),
            r#"{"timestamp":"1529006854","token":"000102030405060708090a0b0c0d0e0f101112131415161718","signature":"2bccc0d8faef18a1e23f7bd86a0e476cbc9edcb76ca25653978e9edc4ce2365b"}"#
        );
    }

    #[test]
    fn the_parent_signs_the_same_timestamp_and_token() {
        let block = block().with_parent(&SigningKey::new(b"parent-key").unwrap());
        let json = serde_json::to_string(&block).unwrap();
        let received: ReceivedBlock<'_> = serde_json::from_str(&json).unwrap();
        assert_eq!(
            received.parent_signature,
            Some("436b65ec6a0d34577c037ac6fc906a261cb5862b71e7ef10a0aef44012aad10d")
        );
        assert_eq!(Some(received.signature), Some(block.signature()));
    }
}
