//! The one thread that writes. It takes whatever waits into one transaction, and tells everyone when that
//! is committed.

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, params};
use sealpost_core::Health;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::{
    append::{AppendResult, append},
    checkpoint::{Checkpointer, checkpoint},
    configure::Configure,
    deliveries::{Cancellation, cancel_slice, record, refill},
    lock::Disk,
    retention::retain,
};
use crate::{
    secrets::MasterKey,
    storage::{
        Accounting, Delivery, DeliveryId, Directory, Endpoint, EndpointId, NewEvent, Retained, Seq, Settled,
        StoreError, ToShard,
        outbox::{Outbox, Published},
        wall_millis,
        window::Window,
    },
};

/// Events and records that one transaction takes at most, give or take the last command.
const BATCH: usize = 4096;
/// Records from which on waiting for more gains nothing.
const ENOUGH_RECORDS: usize = 256;
/// How soon records are tried again that found the disk full.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// What the writer is asked for.
pub(super) enum Command {
    Append { domain: String, events: Vec<NewEvent>, partial: bool, reply: Reply<AppendResult> },
    Record { shard: usize, settled: Vec<Settled>, urgent: bool },
    Refill { endpoint: EndpointId, room: u32 },
    Retain { accepted_before: i64, slice: usize, reply: Reply<Result<Retained, StoreError>> },
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

/// The writer and all that it owns. The lock comes last: it is let go when everything else is closed.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) books: Books,
    pub(super) published: Arc<Published>,
    pub(super) outbox: Outbox,
    pub(super) master_key: MasterKey,
    pub(super) commands: Receiver<Command>,
    pub(super) shown: Arc<Shown>,
    pub(super) checkpointer: Checkpointer,
    pub(super) failure: watch::Sender<Option<String>>,
    pub(super) linger: Duration,
    /// Commands that found the disk full and that nobody repeats.
    pub(super) kept: Vec<Command>,
    pub(super) lock: File,
}

/// What the writer knows and everything is decided by; ahead of the disk only while a transaction is open.
pub(super) struct Books {
    /// This life's fencing token.
    pub(super) token: i64,
    pub(super) window: Window,
    pub(super) counts: Counts,
    pub(super) cancellations: Vec<Cancellation>,
    pub(super) disk: Disk,
    pub(super) max_pending: u64,
}

/// The numbers in the books.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) accounting: Accounting,
    /// The number of the last event.
    pub(super) last: Seq,
    /// The event up to which the current round of retention has looked.
    pub(super) retained_to: i64,
}

/// What everyone may see of the books: the last commit.
pub(super) struct Shown {
    pub(super) counts: Mutex<Counts>,
    pub(super) commits: AtomicU64,
}

/// What is to be told once the transaction is committed.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) recorded: Vec<(usize, Vec<DeliveryId>)>,
    pub(super) claimed: Vec<Delivery>,
    pub(super) refilled: Vec<(Arc<Endpoint>, ToShard)>,
    pub(super) health: BTreeMap<EndpointId, (Arc<Endpoint>, Health)>,
    /// About how much log this writes.
    pub(super) bytes: u64,
}

/// The store has failed; the thread is to end.
pub(super) struct Broken;

/// What comes after a batch.
enum Then {
    Continue,
    Configure(Configure),
    Close(Option<Reply<Result<(), StoreError>>>),
}

enum Answer {
    Nothing,
    Appended(AppendResult),
    Retained(Retained),
}

impl Writer {
    /// Runs until the store is closed, broken, or nobody holds it any more.
    pub(super) fn run(mut self) {
        loop {
            if self.cancel().is_err() {
                return;
            }
            self.announce();
            let (batch, then) = self.collect();
            let result = self.carry_out(batch).and_then(|()| match then {
                Then::Continue => Ok(None),
                Then::Configure(change) => self.configure(change).map(|()| None),
                Then::Close(reply) => Ok(Some(reply)),
            });
            match result {
                Ok(None) => {}
                Ok(Some(reply)) => return self.shut(reply),
                Err(Broken) => return,
            }
        }
    }

    /// Waits for commands, or for the time when something is due without one.
    fn collect(&mut self) -> (Vec<Command>, Then) {
        let mut batch = std::mem::take(&mut self.kept);
        let mut wait = if batch.is_empty() { self.idle() } else { DISK_PAUSE };
        let (mut weight, mut patient_until) = (0, None);
        loop {
            match self.commands.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => return (batch, Then::Continue),
                Err(RecvTimeoutError::Disconnected) => return (batch, Then::Close(None)),
                Ok(Command::Configure(change)) => return (batch, Then::Configure(change)),
                Ok(Command::Close(reply)) => return (batch, Then::Close(Some(reply))),
                Ok(command) => {
                    weight += command.weight();
                    wait = if command.can_wait() && weight < ENOUGH_RECORDS && wait != Duration::ZERO {
                        let until = *patient_until.get_or_insert_with(|| Instant::now() + self.linger);
                        until.saturating_duration_since(Instant::now())
                    } else {
                        Duration::ZERO
                    };
                    batch.push(command);
                }
            }
            if weight >= BATCH {
                return (batch, Then::Continue);
            }
        }
    }

    /// How long nothing has to be done unless a command comes.
    fn idle(&self) -> Duration {
        if !self.books.cancellations.is_empty() {
            return Duration::ZERO;
        }
        let now = wall_millis();
        let due = self.books.window.next_due(now).map_or(60_000, |due| due - now);
        Duration::from_millis(due.unsigned_abs().min(60_000))
    }

    /// Does a batch in one transaction, and answers after the commit.
    fn carry_out(&mut self, batch: Vec<Command>) -> Result<(), Broken> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut effects = Effects::default();
        let directory = self.published.current();
        match self.transact(|connection, books| {
            let apply = |command| apply(connection, books, &mut effects, &directory, command);
            let answers = batch.iter().map(apply).collect::<Result<Vec<_>, _>>()?;
            for (endpoint, health) in
                effects.health.values().filter(|(endpoint, health)| endpoint.health() != *health)
            {
                connection
                    .prepare_cached("UPDATE endpoint SET health = ? WHERE id = ?")?
                    .execute(params![health.to_byte(), endpoint.id()])?;
            }
            Ok(answers)
        })? {
            Ok(answers) => {
                self.tell(effects);
                for (command, answer) in batch.into_iter().zip(answers) {
                    command.answer(answer);
                }
            }
            Err(error) => self.kept.extend(batch.into_iter().filter_map(|command| command.give_up(error))),
        }
        Ok(())
    }

    /// Works off one slice of the first cancellation.
    fn cancel(&mut self) -> Result<(), Broken> {
        let Some(mut cancellation) = self.books.cancellations.first().cloned() else { return Ok(()) };
        match self.transact(|connection, books| cancel_slice(connection, books, &mut cancellation))? {
            Ok(true) => drop(self.books.cancellations.remove(0)),
            Ok(false) => self.books.cancellations[0] = cancellation,
            Err(StoreError::Disk | StoreError::Broken) => std::thread::sleep(DISK_PAUSE),
        }
        Ok(())
    }

    /// Runs one transaction over disk and books: both change, or neither.
    fn transact<T>(
        &mut self,
        write: impl FnOnce(&Connection, &mut Books) -> rusqlite::Result<T>,
    ) -> Result<Result<T, StoreError>, Broken> {
        let before = self.books.counts;
        let attempt = || {
            let transaction = self.connection.unchecked_transaction()?;
            let result = write(&transaction, &mut self.books)?;
            if self.books.counts.differ(&before) {
                self.books.counts.write(&transaction)?;
            }
            transaction.commit()?;
            Ok(result)
        };
        match attempt() {
            Ok(result) => {
                self.books.window.commit();
                self.shown.commits.fetch_add(1, Relaxed);
                *self.shown.counts.lock().unwrap_or_else(PoisonError::into_inner) = self.books.counts;
                Ok(Ok(result))
            }
            Err(error) => {
                self.books.window.roll_back();
                self.books.counts = before;
                self.diagnose(&error).map(Err)
            }
        }
    }

    /// Sorts an error into one that passes and one that does not. After a failed write nobody can say what
    /// is on disk, so it is never repeated.
    pub(super) fn diagnose(&self, error: &rusqlite::Error) -> Result<StoreError, Broken> {
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            return Ok(StoreError::Disk);
        }
        tracing::error!(%error, "the store has failed");
        self.failure.send_replace(Some(error.to_string()));
        Err(Broken)
    }

    /// Tells the shards of a commit: what is recorded first, then what is theirs.
    fn tell(&mut self, effects: Effects) {
        for (endpoint, health) in effects.health.into_values() {
            endpoint.change_health(health);
        }
        for (shard, ids) in effects.recorded {
            self.outbox.recorded(shard, ids);
        }
        self.outbox.claimed(effects.claimed);
        for (endpoint, answer) in effects.refilled {
            self.outbox.tell(&endpoint, answer);
        }
        self.checkpointer.note(effects.bytes);
    }

    /// Tells shards of backlogs that are due and have room.
    fn announce(&mut self) {
        let directory = self.published.current();
        for endpoint in self.books.window.tell(wall_millis()) {
            if let Some(endpoint) = directory.endpoint(endpoint) {
                self.outbox.tell(endpoint, ToShard::Backlog(endpoint.clone()));
            }
        }
        self.books.window.commit();
    }

    /// Leaves a file that needs no recovery, lets go of the directory, and only then answers.
    fn shut(self, reply: Option<Reply<Result<(), StoreError>>>) {
        let Self { connection, checkpointer, lock, .. } = self;
        checkpointer.stop();
        let result = checkpoint(&connection, "TRUNCATE").map_err(|error| {
            tracing::error!(%error, "the last checkpoint failed; the log will be read at the next start");
            StoreError::Broken
        });
        drop(connection);
        drop(lock);
        if let Some(reply) = reply {
            reply.send(result);
        }
    }
}

impl Command {
    fn weight(&self) -> usize {
        match self {
            Self::Append { events, .. } => events.len(),
            Self::Record { settled, .. } => settled.len(),
            _ => 1,
        }
    }

    /// Whether nobody waits for this to be committed at once.
    fn can_wait(&self) -> bool {
        matches!(self, Self::Record { urgent: false, .. })
    }

    fn answer(self, answer: Answer) {
        match (self, answer) {
            (Self::Append { reply, .. }, Answer::Appended(result)) => reply.send(result),
            (Self::Retain { reply, .. }, Answer::Retained(retained)) => reply.send(Ok(retained)),
            (Self::Flush(reply), _) => reply.send(Ok(())),
            _ => {}
        }
    }

    /// Answers whoever can try again by himself; the command, if that is nobody.
    fn give_up(self, error: StoreError) -> Option<Self> {
        match self {
            Self::Append { reply, .. } => reply.send(Err(error.into())),
            Self::Retain { reply, .. } => reply.send(Err(error)),
            Self::Flush(reply) => reply.send(Err(error)),
            kept => return Some(kept),
        }
        None
    }
}

impl Counts {
    fn differ(&self, other: &Self) -> bool {
        (self.accounting, self.last) != (other.accounting, other.last)
    }

    fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Accounting { accepted, acknowledged, refused, exhausted, cancelled } = self.accounting;
        let numbers =
            [self.last, accepted, acknowledged, refused, exhausted, cancelled].map(u64::cast_signed);
        connection
            .prepare_cached(
                "UPDATE counters SET last_seq = ?, accepted = ?, acknowledged = ?, refused = ?, exhausted = ?,
                 cancelled = ?",
            )?
            .execute(numbers)?;
        Ok(())
    }
}

/// Does one command within the open transaction.
fn apply(
    connection: &Connection,
    books: &mut Books,
    effects: &mut Effects,
    directory: &Directory,
    command: &Command,
) -> rusqlite::Result<Answer> {
    match command {
        Command::Append { domain, events, partial, .. } => {
            append(connection, books, effects, directory, (domain, events, *partial)).map(Answer::Appended)
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
            retain(connection, books, effects, (*accepted_before, *slice)).map(Answer::Retained)
        }
        Command::Flush(_) | Command::Configure(_) | Command::Close(_) => Ok(Answer::Nothing),
    }
}
