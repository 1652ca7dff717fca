//! The scan for the end of a run of plain string bytes, eight at a time.

/// How many leading bytes may stand in a JSON string as they are: up to the first quote, backslash or
/// control character, or all of them. The checker, the cursor and the encoder all skip by it.
#[inline]
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let stops = special_bytes(u64::from_le_bytes(*chunk));
        if stops != 0 {
            return bytes.len() - rest.len() + (stops.trailing_zeros() / 8) as usize;
        }
        rest = tail;
    }
    let plain = rest.iter().take_while(|byte| !is_special(**byte)).count();
    bytes.len() - rest.len() + plain
}

const fn is_special(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// Sets the high bit of each byte that is special. A borrow can also set it in bytes *above* a special
/// one, never below: the lowest set bit is exact, and callers use no other.
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let control = word.wrapping_sub(ONES * b' ' as u64) & !word;
    let quote = word ^ (ONES * b'"' as u64);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = word ^ (ONES * b'\\' as u64);
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & (ONES * 0x80)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn stops_at_the_first_special_byte_wherever_it_stands() {
        for length in 0..40 {
            let plain = std::vec![b'x'; length];
            assert_eq!(plain_run(&plain), length);
            for at in 0..length {
                for special in (0..b' ').chain([b'"', b'\\']) {
                    let mut bytes = plain.clone();
                    bytes[at] = special;
                    bytes[length - 1] = if at == length - 1 { special } else { b'"' };
                    assert_eq!(plain_run(&bytes), at);
                }
            }
        }
    }

    #[test]
    fn every_other_byte_is_plain() {
        let plain: Vec<u8> = (0..=255).filter(|byte| !is_special(*byte)).collect();
        assert_eq!(plain.len(), 256 - 32 - 2);
        assert_eq!(plain_run(&plain), plain.len());
    }
}
