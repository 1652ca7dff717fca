//! Hexadecimal digits, and text of them.

use core::fmt;

/// `N` lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex<const N: usize>([u8; N]);

impl<const N: usize> Hex<N> {
    /// The digits of these bytes, which are half as many: checked at compile time.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn encode<const BYTES: usize>(bytes: &[u8; BYTES]) -> Self {
        const { assert!(N == 2 * BYTES) };
        let mut digits = Self([0; N]);
        write(bytes, &mut digits.0);
        digits
    }

    /// The text itself, if it is `N` lowercase hexadecimal digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: [u8; N] = text.as_bytes().try_into().ok()?;
        digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(digits))
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// In a small runtime the same for all lengths.
#[cfg_attr(any(target_os = "none", target_family = "wasm"), inline(never))]
fn write(bytes: &[u8], digits: &mut [u8]) {
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 0xf)];
    }
}

/// The bytes of `2 * N` hexadecimal digits in either case; `None` for any other text.
pub(crate) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    // Every digit is looked at before any is judged, so that many are read at once.
    let (mut bytes, mut wrong) = ([0; N], false);
    for (byte, [high, low]) in bytes.iter_mut().zip(text.as_chunks().0) {
        let (high, low) = (value(*high), value(*low));
        wrong |= (high | low) > 0xf;
        *byte = high << 4 | low;
    }
    (!wrong).then_some(bytes)
}

/// The lowercase digit of four bits; computed rather than looked up: no table, and no index that could be
/// out of bounds.
pub(crate) const fn digit(nibble: u8) -> u8 {
    nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
}

/// The four bits of a digit in either case; more than 15 for any other character.
const fn value(digit: u8) -> u8 {
    let decimal = digit.wrapping_sub(b'0');
    let letter = (digit | 0x20).wrapping_sub(b'a');
    if decimal < 10 {
        decimal
    } else if letter < 6 {
        letter + 10
    } else {
        u8::MAX
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_digits_in_either_case() {
        let bytes: [u8; 256] = core::array::from_fn(|i| i as u8);
        let text = Hex::<512>::encode(&bytes);
        assert_eq!(decode(text.as_bytes()), Some(bytes));
        assert_eq!(decode(&text.as_bytes().to_ascii_uppercase()), Some(bytes));
    }

    #[test]
    fn other_lengths_and_other_characters_are_no_hex() {
        for text in ["", "0", "000", "00000", "0g0a", "0x00", "é0"] {
            assert_eq!(decode::<2>(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Hex::<2>::parse("AB"), None);
        assert!(Hex::<2>::parse("ab").is_some());
    }
}
