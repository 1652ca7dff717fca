//! The data directory: one process at a time, and room on its disk.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::OpenCause;
use crate::private;

/// Makes the directory where there is none, and locks it for as long as the returned file lives. The lock
/// goes with the process, however it ends.
pub(super) fn lock(directory: &Path) -> Result<File, OpenCause> {
    private::make_directory(directory).map_err(OpenCause::Directory)?;
    let file = private::make_file(&directory.join("lock")).map_err(OpenCause::Directory)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenCause::Locked),
        Err(TryLockError::Error(error)) => Err(OpenCause::Directory(error)),
    }
}

/// Whether the disk has room, looked up at most once a second.
pub(super) struct Disk {
    directory: PathBuf,
    min_free: u64,
    looked: Option<Instant>,
    has_room: bool,
}

impl Disk {
    pub(super) fn new(directory: &Path, min_free: u64) -> Self {
        Self { directory: directory.to_owned(), min_free, looked: None, has_room: true }
    }

    /// Whether at least the configured number of bytes is free. Where the system does not say, there is
    /// room until a write fails.
    pub(super) fn has_room(&mut self) -> bool {
        if self.looked.is_none_or(|looked| looked.elapsed() >= Duration::from_secs(1)) {
            self.looked = Some(Instant::now());
            self.has_room = free_bytes(&self.directory).is_none_or(|free| free >= self.min_free);
        }
        self.has_room
    }
}

/// Bytes that are free to use on the disk of a directory, where the system says so.
#[cfg(unix)]
pub(super) fn free_bytes(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn free_bytes(_: &Path) -> Option<u64> {
    None
}
