//! API keys as the store has them.

use std::{fmt, sync::Arc};

use super::{StoreError, wall_millis};
use crate::entropy;

/// An API key as it is kept: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is called by: random, and no part of the key or of its hash.
    pub id: Arc<str>,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// The one domain it is good for; `None` for the whole account.
    pub domain: Option<Arc<str>>,
    /// What its owner calls it.
    pub label: Arc<str>,
    /// When it was made, in wall-clock milliseconds since the Unix epoch.
    pub created_at: i64,
}

impl ApiKey {
    /// A key of this [hash](crate::secrets::hash_api_key), made now, with an id of its own.
    #[must_use]
    pub fn new(hash: [u8; 32], domain: Option<&str>, label: &str) -> Self {
        let id = entropy::key_id().into();
        Self { id, hash, domain: domain.map(Into::into), label: label.into(), created_at: wall_millis() }
    }
}

/// Why the API keys were not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// There is no key of this id.
    Unknown,
    /// There is no such domain.
    UnknownDomain,
    /// It is the only key that is good for the account, and nobody could make another one.
    Last,
    /// The account has as many keys as it can have.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The store cannot write.
    Store(StoreError),
}

impl From<StoreError> for KeyError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no key of this id; list the keys"),
            Self::UnknownDomain => f.write_str("the domain does not exist; create it first"),
            Self::Last => f.write_str("it is the last key of the account; make another one first"),
            Self::TooMany { limit } => {
                write!(f, "the account has {limit} keys, which is the limit; revoke one first")
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for KeyError {}
