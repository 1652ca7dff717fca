//! Whose turn it is: lanes with a ready delivery, served round robin.

use super::lane::{Lane, Ring};
use super::queue::LaneQueue;

/// The two rings that attempts are served from. They take turns.
#[derive(Debug)]
pub(super) struct Rings {
    up: LaneQueue,
    suspect: LaneQueue,
    suspects_turn: bool,
}

impl Rings {
    pub(super) const fn new() -> Self {
        Self { up: LaneQueue::new(Ring::Up), suspect: LaneQueue::new(Ring::Suspect), suspects_turn: false }
    }

    /// Gives the lane its place in the ring that it wants to be served from.
    pub(super) fn seat(&mut self, lanes: &mut [Lane], id: u16) {
        match lanes.get(usize::from(id)).and_then(Lane::wants) {
            Some(Ring::Up) => self.up.push(lanes, id),
            Some(_) => self.suspect.push(lanes, id),
            None => {}
        }
    }

    /// The lane to serve next. Lanes that have lost the right to their place drop out on the way: each was
    /// seated by an event of its own, so that this costs O(1) an event.
    pub(super) fn next(&mut self, lanes: &mut [Lane], suspects_allowed: bool) -> Option<u16> {
        for suspects_turn in [self.suspects_turn, !self.suspects_turn] {
            if suspects_turn && !suspects_allowed {
                continue;
            }
            let wanted = if suspects_turn { Ring::Suspect } else { Ring::Up };
            while let Some(id) = self.queue(wanted).pop(lanes) {
                if lanes.get(usize::from(id)).and_then(Lane::wants) == Some(wanted) {
                    self.suspects_turn = !suspects_turn;
                    return Some(id);
                }
                self.seat(lanes, id);
            }
        }
        None
    }

    const fn queue(&mut self, ring: Ring) -> &mut LaneQueue {
        match ring {
            Ring::Up => &mut self.up,
            _ => &mut self.suspect,
        }
    }
}
