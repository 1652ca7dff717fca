//! Moves the write-ahead log into the database file, beside the writer and not in its way.

use std::{
    path::Path,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, ErrorCode};

use super::{OpenError, schema};

/// Bytes of new log after which a checkpoint is asked for.
const EVERY: u64 = 8 << 20;

/// The thread that checkpoints. Ends when this is dropped or [`Checkpointer::stop`]ped.
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    written: u64,
}

impl Checkpointer {
    /// Starts the thread. `failed` hears of the first checkpoint that failed, since a sync that failed must
    /// not be tried again.
    pub(super) fn start(
        path: &Path,
        failed: impl FnOnce(rusqlite::Error) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let connection = schema::open_checkpointer(path)?;
        let (wake, woken) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || run(&connection, &woken, failed))
            .map_err(OpenError::Thread)?;
        Ok(Self { wake, thread, written: 0 })
    }

    /// Takes note of committed bytes, and wakes the thread when there are enough.
    pub(super) fn note(&mut self, bytes: u64) {
        self.written += bytes;
        if self.written >= EVERY && !matches!(self.wake.try_send(()), Err(TrySendError::Disconnected(()))) {
            self.written = 0;
        }
    }

    /// Waits for the end of a running checkpoint.
    pub(super) fn stop(self) {
        drop(self.wake);
        let _ = self.thread.join();
    }
}

fn run(connection: &Connection, woken: &Receiver<()>, failed: impl FnOnce(rusqlite::Error)) {
    while woken.recv().is_ok() {
        match checkpoint(connection, "PASSIVE") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                tracing::warn!(%error, "the log stays as it is until there is room on the disk");
            }
            Err(error) => return failed(error),
            Ok(()) => {}
        }
    }
}

/// Runs a checkpoint of this mode.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
}
