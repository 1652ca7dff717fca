//! The memory of the dispatcher: the caller's slots and lanes, and which of them are nobody's.

use super::lane::{Lane, NO_LANE};
use super::slot::{NIL, Slot};

/// Slots and lanes. Both free lists are filled lazily, so that a window can be made in a constant.
#[derive(Debug)]
pub(super) struct Window<S, L> {
    slots: S,
    lanes: L,
    /// Slots freed and not used again, linked; slots from `touched` on were never used.
    vacant: u32,
    touched: u32,
    occupied: u32,
    /// The same for lanes, linked through `head`.
    closed_lane: u16,
    touched_lanes: u16,
}

impl<S, L> Window<S, L> {
    pub(super) const fn new(slots: S, lanes: L) -> Self {
        Self { slots, lanes, vacant: NIL, touched: 0, occupied: 0, closed_lane: NO_LANE, touched_lanes: 0 }
    }

    /// Slots that hold a delivery.
    pub(super) const fn occupied(&self) -> u32 {
        self.occupied
    }

    /// Slots that were ever used.
    pub(super) const fn touched(&self) -> u32 {
        self.touched
    }
}

impl<S: AsRef<[Slot]>, L: AsRef<[Lane]>> Window<S, L> {
    pub(super) fn slots(&self) -> &[Slot] {
        self.slots.as_ref()
    }

    /// A copy of the slot; an empty one if there is no such slot.
    pub(super) fn slot(&self, index: u32) -> Slot {
        *self.slots.as_ref().get(index as usize).unwrap_or(&Slot::EMPTY)
    }

    /// A copy of the lane; a closed one if there is no such lane.
    pub(super) fn lane(&self, id: u16) -> Lane {
        *self.lanes.as_ref().get(usize::from(id)).unwrap_or(&Lane::CLOSED)
    }

    /// Slots that hold nothing.
    pub(super) fn free(&self) -> u32 {
        let slots = self.slots.as_ref().len().min(NIL as usize - 1) as u32;
        slots.saturating_sub(self.occupied)
    }
}

impl<S, L> Window<S, L>
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    L: AsRef<[Lane]> + AsMut<[Lane]>,
{
    pub(super) fn slots_mut(&mut self) -> &mut [Slot] {
        self.slots.as_mut()
    }

    pub(super) fn lanes_mut(&mut self) -> &mut [Lane] {
        self.lanes.as_mut()
    }

    pub(super) fn edit(&mut self, index: u32, edit: impl FnOnce(&mut Slot)) {
        if let Some(slot) = self.slots.as_mut().get_mut(index as usize) {
            edit(slot);
        }
    }

    pub(super) fn edit_lane(&mut self, id: u16, edit: impl FnOnce(&mut Lane)) {
        if let Some(lane) = self.lanes.as_mut().get_mut(usize::from(id)) {
            edit(lane);
        }
    }

    /// Takes a slot for a delivery.
    pub(super) fn take_slot(&mut self) -> Option<u32> {
        let index = if self.vacant != NIL {
            let index = self.vacant;
            self.vacant = self.slot(index).link;
            index
        } else {
            let fresh = (self.free() > 0).then_some(self.touched)?;
            self.touched += 1;
            fresh
        };
        self.occupied += 1;
        Some(index)
    }

    /// Gives a slot back, under a new generation.
    pub(super) fn return_slot(&mut self, index: u32) {
        let next = self.vacant;
        self.edit(index, |slot| slot.vacate(next));
        self.vacant = index;
        self.occupied = self.occupied.saturating_sub(1);
    }

    /// Takes a lane for an endpoint.
    pub(super) fn take_lane(&mut self) -> Option<u16> {
        if self.closed_lane != NO_LANE {
            let id = self.closed_lane;
            self.closed_lane = self.lane(id).head as u16;
            return Some(id);
        }
        let lanes = self.lanes.as_ref().len().min(usize::from(NO_LANE)) as u16;
        let fresh = (self.touched_lanes < lanes).then_some(self.touched_lanes)?;
        self.touched_lanes += 1;
        Some(fresh)
    }

    /// Gives a lane back.
    pub(super) fn return_lane(&mut self, id: u16) {
        let next = self.closed_lane;
        self.edit_lane(id, |lane| {
            lane.close();
            lane.head = u32::from(next);
        });
        self.closed_lane = id;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_taken_until_none_is_free_and_used_again() {
        let mut window = Window::new([Slot::EMPTY; 2], [Lane::CLOSED; 1]);
        assert_eq!((window.take_slot(), window.take_slot(), window.take_slot()), (Some(0), Some(1), None));
        let before = window.slot(0).generation;
        window.return_slot(0);
        assert_eq!((window.free(), window.take_slot()), (1, Some(0)));
        assert_ne!(window.slot(0).generation, before);
    }

    #[test]
    fn lanes_are_taken_until_none_is_closed_and_used_again() {
        let mut window = Window::new([Slot::EMPTY; 1], [Lane::CLOSED; 2]);
        assert_eq!((window.take_lane(), window.take_lane(), window.take_lane()), (Some(0), Some(1), None));
        window.return_lane(1);
        window.return_lane(0);
        assert_eq!((window.take_lane(), window.take_lane(), window.take_lane()), (Some(0), Some(1), None));
    }
}
