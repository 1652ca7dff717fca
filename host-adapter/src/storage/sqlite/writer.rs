//! The one thread that writes. It takes whatever waits into one transaction, and tells everyone when that
//! is committed.

use std::{
    fs::File,
    sync::{
        Arc, PoisonError,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, config::DbConfig, params};

use super::{
    alarm::Alarm,
    books::{Books, Effects, Shown},
    checkpoint::{Checkpointer, checkpoint},
    command::{Command, Reply, apply},
    configure::Configure,
    deliveries::{Cancellation, cancel_slice},
    domains::delete_slice,
    error::passing,
    fresh::Fresh,
    schema::begin,
    steps::Steps,
};
use crate::{
    secrets::MasterKey,
    storage::{
        StoreError, ToShard,
        outbox::{Outbox, Published},
        steady_millis,
    },
};

/// Events and records that one transaction takes at most, give or take the last command. More would not be cheaper, and
/// outcomes and the answers to other submissions wait for it.
const BATCH: usize = 512;
/// Records from which on waiting for more gains nothing.
const ENOUGH_RECORDS: usize = 128;
/// How soon it is tried again what found the disk full or the database locked.
const PAUSE: Duration = Duration::from_secs(1);

/// After so long without a command the writer merges what there is to merge, which otherwise waits for facts that come.
pub(super) const QUIET: Duration = Duration::from_secs(1);
/// How soon it does so again after trouble, and where the disk is short of room: nobody waits for it.
const LATER: Duration = Duration::from_secs(60);

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
    pub(super) alarm: Alarm,
    pub(super) steps: Steps,
    pub(super) linger: Duration,
    pub(super) kept: Option<Kept>,
    /// When to go on cancelling and deleting, after trouble that passes.
    pub(super) cancel_again: Option<Instant>,
    /// From when on it merges without facts that come.
    pub(super) quiet_from: Instant,
    pub(super) lock: File,
}

/// Commands that met trouble which passes and that nobody but the writer repeats.
pub(super) struct Kept {
    commands: Vec<Command>,
    trouble: StoreError,
}

/// The store has failed; the thread is to end.
pub(super) struct Broken;

/// What comes after a batch.
enum Then {
    Continue,
    Configure(Configure),
    Close(Option<Reply<Result<(), StoreError>>>),
}

impl Writer {
    /// Runs until the store is closed, broken, or nobody holds it any more.
    pub(super) fn run(mut self) {
        match self.work() {
            Ok(reply) => self.shut(reply),
            Err(Broken) => leave_log(&self.connection),
        }
    }

    /// Works until the store is to be closed; says who waits for that.
    fn work(&mut self) -> Result<Option<Reply<Result<(), StoreError>>>, Broken> {
        loop {
            // A checkpoint that failed has broken the store, too.
            if self.alarm.is_raised() {
                return Err(Broken);
            }
            self.maintain()?;
            self.announce();
            let (batch, then) = self.collect();
            self.carry_out(batch)?;
            match then {
                Then::Continue => {}
                Then::Configure(change) => self.configure(change)?,
                Then::Close(reply) => return Ok(reply),
            }
        }
    }

    /// Waits for commands, or for the time when something is due without one.
    fn collect(&mut self) -> (Vec<Command>, Then) {
        let mut batch = self.kept.take().map_or_else(Vec::new, |kept| kept.commands);
        let mut wait = if batch.is_empty() { self.idle() } else { PAUSE };
        let (mut weight, mut patient_until) = (0, None);
        loop {
            match self.commands.recv_timeout(wait) {
                Err(RecvTimeoutError::Timeout) => return (batch, Then::Continue),
                Err(RecvTimeoutError::Disconnected) => return (batch, Then::Close(None)),
                Ok(Command::Configure(change)) => return (batch, Then::Configure(change)),
                Ok(Command::Close(reply)) => return (batch, Then::Close(Some(reply))),
                Ok(command) => {
                    self.quiet_from = Instant::now() + QUIET;
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
        if !self.books.cancellations.is_empty() || !self.books.deletions.is_empty() {
            return self
                .cancel_again
                .map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
        }
        let now = steady_millis();
        let due = self.books.window.next_due(now).map_or(60_000, |due| due - now);
        let due = Duration::from_millis(due.unsigned_abs().min(60_000));
        let quiet = self.quiet_from.saturating_duration_since(Instant::now());
        if self.books.merging.has_more() { due.min(quiet) } else { due }
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
            Err(trouble) => {
                let all = batch.len();
                let commands: Vec<_> =
                    batch.into_iter().filter_map(|command| command.give_up(trouble)).collect();
                // Without the events there may be room for the records.
                if trouble == StoreError::Disk && commands.len() < all {
                    return self.carry_out(commands);
                }
                self.kept = (!commands.is_empty()).then_some(Kept { commands, trouble });
            }
        }
        Ok(())
    }

    /// What is done between batches, a slice at a time.
    fn maintain(&mut self) -> Result<(), Broken> {
        self.note_step()?;
        self.cancel()?;
        self.delete()?;
        self.index()?;
        self.checkpoint()
    }

    /// Notes how the wall clock stands to the steady one, where the next process would otherwise not know.
    fn note_step(&mut self) -> Result<(), Broken> {
        let pending = self.books.counts.accounting.pending() > 0;
        if let Some(sight) = self.steps.to_note(pending) {
            match self.transact(|connection, _| sight.write(connection))? {
                Ok(()) => self.steps.noted(sight),
                Err(_) => self.steps.postpone(),
            }
        }
        Ok(())
    }

    /// Works off one slice of the first cancellation.
    fn cancel(&mut self) -> Result<(), Broken> {
        let Some(mut cancellation) = self.books.cancellations.first().cloned() else { return Ok(()) };
        if self.cancel_again.is_some_and(|at| at > Instant::now()) {
            return Ok(());
        }
        match self.transact(|connection, books| cancel_slice(connection, books, &mut cancellation))? {
            Ok((cancelled, ended)) => {
                if cancelled > 0 {
                    let Cancellation { endpoint, kind, .. } = cancellation;
                    tracing::info!(endpoint_id = endpoint, %kind, deliveries = cancelled, "cancelled in the store");
                }
                if ended {
                    self.books.cancellations.remove(0);
                } else {
                    self.books.cancellations[0] = cancellation;
                }
            }
            Err(_) => self.cancel_again = Some(Instant::now() + PAUSE),
        }
        Ok(())
    }

    /// Works off one slice of the first deletion.
    fn delete(&mut self) -> Result<(), Broken> {
        let Some(mut deletion) = self.books.deletions.first().cloned() else { return Ok(()) };
        if self.cancel_again.is_some_and(|at| at > Instant::now()) {
            return Ok(());
        }
        match self.transact(|connection, books| delete_slice(connection, books, &mut deletion))? {
            Ok(true) => drop(self.books.deletions.remove(0)),
            Ok(false) => self.books.deletions[0] = deletion,
            Err(_) => self.cancel_again = Some(Instant::now() + PAUSE),
        }
        Ok(())
    }

    /// Writes the slices of fresh facts that it is time for, and merges what was written.
    fn index(&mut self) -> Result<(), Broken> {
        let is_quiet = self.books.merging.has_more() && self.quiet_from <= Instant::now();
        let goes_on = self.index_what_came()? && (!is_quiet || self.merge_unasked()?);
        if !goes_on {
            self.quiet_from = Instant::now() + LATER;
        }
        Ok(())
    }

    /// What it is time for by the facts that came; whether it could be done.
    fn index_what_came(&mut self) -> Result<bool, Broken> {
        while let Some(slice) = self.books.fresh.slice(self.books.counts.last) {
            // Where the disk is full, they stay as they are, and no more will come.
            let Ok(part) = self.transact(|connection, _| Fresh::write(connection, &slice))? else {
                return Ok(false);
            };
            if self.books.fresh.written(&slice, part) {
                self.books.ids.round_ended();
                self.books.merging.look();
            }
        }
        while self.books.merging.is_due() {
            if !self.merge()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A step of merging for which there is time; whether it could be made. What is kept comes first, and the last room on the
    /// disk is for records.
    fn merge_unasked(&mut self) -> Result<bool, Broken> {
        Ok(self.kept.is_none() && self.books.disk.has_room() && self.merge()?)
    }

    /// A step of merging; whether it could be made.
    fn merge(&mut self) -> Result<bool, Broken> {
        let Ok(step) = self.transact(|connection, books| books.merging.step(connection))? else {
            return Ok(false);
        };
        if self.books.merging.done(step) {
            self.books.ids.parts_changed();
            // Where that cannot be had now, a question will tell.
            let _ = self.books.ids.read_sieves(&self.connection);
        }
        Ok(true)
    }

    fn checkpoint(&mut self) -> Result<(), Broken> {
        match self.checkpointer.look(&self.connection) {
            Ok(()) => Ok(()),
            Err(error) => self.diagnose(&error).map(drop),
        }
    }

    /// Runs one transaction over disk and books: both change, or neither.
    fn transact<T>(
        &mut self,
        write: impl FnOnce(&Connection, &mut Books) -> rusqlite::Result<T>,
    ) -> Result<Result<T, StoreError>, Broken> {
        let before = self.books.counts;
        let rows = self.connection.total_changes();
        let attempt = || {
            let transaction = begin(&self.connection)?;
            let result = write(&transaction, &mut self.books)?;
            if self.books.counts.differ(&before) {
                self.books.counts.write(&transaction)?;
            }
            let committing = Instant::now();
            transaction.commit()?;
            Ok((result, committing.elapsed()))
        };
        let attempted = attempt();
        match self.judge(attempted)? {
            Ok((result, took)) => {
                let rows = self.connection.total_changes().saturating_sub(rows);
                self.shown.commit_sizes.count(rows, took);
                self.books.pending.commit(&self.published.current());
                self.books.window.commit();
                self.books.ids.commit();
                // Before the count is shown: whoever reads up to it is to find all of it.
                let facts = self.books.fresh.commit();
                self.books.merging.count(facts);
                self.shown.commits.fetch_add(1, Relaxed);
                *self.shown.counts.lock().unwrap_or_else(PoisonError::into_inner) = self.books.counts;
                Ok(Ok(result))
            }
            Err(trouble) => {
                self.books.pending.roll_back();
                self.books.window.roll_back();
                self.books.ids.roll_back();
                self.books.fresh.roll_back();
                self.books.counts = before;
                Ok(Err(trouble))
            }
        }
    }

    /// What a transaction came to, before anybody is told of it.
    pub(super) fn judge<T>(&self, transaction: rusqlite::Result<T>) -> Result<Result<T, StoreError>, Broken> {
        match transaction {
            // The log's sync may have failed in the other thread and taken with it what this commit had written by
            // then; its own sync would have found nothing to complain of.
            Ok(_) if self.alarm.is_raised() => Err(Broken),
            Ok(result) => Ok(Ok(result)),
            Err(error) => self.diagnose(&error).map(Err),
        }
    }

    /// Sorts an error into trouble that passes and a failure that does not, and raises the alarm.
    fn diagnose(&self, error: &rusqlite::Error) -> Result<StoreError, Broken> {
        if let Some(trouble) = passing(error) {
            tracing::warn!(%error, "the store cannot be written for now");
            return Ok(trouble);
        }
        tracing::error!(%error, "the store has failed");
        self.alarm.raise(&error.to_string());
        Err(Broken)
    }

    /// Tells the shards of a commit: what is recorded first, then what is theirs.
    fn tell(&self, effects: Effects) {
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
    }

    /// Tells shards of backlogs that are due and have room.
    fn announce(&mut self) {
        let directory = self.published.current();
        for endpoint in self.books.window.tell(steady_millis()) {
            if let Some(endpoint) = directory.endpoint(endpoint) {
                self.outbox.tell(endpoint, ToShard::Backlog(endpoint.clone()));
            }
        }
        self.books.window.commit();
    }

    /// Leaves a file that needs no recovery, lets go of the directory, and only then answers.
    fn shut(self, reply: Option<Reply<Result<(), StoreError>>>) {
        let Self { connection, checkpointer, alarm, kept, lock, .. } = self;
        checkpointer.stop();
        let mut result = kept.map_or(Ok(()), |kept| Err(kept.trouble));
        if alarm.is_raised() {
            leave_log(&connection);
            result = Err(StoreError::Broken);
        } else if let Err(error) = checkpoint(&connection, "TRUNCATE") {
            tracing::error!(%error, "the last checkpoint failed; the log will be read at the next start");
            result = Err(StoreError::Broken);
        }
        drop(connection);
        drop(lock);
        if let Some(reply) = reply {
            reply.send(result);
        }
    }
}

/// Has the log left as it is when the last connection closes, where SQLite would sync and move it otherwise: after a
/// failure that is for the next start.
fn leave_log(connection: &Connection) {
    if let Err(error) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true) {
        tracing::error!(%error, "the log could not be kept from being moved");
    }
}
