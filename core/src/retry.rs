//! The retry schedule, a pure function of (attempts made, `Retry-After`, jitter word).

use crate::error::ConfigError;
use crate::time::Duration;

/// The waits between the attempts of one delivery. *n* steps allow *n* + 1 attempts.
///
/// ```
/// use sealpost_core::{Duration, Schedule};
/// let schedule = Schedule::MAILGUN;
/// assert_eq!(schedule.attempts(), 7);
/// assert_eq!(schedule.wait(1, None, 0), Some(Duration::from_mins(5)));
/// assert_eq!(schedule.wait(7, None, 0), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    steps: [Duration; Self::MAX_STEPS],
    len: u8,
}

impl Schedule {
    /// The largest number of steps.
    pub const MAX_STEPS: usize = 16;

    /// 5, 10, 15 min, 1, 2, 4 h: seven attempts over seven and a half hours
    /// (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-retries>).
    pub const MAILGUN: Self = {
        let mut steps = [Duration::ZERO; Self::MAX_STEPS];
        let mins = [5, 10, 15, 60, 120, 240];
        let mut i = 0;
        while i < mins.len() {
            steps[i] = Duration::from_mins(mins[i]);
            i += 1;
        }
        Self { steps, len: mins.len() as u8 }
    };

    /// A schedule of these waits. No steps: one attempt, then exhausted.
    ///
    /// # Errors
    /// [`ConfigError::ScheduleTooLong`] for more than [`Self::MAX_STEPS`] steps.
    pub const fn new(steps: &[Duration]) -> Result<Self, ConfigError> {
        if steps.len() > Self::MAX_STEPS {
            return Err(ConfigError::ScheduleTooLong);
        }
        let mut schedule = Self { steps: [Duration::ZERO; Self::MAX_STEPS], len: 0 };
        let mut i = 0;
        while i < steps.len() && i < Self::MAX_STEPS {
            schedule.steps[i] = steps[i];
            i += 1;
        }
        schedule.len = i as u8;
        Ok(schedule)
    }

    /// How many attempts a delivery gets, 1 to 17.
    #[must_use]
    pub const fn attempts(&self) -> u8 {
        self.len + 1
    }

    /// The wait after attempt number `made` (the first is 1) failed; `None` when the schedule is spent.
    ///
    /// `after`, what the receiver asked for, is honoured between this step and the longest one. `jitter`,
    /// a random word, adds up to a tenth: a wait is never shorter than asked for.
    #[must_use]
    pub fn wait(&self, made: u8, after: Option<Duration>, jitter: u32) -> Option<Duration> {
        let steps = self.steps();
        let step = *steps.get(usize::from(made).checked_sub(1)?)?;
        let longest = steps.iter().copied().fold(step, Duration::max);
        let base = after.unwrap_or(step).max(step).min(longest);
        let tenth = u64::from(base.as_millis() / 10);
        let extra = (tenth * u64::from(jitter)) >> 32;
        Some(base.plus(Duration::from_millis(extra as u32)))
    }

    /// How long after the due time of its next attempt a delivery that has `made` attempts behind it would
    /// still be tried, without jitter. With none made this is the whole span of the schedule.
    #[must_use]
    pub fn remaining(&self, made: u8) -> Duration {
        self.steps().iter().skip(usize::from(made)).fold(Duration::ZERO, |sum, step| sum.plus(*step))
    }

    /// The waits in order.
    #[must_use]
    pub fn steps(&self) -> &[Duration] {
        self.steps.get(..usize::from(self.len)).unwrap_or(&[])
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::MAILGUN
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const MIN: fn(u32) -> Duration = Duration::from_mins;

    #[test]
    fn mailguns_schedule_sums_to_seven_and_a_half_hours() {
        let waits: Vec<_> = (1..=7).map(|made| Schedule::MAILGUN.wait(made, None, 0)).collect();
        let mins = [5, 10, 15, 60, 120, 240].map(|m| Some(MIN(m)));
        assert_eq!(waits[..6], mins);
        assert_eq!(waits[6], None);
        assert_eq!(Schedule::MAILGUN.remaining(0), MIN(450));
        assert_eq!(Schedule::MAILGUN.remaining(5), MIN(240));
        assert_eq!(Schedule::MAILGUN.remaining(6), MIN(0));
    }

    #[test]
    fn retry_after_is_held_between_the_step_and_the_longest_step() {
        let wait = |after| Schedule::MAILGUN.wait(1, Some(MIN(after)), 0);
        assert_eq!(wait(1), Some(MIN(5)));
        assert_eq!(wait(30), Some(MIN(30)));
        assert_eq!(wait(600), Some(MIN(240)));
    }

    #[test]
    fn jitter_adds_at_most_a_tenth_and_takes_nothing_away() {
        let longest = Schedule::MAILGUN.wait(1, None, u32::MAX).unwrap();
        assert!(longest > MIN(5) && longest.as_millis() <= 330_000);
    }

    #[test]
    fn no_attempt_made_has_no_wait() {
        assert_eq!(Schedule::MAILGUN.wait(0, None, 0), None);
        assert_eq!(Schedule::MAILGUN.wait(255, None, 0), None);
    }

    #[test]
    fn an_empty_schedule_is_one_attempt() {
        let once = Schedule::new(&[]).unwrap();
        assert_eq!((once.attempts(), once.wait(1, None, 0)), (1, None));
        assert_eq!(once.remaining(0), Duration::ZERO);
    }

    #[test]
    fn seventeen_steps_are_too_many() {
        assert_eq!(Schedule::new(&[Duration::ZERO; 17]), Err(ConfigError::ScheduleTooLong));
    }
}
