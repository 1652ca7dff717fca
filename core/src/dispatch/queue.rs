//! First in, first out: a chain of slots through their `link`, a chain of lanes through their `next`.

use super::lane::{Lane, NO_LANE, Ring};
use super::slot::{NIL, Slot};

/// A queue of slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self { head: NIL, tail: NIL }
    }

    pub(super) fn push(&mut self, slots: &mut [Slot], index: u32) {
        if let Some(slot) = slots.get_mut(index as usize) {
            slot.link = NIL;
        }
        match slots.get_mut(self.tail as usize) {
            Some(last) => last.link = index,
            None => self.head = index,
        }
        self.tail = index;
    }

    pub(super) fn push_front(&mut self, slots: &mut [Slot], index: u32) {
        if let Some(slot) = slots.get_mut(index as usize) {
            slot.link = self.head;
        }
        if self.head == NIL {
            self.tail = index;
        }
        self.head = index;
    }

    pub(super) fn pop(&mut self, slots: &mut [Slot]) -> Option<u32> {
        let index = self.head;
        let slot = slots.get_mut(index as usize)?;
        self.head = slot.link;
        slot.link = NIL;
        if self.head == NIL {
            self.tail = NIL;
        }
        Some(index)
    }

    /// Takes `index` out, wherever it stands: a walk from the head.
    pub(super) fn unlink(&mut self, slots: &mut [Slot], index: u32) {
        let mut before = NIL;
        let mut here = self.head;
        while here != index {
            let Some(slot) = slots.get(here as usize) else { return };
            before = here;
            here = slot.link;
        }
        let after = slots.get(index as usize).map_or(NIL, |slot| slot.link);
        match slots.get_mut(before as usize) {
            Some(slot) => slot.link = after,
            None => self.head = after,
        }
        if self.tail == index {
            self.tail = before;
        }
    }
}

/// A queue of lanes. A lane that is a member already is not added again.
#[derive(Clone, Copy, Debug)]
pub(super) struct LaneQueue {
    ring: Ring,
    head: u16,
    tail: u16,
}

impl LaneQueue {
    pub(super) const fn new(ring: Ring) -> Self {
        Self { ring, head: NO_LANE, tail: NO_LANE }
    }

    pub(super) fn push(&mut self, lanes: &mut [Lane], id: u16) {
        let Some(lane) = lanes.get_mut(usize::from(id)) else { return };
        if lane.is_in(self.ring) {
            return;
        }
        lane.set_in(self.ring, true);
        lane.next[self.ring as usize] = NO_LANE;
        match lanes.get_mut(usize::from(self.tail)) {
            Some(last) => last.next[self.ring as usize] = id,
            None => self.head = id,
        }
        self.tail = id;
    }

    pub(super) const fn first(&self) -> u16 {
        self.head
    }

    pub(super) fn pop(&mut self, lanes: &mut [Lane]) -> Option<u16> {
        let id = self.head;
        let lane = lanes.get_mut(usize::from(id))?;
        lane.set_in(self.ring, false);
        self.head = lane.next[self.ring as usize];
        if self.head == NO_LANE {
            self.tail = NO_LANE;
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn queued(slots: &mut [Slot], indices: &[u32]) -> Queue {
        let mut queue = Queue::new();
        for index in indices {
            queue.push(slots, *index);
        }
        queue
    }

    fn rest(queue: &mut Queue, slots: &mut [Slot]) -> Vec<u32> {
        core::iter::from_fn(|| queue.pop(slots)).collect()
    }

    #[test]
    fn slots_leave_in_the_order_they_came() {
        let mut slots = [Slot::EMPTY; 8];
        let mut queue = queued(&mut slots, &[3, 1, 7]);
        queue.push_front(&mut slots, 5);
        assert_eq!(rest(&mut queue, &mut slots), [5, 3, 1, 7]);
        queue.push(&mut slots, 2);
        assert_eq!(rest(&mut queue, &mut slots), [2]);
    }

    #[test]
    fn any_slot_can_be_unlinked() {
        for (gone, left) in [(3, [1, 7, 4]), (1, [3, 7, 4]), (7, [3, 1, 4]), (4, [3, 1, 7])] {
            let mut slots = [Slot::EMPTY; 8];
            let mut queue = queued(&mut slots, &[3, 1, 7, 4]);
            queue.unlink(&mut slots, gone);
            queue.unlink(&mut slots, 6);
            queue.push(&mut slots, 0);
            assert_eq!(rest(&mut queue, &mut slots)[..3], left);
        }
    }

    #[test]
    fn a_lane_stands_once_in_a_ring() {
        let mut lanes = [Lane::CLOSED; 3];
        let mut ring = LaneQueue::new(Ring::Up);
        for id in [2, 0, 2, 0, 1] {
            ring.push(&mut lanes, id);
        }
        let order: Vec<_> = core::iter::from_fn(|| ring.pop(&mut lanes)).collect();
        assert_eq!(order, [2, 0, 1]);
        assert_eq!(ring.pop(&mut lanes), None);
    }
}
