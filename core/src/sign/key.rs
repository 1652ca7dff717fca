//! The key that an account signs with.

use core::fmt;

use super::block::SignatureBlock;
use super::mac::{Code, MacKey};
use super::token::Token;
use crate::decimal::Decimal;
use crate::error::ConfigError;
use crate::hex::Hex;
use crate::time::UnixTime;

/// The "HTTP webhook signing key" of an account, already hashed into the state that every signature
/// starts from, so that signing costs three SHA-256 compressions and the key itself is not kept.
///
/// `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SigningKey(MacKey);

impl SigningKey {
    /// A key of these bytes: for a key in text, its UTF-8.
    ///
    /// # Errors
    /// [`ConfigError::EmptyKey`] if there are none.
    pub fn new(key: &[u8]) -> Result<Self, ConfigError> {
        if key.is_empty() {
            return Err(ConfigError::EmptyKey);
        }
        Ok(Self(MacKey::new(key)))
    }

    /// Signs: the hexadecimal HMAC-SHA256 over the seconds of `now` and `token`, one after the other without
    /// a separator. Mailgun's scheme covers neither the body nor the URL
    /// (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>).
    ///
    /// Sign every attempt anew, with a fresh token: receivers refuse old timestamps and known tokens.
    #[must_use]
    pub fn sign(&self, now: UnixTime, token: Token) -> SignatureBlock {
        SignatureBlock::new(self, now.secs(), token)
    }

    pub(crate) fn signature(&self, seconds: &Decimal, token: &Token) -> Hex<64> {
        Hex::encode(self.code(seconds.as_bytes(), token.as_bytes()).as_bytes())
    }

    pub(super) fn code(&self, timestamp: &[u8], token: &[u8]) -> Code {
        self.0.over(&[timestamp, token], &[])
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    // The expected signatures were computed with Python's hmac.
    const KEY: &[u8] = b"key-55c5c5c5c55f55ca5cd5f55d5c555c55";
    const NOW: UnixTime = UnixTime::new(1_529_006_854, 0);

    fn token() -> Token {
        Token::parse("a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0").unwrap()
    }

    #[test]
    fn signs_as_another_implementation_does() {
        let block = SigningKey::new(KEY).unwrap().sign(NOW, token());
        assert_eq!(block.signature(), "b27078a1ce4b5ec8416040232b242b1c682ef71248cdad5a811e7867ab1498a8");
    }

    #[test]
    fn a_key_longer_than_a_block_of_sha_256_signs_too() {
        let block = SigningKey::new(&[b'x'; 100]).unwrap().sign(NOW, token());
        assert_eq!(block.signature(), "61c04c80c2508cebc552c4f5ecf4a65f203cfc8a634b7f4c9cac5292f456ecdd");
    }

    #[test]
    fn a_token_is_the_hex_of_its_random_bytes() {
        let token = Token::from_entropy(core::array::from_fn(|i| i as u8));
        assert_eq!(token.as_str(), "000102030405060708090a0b0c0d0e0f101112131415161718");
        assert_eq!(Token::parse(token.as_str()), Some(token));
    }

    #[test]
    fn an_empty_key_is_refused() {
        assert_eq!(SigningKey::new(b"").unwrap_err(), ConfigError::EmptyKey);
    }

    #[test]
    fn debug_shows_nothing_of_the_key() {
        let key = SigningKey::new(KEY).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(redacted)");
    }
}
