//! The scan for the end of a run of plain string bytes, eight at a time.

use crate::SMALL;

/// Where the run of plain string bytes that starts at `at` ends: at the first byte that cannot stand in a
/// JSON string as it is (quote, backslash, control character), or at the end. The checker, the cursor and
/// the encoder all skip by it.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    // Words of eight bytes pay where they fit a register.
    let wide = cfg!(not(target_pointer_width = "32")) || cfg!(target_family = "wasm");
    while wide && let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let specials = special_bytes(u64::from_le_bytes(*chunk));
        if specials != 0 {
            return at + (specials.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    // The last eight once more, some of them for the second time, rather than up to seven one by one.
    if wide && last_word(bytes).is_some_and(|word| special_bytes(word) == 0) {
        return bytes.len();
    }
    while bytes.get(at).is_some_and(|byte| !is_special(*byte)) {
        at += 1;
    }
    at
}

/// The last eight bytes; of a shorter text all, some of them twice, where code need not be small.
#[inline]
fn last_word(bytes: &[u8]) -> Option<u64> {
    if let Some(chunk) = bytes.last_chunk() {
        return Some(u64::from_le_bytes(*chunk));
    }
    if SMALL {
        return None;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return Some(u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32);
    }
    let [first, middle, last] = [bytes.first()?, bytes.get(bytes.len() / 2)?, bytes.last()?];
    Some(u64::from_le_bytes([*first, *middle, *last, *first, *first, *first, *first, *first]))
}

pub(super) const fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Sets the high bit of each byte that is special. A borrow can also set it in bytes *above* a special
/// one, never below: the lowest set bit is exact, and callers use no other.
///
/// A byte below 0x80 borrows from its own high bit if it is less than what is subtracted: 1 for the backslash, which
/// the exclusive or has made zero; 0x21 for control characters and the quote, since with one bit flipped the quote is
/// 0x20, those stay below, and nothing else comes there. Bytes from 0x80 up are masked out at the end.
#[inline]
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES * 0x80;
    let low = (word ^ (ONES * 2)).wrapping_sub(ONES * (b' ' as u64 + 1));
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (low | backslash) & (HIGH & !word)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn stops_at_the_first_special_byte_wherever_it_stands() {
        for length in 0..40 {
            let plain = std::vec![b'x'; length];
            assert_eq!(plain_end(&plain, 0), length);
            for at in 0..length {
                for special in (0..b' ').chain([b'"', b'\\']) {
                    let mut bytes = plain.clone();
                    bytes[at] = special;
                    bytes[length - 1] = if at == length - 1 { special } else { b'"' };
                    assert_eq!(plain_end(&bytes, 0), at);
                    assert_eq!(plain_end(&bytes, at), at);
                }
            }
        }
    }

    #[test]
    fn every_other_byte_is_plain() {
        let plain: Vec<u8> = (0..=255).filter(|byte| !is_special(*byte)).collect();
        assert_eq!(plain.len(), 256 - 32 - 2);
        assert_eq!(plain_end(&plain, 7), plain.len());
    }
}
