//! Whose turn it is: lanes with a ready delivery, served round robin.

use super::answers::Answers;
use super::lane::{Lane, Ring};
use super::queue::LaneQueue;
use crate::SMALL;

/// The rings that attempts are served from. They take turns.
#[derive(Debug)]
pub(super) struct Rings {
    up: LaneQueue,
    silent: LaneQueue,
    suspect: LaneQueue,
    turn: Ring,
}

/// Which rings may be served, beside that of the lanes that answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    pub(super) silent: bool,
    pub(super) suspects: bool,
}

impl Rings {
    pub(super) const fn new() -> Self {
        Self {
            up: LaneQueue::new(Ring::Up),
            silent: LaneQueue::new(Ring::Silent),
            suspect: LaneQueue::new(Ring::Suspect),
            turn: Ring::Up,
        }
    }

    /// Gives the lane its place in the ring that it wants to be served from.
    pub(super) fn seat(&mut self, lanes: &mut [Lane], answers: &Answers, id: u16) {
        if let Some(ring) = lanes.get(usize::from(id)).and_then(|lane| lane.wants(answers)) {
            self.queue(ring).push(lanes, id);
        }
    }

    /// The lane to serve next. Lanes that have lost the right to their place drop out on the way: each was
    /// seated by an event of its own, or once more when its last answer had grown old, so that this costs O(1)
    /// an event.
    pub(super) fn next(&mut self, lanes: &mut [Lane], answers: &Answers, shares: Shares) -> Option<u16> {
        if !SMALL {
            self.move_the_silent(lanes, answers);
        }
        let first = self.turn;
        let mut wanted = first;
        loop {
            let after = next_turn(wanted);
            let allowed = match wanted {
                Ring::Up => true,
                Ring::Silent => shares.silent,
                _ => shares.suspects,
            };
            while allowed && let Some(id) = self.queue(wanted).pop(lanes) {
                if lanes.get(usize::from(id)).and_then(|lane| lane.wants(answers)) == Some(wanted) {
                    self.turn = after;
                    return Some(id);
                }
                self.seat(lanes, answers, id);
            }
            if after == first {
                return None;
            }
            wanted = after;
        }
    }

    /// No event tells that an answer has grown old. So it is seen to first that who is at the front of those that
    /// answer belongs there, and the others stand in their ring should it have its turn.
    fn move_the_silent(&mut self, lanes: &mut [Lane], answers: &Answers) {
        while let Some(first) = lanes.get(usize::from(self.up.first()))
            && first.wants(answers) != Some(Ring::Up)
            && let Some(id) = self.up.pop(lanes)
        {
            self.seat(lanes, answers, id);
        }
    }

    const fn queue(&mut self, ring: Ring) -> &mut LaneQueue {
        match ring {
            Ring::Up => &mut self.up,
            Ring::Silent => &mut self.silent,
            _ => &mut self.suspect,
        }
    }
}

const fn next_turn(ring: Ring) -> Ring {
    match ring {
        Ring::Up if !SMALL => Ring::Silent,
        Ring::Up | Ring::Silent => Ring::Suspect,
        _ => Ring::Up,
    }
}
