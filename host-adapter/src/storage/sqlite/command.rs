//! What the writer is asked for, and how whoever asked is answered.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    append::{AppendResult, append},
    bins::{self, CaptureResult},
    books::{Books, Effects},
    configure::Configure,
    deliveries::{record, refill},
    retention::retain,
};
use crate::storage::{
    Addressee, Directory, EndpointId, NewEvent, OldestDue, Retained, Settled, StoreError, bin::Capture,
};

/// What the writer is asked for.
pub(super) enum Command {
    Append { to: Addressee, events: Vec<NewEvent>, partial: bool, reply: Reply<AppendResult> },
    Record { shard: usize, settled: Vec<Settled>, urgent: bool },
    Refill { endpoint: EndpointId, room: u32 },
    Retain { accepted_before: i64, slice: usize, reply: Reply<Result<Retained, StoreError>> },
    Capture { bin: Arc<str>, capture: Box<Capture>, reply: Reply<CaptureResult> },
    ClearBins { slice: usize, reply: Reply<Result<Retained, StoreError>> },
    OldestDue(Reply<Result<OldestDue, StoreError>>),
    Flush(Reply<Result<(), StoreError>>),
    Configure(Configure),
    Close(Reply<Result<(), StoreError>>),
}

/// Who waits for an answer. Dropped without one, it reads as a broken store.
pub(super) struct Reply<T> {
    pub(super) to: oneshot::Sender<T>,
    /// The command's place in the queue, free again when it is answered.
    pub(super) _permit: OwnedSemaphorePermit,
}

impl<T> Reply<T> {
    pub(super) fn send(self, answer: T) {
        let _ = self.to.send(answer);
    }
}

/// What a command came to.
pub(super) enum Answer {
    Nothing,
    Appended(AppendResult),
    Retained(Retained),
    Captured(CaptureResult),
    OldestDue(OldestDue),
}

impl Command {
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Append { events, .. } => events.len(),
            Self::Record { settled, .. } => settled.len(),
            _ => 1,
        }
    }

    /// Whether nobody waits for this to be committed at once.
    pub(super) fn can_wait(&self) -> bool {
        matches!(self, Self::Record { urgent: false, .. })
    }

    pub(super) fn answer(self, answer: Answer) {
        match (self, answer) {
            (Self::Append { reply, .. }, Answer::Appended(result)) => reply.send(result),
            (Self::Retain { reply, .. } | Self::ClearBins { reply, .. }, Answer::Retained(retained)) => {
                reply.send(Ok(retained));
            }
            (Self::Capture { reply, .. }, Answer::Captured(result)) => reply.send(result),
            (Self::OldestDue(reply), Answer::OldestDue(oldest)) => reply.send(Ok(oldest)),
            (Self::Flush(reply), _) => reply.send(Ok(())),
            _ => {}
        }
    }

    /// Answers whoever can try again by himself; the command, if that is nobody.
    pub(super) fn give_up(self, error: StoreError) -> Option<Self> {
        match self {
            Self::Append { reply, .. } => reply.send(Err(error.into())),
            Self::Retain { reply, .. } | Self::ClearBins { reply, .. } => reply.send(Err(error)),
            Self::Capture { reply, .. } => reply.send(Err(error.into())),
            Self::OldestDue(reply) => reply.send(Err(error)),
            Self::Flush(reply) => reply.send(Err(error)),
            kept => return Some(kept),
        }
        None
    }
}

/// Does one command within the open transaction.
pub(super) fn apply(
    connection: &Connection,
    books: &mut Books,
    effects: &mut Effects,
    directory: &Directory,
    command: &Command,
) -> rusqlite::Result<Answer> {
    match command {
        Command::Append { to, events, partial, .. } => {
            append(connection, books, effects, directory, (to, events, *partial)).map(Answer::Appended)
        }
        Command::Record { shard, settled, .. } => {
            record(connection, books, effects, directory, settled)?;
            effects.recorded.push((*shard, settled.iter().map(|settled| settled.id).collect()));
            Ok(Answer::Nothing)
        }
        Command::Refill { endpoint, room } => {
            refill(connection, books, effects, directory, (*endpoint, *room))?;
            Ok(Answer::Nothing)
        }
        Command::Retain { accepted_before, slice, .. } => {
            retain(connection, books, (*accepted_before, *slice)).map(Answer::Retained)
        }
        Command::Capture { bin, capture, .. } => {
            bins::capture(connection, books, directory, (bin, capture)).map(Answer::Captured)
        }
        Command::ClearBins { slice, .. } => bins::clear(connection, *slice).map(Answer::Retained),
        Command::OldestDue(_) => Ok(Answer::OldestDue(books.window.oldest_due())),
        Command::Flush(_) | Command::Configure(_) | Command::Close(_) => Ok(Answer::Nothing),
    }
}
