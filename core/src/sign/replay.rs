//! What has been received before.

use core::fmt;

/// Where verified signatures are remembered, so that a payload counts once.
///
/// [`ReplayGuard`] remembers in this process; an array of the caller's, `[[u8; 32]]`, does the same in memory
/// whose size is known only at run time. Receivers that run as several processes implement this over a place
/// that they share.
///
/// Signatures are remembered rather than tokens, since a signature stands for token *and* timestamp: digits
/// moved from the one into the other change neither the signature nor what is seen here.
pub trait Remember {
    /// Remembers this signature; `false` if it is known already. Called last, for what passed every other
    /// check, so nobody without the key can fill the memory.
    fn remember(&mut self, signature: &[u8; 32]) -> bool;
}

/// Remembers the last `N` verified signatures.
///
/// When it is full the oldest leaves: for no replay to pass, `N` must be at least the number of payloads that
/// arrive within the acceptance window. It keeps 32 bytes each, compares with all of them and moves them on;
/// it does not outlive the process.
#[derive(Clone)]
pub struct ReplayGuard<const N: usize>([[u8; 32]; N]);

impl<const N: usize> ReplayGuard<N> {
    /// A guard that has seen nothing. `N` must not be zero, which is checked at compile time.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0, "a replay guard that remembers nothing guards nothing") };
        Self([[0; 32]; N])
    }
}

impl<const N: usize> Remember for ReplayGuard<N> {
    fn remember(&mut self, signature: &[u8; 32]) -> bool {
        self.0.remember(signature)
    }
}

/// The newest first. Zeros stand for a free place: no key makes a signature of zeros in the lifetime of this
/// universe. An empty array remembers nothing.
impl Remember for [[u8; 32]] {
    fn remember(&mut self, signature: &[u8; 32]) -> bool {
        if self.contains(signature) {
            return false;
        }
        let mut newer = *signature;
        for place in self {
            core::mem::swap(place, &mut newer);
        }
        true
    }
}

impl<const N: usize> fmt::Debug for ReplayGuard<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.0.iter().filter(|seen| **seen != [0; 32]).count();
        f.debug_struct("ReplayGuard").field("seen", &seen).finish_non_exhaustive()
    }
}

impl<const N: usize> Default for ReplayGuard<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut guard = ReplayGuard::<2>::new();
        assert!(guard.remember(&[1; 32]) && guard.remember(&[2; 32]));
        assert!(!guard.remember(&[1; 32]));
        assert!(guard.remember(&[3; 32]));
        assert!(guard.remember(&[1; 32]), "the first of three no longer fits into two");
        assert!(!guard.remember(&[3; 32]));
    }

    #[test]
    fn debug_tells_how_many_and_not_which() {
        let mut guard = ReplayGuard::<2>::new();
        guard.remember(&[7; 32]);
        assert_eq!(format!("{guard:?}"), "ReplayGuard { seen: 1, .. }");
    }
}
