//! How many deliveries there were, and what became of them.

use sealpost_core::Verdict;

/// Counts of deliveries since the store was made; they survive the events themselves. Every accepted
/// delivery is either pending or in exactly one of the four ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounting {
    /// Deliveries that an accepted event made.
    pub accepted: u64,
    /// Ended by a 2xx.
    pub acknowledged: u64,
    /// Ended by a 406.
    pub refused: u64,
    /// Ended by the end of the schedule.
    pub exhausted: u64,
    /// Ended by the removal of the endpoint from its webhook.
    pub cancelled: u64,
}

impl Accounting {
    /// Deliveries that have not ended, by these counts.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.ends().into_iter().fold(self.accepted, u64::saturating_sub)
    }

    fn ends(&self) -> [u64; 4] {
        [self.acknowledged, self.refused, self.exhausted, self.cancelled]
    }

    /// Counts one end; a retry is none.
    pub(super) fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Acknowledged => self.acknowledged += 1,
            Verdict::Refused => self.refused += 1,
            Verdict::Exhausted => self.exhausted += 1,
            Verdict::Cancelled => self.cancelled += 1,
            Verdict::Retry { .. } => {}
        }
    }
}

/// The books against what is there: the counts, and the pending deliveries counted one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What was counted commit by commit.
    pub counts: Accounting,
    /// The pending deliveries that the store holds as of the same commit.
    pub pending: u64,
}

impl Balance {
    /// Whether every delivery that was accepted is where the counts say: pending, or at exactly one end.
    #[must_use]
    pub fn holds(&self) -> bool {
        let found =
            self.counts.ends().into_iter().fold(u128::from(self.pending), |sum, end| sum + u128::from(end));
        found == u128::from(self.counts.accepted)
    }
}

/// When the delivery that is due first is due, in milliseconds of the steady clock; it may lie in the past. Attempts under way count with the time at which they were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OldestDue {
    /// Among those of endpoints that are up.
    pub up: Option<i64>,
    /// Among those of all others.
    pub others: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_balance_fails_by_one_delivery_too_few_and_by_one_too_many() {
        let counts = Accounting { accepted: 10, acknowledged: 1, refused: 2, exhausted: 3, cancelled: 1 };
        let holds = |pending| Balance { counts, pending }.holds();
        assert_eq!([2, 3, 4].map(holds), [false, true, false]);
    }
}
