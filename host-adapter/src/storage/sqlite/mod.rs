//! The default store: one SQLite file in the data directory.
//!
//! One thread writes, a few connections read, and one thread moves the write-ahead log into
//! the file. `sealpost.db` may be opened, copied with SQLite's own tools, and replicated while the server
//! runs.

mod alarm;
mod append;
mod bins;
mod books;
mod checkpoint;
mod chunk;
mod command;
mod configure;
mod deliveries;
mod domains;
mod endpoint_secrets;
mod error;
mod examine;
mod facts;
mod fresh;
mod ids;
mod keys;
mod listing;
mod load;
mod lock;
mod lookup;
mod merge;
mod parts;
mod read;
mod recent;
mod retention;
mod runs;
mod schema;
mod sieve;
mod steps;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod varint;
mod webhooks;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot, watch};

use self::{
    alarm::Alarm,
    books::{Books, Counts, Shown},
    checkpoint::Checkpointer,
    command::{Command, Reply},
    configure::{Configure, Forget, WebhookRequest},
    endpoint_secrets::Rotation,
    fresh::Fresh,
    ids::Ids,
    lock::Disk,
    merge::Merging,
    read::Readers,
    recent::Recent,
    sieve::Sieves,
    steps::Steps,
    writer::{QUIET, Writer},
};
use super::{
    Accounting, Addressee, ApiKey, AppendError, Appended, Balance, Commits, Conflict, Directory, Domain,
    DomainError, EndpointId, EndpointSecrets, Epochs, EventQuery, Identity, Inbox, KeyError, NewEvent,
    OldestDue, QueryError, Retained, SecretOf, Seq, Settings, Settled, StoreError, StoredEvent, WebhookError,
    bin::{Bin, BinDraft, BinError, Capture, CaptureQuery, Captured, KindCount, Script, StoredCapture},
    outbox::{Outbox, Published},
    tally::PendingChanges,
    webhooks::{Edit, WebhookChange},
    window::{Limits, Window},
};
use crate::{
    private, scheduling,
    secrets::{MasterKey, Secret},
};

pub use self::{
    error::{OpenCause, OpenError},
    examine::Examined,
};

/// The database, in the data directory.
const FILE: &str = "sealpost.db";

/// The longest that records wait for company, whatever is configured.
const MAX_LINGER: Duration = Duration::from_secs(60);

/// A store in an SQLite file. See [`storage`](super) for the contract.
#[derive(Clone)]
pub struct Sqlite {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    epochs: Epochs,
    commands: Sender<Command>,
    /// Kibibytes that waiting commands may hold.
    queue: Arc<Semaphore>,
    queue_size: u32,
    published: Arc<Published>,
    shown: Arc<Shown>,
    directory: PathBuf,
    readers: Readers,
    failure: watch::Receiver<Option<String>>,
}

impl Sqlite {
    pub(super) fn open(
        directory: &Path,
        master_key: &MasterKey,
        settings: &Settings,
    ) -> Result<(Self, Vec<Inbox>), OpenError> {
        Self::open_with(directory, master_key, settings, |_, _| Ok(()))
            .map_err(|cause| OpenError { directory: directory.to_owned(), cause })
    }

    /// Opens a store whose writing connection was prepared further, by somebody who is given the alarm, too.
    fn open_with(
        directory: &Path,
        master_key: &MasterKey,
        settings: &Settings,
        prepare: impl FnOnce(&Connection, &Alarm) -> rusqlite::Result<()>,
    ) -> Result<(Self, Vec<Inbox>), OpenCause> {
        let lock = lock::lock(directory)?;
        let path = directory.join(FILE);
        // SQLite gives the files that it makes beside this one the same mode.
        private::make_file(&path).map_err(OpenCause::Directory)?;
        let connection = schema::open_writer(&path)?;
        let (alarm, failure) = Alarm::new();
        prepare(&connection, &alarm)?;
        let identity = load::identity(&connection, master_key)?;
        let configured = load::directory(&connection, master_key, settings.caps())?;
        let (accounting, last) = load::counters(&connection)?;
        let (token, epochs) = load::begin_life(&connection, last)?;
        let steps = Steps::open(&connection)?;
        let mut window = Window::new(Limits {
            quota: settings.quota,
            deliveries: settings.window,
            bytes: settings.window_bytes,
        });
        load::backlog(&connection, &configured, &mut window)?;
        load::pending(&connection)?.commit(&configured);

        let fresh = Fresh::new(settings.fresh_facts, facts::unwritten(&connection)?);
        let sieves = Arc::new(Sieves::open(&connection, settings.index_memory)?);

        let checkpointer = Checkpointer::start(&path, alarm.clone())?;
        checkpoint::watch(&connection);
        let counts = Counts { accounting, last, retained_to: 0 };
        let (outbox, inboxes) = Outbox::new(settings.shards);
        let (commands, received) = mpsc::channel();
        let queue_size = u32::try_from(settings.queue_bytes >> 10).unwrap_or(u32::MAX).max(1);
        let account = identity.account.clone();
        let inner = Inner {
            identity,
            epochs,
            commands,
            queue: Arc::new(Semaphore::new(queue_size as usize)),
            queue_size,
            published: Arc::new(Published::new(configured)),
            shown: Arc::new(Shown {
                counts: Mutex::new(counts),
                commits: AtomicU64::new(0),
                commit_sizes: Commits::default(),
            }),
            directory: directory.to_owned(),
            readers: Readers::open(
                &path,
                settings.readers,
                (fresh.shelf(), sieves.clone()),
                account.clone(),
            )?,
            failure,
        };
        let writer = Writer {
            books: Books {
                account,
                token,
                window,
                pending: PendingChanges::default(),
                ids: Ids::new(fresh.shelf(), sieves),
                fresh,
                merging: Merging::open(&connection, settings.fresh_facts)?,
                recent: Recent::default(),
                counts,
                cancellations: load::cancellations(&connection)?,
                deletions: load::deletions(&connection)?,
                disk: Disk::new(directory, settings.min_free),
                max_pending: settings.max_pending,
                bin_limits: settings.bins,
            },
            connection,
            published: inner.published.clone(),
            outbox,
            master_key: master_key.clone(),
            commands: received,
            shown: inner.shown.clone(),
            checkpointer,
            alarm,
            steps,
            linger: settings.outcome_linger.min(MAX_LINGER),
            kept: None,
            quiet_from: Instant::now() + QUIET,
            cancel_again: None,
            lock,
        };
        thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                scheduling::in_batches();
                writer.run();
            })
            .map_err(OpenCause::Thread)?;
        Ok((Self { inner: Arc::new(inner) }, inboxes))
    }

    /// Whether there is a store in a data directory.
    pub(super) fn is_in(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    pub(super) fn examine(directory: &Path, master_key: &MasterKey) -> Result<Examined, OpenError> {
        examine::examine(directory, master_key)
            .map_err(|cause| OpenError { directory: directory.to_owned(), cause })
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    pub(super) fn epochs(&self) -> &Epochs {
        &self.inner.epochs
    }

    pub(super) fn directory(&self) -> Arc<Directory> {
        self.inner.published.current()
    }

    pub(super) async fn create_domain(&self, name: &str) -> Result<(Arc<Domain>, bool), DomainError> {
        let name = name.to_owned();
        self.ask(0, |reply| Command::Configure(Configure::Domain { name, reply })).await?
    }

    pub(super) async fn delete_domain(&self, name: &str) -> Result<(), DomainError> {
        let name = name.to_owned();
        self.ask(0, |reply| Command::Configure(Configure::DeleteDomain { name, reply })).await?
    }

    pub(super) async fn set_signing_key(&self, key: Secret) -> Result<(), StoreError> {
        self.ask(0, |reply| Command::Configure(Configure::SigningKey { key, reply })).await?
    }

    pub(super) async fn rotate_secret(
        &self,
        of: SecretOf,
        overlap: Duration,
    ) -> Result<EndpointSecrets, WebhookError> {
        let rotation = |reply| Rotation { of, overlap, reply };
        self.ask(0, |reply| Command::Configure(Configure::Rotate(rotation(reply)))).await?
    }

    pub(super) async fn forget_old_secrets(&self, now: i64) -> Result<usize, StoreError> {
        if !self.directory().has_outlived_secrets(now) {
            return Ok(0);
        }
        self.ask(0, |reply| Command::Configure(Configure::ForgetSecrets { now, reply })).await?
    }

    pub(super) async fn revoke_api_key(&self, id: &str, even_the_last: bool) -> Result<ApiKey, KeyError> {
        let id = id.to_owned();
        self.ask(0, |reply| Command::Configure(Configure::RevokeKey { id, even_the_last, reply })).await?
    }

    pub(super) async fn add_api_key(&self, key: ApiKey) -> Result<(), KeyError> {
        self.ask(0, |reply| Command::Configure(Configure::ApiKey { key, reply })).await?
    }

    pub(super) async fn create_bin(&self, draft: BinDraft) -> Result<Arc<Bin>, BinError> {
        self.ask(0, |reply| Command::Configure(Configure::Bin { draft, reply })).await?
    }

    pub(super) async fn script_bin(&self, id: &str, script: Script) -> Result<Arc<Bin>, BinError> {
        let id = id.to_owned();
        self.ask(0, |reply| Command::Configure(Configure::ScriptBin { id, script, reply })).await?
    }

    pub(super) async fn delete_bin(&self, id: &str) -> Result<(), BinError> {
        let id = id.to_owned();
        self.ask(0, |reply| Command::Configure(Configure::DeleteBin { id, reply })).await?
    }

    pub(super) async fn capture(&self, bin: &str, capture: Capture) -> Result<Captured, BinError> {
        let (bin, bytes) = (bin.into(), capture.size() + 1024);
        self.ask(bytes, |reply| Command::Capture { bin, capture: Box::new(capture), reply }).await?
    }

    pub(super) async fn captures(
        &self,
        bin: &Arc<Bin>,
        query: CaptureQuery,
    ) -> Result<Vec<StoredCapture>, StoreError> {
        if self.directory().bin(&bin.id).is_none() {
            return Ok(Vec::new());
        }
        self.inner.readers.captures(bin.clone(), query).await
    }

    pub(super) async fn capture_counts(&self, bin: &Arc<Bin>) -> Result<Vec<KindCount>, StoreError> {
        self.inner.readers.capture_counts(bin.clone()).await
    }

    pub(super) async fn forget_bins(&self, now: i64, slice: usize) -> Result<Retained, StoreError> {
        if self.directory().has_expired_bins(now) {
            self.ask(0, |reply| Command::Configure(Configure::ExpireBins { now, reply })).await??;
        }
        self.ask(0, |reply| Command::ClearBins { slice, reply }).await?
    }

    pub(super) async fn append(
        &self,
        to: Addressee,
        events: Vec<NewEvent>,
        partial: bool,
    ) -> Result<Vec<Result<Appended, Conflict>>, AppendError> {
        let bytes = events.iter().map(|event| event.data.len() + 1024).sum();
        self.ask(bytes, |reply| Command::Append { to, events, partial, reply }).await?
    }

    pub(super) async fn events(&self, query: EventQuery) -> Result<Vec<StoredEvent>, QueryError> {
        let domain = self.directory().domain(&query.domain).map(|domain| domain.id());
        match domain {
            Some(domain) => self.inner.readers.events(domain, query).await,
            None => Ok(Vec::new()),
        }
    }

    pub(super) fn snapshot(&self) -> Seq {
        self.counts().last
    }

    pub(super) fn refill(&self, endpoint: EndpointId, room: u32) {
        self.send(Command::Refill { endpoint, room });
    }

    pub(super) fn record(&self, shard: usize, settled: Vec<Settled>, urgent: bool) {
        self.send(Command::Record { shard, settled, urgent });
    }

    pub(super) fn accounting(&self) -> Accounting {
        self.counts().accounting
    }

    pub(super) async fn balance(&self) -> Result<Balance, StoreError> {
        self.inner.readers.balance().await
    }

    pub(super) async fn retain(&self, accepted_before: i64, slice: usize) -> Result<Retained, StoreError> {
        self.ask(0, |reply| Command::Retain { accepted_before, slice, reply }).await?
    }

    pub(super) async fn forget_endpoints(&self) -> Result<usize, StoreError> {
        let directory = self.directory();
        let unused = directory.unused_endpoints();
        if unused.is_empty() {
            return Ok(0);
        }
        let forget = |reply| Forget { directory, unused, reply };
        self.ask(0, |reply| Command::Configure(Configure::Forget(forget(reply)))).await?
    }

    pub(super) async fn broken(&self) -> String {
        let mut failure = self.inner.failure.clone();
        let failed = failure.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        match failed {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        self.ask(0, Command::Flush).await?
    }

    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.inner.readers.close();
        self.ask(0, Command::Close).await?
    }

    pub(super) async fn oldest_due(&self) -> Result<OldestDue, StoreError> {
        self.ask(0, Command::OldestDue).await?
    }

    pub(super) fn commit_sizes(&self) -> Commits {
        self.inner.shown.commit_sizes.clone()
    }

    pub(super) fn free_disk(&self) -> Option<u64> {
        lock::free_bytes(&self.inner.directory)
    }

    /// Transactions since the store was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.inner.shown.commits.load(Relaxed)
    }

    pub(super) async fn edit(&self, edit: Edit) -> Result<WebhookChange, WebhookError> {
        let request = |reply| WebhookRequest { edit, reply };
        self.ask(0, |reply| Command::Configure(Configure::Webhook(request(reply)))).await?
    }

    /// Waits for a place in the queue for a command of this size, and then for its answer.
    async fn ask<T>(&self, bytes: usize, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StoreError> {
        let kibibytes = u32::try_from(bytes >> 10).unwrap_or(u32::MAX).clamp(1, self.inner.queue_size);
        let permit = self.inner.queue.clone().acquire_many_owned(kibibytes).await;
        let permit = permit.map_err(|_| StoreError::Broken)?;
        let (to, answer) = oneshot::channel();
        self.send(command(Reply { to, _permit: permit }));
        answer.await.map_err(|_| StoreError::Broken)
    }

    /// Sends a command. If the writer is gone, so is the command, and whoever waits for it is told by that.
    fn send(&self, command: Command) {
        let _ = self.inner.commands.send(command);
    }

    fn counts(&self) -> Counts {
        *self.inner.shown.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
