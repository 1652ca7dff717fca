//! The random part of a signature block.

use core::fmt;

use crate::hex::Hex;

/// What makes every signature a different one: 50 lowercase hexadecimal digits, from 25 random bytes.
///
/// A receiver refuses a token that it has seen, so never use one twice.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token(Hex<{ Self::LEN }>);

impl Token {
    /// The number of digits.
    pub const LEN: usize = 50;
    /// The number of random bytes that a token is made of.
    pub const ENTROPY: usize = Self::LEN / 2;

    /// The token of these bytes, which must come from a cryptographic random source.
    #[must_use]
    pub fn from_entropy(bytes: [u8; Self::ENTROPY]) -> Self {
        Self(Hex::encode(&bytes))
    }

    /// The token of this text; `None` unless it is 50 lowercase hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Hex::parse(text).map(Self)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The digits as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?})", self.0)
    }
}
