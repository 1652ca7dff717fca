//! What has been received before.

use core::fmt;

/// Remembers the last `N` verified signatures, so that a payload counts once.
///
/// Only what passed the other checks gets in, so nobody without the key can fill it. When it is full the
/// oldest leaves: for no replay to pass, `N` must be at least the number of payloads that arrive within the
/// acceptance window. It keeps 32 bytes each and compares with all of them; it does not outlive the process.
///
/// It remembers the signature rather than the token, since a signature stands for token *and* timestamp:
/// digits moved from the one into the other change neither the signature nor what this guard sees.
#[derive(Clone)]
pub struct ReplayGuard<const N: usize> {
    seen: [[u8; 32]; N],
    /// How many of them are taken.
    len: usize,
    /// Where the next one goes: the place of the oldest, once all are taken.
    next: usize,
}

impl<const N: usize> ReplayGuard<N> {
    /// A guard that has seen nothing. `N` must not be zero, which is checked at compile time.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N > 0, "a replay guard that remembers nothing guards nothing") };
        Self { seen: [[0; 32]; N], len: 0, next: 0 }
    }

    /// Remembers this signature; `false` if it is a replay.
    pub(super) fn admit(&mut self, signature: &[u8; 32]) -> bool {
        if self.seen.iter().take(self.len).any(|seen| seen == signature) {
            return false;
        }
        if let Some(place) = self.seen.get_mut(self.next) {
            *place = *signature;
        }
        self.len = self.len.saturating_add(1).min(N);
        self.next = self.next.saturating_add(1);
        if self.next >= N {
            self.next = 0;
        }
        true
    }
}

impl<const N: usize> fmt::Debug for ReplayGuard<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayGuard").field("seen", &self.len).finish_non_exhaustive()
    }
}

impl<const N: usize> Default for ReplayGuard<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut guard = ReplayGuard::<2>::new();
        assert!(guard.admit(&[1; 32]) && guard.admit(&[2; 32]));
        assert!(!guard.admit(&[1; 32]));
        assert!(guard.admit(&[3; 32]));
        assert!(guard.admit(&[1; 32]), "the first of three no longer fits into two");
        assert!(!guard.admit(&[3; 32]));
    }
}
