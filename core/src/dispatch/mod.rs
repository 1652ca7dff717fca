//! The dispatcher.

mod health;
mod record;

pub use health::Health;
pub use record::{Record, Verdict};

/// Names one attempt of a delivery: slot index and generation. Stale after the attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ticket {
    index: u32,
    generation: u32,
}

/// Names an open lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LaneId(u16);
