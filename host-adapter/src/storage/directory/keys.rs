//! The API keys in the directory: which may come, and which may go.

use super::Directory;
use crate::storage::{ApiKey, KeyError};

impl Directory {
    /// Refuses a key that cannot be added.
    pub(in crate::storage) fn check_new_key(&self, key: &ApiKey) -> Result<(), KeyError> {
        if key.domain.as_ref().is_some_and(|domain| self.domain(domain).is_none()) {
            return Err(KeyError::UnknownDomain);
        }
        let is_new = !self.keys.contains_key(&key.hash);
        if is_new && self.keys.len() >= self.caps.keys {
            return Err(KeyError::TooMany { limit: self.caps.keys });
        }
        Ok(())
    }

    /// The key of this id, if it may go: the last one of the account stays, unless `even_the_last`.
    pub(in crate::storage) fn plan_revocation(
        &self,
        id: &str,
        even_the_last: bool,
    ) -> Result<ApiKey, KeyError> {
        let key = self.keys.values().find(|key| &*key.id == id).ok_or(KeyError::Unknown)?;
        let is_of_account = |key: &&ApiKey| key.domain.is_none();
        let last = is_of_account(&key) && self.keys.values().filter(is_of_account).count() == 1;
        if last && !even_the_last { Err(KeyError::Last) } else { Ok(key.clone()) }
    }

    pub(in crate::storage) fn insert_api_key(&mut self, key: ApiKey) {
        self.keys.insert(key.hash, key);
    }

    pub(in crate::storage) fn remove_api_key(&mut self, key: &ApiKey) {
        self.keys.remove(&key.hash);
    }
}
