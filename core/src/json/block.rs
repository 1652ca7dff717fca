//! The special bytes of 64 at a time, as bits.

use super::scan::is_special;

/// Where the special bytes stand in one block of an input, a bit for each byte.
///
/// Strings are short, and where the next one begins is known when this one has ended. So what counts is how long a
/// processor takes from the one to the other: with the bits at hand a shift and a count, where a scan by words has to
/// load, to compare and to count. The block itself waits for nothing, and is compared sixteen bytes at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    specials: u64,
    /// Behind its last byte: a multiple of 64, and 0 while there is none.
    end: usize,
}

const SIZE: usize = u64::BITS as usize;

impl Block {
    /// Where the run of plain bytes that starts at `at` ends: at the first special byte, or at the end of the input.
    /// `at` never goes back behind an end that was found.
    #[inline]
    pub(super) fn plain_end(&mut self, input: &[u8], mut at: usize) -> usize {
        loop {
            while at >= self.end {
                let rest = input.get(self.end..).unwrap_or_default();
                let specials = rest.first_chunk().map_or_else(|| last(rest), specials);
                *self = Self { specials, end: self.end + SIZE };
            }
            let ahead = self.specials >> (at % SIZE);
            if ahead != 0 {
                return at + ahead.trailing_zeros() as usize;
            }
            at = self.end;
        }
    }
}

/// Of the last bytes of an input. Beyond its end every byte counts as special.
#[cold]
fn last(rest: &[u8]) -> u64 {
    let mut block = [0; SIZE];
    for (place, byte) in block.iter_mut().zip(rest) {
        *place = *byte;
    }
    specials(&block)
}

/// Compares all bytes, which compilers do with vectors, and then moves eight marks at a time into eight bits: each keeps
/// another bit, and a multiplication adds them up in the highest byte.
#[inline(never)]
fn specials(block: &[u8; SIZE]) -> u64 {
    const BITS: u64 = u64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]);
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let mut marks = [0_u8; SIZE];
    for (mark, byte) in marks.iter_mut().zip(block) {
        *mark = if is_special(*byte) { 0xff } else { 0 };
    }
    let mut bits = 0;
    for (place, word) in marks.as_chunks().0.iter().enumerate() {
        let eight = (u64::from_le_bytes(*word) & BITS).wrapping_mul(ONES) >> 56;
        bits |= eight << (8 * place);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::super::scan::plain_end;
    use super::*;

    #[test]
    fn every_run_ends_where_a_scan_by_words_says() {
        for length in (0..=200).step_by(7).chain([63, 64, 65, 127, 128, 129]) {
            for special in 0..=length {
                let mut bytes = std::vec![b'x'; length];
                bytes.get_mut(special).into_iter().for_each(|byte| *byte = b'"');
                for stride in [1, 5, 64, 150] {
                    let (mut block, mut at) = (Block::default(), 0);
                    while at <= length {
                        let end = block.plain_end(&bytes, at);
                        assert_eq!(end, plain_end(&bytes, at), "{special} of {length}, from {at}");
                        at = end + stride;
                    }
                }
            }
        }
    }

    #[test]
    fn each_byte_is_special_or_not_whatever_stands_around_it() {
        for byte in 0..=u8::MAX {
            for around in [b'x', 0x7f, 0x80, 0xff] {
                let mut bytes = [around; SIZE];
                bytes[9] = byte;
                let end = if is_special(byte) { 9 } else { SIZE };
                assert_eq!(Block::default().plain_end(&bytes, 0), end, "{byte} among {around}");
            }
        }
    }
}
