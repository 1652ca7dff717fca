//! The request bins in the directory: few, and looked up at every request to one.

use std::sync::Arc;

use super::Directory;
use crate::storage::bin::{Bin, BinDraft, BinError};

impl Directory {
    /// The bin of this id, which may have expired.
    #[must_use]
    pub fn bin(&self, id: &str) -> Option<&Arc<Bin>> {
        self.bins.get(id)
    }

    /// Every bin, in no order.
    pub fn bins(&self) -> impl ExactSizeIterator<Item = &Arc<Bin>> {
        self.bins.values()
    }

    /// Whether a bin has expired by this wall-clock millisecond.
    pub(in crate::storage) fn has_expired_bins(&self, now: i64) -> bool {
        self.bins.values().any(|bin| bin.has_expired(now))
    }

    /// A further bin.
    pub(in crate::storage) fn plan_bin(&self, draft: BinDraft) -> Result<Bin, BinError> {
        if draft.domain.as_ref().is_some_and(|domain| self.domain(domain).is_none()) {
            return Err(BinError::UnknownDomain);
        }
        let limits = self.caps.bins;
        if self.bins.values().filter(|bin| bin.domain == draft.domain).count() >= limits.per_domain {
            return Err(BinError::TooMany { limit: limits.per_domain });
        }
        if self.bins.len() >= limits.in_all {
            return Err(BinError::TooManyInAll { limit: limits.in_all });
        }
        Ok(draft.into_bin(self.last_bin + 1))
    }

    /// Adds a bin, or replaces the one of this id.
    pub(in crate::storage) fn insert_bin(&mut self, bin: Bin) -> Arc<Bin> {
        self.keep_bin_keys_from_reuse(bin.key);
        let bin = Arc::new(bin);
        self.bins.insert(bin.id.clone(), bin.clone());
        bin
    }

    pub(in crate::storage) fn remove_bin(&mut self, id: &str) {
        self.bins.remove(id);
    }

    /// Takes away the bins that have expired; which those were.
    pub(in crate::storage) fn remove_expired_bins(&mut self, now: i64) -> Vec<Arc<Bin>> {
        self.bins.extract_if(.., |_, bin| bin.has_expired(now)).map(|(_, bin)| bin).collect()
    }

    /// No bin made from now on gets a key up to this one.
    pub(in crate::storage) fn keep_bin_keys_from_reuse(&mut self, last: u32) {
        self.last_bin = self.last_bin.max(last);
    }
}
