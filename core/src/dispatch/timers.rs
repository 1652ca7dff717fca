//! A binary heap of due times that lives inside the slots.
//!
//! Entry *n* of the heap is kept in `slots[n].heap` and names the slot whose `due` it stands for; that slot
//! keeps *n* in its `link`, so that it can be taken out from the middle.

use super::slot::{NIL, Slot};
use crate::time::Instant;

/// The heap's only state beside the slots: how many entries it has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Timers {
    len: u32,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { len: 0 }
    }

    /// The slot with the earliest due time.
    pub(super) fn first(self, slots: &[Slot]) -> Option<(u32, Instant)> {
        if self.len == 0 {
            return None;
        }
        let index = entry(slots, 0);
        Some((index, due(slots, index)))
    }

    /// Times slot `index`, which is in no queue and not timed.
    pub(super) fn insert(&mut self, slots: &mut [Slot], index: u32) {
        let place = self.len;
        self.len += 1;
        put(slots, place, index);
        rise(slots, place);
    }

    /// Takes slot `index`, which is timed, out.
    pub(super) fn remove(&mut self, slots: &mut [Slot], index: u32) {
        let place = slots.get(index as usize).map_or(NIL, |slot| slot.link);
        if place >= self.len || entry(slots, place) != index {
            return;
        }
        self.len -= 1;
        let last = entry(slots, self.len);
        if last != index {
            put(slots, place, last);
            sink(slots, self.len, place);
            rise(slots, place);
        }
        if let Some(slot) = slots.get_mut(index as usize) {
            slot.link = NIL;
        }
    }
}

fn entry(slots: &[Slot], place: u32) -> u32 {
    slots.get(place as usize).map_or(NIL, |slot| slot.heap)
}

fn due(slots: &[Slot], index: u32) -> Instant {
    slots.get(index as usize).map_or(Instant::ORIGIN, |slot| slot.due)
}

/// The due time of the entry at `place`.
#[cfg_attr(target_os = "none", inline(never))]
fn due_at(slots: &[Slot], place: u32) -> Instant {
    due(slots, entry(slots, place))
}

#[cfg_attr(target_os = "none", inline(never))]
fn put(slots: &mut [Slot], place: u32, index: u32) {
    if let Some(slot) = slots.get_mut(place as usize) {
        slot.heap = index;
    }
    if let Some(slot) = slots.get_mut(index as usize) {
        slot.link = place;
    }
}

/// Moves the entry at `place` towards the root while it is earlier than its parent.
fn rise(slots: &mut [Slot], mut place: u32) {
    let index = entry(slots, place);
    let mine = due(slots, index);
    while place > 0 {
        let parent = (place - 1) / 2;
        if due_at(slots, parent) <= mine {
            break;
        }
        put(slots, place, entry(slots, parent));
        place = parent;
    }
    put(slots, place, index);
}

/// Moves the entry at `place` away from the root while a child is earlier.
fn sink(slots: &mut [Slot], len: u32, mut place: u32) {
    let index = entry(slots, place);
    let mine = due(slots, index);
    loop {
        let mut child = place.saturating_mul(2).saturating_add(1);
        if child >= len {
            break;
        }
        let right = child + 1;
        if right < len && due_at(slots, right) < due_at(slots, child) {
            child = right;
        }
        if mine <= due_at(slots, child) {
            break;
        }
        put(slots, place, entry(slots, child));
        place = child;
    }
    put(slots, place, index);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(dues: &[u64]) -> ([Slot; 16], Timers) {
        let mut slots = [Slot::EMPTY; 16];
        let mut timers = Timers::new();
        for (index, due) in dues.iter().enumerate() {
            slots[index].due = Instant::from_millis(*due);
            timers.insert(&mut slots, index as u32);
        }
        (slots, timers)
    }

    fn drain(slots: &mut [Slot], timers: &mut Timers) -> std::vec::Vec<u64> {
        let mut dues = std::vec::Vec::new();
        while let Some((index, due)) = timers.first(slots) {
            timers.remove(slots, index);
            dues.push(due.as_millis());
        }
        dues
    }

    #[test]
    fn the_earliest_comes_first() {
        let (mut slots, mut timers) = timed(&[5, 3, 9, 3, 1, 8, 2, 7]);
        assert_eq!(drain(&mut slots, &mut timers), [1, 2, 3, 3, 5, 7, 8, 9]);
    }

    #[test]
    fn an_entry_leaves_from_the_middle() {
        for gone in 0..8 {
            let dues = [5, 3, 9, 3, 1, 8, 2, 7];
            let (mut slots, mut timers) = timed(&dues);
            timers.remove(&mut slots, gone as u32);
            let mut rest: std::vec::Vec<_> = dues.to_vec();
            rest.remove(gone);
            rest.sort_unstable();
            assert_eq!(drain(&mut slots, &mut timers), rest);
        }
    }

    #[test]
    fn any_order_of_dues_stays_in_order_when_any_entry_leaves() {
        let mut word = 1_u32;
        for _ in 0..500 {
            let dues: [u64; 15] = core::array::from_fn(|_| {
                word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                u64::from(word >> 24)
            });
            let gone = word as usize % dues.len();
            let (mut slots, mut timers) = timed(&dues);
            timers.remove(&mut slots, gone as u32);
            let mut rest = dues.to_vec();
            rest.remove(gone);
            rest.sort_unstable();
            assert_eq!(drain(&mut slots, &mut timers), rest);
        }
    }

    #[test]
    fn removing_what_is_not_timed_does_nothing() {
        let (mut slots, mut timers) = timed(&[5, 3]);
        timers.remove(&mut slots, 9);
        timers.remove(&mut slots, NIL);
        assert_eq!(drain(&mut slots, &mut timers), [3, 5]);
    }
}
