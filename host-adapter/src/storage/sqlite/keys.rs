//! API keys: made and revoked.

use rusqlite::params;

use super::writer::{Broken, Writer};
use crate::storage::{ApiKey, KeyError};

impl Writer {
    pub(super) fn add_api_key(&self, key: ApiKey) -> Result<Result<(), KeyError>, Broken> {
        if let Err(error) = self.published.current().check_new_key(&key) {
            return Ok(Err(error));
        }
        let added = self.change(|connection, _, directory| {
            connection.execute(
                "INSERT OR REPLACE INTO api_key (hash, domain, label, created_at, id) VALUES (?, ?, ?, ?, ?)",
                params![key.hash, key.domain, key.label, key.created_at, key.id],
            )?;
            directory.insert_api_key(key);
            Ok(())
        })?;
        Ok(added.map_err(KeyError::Store))
    }

    pub(super) fn revoke_api_key(
        &self,
        id: &str,
        even_the_last: bool,
    ) -> Result<Result<ApiKey, KeyError>, Broken> {
        let key = match self.published.current().plan_revocation(id, even_the_last) {
            Ok(key) => key,
            Err(error) => return Ok(Err(error)),
        };
        let revoked = self.change(|connection, _, directory| {
            connection.execute("DELETE FROM api_key WHERE hash = ?", [key.hash])?;
            directory.remove_api_key(&key);
            Ok(key)
        })?;
        Ok(revoked.map_err(KeyError::Store))
    }
}
