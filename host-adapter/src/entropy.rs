//! Randomness from the operating system, and the names and keys made of it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sealpost_core::UnixTime;
use sealpost_core::host::Entropy;

/// The operating system's randomness.
///
/// # Panics
/// If the operating system has no randomness to give. Nothing can be signed without, so the program
/// must not go on; Linux gives it from early boot and does not fail later.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system must provide randomness");
    }
}

/// `N` random bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}

/// Characters that need no escape in a URL, in ASCII order, so that ids sort as their bits do.
const SORTED_BASE64: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

/// An id for an event: 22 characters of URL-safe base64. The first 8 are `now` in units of 16 µs
/// (good until 2112), so that new ids lie side by side in an index; the other 84 bits are random.
#[must_use]
pub fn event_id(now: UnixTime) -> String {
    let micros = now.secs().wrapping_mul(1_000_000).wrapping_add(u64::from(now.subsec_micros()));
    let (ticks, random) = (u128::from(micros / 16), u128::from_be_bytes(bytes()));
    let bits = (ticks << 84) | (random >> 44);
    (0..22).rev().map(|place| character(bits >> (6 * place))).collect()
}

fn character(bits: u128) -> char {
    let index = (bits & 63) as usize;
    char::from(SORTED_BASE64.get(index).copied().unwrap_or(b'-'))
}

/// An API or signing key as Mailgun writes them: `key-` and 32 hexadecimal digits, 128 random bits.
#[must_use]
pub fn key() -> String {
    format!("key-{:032x}", u128::from_be_bytes(bytes()))
}

/// The id of an API key as Mailgun writes them: twice eight hexadecimal digits, 64 random bits.
#[must_use]
pub fn key_id() -> String {
    format!("{:08x}-{:08x}", u32::from_be_bytes(bytes()), u32::from_be_bytes(bytes()))
}

/// The id of a request bin: 22 characters that need no escape in a URL, 128 random bits.
#[must_use]
pub fn bin_id() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<16>())
}

/// The secret of an endpoint for Standard Webhooks: `whsec_` and the base64 of 32 random bytes.
#[must_use]
pub fn endpoint_secret() -> String {
    format!("whsec_{}", STANDARD.encode(bytes::<32>()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_22_url_safe_characters_and_never_the_same() {
        let now = UnixTime::new(1_760_000_000, 0);
        let ids: HashSet<String> = (0..1000).map(|_| event_id(now)).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!(id.len(), 22);
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{id}");
        }
    }

    #[test]
    fn a_later_id_sorts_later() {
        let times = [(0, 0), (1_760_000_000, 0), (1_760_000_000, 16), (1_760_000_001, 0), (4_400_000_000, 0)];
        let ids = times.map(|(secs, micros)| event_id(UnixTime::new(secs, micros)));
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(!ids[1].starts_with('-'));
    }

    #[test]
    fn keys_have_mailguns_form_and_secrets_that_of_standard_webhooks() {
        let (key, secret) = (key(), endpoint_secret());
        assert!(key.strip_prefix("key-").is_some_and(|hex| hex.len() == 32), "{key}");
        assert_eq!(STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap().len(), 32);
    }
}
