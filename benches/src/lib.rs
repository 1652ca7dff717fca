//! Fixtures of the benchmarks: one event, as a server stores it, and one key.

use sealpost_core::sign::SigningKey;
use sealpost_core::{Token, UnixTime};

/// A `delivered` event of about 1 KiB with every field that such an event has, completed.
pub const EVENT_DATA: &str = include_str!("delivered.json");

/// The moment of every signature.
pub const NOW: UnixTime = UnixTime::new(1_770_146_431, 658_528);

/// The text of the signing key.
pub const KEY: &str = "key-0123456789abcdef0123456789abcdef";

/// The signing key, ready for use.
///
/// # Panics
/// Never: the key has bytes.
#[must_use]
pub fn key() -> SigningKey {
    SigningKey::new(KEY.as_bytes()).expect("the key has bytes")
}

/// A token; a server takes fresh entropy each time.
#[must_use]
pub fn token() -> Token {
    Token::from_entropy([0x5a; Token::ENTROPY])
}

/// A JSON array of copies of the event, at least `len` bytes long.
#[must_use]
pub fn array_of(len: usize) -> String {
    let copies = len.div_ceil(EVENT_DATA.len());
    format!("[{}]", vec![EVENT_DATA.trim_end(); copies].join(","))
}
