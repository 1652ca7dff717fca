//! Moves the write-ahead log into the database file, beside the writer and not in its way.
//!
//! The log starts again from its beginning only when all of it has been moved, which never happens while
//! commits keep coming. So a thread moves most of it, and when the log has become long all the same, the
//! writer moves the little that came meanwhile, between two commits. Two cannot move at the same time: where
//! the disk is too slow for the thread to keep up, commits wait for it.

use std::{
    cell::Cell,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use super::{
    OpenCause,
    alarm::Alarm,
    error::passing,
    schema::{self, PAGE},
};

/// New frames of the log after which the thread is asked to move them: 8 MiB. Here and below it is twice that in a store
/// of an earlier version, whose pages are larger.
const EVERY: u32 = (8 << 20) / PAGE;

/// Frames from which on the log is to start again: 64 MiB.
const LONG: u32 = (64 << 20) / PAGE;

/// Frames at which commits wait until it does: 96 MiB.
const TOO_LONG: u32 = (96 << 20) / PAGE;

thread_local! {
    /// Frames in the log after this thread's last commit; SQLite's hook has no other place to tell.
    static FRAMES: Cell<u32> = const { Cell::new(0) };
}

/// The thread that checkpoints. Ends when this is dropped or [`Checkpointer::stop`]ped.
pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
    /// Rounds that the thread was woken for, and those that it has ended.
    asked: u64,
    ended: Arc<AtomicU64>,
    /// Rounds asked for when the writer moved the rest last.
    moved: u64,
    /// Frames when the thread was woken last.
    asked_at: u32,
}

impl Checkpointer {
    /// Starts the thread. A checkpoint that failed raises the alarm, since a sync that failed must not be
    /// tried again.
    pub(super) fn start(path: &Path, alarm: Alarm) -> Result<Self, OpenCause> {
        let connection = schema::open_checkpointer(path)?;
        let (wake, woken) = sync_channel(1);
        let ended = Arc::new(AtomicU64::new(0));
        let done = ended.clone();
        let thread = thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || run(&connection, &woken, &done, &alarm))
            .map_err(OpenCause::Thread)?;
        Ok(Self { wake, thread, asked: 0, ended, moved: 0, asked_at: 0 })
    }

    /// Looks at the log between two commits of the writer on this connection, which [`watch`] watches.
    pub(super) fn look(&mut self, writer: &Connection) -> rusqlite::Result<()> {
        let frames = FRAMES.get();
        while frames >= TOO_LONG && self.is_busy() {
            thread::sleep(Duration::from_millis(1));
        }
        // Only what came since the last round is left to the writer.
        if frames >= LONG && self.asked > self.moved && !self.is_busy() {
            self.moved = self.asked;
            return checkpoint_if_possible(writer);
        }
        // Fewer than there were: the log has started again.
        let due = frames >= self.asked_at.saturating_add(EVERY) || frames < self.asked_at;
        if due && !self.is_busy() && self.wake.try_send(()).is_ok() {
            self.asked += 1;
            self.asked_at = frames;
        }
        Ok(())
    }

    fn is_busy(&self) -> bool {
        self.ended.load(Relaxed) < self.asked && !self.thread.is_finished()
    }

    /// Waits for the end of a running checkpoint.
    pub(super) fn stop(self) {
        drop(self.wake);
        let _ = self.thread.join();
    }
}

/// Has the commits of this connection counted, on the thread that makes them.
pub(super) fn watch(writer: &Connection) {
    writer.wal_hook(Some(|_, frames| {
        FRAMES.set(frames.unsigned_abs());
        Ok(())
    }));
}

fn run(connection: &Connection, woken: &Receiver<()>, ended: &AtomicU64, alarm: &Alarm) {
    while woken.recv().is_ok() {
        if let Err(error) = checkpoint_if_possible(connection) {
            return alarm.raise(&error.to_string());
        }
        ended.fetch_add(1, Relaxed);
    }
}

/// A checkpoint that waits for nobody. Trouble that passes leaves the log as it is until then.
fn checkpoint_if_possible(connection: &Connection) -> rusqlite::Result<()> {
    match checkpoint(connection, "PASSIVE") {
        Err(error) if passing(&error).is_some() => {
            tracing::warn!(%error, "the log could not be moved into the file; it is tried again");
            Ok(())
        }
        other => other,
    }
}

/// Runs a checkpoint of this mode.
pub(super) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
}
