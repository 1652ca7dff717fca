//! What errors of SQLite and of the data directory mean.

use std::{fmt, io, path::PathBuf};

use rusqlite::ErrorCode;

use crate::storage::StoreError;

/// Why a store on disk was not opened.
#[derive(Debug)]
pub struct OpenError {
    /// The data directory.
    pub directory: PathBuf,
    /// What is wrong with it.
    pub cause: OpenCause,
}

/// What is wrong with a data directory.
#[derive(Debug)]
pub enum OpenCause {
    /// It cannot be made or used.
    Directory(io::Error),
    /// Another process has it.
    Locked,
    /// The store's secrets are sealed under another master key.
    MasterKey,
    /// There is no store in it.
    Absent,
    /// An older version of the program wrote it, and this one has not brought it forward yet.
    Older {
        /// The file's schema.
        found: u32,
    },
    /// A newer version of the program has been here.
    Newer {
        /// The file's schema.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// Its `sealpost.db` is an SQLite database, but not a store.
    Foreign,
    /// A row that every store has is missing or unreadable.
    Damaged(&'static str),
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

impl From<rusqlite::Error> for OpenCause {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the data directory {} ", self.directory.display())?;
        match &self.cause {
            OpenCause::Directory(error) => {
                write!(f, "cannot be used: {error}; give this user access to it, or choose another directory")
            }
            OpenCause::Locked => {
                f.write_str("is in use by another process; stop it, or choose another directory")
            }
            OpenCause::MasterKey => f.write_str(
                "holds a store that is sealed under another master key; start with the key that it was made with",
            ),
            OpenCause::Absent => f.write_str("holds no store; name the directory that a server was started with"),
            OpenCause::Older { found } => {
                write!(f, "holds a store of schema {found}; start the server once to bring it forward")
            }
            OpenCause::Newer { found, known } => write!(
                f,
                "holds a store of schema {found}, and this program knows up to {known}; use a newer version"
            ),
            OpenCause::Foreign => {
                f.write_str("holds a sealpost.db that is not a store of Sealpost; choose another directory")
            }
            OpenCause::Damaged(what) => {
                write!(f, "holds a damaged store: {what} is missing or unreadable; restore it from a copy")
            }
            OpenCause::Thread(error) => {
                write!(f, "needs a thread that was not started: {error}; allow this user more of them")
            }
            OpenCause::Database(error) => {
                write!(f, "holds a sealpost.db that cannot be opened: {error}; {}", remedy(error))
            }
        }
    }
}

impl std::error::Error for OpenError {}

/// What the operator can do about an error of SQLite.
fn remedy(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "stop the other program that keeps it locked"
        }
        Some(ErrorCode::DiskFull) => "make room on the disk",
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            "give this user access to it and to the files beside it"
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => "restore it from a copy",
        _ => "look after its disk, and restore it from a copy if this stays",
    }
}
