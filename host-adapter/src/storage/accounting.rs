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
    /// Deliveries that have not ended.
    #[must_use]
    pub fn pending(&self) -> u64 {
        let ended = [self.acknowledged, self.refused, self.exhausted, self.cancelled];
        ended.into_iter().fold(self.accepted, u64::saturating_sub)
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
