//! One endpoint in the window: its queue, its caps, its health.

use super::answers::{Answers, Epoch};
use super::health::Health;
use super::slot::NIL;
use crate::SMALL;
use crate::time::Instant;

/// "No lane", where a lane's index stands.
pub(super) const NO_LANE: u16 = u16::MAX;

/// How many attempts may be unrecorded for each that may be in flight: while one flies, the outcome of another is being
/// written, one waits for the next write, and one was written and may not be known here.
pub(super) const ROUNDS: u16 = 4;

/// Room for one endpoint. The caller owns the memory: `[Lane::CLOSED; 8]` takes 448 bytes, and 384 on a
/// microcontroller.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// First slot of the ready queue; the next free lane while the lane is closed.
    pub(super) head: u32,
    pub(super) tail: u32,
    /// Slots that belong to this lane, in any phase.
    pub(super) held: u32,
    /// While down: the one delivery that may fly.
    pub(super) probe: u32,
    /// When the probe's schedule will have passed.
    pub(super) probe_until: Instant,
    /// Attempts under way.
    pub(super) flying: u16,
    /// Attempts whose outcome is not recorded yet: those under way, and those that were answered.
    pub(super) unrecorded: u16,
    /// The endpoint's own limit of attempts in flight.
    pub(super) cap: u16,
    /// The limit now, which grows from 1 to `cap` while attempts succeed.
    pub(super) window: u16,
    /// The epoch of its last answer; see [`Answers`].
    pub(super) answered: Epoch,
    /// Next lane in each ring that this lane is a member of.
    pub(super) next: [u16; Ring::COUNT],
    pub(super) health: Health,
    flags: u8,
}

const _: () = assert!(size_of::<Lane>() <= if SMALL { 48 } else { 56 });

/// The rings of lanes. A lane is at most once in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ring {
    /// Has a ready delivery, is up and has answered lately.
    Up,
    /// Has a ready delivery and is suspect, or down with its probe ready.
    Suspect,
    /// Storage holds more for it.
    Refill,
    /// Is down: its queue is looked through for deliveries whose schedule has run out.
    Down,
    /// Has a ready delivery and is up, but has not answered lately.
    Silent,
}

impl Ring {
    pub(super) const COUNT: usize = 5;
}

impl Lane {
    /// A lane that belongs to no endpoint.
    pub const CLOSED: Self = Self {
        head: NIL,
        tail: NIL,
        held: 0,
        probe: NIL,
        probe_until: Instant::ORIGIN,
        flying: 0,
        unrecorded: 0,
        cap: 0,
        window: 0,
        answered: Answers::NEVER,
        next: [NO_LANE; Ring::COUNT],
        health: Health::UNPROVEN,
        flags: 0,
    };

    /// The largest cap, whose rounds can be counted.
    const MOST: u16 = u16::MAX / ROUNDS;
    const MEMBERSHIPS: u8 = (1 << Ring::COUNT) - 1;
    const OPEN: u8 = 1 << 5;
    const PAUSED: u8 = 1 << 6;
    const BACKLOG: u8 = 1 << 7;

    /// Opens a closed lane. Memberships in rings survive: a ring drops what is no longer eligible.
    pub(super) const fn open(&mut self, health: Health, cap: u16) {
        let cap = if cap == 0 { 1 } else { cap };
        let cap = if cap > Self::MOST { Self::MOST } else { cap };
        let memberships = self.flags & Self::MEMBERSHIPS;
        self.head = NIL;
        self.tail = NIL;
        self.held = 0;
        self.probe = NIL;
        self.flying = 0;
        self.unrecorded = 0;
        self.cap = cap;
        self.window = if matches!(health, Health::Up) { cap } else { 1 };
        self.answered = Answers::NEVER;
        self.health = health;
        self.flags = memberships | Self::OPEN;
    }

    pub(super) const fn close(&mut self) {
        self.flags &= Self::MEMBERSHIPS;
    }

    pub(super) const fn is_open(&self) -> bool {
        self.flags & Self::OPEN != 0
    }

    pub(super) const fn set_paused(&mut self, paused: bool) {
        self.flags = self.flags & !Self::PAUSED | if paused { Self::PAUSED } else { 0 };
    }

    /// Whether storage holds deliveries for this lane that were not asked for yet.
    pub(super) const fn has_backlog(&self) -> bool {
        self.flags & Self::BACKLOG != 0
    }

    pub(super) const fn set_backlog(&mut self, backlog: bool) {
        self.flags = self.flags & !Self::BACKLOG | if backlog { Self::BACKLOG } else { 0 };
    }

    pub(super) const fn is_in(&self, ring: Ring) -> bool {
        self.flags & (1 << ring as u8) != 0
    }

    pub(super) const fn set_in(&mut self, ring: Ring, member: bool) {
        let bit = 1 << ring as u8;
        self.flags = self.flags & !bit | if member { bit } else { 0 };
    }

    /// Whether so many outcomes wait for their record that no attempt may start.
    const fn records_are_behind(&self) -> bool {
        self.unrecorded / ROUNDS >= self.cap
    }

    /// The ring that its next attempt would be served from, if one may start now.
    pub(super) fn wants(&self, answers: &Answers) -> Option<Ring> {
        if !self.is_open() || self.flags & Self::PAUSED != 0 || self.head == NIL {
            return None;
        }
        match self.health {
            Health::Up => {
                let ring = if answers.are_recent(self) { Ring::Up } else { Ring::Silent };
                (self.flying < self.window && !self.records_are_behind()).then_some(ring)
            }
            Health::Suspect { .. } => (self.unrecorded == 0).then_some(Ring::Suspect),
            Health::Down => {
                let probes = self.probe == NIL || self.probe == self.head;
                (self.unrecorded == 0 && probes).then_some(Ring::Suspect)
            }
        }
    }

    /// One more attempt went well: up, with one more in flight than before, so that a round of answers
    /// doubles the window.
    pub(super) fn succeeded(&mut self) {
        self.window = self.window.saturating_add(1).min(self.cap);
        self.health = Health::Up;
        self.probe = NIL;
    }

    /// One more attempt failed. A transport failure counts towards down; any answer ends that count.
    pub(super) fn failed(&mut self, transport: bool) {
        self.health =
            if transport { self.health.after_transport_failure() } else { Health::Suspect { failures: 0 } };
        if self.health == Health::Down {
            self.window = 1;
        } else {
            self.probe = NIL;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_comes_back_starts_with_one_more_at_a_time() {
        let mut lane = Lane::CLOSED;
        lane.open(Health::Down, 8);
        let mut windows = [0; 9];
        for window in &mut windows {
            lane.succeeded();
            *window = lane.window;
        }
        assert_eq!(windows, [2, 3, 4, 5, 6, 7, 8, 8, 8]);
    }

    #[test]
    fn closing_keeps_ring_memberships() {
        let mut lane = Lane::CLOSED;
        lane.open(Health::Up, 1);
        lane.set_in(Ring::Suspect, true);
        lane.close();
        lane.open(Health::Up, 1);
        assert!(lane.is_in(Ring::Suspect) && !lane.is_in(Ring::Up) && !lane.has_backlog());
    }
}
