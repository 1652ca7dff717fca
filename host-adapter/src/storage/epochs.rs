//! The starts of a store, and which commits each of them made.
//!
//! A store that was restored from an older copy makes other commits under the numbers of those that it lost. Each
//! start is an epoch of its own, with a random id. So a number that comes with the id of its epoch says whether this
//! store, with what it holds, ever counted that far in it.

use super::Seq;
use crate::entropy;

/// How many starts are remembered. A cursor from before them reads again, as one from a lost epoch does.
const REMEMBERED: usize = 1024;

/// The starts, the oldest first and the present one last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epochs {
    earlier: Vec<Epoch>,
    present: Epoch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Epoch {
    /// A random number that no other start has.
    id: u64,
    /// The last commit before it.
    after: Seq,
}

impl Epochs {
    /// Those of a new store.
    pub(super) fn first() -> Self {
        Self { earlier: Vec::new(), present: Epoch::begin(0) }
    }

    /// Those of a store that is started again, after this commit.
    pub(super) fn begin(self, after: Seq) -> Self {
        let mut earlier = self.earlier;
        earlier.push(self.present);
        earlier.drain(..earlier.len().saturating_sub(REMEMBERED));
        Self { earlier, present: Epoch::begin(after) }
    }

    /// Those that [`to_bytes`](Self::to_bytes) has written.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let epochs = bytes.chunks(16).map(Epoch::from_bytes).collect::<Option<Vec<_>>>()?;
        let (present, earlier) = epochs.split_last()?;
        Some(Self { earlier: earlier.to_vec(), present: *present })
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.earlier.iter().chain([&self.present]).flat_map(|epoch| epoch.to_bytes()).collect()
    }

    /// The id of the present one.
    #[must_use]
    pub fn present(&self) -> u64 {
        self.present.id
    }

    /// Whether the commits up to `seq`, as counted in the epoch of this id, are those of this store, whose last one is
    /// `newest`.
    #[must_use]
    pub fn hold(&self, id: u64, seq: Seq, newest: Seq) -> bool {
        let mut ends = newest;
        for epoch in self.earlier.iter().chain([&self.present]).rev() {
            if epoch.id == id {
                return seq <= ends;
            }
            ends = epoch.after;
        }
        false
    }
}

impl Epoch {
    fn begin(after: Seq) -> Self {
        Self { id: u64::from_be_bytes(entropy::bytes()), after }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (id, after) = bytes.split_first_chunk()?;
        Some(Self { id: u64::from_be_bytes(*id), after: Seq::from_be_bytes(after.try_into().ok()?) })
    }

    fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.id) << 64 | u128::from(self.after)).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_holds_up_to_the_end_of_its_epoch() {
        let first = Epochs::first();
        let second = first.clone().begin(10);
        assert!(second.hold(first.present(), 10, 15) && !second.hold(first.present(), 11, 15));
        assert!(second.hold(second.present(), 15, 15) && !second.hold(second.present(), 16, 15));
    }

    #[test]
    fn after_a_restore_what_was_lost_does_not_hold() {
        let copied = Epochs::first().begin(10);
        let (lost, restored) = (copied.clone().begin(20), copied.clone().begin(12));
        assert!(!restored.hold(lost.present(), 21, 30), "another start made that commit");
        assert!(!restored.hold(copied.present(), 20, 30), "the copy was made before");
        assert!(restored.hold(copied.present(), 12, 30));
    }

    #[test]
    fn the_bytes_are_read_as_they_were_written_and_no_others() {
        let epochs = Epochs::first().begin(10).begin(u64::MAX);
        let bytes = epochs.to_bytes();
        assert_eq!(Epochs::from_bytes(&bytes), Some(epochs));
        assert_eq!(Epochs::from_bytes(&bytes[..40]), None);
        assert_eq!(Epochs::from_bytes(&[]), None);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let first = Epochs::first();
        let many = (0..2000).fold(first.clone(), Epochs::begin);
        assert_eq!(many.to_bytes().len(), (REMEMBERED + 1) * 16);
        assert!(!many.hold(first.present(), 0, 2000));
    }
}
