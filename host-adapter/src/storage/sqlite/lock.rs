//! The data directory: one process at a time, and room on its disk.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::OpenError;

/// Makes the directory where there is none, and locks it for as long as the returned file lives. The lock
/// goes with the process, however it ends.
pub(super) fn lock(directory: &Path) -> Result<File, OpenError> {
    let failed = |error| OpenError::Directory(directory.to_owned(), error);
    fs::create_dir_all(directory).map_err(failed)?;
    let file = File::create(directory.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
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

#[cfg(unix)]
fn free_bytes(directory: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(directory).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
