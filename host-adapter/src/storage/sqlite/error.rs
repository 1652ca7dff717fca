//! Why a store on disk cannot be opened.

use std::{fmt, io, path::PathBuf};

use rusqlite::ErrorCode;

use crate::storage::StoreError;

/// Why a store was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The data directory cannot be made or used.
    Directory(PathBuf, io::Error),
    /// Another process has the data directory.
    Locked(PathBuf),
    /// The store's secrets are sealed under another master key.
    MasterKey,
    /// A newer version of the program has been here.
    Newer {
        /// The file's schema.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The file is an SQLite database, but not a store.
    Foreign(PathBuf),
    /// A row that every store has is missing or unreadable.
    Damaged(&'static str),
    /// The system has no entropy to give.
    Entropy,
    /// A thread could not be started.
    Thread(io::Error),
    /// SQLite reports an error.
    Database(rusqlite::Error),
}

/// The trouble that an error of SQLite stands for, if it is of the kind that passes: nothing was committed
/// then, and the same may be tried again. After any other failed write nobody can say what is on disk.
pub(super) fn passing(error: &rusqlite::Error) -> Option<StoreError> {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Some(StoreError::Disk),
        Some(ErrorCode::DatabaseBusy) => Some(StoreError::Busy),
        _ => None,
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path, error) => write!(f, "the data directory {}: {error}", path.display()),
            Self::Locked(path) => write!(
                f,
                "the data directory {} is in use by another process; stop it, or choose another directory",
                path.display()
            ),
            Self::MasterKey => f.write_str(
                "the store is sealed under another master key; start with the key that it was made with",
            ),
            Self::Newer { found, known } => write!(
                f,
                "the store has schema {found}, and this program knows up to {known}; use a newer version"
            ),
            Self::Foreign(path) => write!(f, "{} is a database, but not one of Sealpost", path.display()),
            Self::Damaged(what) => write!(f, "the store is damaged: {what} is missing or unreadable"),
            Self::Entropy => f.write_str("the system gave no random bytes"),
            Self::Thread(error) => write!(f, "a thread of the store could not be started: {error}"),
            Self::Database(error) => write!(f, "the store's database: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}
