//! The one type that the server works with, whichever store stands behind it.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    AccountEdit, AccountWebhook, Accounting, Addressee, ApiKey, AppendError, Appended, Balance, Commits,
    Conflict, Directory, Domain, DomainError, Endpoint, EndpointId, EndpointSecrets, EndpointUrl, Epochs,
    EventQuery, Examined, HookKind, Identity, Inbox, KeyError, Memory, NewEvent, OldestDue, OpenError,
    QueryError, Retained, SecretOf, Seq, Settings, Settled, Sqlite, StoreError, StoredEvent, WebhookEdit,
    WebhookError,
    bin::{Bin, BinDraft, BinError, Capture, CaptureQuery, Captured, KindCount, Script, StoredCapture},
    webhooks::{Configured, Edit, WebhookChange},
};
use crate::secrets::{MasterKey, Secret};

/// A store of either kind. Cheap to clone; all clones are one store.
#[derive(Clone)]
pub enum Store {
    /// In an SQLite file.
    Sqlite(Sqlite),
    /// In memory: gone with the process.
    Memory(Memory),
}

impl Store {
    /// Opens the SQLite store in a data directory, which is made where there is none, and the inbox of each
    /// shard. Blocks: it takes a walk over the pending deliveries.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        directory: &Path,
        master_key: &MasterKey,
        settings: &Settings,
    ) -> Result<(Self, Vec<Inbox>), OpenError> {
        let (sqlite, inboxes) = Sqlite::open(directory, master_key, settings)?;
        Ok((Self::Sqlite(sqlite), inboxes))
    }

    /// Whether there is a store in a data directory.
    #[must_use]
    pub fn is_in(directory: &Path) -> bool {
        Sqlite::is_in(directory)
    }

    /// Looks the store in a data directory over, and changes nothing. Blocks: it reads all of it.
    ///
    /// # Errors
    /// There is none, somebody holds it, or it cannot be read with this key.
    pub fn examine(directory: &Path, master_key: &MasterKey) -> Result<Examined, OpenError> {
        Sqlite::examine(directory, master_key)
    }

    /// An empty store in memory, and the inbox of each shard. Needs a running tokio runtime.
    #[must_use]
    pub fn in_memory(settings: &Settings) -> (Self, Vec<Inbox>) {
        let (memory, inboxes) = Memory::open(settings);
        (Self::Memory(memory), inboxes)
    }

    /// What makes this store this store.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        match self {
            Self::Sqlite(store) => store.identity(),
            Self::Memory(store) => store.identity(),
        }
    }

    /// The starts of this store.
    #[must_use]
    pub fn epochs(&self) -> &Epochs {
        match self {
            Self::Sqlite(store) => store.epochs(),
            Self::Memory(store) => store.epochs(),
        }
    }

    /// The configuration as of the last committed change.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        match self {
            Self::Sqlite(store) => store.directory(),
            Self::Memory(store) => store.directory(),
        }
    }

    /// Makes a domain; `true` if it is new. The name is in lower case.
    ///
    /// # Errors
    /// There are too many, or the store cannot write.
    pub async fn create_domain(&self, name: &str) -> Result<(Arc<Domain>, bool), DomainError> {
        match self {
            Self::Sqlite(store) => store.create_domain(name).await,
            Self::Memory(store) => store.create_domain(name),
        }
    }

    /// Deletes a domain: its webhooks, its API keys, its events; pending deliveries are cancelled. It is gone when
    /// this returns, though its events and deliveries are removed from the store later, in slices.
    ///
    /// # Errors
    /// There is no such domain, or the store cannot write.
    pub async fn delete_domain(&self, name: &str) -> Result<(), DomainError> {
        match self {
            Self::Sqlite(store) => store.delete_domain(name).await,
            Self::Memory(store) => store.delete_domain(name),
        }
    }

    /// Sets a webhook of a domain that is not set yet. A URL that is the shown form of one of the domain's
    /// endpoints means that endpoint; the same URL twice counts once. Returns the webhook's endpoints.
    ///
    /// # Errors
    /// Unknown domain, webhook already set, more than [`max_urls`](HookKind::max_urls), too many endpoints in
    /// all, or the store cannot write.
    pub async fn create_webhook(
        &self,
        domain: &str,
        kind: impl Into<HookKind>,
        urls: Vec<EndpointUrl>,
    ) -> Result<Vec<Arc<Endpoint>>, WebhookError> {
        let kind = kind.into();
        let domain = self.edit_webhooks(domain, WebhookEdit::Create(kind, urls)).await?;
        Ok(domain.webhook(kind).to_vec())
    }

    /// Replaces the URLs of a webhook that is set, and cancels the pending deliveries of those that are
    /// gone. URLs are understood as in [`Store::create_webhook`]. Returns the webhook's endpoints.
    ///
    /// # Errors
    /// Unknown domain, webhook not set, more than [`max_urls`](HookKind::max_urls), too many endpoints in all,
    /// or the store cannot write.
    pub async fn replace_webhook(
        &self,
        domain: &str,
        kind: impl Into<HookKind>,
        urls: Vec<EndpointUrl>,
    ) -> Result<Vec<Arc<Endpoint>>, WebhookError> {
        let kind = kind.into();
        let domain = self.edit_webhooks(domain, WebhookEdit::Replace(kind, urls)).await?;
        Ok(domain.webhook(kind).to_vec())
    }

    /// Takes a webhook away and cancels its pending deliveries. Returns the endpoints that it had.
    ///
    /// # Errors
    /// Unknown domain, webhook not set, or the store cannot write.
    pub async fn delete_webhook(
        &self,
        domain: &str,
        kind: impl Into<HookKind>,
    ) -> Result<Vec<Arc<Endpoint>>, WebhookError> {
        match self.edit(Edit::Domain(domain.to_owned(), WebhookEdit::Delete(kind.into()))).await?.configured {
            Configured::Domain { removed, .. } => Ok(removed),
            Configured::Account { .. } => Ok(Vec::new()),
        }
    }

    /// Changes webhooks of a domain, all that the edit names or none; the domain as it is then. Cancels what is
    /// pending for the URLs that are gone.
    ///
    /// # Errors
    /// Unknown domain, what the edit asks for is not as it must be, too many URLs, or the store cannot write.
    pub async fn edit_webhooks(&self, domain: &str, edit: WebhookEdit) -> Result<Arc<Domain>, WebhookError> {
        match self.edit(Edit::Domain(domain.to_owned(), edit)).await?.configured {
            Configured::Domain { domain, .. } => Ok(domain),
            Configured::Account { .. } => Err(WebhookError::UnknownDomain),
        }
    }

    /// Changes webhooks of the account; the one that was made or changed, if the edit was about that. Cancels what
    /// is pending for the URLs that are gone, in the domains that do not have them too.
    ///
    /// # Errors
    /// What the edit asks for is not as it must be, too many URLs, or the store cannot write.
    pub async fn edit_account_webhooks(
        &self,
        edit: AccountEdit,
    ) -> Result<Option<Arc<AccountWebhook>>, WebhookError> {
        match self.edit(Edit::Account(edit)).await?.configured {
            Configured::Account { put, .. } => Ok(put),
            Configured::Domain { .. } => Ok(None),
        }
    }

    async fn edit(&self, edit: Edit) -> Result<WebhookChange, WebhookError> {
        match self {
            Self::Sqlite(store) => store.edit(edit).await,
            Self::Memory(store) => store.edit(&edit),
        }
    }

    /// Sets the account's signing key; attempts that start from now on are signed with it.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn set_signing_key(&self, key: Secret) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.set_signing_key(key).await,
            Self::Memory(store) => store.set_signing_key(key),
        }
    }

    /// Makes a new secret for a URL. The present secret stays good for the time of the overlap; one that it had
    /// replaced is gone. Holds for all webhooks of the domain, or of the account, that have the URL. Returns the
    /// secrets from now on.
    ///
    /// # Errors
    /// Unknown domain, webhook not set or without this URL, or the store cannot write.
    pub async fn rotate_secret(
        &self,
        of: SecretOf,
        overlap: Duration,
    ) -> Result<EndpointSecrets, WebhookError> {
        match self {
            Self::Sqlite(store) => store.rotate_secret(of, overlap).await,
            Self::Memory(store) => store.rotate_secret(&of, overlap),
        }
    }

    /// Forgets secrets that were replaced and whose overlap has ended by this wall-clock millisecond; how many.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn forget_old_secrets(&self, now: i64) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(store) => store.forget_old_secrets(now).await,
            Self::Memory(store) => Ok(store.forget_old_secrets(now)),
        }
    }

    /// Adds an API key, or changes everything else of the one with this hash.
    ///
    /// # Errors
    /// Its domain does not exist, there are too many, or the store cannot write.
    pub async fn add_api_key(&self, key: ApiKey) -> Result<(), KeyError> {
        match self {
            Self::Sqlite(store) => store.add_api_key(key).await,
            Self::Memory(store) => store.add_api_key(key),
        }
    }

    /// Revokes the API key of this id, and returns it. The last key of the account stays, unless `even_the_last`.
    ///
    /// # Errors
    /// There is no such key, it is the last, or the store cannot write.
    pub async fn revoke_api_key(&self, id: &str, even_the_last: bool) -> Result<ApiKey, KeyError> {
        match self {
            Self::Sqlite(store) => store.revoke_api_key(id, even_the_last).await,
            Self::Memory(store) => store.revoke_api_key(id, even_the_last),
        }
    }

    /// Makes a request bin.
    ///
    /// # Errors
    /// Its domain does not exist, there are too many, or the store cannot write.
    pub async fn create_bin(&self, draft: BinDraft) -> Result<Arc<Bin>, BinError> {
        match self {
            Self::Sqlite(store) => store.create_bin(draft).await,
            Self::Memory(store) => store.create_bin(draft),
        }
    }

    /// Changes what a bin answers: its next request gets the first answer of the script. The bin as it is then.
    ///
    /// # Errors
    /// There is no such bin, or the store cannot write.
    pub async fn script_bin(&self, id: &str, script: Script) -> Result<Arc<Bin>, BinError> {
        match self {
            Self::Sqlite(store) => store.script_bin(id, script).await,
            Self::Memory(store) => store.script_bin(id, script),
        }
    }

    /// Deletes a bin. What it has kept is shown to nobody from now on, and removed by
    /// [`forget_bins`](Self::forget_bins).
    ///
    /// # Errors
    /// There is no such bin, or the store cannot write.
    pub async fn delete_bin(&self, id: &str) -> Result<(), BinError> {
        match self {
            Self::Sqlite(store) => store.delete_bin(id).await,
            Self::Memory(store) => store.delete_bin(id),
        }
    }

    /// Keeps a request to a bin, and lets go of the bin's oldest ones that have no room beside it. Answers after the
    /// sync. Whether the bin has expired is for the caller to look at.
    ///
    /// # Errors
    /// There is no such bin, or the store cannot write.
    pub async fn capture(&self, bin: &str, capture: Capture) -> Result<Captured, BinError> {
        match self {
            Self::Sqlite(store) => store.capture(bin, capture).await,
            Self::Memory(store) => store.capture(bin, &capture),
        }
    }

    /// The requests of a bin that a query asks for, in its order; none of a bin that is gone.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn captures(
        &self,
        bin: &Arc<Bin>,
        query: CaptureQuery,
    ) -> Result<Vec<StoredCapture>, StoreError> {
        match self {
            Self::Sqlite(store) => store.captures(bin, query).await,
            Self::Memory(store) => Ok(store.captures(bin, &query)),
        }
    }

    /// How many requests of each kind a bin has kept and still has.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn capture_counts(&self, bin: &Arc<Bin>) -> Result<Vec<KindCount>, StoreError> {
        match self {
            Self::Sqlite(store) => store.capture_counts(bin).await,
            Self::Memory(store) => Ok(store.capture_counts(bin)),
        }
    }

    /// Takes away the bins that have expired by this wall-clock millisecond, and removes up to `slice` requests of
    /// bins that are gone. Call again, at once, until it is done.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn forget_bins(&self, now: i64, slice: usize) -> Result<Retained, StoreError> {
        match self {
            Self::Sqlite(store) => store.forget_bins(now, slice).await,
            Self::Memory(store) => Ok(store.forget_bins(now)),
        }
    }

    /// Appends a batch of events with their deliveries: whole, or, if `partial`, those without a conflict.
    /// Answers after the sync, item by item; an `Err` item appears only if `partial`.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was stored then.
    pub async fn append(
        &self,
        to: impl Into<Addressee>,
        events: Vec<NewEvent>,
        partial: bool,
    ) -> Result<Vec<Result<Appended, Conflict>>, AppendError> {
        match self {
            Self::Sqlite(store) => store.append(to.into(), events, partial).await,
            Self::Memory(store) => store.append(&to.into(), &events, partial),
        }
    }

    /// The events that a query asks for, in its order. An unknown domain has none.
    ///
    /// # Errors
    /// The store cannot be read, or not in time.
    pub async fn events(&self, query: EventQuery) -> Result<Vec<StoredEvent>, QueryError> {
        match self {
            Self::Sqlite(store) => store.events(query).await,
            Self::Memory(store) => store.events(&query),
        }
    }

    /// The number of the last committed event, 0 if there was none yet.
    #[must_use]
    pub fn snapshot(&self) -> Seq {
        match self {
            Self::Sqlite(store) => store.snapshot(),
            Self::Memory(store) => store.snapshot(),
        }
    }

    /// Asks for up to `room` due deliveries of an endpoint; [`ToShard::Refilled`](super::ToShard::Refilled) is the answer. A shard
    /// asks again only after that answer.
    pub fn refill(&self, endpoint: EndpointId, room: u32) {
        match self {
            Self::Sqlite(store) => store.refill(endpoint, room),
            Self::Memory(store) => store.refill(endpoint, room),
        }
    }

    /// Records how attempts of a shard ended; [`ToShard::Recorded`](super::ToShard::Recorded) is the answer, after the commit. Unless
    /// `urgent`, the store may wait a moment for more.
    pub fn record(&self, shard: usize, settled: Vec<Settled>, urgent: bool) {
        match self {
            Self::Sqlite(store) => store.record(shard, settled, urgent),
            Self::Memory(store) => store.record(shard, &settled),
        }
    }

    /// The counts as of the last commit.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        match self {
            Self::Sqlite(store) => store.accounting(),
            Self::Memory(store) => store.accounting(),
        }
    }

    /// The counts as of the last commit, and beside them the pending deliveries as they are counted now, row by
    /// row, in the same snapshot. Looks at every pending delivery; one such count runs at a time.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn balance(&self) -> Result<Balance, StoreError> {
        match self {
            Self::Sqlite(store) => store.balance().await,
            Self::Memory(store) => Ok(store.balance()),
        }
    }

    /// When the delivery that is due first is due.
    ///
    /// # Errors
    /// The store is broken, or cannot write at the moment.
    pub async fn oldest_due(&self) -> Result<OldestDue, StoreError> {
        match self {
            Self::Sqlite(store) => store.oldest_due().await,
            Self::Memory(store) => Ok(store.oldest_due()),
        }
    }

    /// The sizes and times of the commits since the store was opened.
    #[must_use]
    pub fn commits(&self) -> Commits {
        match self {
            Self::Sqlite(store) => store.commit_sizes(),
            Self::Memory(_) => Commits::default(),
        }
    }

    /// Bytes that are free on the disk of the data directory; `None` where there is none, or the system does not say.
    #[must_use]
    pub fn free_disk(&self) -> Option<u64> {
        match self {
            Self::Sqlite(store) => store.free_disk(),
            Self::Memory(_) => None,
        }
    }

    /// Removes events that were accepted before this wall-clock millisecond and have no pending delivery;
    /// looks at up to `slice` events. Call again, at once, until it is done.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn retain(&self, accepted_before: i64, slice: usize) -> Result<Retained, StoreError> {
        match self {
            Self::Sqlite(store) => store.retain(accepted_before, slice).await,
            Self::Memory(store) => Ok(store.retain(accepted_before, slice)),
        }
    }

    /// Forgets endpoints that no webhook has and that have no pending delivery; how many those were. Part of
    /// retention: a URL that is set again after it has another id, another secret, and no health.
    ///
    /// # Errors
    /// The store cannot write.
    pub async fn forget_endpoints(&self) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(store) => store.forget_endpoints().await,
            Self::Memory(store) => Ok(store.forget_endpoints()),
        }
    }

    /// How long this process may still rely on its claims.
    #[must_use]
    pub fn lease_left(&self) -> Duration {
        match self {
            Self::Sqlite(_) | Self::Memory(_) => Duration::MAX,
        }
    }

    /// Waits until the store is broken, and says why. Never returns while it is well.
    pub async fn broken(&self) -> String {
        match self {
            Self::Sqlite(store) => store.broken().await,
            Self::Memory(_) => std::future::pending().await,
        }
    }

    /// Waits until everything that was given to the store before is committed.
    ///
    /// # Errors
    /// The store is broken.
    pub async fn flush(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.flush().await,
            Self::Memory(_) => Ok(()),
        }
    }

    /// Commits what waits, stops writing, and lets go of the data directory. Inboxes end; whatever is asked
    /// of any clone afterwards is answered with [`StoreError::Broken`].
    ///
    /// # Errors
    /// What waited could not be committed.
    pub async fn close(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Memory(_) => Ok(()),
        }
    }
}
