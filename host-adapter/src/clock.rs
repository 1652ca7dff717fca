//! The clocks of this host: monotonic for waits and deadlines, wall time for what others read.

use std::time::{Instant as StdInstant, SystemTime, UNIX_EPOCH};

use sealpost_core::host::Clock;
use sealpost_core::{Instant, UnixTime};

/// How far the origin of the monotonic clock lies before the clock was made: 30 days, so that a delivery
/// that was due before the process started has an instant too.
pub const HEAD_START_MILLIS: u64 = 30 * 24 * 60 * 60 * 1000;

/// The system's clocks. Copies share the origin; only instants of the same origin may be compared.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    made: StdInstant,
}

impl SystemClock {
    /// A clock with an origin of its own.
    #[must_use]
    pub fn new() -> Self {
        Self { made: StdInstant::now() }
    }

    /// When this instant comes, or came, for the runtime's timers.
    #[must_use]
    pub fn deadline(&self, at: Instant) -> StdInstant {
        let millis = at.as_millis().saturating_sub(HEAD_START_MILLIS);
        self.made.checked_add(std::time::Duration::from_millis(millis)).unwrap_or_else(|| {
            // Beyond what the system can express: far enough to wake up and look again.
            self.made + std::time::Duration::from_secs(365 * 24 * 60 * 60)
        })
    }

    /// Wall time in milliseconds since 1970.
    #[must_use]
    pub fn wall_millis(&self) -> u64 {
        let now = self.unix();
        now.secs().saturating_mul(1000).saturating_add(u64::from(now.subsec_micros() / 1000))
    }

    /// The instant of a wall-clock time in milliseconds since 1970, as both clocks stand now.
    #[must_use]
    pub fn instant_of(&self, wall_millis: i64) -> Instant {
        let from_now = wall_millis.saturating_sub_unsigned(self.wall_millis());
        Instant::from_millis(self.now().as_millis().saturating_add_signed(from_now))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let millis = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        Instant::from_millis(millis.saturating_add(HEAD_START_MILLIS))
    }

    /// Wall time; 1970 if the system's clock stands before it.
    fn unix(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime::new(since.as_secs(), since.subsec_micros())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_lies_thirty_days_back() {
        let now = SystemClock::new().now().as_millis();
        assert!((HEAD_START_MILLIS..HEAD_START_MILLIS + 60_000).contains(&now));
    }

    #[test]
    fn an_instant_is_the_same_moment_on_the_timers_clock() {
        let clock = SystemClock::new();
        let soon = Instant::from_millis(HEAD_START_MILLIS + 250);
        assert_eq!(clock.deadline(soon), clock.made + std::time::Duration::from_millis(250));
        assert_eq!(clock.deadline(Instant::ORIGIN), clock.made);
        assert!(clock.deadline(Instant::from_millis(u64::MAX)) > clock.made);
    }

    #[test]
    fn wall_time_is_later_than_this_line_was_written() {
        let clock = SystemClock::new();
        assert!(clock.unix().secs() > 1_760_000_000);
        assert!(clock.wall_millis() / 1000 >= 1_760_000_000);
    }
}
