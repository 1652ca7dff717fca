//! One delivery in the window, in 32 bytes.

use crate::time::Instant;

/// "No slot", where a slot's index stands.
pub(super) const NIL: u32 = u32::MAX;

/// Room for one delivery. The caller owns the memory: `[Slot::EMPTY; 64]` takes 2 KiB.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// The host's key of the delivery.
    pub(super) key: u64,
    /// Waiting: when it is due. Ready: since when. Flying: the attempt's deadline. Settled: the next due.
    pub(super) due: Instant,
    /// Changes at every attempt and when the slot is freed, so that a late answer finds nobody.
    pub(super) generation: u32,
    /// An entry of the timer heap, which is spread over the slots: entry *n* stands in slot *n*, whoever
    /// owns that slot.
    pub(super) heap: u32,
    /// The slot's own place in the heap while it is timed, else the next slot of its queue.
    pub(super) link: u32,
    pub(super) lane: u16,
    /// Attempts made, the one in flight included.
    pub(super) attempts: u8,
    bits: u8,
}

const _: () = assert!(size_of::<Slot>() == 32);

/// Where a delivery is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nobody's.
    Free,
    /// Timed until it is due.
    Waiting,
    /// In its lane's queue.
    Ready,
    /// Timed until its deadline; the host is posting it.
    Flying,
    /// The deadline has passed; the host is to be told to abort.
    Overdue,
    /// Has an end that the host is to be told to record.
    Settled,
    /// The host is recording the end.
    Recording,
}

/// How an attempt, or a command, left the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Acknowledged,
    Refused,
    /// Retry, and wait in this slot.
    Kept,
    /// Retry, and wait in storage.
    Leaves,
    Exhausted,
    Cancelled,
    /// Cancelled while flying or while its retry was being recorded: no further attempt.
    CancelNext,
    /// In flight and not cancelled.
    Open,
}

impl Slot {
    /// A slot that holds nothing.
    pub const EMPTY: Self = Self {
        key: 0,
        due: Instant::ORIGIN,
        generation: 0,
        heap: NIL,
        link: NIL,
        lane: 0,
        attempts: 0,
        bits: 0,
    };

    const PHASE: u8 = 0b0000_0111;
    const END: u8 = 0b0011_1000;
    /// Its newest attempt has no recorded outcome yet.
    const UNRECORDED: u8 = 0b0100_0000;
    /// Took off while its lane was suspect.
    const SUSPECT: u8 = 0b1000_0000;

    pub(super) const fn phase(&self) -> Phase {
        match self.bits & Self::PHASE {
            1 => Phase::Waiting,
            2 => Phase::Ready,
            3 => Phase::Flying,
            4 => Phase::Overdue,
            5 => Phase::Settled,
            6 => Phase::Recording,
            _ => Phase::Free,
        }
    }

    pub(super) const fn set_phase(&mut self, phase: Phase) {
        self.bits = self.bits & !Self::PHASE | phase as u8;
    }

    /// Makes the slot nobody's; tickets of it are stale from here on.
    pub(super) const fn vacate(&mut self, next_vacant: u32) {
        self.set_phase(Phase::Free);
        self.generation = self.generation.wrapping_add(1);
        self.link = next_vacant;
    }

    pub(super) const fn end(&self) -> End {
        match (self.bits & Self::END) >> 3 {
            0 => End::Acknowledged,
            1 => End::Refused,
            2 => End::Kept,
            3 => End::Leaves,
            4 => End::Exhausted,
            5 => End::Cancelled,
            6 => End::CancelNext,
            _ => End::Open,
        }
    }

    pub(super) const fn set_end(&mut self, end: End) {
        self.bits = self.bits & !Self::END | ((end as u8) << 3);
    }

    pub(super) const fn is_unrecorded(&self) -> bool {
        self.bits & Self::UNRECORDED != 0
    }

    pub(super) const fn took_off_suspect(&self) -> bool {
        self.bits & Self::SUSPECT != 0
    }

    pub(super) const fn take_off(&mut self, suspect: bool) {
        self.bits |= Self::UNRECORDED;
        if suspect {
            self.bits |= Self::SUSPECT;
        }
    }

    pub(super) const fn forget_attempt(&mut self) {
        self.bits &= !(Self::UNRECORDED | Self::SUSPECT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_end_and_counts_do_not_disturb_each_other() {
        let mut slot = Slot::EMPTY;
        slot.take_off(true);
        slot.set_end(End::CancelNext);
        slot.set_phase(Phase::Recording);
        assert_eq!((slot.phase(), slot.end()), (Phase::Recording, End::CancelNext));
        assert!(slot.is_unrecorded() && slot.took_off_suspect());
        slot.forget_attempt();
        assert!(!slot.is_unrecorded() && !slot.took_off_suspect());
        assert_eq!((slot.phase(), slot.end()), (Phase::Recording, End::CancelNext));
    }
}
