//! Where code has to be small, every lane counts as answering: the share of the suspects is the only one.

#![allow(clippy::unused_self, reason = "the same calls as where it is told")]

use super::lane::Lane;

/// No epoch is told from another.
pub(super) type Epoch = ();

/// Counts nothing but the attempts of each lane.
#[derive(Debug)]
pub(super) struct Answers;

impl Answers {
    pub(super) const NEVER: Epoch = ();

    pub(super) const fn new() -> Self {
        Self
    }

    pub(super) const fn are_recent(&self, _lane: &Lane) -> bool {
        true
    }

    pub(super) const fn missing(&self, _in_flight: u32) -> u32 {
        0
    }

    pub(super) const fn start(&mut self, lane: &mut Lane, _most: u32) {
        lane.flying = lane.flying.saturating_add(1);
    }

    pub(super) const fn end(&mut self, lane: &mut Lane, _all_were_taken: bool) {
        lane.flying = lane.flying.saturating_sub(1);
    }

    pub(super) const fn note(&mut self, _lane: &mut Lane) {}

    pub(super) const fn forget(&mut self, _lane: &mut Lane) {}
}
