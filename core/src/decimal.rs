//! Whole numbers as decimal text.

use crate::SMALL;

/// The decimal digits of a number, without leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// Behind as many bytes that are not used.
    digits: [u8; Self::MAX_LEN],
    unused: usize,
}

impl Decimal {
    /// The length of `u64::MAX`.
    pub(crate) const MAX_LEN: usize = 20;

    pub(crate) fn new(number: u64) -> Self {
        if SMALL { Self::one_by_one(number) } else { Self::four_by_four(number) }
    }

    fn one_by_one(number: u64) -> Self {
        let mut digits = [0; Self::MAX_LEN];
        let mut rest = Rest(number);
        let mut unused = Self::MAX_LEN;
        for digit in digits.iter_mut().rev() {
            *digit = rest.take_digit();
            unused -= 1;
            if rest.0 == 0 {
                break;
            }
        }
        Self { digits, unused }
    }

    /// A quarter of the divisions that wait for the one before.
    fn four_by_four(number: u64) -> Self {
        let mut digits = [0; Self::MAX_LEN];
        let mut rest = number;
        let mut unused = Self::MAX_LEN;
        for places in digits.as_chunks_mut().0.iter_mut().rev() {
            let four = (rest % 10_000) as u32;
            *places =
                [four / 1000, four / 100 % 10, four / 10 % 10, four % 10].map(|digit| b'0' + digit as u8);
            rest /= 10_000;
            unused -= 4;
            if rest == 0 {
                unused += usize::from(four < 1000) + usize::from(four < 100) + usize::from(four < 10);
                break;
            }
        }
        Self { digits, unused }
    }

    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.unused..).unwrap_or_default()
    }
}

/// The value of a text of digits alone; `None` for any other text, and beyond 64 bits.
pub(crate) fn parse(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let value = digit.checked_sub(b'0').filter(|value| *value < 10)?;
        // Not checked_mul, which multiplies 128 bits where the machine has 32.
        let tenfold = (number <= u64::MAX / 10).then(|| number.wrapping_mul(10))?;
        tenfold.checked_add(u64::from(value))
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// What is still to be written.
struct Rest(u64);

impl Rest {
    /// Splits off the last digit. Times and lengths fit into 32 bits. A longer number is divided limb by limb:
    /// a microcontroller divides 32 bits in hardware, and 64 in half a kilobyte of code.
    fn take_digit(&mut self) -> u8 {
        let (high, low) = ((self.0 >> 32) as u32, self.0 as u32);
        let (quotient, digit) = if high == 0 {
            (u64::from(low / 10), low % 10)
        } else {
            let middle = (high % 10) << 16 | low >> 16;
            let last = (middle % 10) << 16 | low & 0xffff;
            (u64::from(high / 10) << 32 | u64::from(middle / 10) << 16 | u64::from(last / 10), last % 10)
        };
        self.0 = quotient;
        b'0' + digit as u8
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn every_length_is_written_as_std_writes_it() {
        let borders = (0..64).flat_map(|bits| [(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1]);
        for number in borders.chain([0, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 99_999, u64::MAX]) {
            for decimal in [Decimal::one_by_one(number), Decimal::four_by_four(number)] {
                assert_eq!(decimal.as_bytes(), number.to_string().as_bytes());
            }
        }
    }
}
