//! The keys that a server needs at its start: given, stored, or generated once.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::config::Config;
use crate::entropy;
use crate::private;
use crate::secrets::{MasterKey, MasterKeyError, Secret, hash_api_key};
use crate::storage::{ApiKey, KeyError, Store, StoreError};

/// Keys that were generated because there were none: written to a file that its owner alone can read.
pub struct FirstKeys {
    /// Where they are written.
    pub file: PathBuf,
    /// The lines of that file, to be shown on a terminal once and nowhere else.
    pub text: Secret,
}

impl fmt::Debug for FirstKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstKeys").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The key that encrypts secrets in the store: given, or from its file. A missing file is made, unless there
/// is a store already: no new key would open it.
pub(super) fn master(config: &Config) -> Result<MasterKey, MasterKeyError> {
    let file = &config.storage.master_key_file;
    if let Some(key) = &config.keys.master {
        let malformed = || MasterKeyError::Malformed(format!("keys.master or {}", MasterKey::VARIABLE));
        return MasterKey::parse(key.expose()).ok_or_else(malformed);
    }
    match MasterKey::from_file(file) {
        Err(MasterKeyError::Missing(_)) if !Store::is_in(&config.storage.data) => {
            MasterKey::create_file(file)
        }
        other => other,
    }
}

/// Sees to it that there is a signing key and an API key. What is generated is written down before it is
/// stored: a key that nobody can read any more would lock its owner out.
pub(super) async fn provide(store: &Store, config: &Config) -> Result<Option<FirstKeys>, KeysError> {
    let directory = store.directory();
    let given = config.keys.signing.as_ref().map(|key| Secret::new(key.expose()));
    let signing = match (&given, directory.signing_key()) {
        (None, None) => Some(entropy::key()),
        _ => None,
    };
    let account_has_key = config.keys.api.is_some() || directory.api_keys().any(|key| key.domain.is_none());
    let api = (!account_has_key).then(entropy::key);

    let mut text = String::new();
    for (variable, key) in [("SEALPOST_API_KEY", &api), ("SEALPOST_SIGNING_KEY", &signing)] {
        if let Some(key) = key {
            text += &format!("{variable}={key}\n");
        }
    }
    let file = config.storage.data.join("first-keys");
    if !text.is_empty() {
        // Appended, so that a key generated earlier is not lost.
        private::append(&file, &text).map_err(|error| KeysError::File(file.clone(), error))?;
    }
    if let Some(key) = given.or(signing.map(Secret::new))
        && directory.signing_key() != Some(&key)
    {
        store.set_signing_key(key).await?;
    }
    if let Some(key) = api {
        let hash = hash_api_key(&key);
        store.add_api_key(ApiKey::new(hash, None, "first")).await.map_err(KeysError::Key)?;
    }
    Ok((!text.is_empty()).then(|| FirstKeys { file, text: Secret::new(text) }))
}

/// Why there is no key.
#[derive(Debug)]
pub enum KeysError {
    /// The master key is unusable.
    Master(MasterKeyError),
    /// The generated keys cannot be written down.
    File(PathBuf, io::Error),
    /// The store cannot keep the API key.
    Key(KeyError),
    /// The store cannot keep them.
    Store(StoreError),
}

impl From<MasterKeyError> for KeysError {
    fn from(error: MasterKeyError) -> Self {
        Self::Master(error)
    }
}

impl From<StoreError> for KeysError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master(error) => error.fmt(f),
            Self::File(path, error) => {
                write!(f, "cannot write the generated keys to {}: {error}", path.display())
            }
            Self::Key(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeysError {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn a_store_whose_master_key_is_gone_gets_no_new_one() {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::load(&Sources::default()).unwrap();
        config.storage.data = data.path().to_owned();
        config.storage.master_key_file = data.path().join("master.key");
        master(&config).unwrap();
        std::fs::write(data.path().join("sealpost.db"), "").unwrap();
        master(&config).unwrap();

        std::fs::remove_file(data.path().join("master.key")).unwrap();
        assert!(matches!(master(&config), Err(MasterKeyError::Missing(_))));
        assert!(!data.path().join("master.key").exists());
    }
}
