//! The clocks of this host: monotonic for waits and deadlines, wall time for what others read, and between them
//! the steady clock for what waits in the store.

use std::sync::OnceLock;
use std::time::{Duration as StdDuration, Instant as StdInstant, SystemTime, UNIX_EPOCH};

use sealpost_core::host::Clock;
use sealpost_core::{Instant, UnixTime};

/// How far the origin of the monotonic clock lies before the clock was made: 30 days, so that a delivery
/// that was due before the process started has an instant too.
pub const HEAD_START_MILLIS: u64 = 30 * 24 * 60 * 60 * 1000;

/// 2000-01-01T00:00:00Z. A wall clock that stands before it was never set, or has lost its battery.
const EARLIEST: StdDuration = StdDuration::from_secs(946_684_800);

/// The steady clock, in milliseconds since 1970: the wall clock as it stood when this process first asked, and what
/// has passed since, sleep of the machine included. Whatever is done to the wall clock meanwhile, what is due in an
/// hour by this one is due in an hour.
#[must_use]
pub fn steady_millis() -> i64 {
    millis(steady())
}

/// The wall clock in milliseconds since 1970. One that stands before the year 2000 is not believed: then it is the
/// steady clock.
#[must_use]
pub fn wall_millis() -> i64 {
    millis(wall())
}

/// How far the wall clock is ahead of the steady one, in milliseconds: by how much it was set forward since this
/// process started.
#[must_use]
pub fn wall_ahead() -> i64 {
    millis(system()).saturating_sub(steady_millis())
}

fn steady() -> StdDuration {
    static ORIGIN: OnceLock<(StdDuration, StdDuration)> = OnceLock::new();
    let (then, wall) = *ORIGIN.get_or_init(|| (since_boot(), system()));
    wall.saturating_add(since_boot().saturating_sub(then))
}

/// The wall clock, or the steady one where it is not to be believed.
fn wall() -> StdDuration {
    believed(system(), steady)
}

fn believed(system: StdDuration, steady: impl FnOnce() -> StdDuration) -> StdDuration {
    if system < EARLIEST { steady() } else { system }
}

/// The wall clock as the system tells it; 1970 if it stands before that.
fn system() -> StdDuration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn millis(span: StdDuration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Since some moment before the process began; the time that the machine slept is part of it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn since_boot() -> StdDuration {
    use rustix::time::{ClockId, clock_gettime};
    StdDuration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// Since some moment before the process began.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn since_boot() -> StdDuration {
    static START: OnceLock<StdInstant> = OnceLock::new();
    START.get_or_init(StdInstant::now).elapsed()
}

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

    /// The instant of a time by the [steady clock](steady_millis).
    #[must_use]
    pub fn instant_of(&self, steady: i64) -> Instant {
        let from_now = steady.saturating_sub(steady_millis());
        Instant::from_millis(self.now().as_millis().saturating_add_signed(from_now))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let millis = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        Instant::from_millis(millis.saturating_add(HEAD_START_MILLIS))
    }

    /// Wall time; by the [steady clock](steady_millis) if the system's stands before the year 2000.
    fn unix(&self) -> UnixTime {
        let since = wall();
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
        assert!(SystemClock::new().unix().secs() > 1_760_000_000);
        assert!(wall_millis() / 1000 >= 1_760_000_000);
    }

    #[test]
    fn a_wall_clock_before_the_year_2000_is_not_believed() {
        let (steady, moment) = (StdDuration::from_secs(7), StdDuration::from_millis(1));
        assert_eq!(believed(EARLIEST, || steady), EARLIEST);
        assert_eq!(believed(EARLIEST - moment, || steady), steady);
    }

    #[test]
    fn the_steady_clock_started_with_the_wall_clock() {
        let _started = steady_millis();
        assert!(wall_ahead().abs() < 1000);
        let clock = SystemClock::new();
        let (now, soon) = (clock.now(), clock.instant_of(steady_millis() + 250));
        assert!((245..=500).contains(&soon.since(now).as_millis()));
    }
}
