//! Time as the core sees it: passed in by the host, never asked for.
//!
//! Two clocks, never mixed. [`Instant`] and [`Duration`] are monotonic
//! milliseconds and drive waits and deadlines. [`UnixTime`] is wall time and
//! appears only in what is written for others to read: signatures and events.
//! All arithmetic saturates.

use core::fmt;

/// A point on the host's monotonic clock, in milliseconds since an origin of the host's choice.
///
/// The origin should lie well before the process started (a month, say), so that a delivery that was
/// due before the start can be expressed too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The origin of the clock, before every other instant.
    pub const ORIGIN: Self = Self(0);
    /// The last instant there is, which nothing that is awaited reaches.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The instant `millis` milliseconds after the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant moved later by `by`; stays at the last representable instant on overflow.
    #[must_use]
    #[cfg_attr(target_os = "none", inline(never))]
    pub const fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.0 as u64))
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        if millis > u32::MAX as u64 { Duration::MAX } else { Duration(millis as u32) }
    }
}

/// A span of time in whole milliseconds, at most about 49.7 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Duration(u32);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span, 2³² − 1 ms.
    pub const MAX: Self = Self(u32::MAX);

    /// A span of `millis` milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis)
    }

    /// A span of `secs` seconds; [`Duration::MAX`] if that is longer.
    #[must_use]
    pub const fn from_secs(secs: u32) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// A span of `mins` minutes; [`Duration::MAX`] if that is longer.
    #[must_use]
    pub const fn from_mins(mins: u32) -> Self {
        Self::from_secs(mins.saturating_mul(60))
    }

    /// The span in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// The sum of both spans; [`Duration::MAX`] if that is longer.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Wall time: whole seconds since 1970-01-01T00:00:00Z and microseconds within the second.
///
/// Prints as Mailgun writes an event's `timestamp`, a decimal number of seconds:
///
/// ```
/// use sealpost_core::UnixTime;
/// assert_eq!(UnixTime::new(1_529_006_854, 329_574).to_string(), "1529006854.329574");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct UnixTime {
    secs: u64,
    micros: u32,
}

impl UnixTime {
    /// `secs` seconds and `micros` microseconds after the epoch; `micros` above 999 999 count as 999 999.
    #[must_use]
    pub const fn new(secs: u64, micros: u32) -> Self {
        let micros = if micros > 999_999 { 999_999 } else { micros };
        Self { secs, micros }
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.secs
    }

    /// Microseconds within the second, 0 to 999 999.
    #[must_use]
    pub const fn subsec_micros(self) -> u32 {
        self.micros
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.secs, self.micros)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn instants_saturate_at_both_ends() {
        let last = Instant::from_millis(u64::MAX);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(Instant::ORIGIN.since(last), Duration::ZERO);
        assert_eq!(last.since(Instant::ORIGIN), Duration::MAX);
    }

    #[test]
    fn unix_time_keeps_its_microseconds_below_a_second() {
        assert_eq!(UnixTime::new(7, 5_000_000).subsec_micros(), 999_999);
        assert_eq!(UnixTime::new(7, 42).to_string(), "7.000042");
    }
}
