//! Why a server does not run, or no longer.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::keys::KeysError;
use crate::storage::{DomainError, OpenError, StoreError};
use crate::transport::ClientError;

/// Why a server does not run, or no longer.
#[derive(Debug)]
pub enum Error {
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The data directory cannot be made.
    Data(PathBuf, io::Error),
    /// A key is missing or unusable.
    Keys(KeysError),
    /// The store cannot be opened.
    Open(OpenError),
    /// The store cannot be written.
    Store(StoreError),
    /// A configured domain cannot be made.
    Domain(DomainError),
    /// The store failed while the server ran.
    Broken(String),
    /// A part of the server ended without being told to.
    Ended(&'static str),
    /// The HTTP client cannot be set up.
    Client(ClientError),
    /// No thread for a shard.
    Thread(io::Error),
}

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        Self::Keys(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(addr, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{addr} is in use by another program; choose another address with --listen")
            }
            Self::Listen(addr, error) => write!(f, "cannot listen on {addr}: {error}"),
            Self::Data(path, error) => {
                write!(f, "cannot make the data directory {}: {error}", path.display())
            }
            Self::Keys(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Domain(error) => write!(f, "domains.names: {error}"),
            Self::Broken(why) => write!(f, "the store has failed: {why}"),
            Self::Ended(part) => {
                write!(f, "the server's {part} has ended by itself, a fault of this program; start it anew")
            }
            Self::Client(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "cannot start a delivery thread: {error}"),
        }
    }
}

impl std::error::Error for Error {}
