//! Numbers in as many bytes as they need: seven bits in each, the lowest first; the eighth says that more follow.
//!
//! A fact of the index is three of them, and a merge reads facts by the million. So up to eight bytes are put together, or
//! taken apart, at once.

/// Bytes of a number at most.
pub(super) const MAX_LEN: usize = 10;

/// Numbers below this take at most eight bytes.
const SHORT: u64 = 1 << 56;

/// The eighth bit of eight bytes.
const MORE: u64 = 0x8080_8080_8080_8080;

/// Writes a number behind the others.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, value: u64) {
    let length = (u64::BITS - value.leading_zeros()).div_ceil(7).max(1);
    if value < SHORT {
        let more = MORE & !(u64::MAX << (8 * (length - 1)));
        let end = out.len() + length as usize;
        // To write eight bytes is one instruction, to write some of them a call.
        out.extend_from_slice(&(apart(value) | more).to_le_bytes());
        out.truncate(end);
        return;
    }
    let group = |at: u32| (value >> (7 * at)) as u8 & 0x7f | if at + 1 < length { 0x80 } else { 0 };
    out.extend((0..length).map(group));
}

/// Takes the first number; `None` where it has no end. Bits above the 64th count for nothing.
#[inline]
pub(super) fn read(from: &mut &[u8]) -> Option<u64> {
    if let Some(bytes) = from.first_chunk() {
        let word = u64::from_le_bytes(*bytes);
        let ends = !word & MORE;
        if ends != 0 {
            let length = ends.trailing_zeros() as usize / 8 + 1;
            *from = from.get(length..)?;
            // All bits up to the one that ends it.
            return Some(together(word & (ends ^ (ends - 1))));
        }
    }
    read_bytes(from)
}

/// The same, byte by byte: a long number, or one of the last.
fn read_bytes(from: &mut &[u8]) -> Option<u64> {
    let length = from.iter().take(MAX_LEN).position(|byte| *byte < 0x80)? + 1;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes.iter().rfold(0, |value, byte| value << 7 | u64::from(byte & 0x7f)))
}

/// The low 56 bits, seven in each byte.
const fn apart(value: u64) -> u64 {
    let value = value & 0x0FFF_FFFF | (value & 0x00FF_FFFF_F000_0000) << 4;
    let value = value & 0x0000_3FFF_0000_3FFF | (value & 0x0FFF_C000_0FFF_C000) << 2;
    value & 0x007F_007F_007F_007F | (value & 0x3F80_3F80_3F80_3F80) << 1
}

/// The low seven bits of each byte, side by side.
const fn together(bytes: u64) -> u64 {
    let value = bytes & 0x007F_007F_007F_007F | (bytes & 0x7F00_7F00_7F00_7F00) >> 1;
    let value = value & 0x0000_3FFF_0000_3FFF | (value & 0x3FFF_0000_3FFF_0000) >> 2;
    value & 0x0FFF_FFFF | (value & 0x0FFF_FFFF_0000_0000) >> 4
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Byte by byte, as the format says.
    fn plain(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    /// Numbers of every length alike.
    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec((any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift), 0..40)
    }

    #[test]
    fn numbers_of_every_length_are_written_as_the_format_says_and_come_back() {
        let edges = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        for value in edges.chain([u64::MAX - 1, u64::MAX]) {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            assert_eq!(bytes, plain(value), "{value}");
            // At the end of what there is, and before more.
            for behind in [&[][..], &[0], &[0x80; 9]] {
                let all = [&*bytes, behind].concat();
                let mut rest = &*all;
                assert_eq!((read(&mut rest), rest), (Some(value), behind), "{value}");
            }
        }
    }

    #[test]
    fn a_number_without_an_end_is_none() {
        for length in 0..30 {
            assert_eq!(read(&mut &*vec![0x80; length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back_one_after_the_other(values in numbers()) {
            let mut bytes = Vec::new();
            values.iter().for_each(|value| write(&mut bytes, *value));
            let mut rest = &*bytes;
            let back: Vec<_> = std::iter::from_fn(|| read(&mut rest)).collect();
            prop_assert_eq!(back, values);
            prop_assert!(rest.is_empty());
        }
    }
}
