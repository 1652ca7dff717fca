//! What is known of an endpoint from its last attempts.

/// How an endpoint answered lately. Kept by the host with the endpoint, and given back when its lane opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Health {
    /// The last attempt was answered as wished.
    Up,
    /// The last attempt failed, or none was made yet: one attempt in flight at a time.
    Suspect {
        /// Transport failures in a row, below [`Health::DOWN_AFTER`]; more count as one below it. An answer of
        /// any status resets it.
        failures: u8,
    },
    /// [`Health::DOWN_AFTER`] transport failures in a row: one delivery probes, the others wait.
    Down,
}

impl Health {
    /// Transport failures in a row after which an endpoint counts as down.
    pub const DOWN_AFTER: u8 = 10;

    /// An endpoint that was never tried.
    pub const UNPROVEN: Self = Self::Suspect { failures: 0 };

    /// One byte for a host's storage: 0 up, 1 to 10 suspect, 255 down.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Up => 0,
            Self::Suspect { failures } if failures >= Self::DOWN_AFTER => Self::DOWN_AFTER,
            Self::Suspect { failures } => 1 + failures,
            Self::Down => u8::MAX,
        }
    }

    /// The health that [`Health::to_byte`] wrote; a byte that it never writes counts as unproven.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Up,
            1..=Self::DOWN_AFTER => Self::Suspect { failures: byte - 1 },
            u8::MAX => Self::Down,
            _ => Self::UNPROVEN,
        }
    }

    pub(super) const fn after_transport_failure(self) -> Self {
        match self {
            Self::Up => Self::Suspect { failures: 1 },
            Self::Suspect { failures } if failures < Self::DOWN_AFTER - 1 => {
                Self::Suspect { failures: failures + 1 }
            }
            Self::Suspect { .. } | Self::Down => Self::Down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_transport_failures_in_a_row_are_down() {
        let mut health = Health::Up;
        for _ in 0..9 {
            health = health.after_transport_failure();
        }
        assert_eq!(health, Health::Suspect { failures: 9 });
        assert_eq!(health.after_transport_failure(), Health::Down);
    }

    #[test]
    fn every_health_survives_its_byte() {
        for failures in 0..Health::DOWN_AFTER {
            let health = Health::Suspect { failures };
            assert_eq!(Health::from_byte(health.to_byte()), health);
        }
        assert_eq!(Health::from_byte(Health::Up.to_byte()), Health::Up);
        assert_eq!(Health::from_byte(Health::Down.to_byte()), Health::Down);
        assert_eq!(Health::from_byte(77), Health::UNPROVEN);
        let beyond = Health::Suspect { failures: 255 };
        assert_eq!(Health::from_byte(beyond.to_byte()), Health::Suspect { failures: 9 });
        assert_eq!(beyond.after_transport_failure(), Health::Down);
    }
}
