//! Whole numbers as decimal text.

/// The decimal digits of a number, without leading zeros.
#[derive(Clone, Copy)]
pub(crate) struct Decimal {
    digits: [u8; Self::MAX_LEN],
    leading_zeros: usize,
}

impl Decimal {
    /// The length of `u64::MAX`.
    pub(crate) const MAX_LEN: usize = 20;

    pub(crate) fn new(number: u64) -> Self {
        let mut digits = [b'0'; Self::MAX_LEN];
        let mut rest = Rest(number);
        let mut leading_zeros = Self::MAX_LEN;
        for digit in digits.iter_mut().rev() {
            if rest.0 == 0 && leading_zeros < Self::MAX_LEN {
                break;
            }
            *digit = rest.take_digit();
            leading_zeros -= 1;
        }
        Self { digits, leading_zeros }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.leading_zeros..).unwrap_or_default()
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// What is still to be written. Times and lengths fit into 32 bits, and a microcontroller divides those
/// in hardware, 64 bits in a long routine.
struct Rest(u64);

impl Rest {
    fn take_digit(&mut self) -> u8 {
        let digit = match u32::try_from(self.0) {
            Ok(small) => {
                self.0 = u64::from(small / 10);
                small % 10
            }
            Err(_) => {
                let digit = self.0 % 10;
                self.0 /= 10;
                digit as u32
            }
        };
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
        for number in borders.chain([0, 9, 10, 99, 100, u64::MAX]) {
            assert_eq!(Decimal::new(number).as_str(), number.to_string());
        }
    }
}
