//! What the dispatcher gives to the host's storage: how an attempt left a delivery.

use super::{Health, LaneId, Ticket};
use crate::time::Duration;

/// How one attempt, or a command, left a delivery: what storage must write before the host reports it
/// as recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Record {
    /// Names the delivery until it is recorded.
    pub ticket: Ticket,
    /// The host's key of the delivery.
    pub key: u64,
    /// The endpoint's lane.
    pub lane: LaneId,
    /// Attempts made so far, the one just ended included.
    pub attempts: u8,
    /// What becomes of the delivery.
    pub verdict: Verdict,
    /// The endpoint's health now, to be stored with the endpoint.
    pub health: Health,
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict {
    /// Final: the receiver has it.
    Acknowledged,
    /// Final: the receiver will never want it.
    Refused,
    /// To be tried again.
    Retry {
        /// How long from now. Relative, because due times are wall time in storage and monotonic here.
        wait: Duration,
        /// Whether the delivery stays in its slot. If not, it has left the window, and storage must
        /// offer it again when it is due.
        kept: bool,
    },
    /// Final: the schedule is spent.
    Exhausted,
    /// Final: the host cancelled it.
    Cancelled,
}

impl Verdict {
    /// Whether nothing more will be tried.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Retry { .. })
    }
}
