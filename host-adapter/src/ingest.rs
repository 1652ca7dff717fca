//! Events on their way in: taken apart, validated, completed, stored, and only then acknowledged.

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod portable;
mod prepare;
mod split;

use std::sync::Arc;

use bytes::Bytes;
use sealpost_core::host::Clock as _;
use serde::Serialize;
use tracing::debug;
use utoipa::ToSchema;

use self::prepare::{Batch, Frame, prepare};
use crate::clock::SystemClock;
use crate::config::Limits;
use crate::memory::{Full, Memory, Room};
use crate::storage::{AppendError, Appended, Conflict, Domain, Store};

pub(crate) use prepare::{completed, from_micros};
pub use split::Packing;

/// Takes submissions. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    store: Store,
    clock: SystemClock,
    limits: Limits,
    /// For bodies that are being read or stored.
    memory: Arc<Memory>,
}

/// How many bodies of the greatest size are in memory at once, half of them of one domain. Smaller ones are
/// more.
const LARGEST_BODIES: usize = 8;
/// How many faults are told one by one.
const FAULTS_TOLD: usize = 100;

/// What a client submits to a domain.
pub struct Submission {
    /// The events.
    pub body: Bytes,
    /// How they are packed.
    pub packing: Packing,
    /// Makes the ids of events without one the same at every submission.
    pub idempotency_key: Option<String>,
    /// Whether to store the good events of a batch that has bad ones.
    pub partial: bool,
}

/// The events of a submission that are stored, and, of a partial one, those that are not.
#[derive(Debug)]
pub struct Receipt {
    /// In the order of the submission.
    pub items: Vec<Item>,
    /// What was left out of a partial submission.
    pub faults: Faults,
}

/// An event that is stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// Its place in the submission, from 0.
    pub index: usize,
    /// Its `id`.
    pub id: Arc<str>,
    /// Its `timestamp`, a JSON number as it stands in the event-data.
    pub timestamp: Box<str>,
    /// How many deliveries it made.
    pub deliveries: u8,
    /// Whether it was stored before.
    pub duplicate: bool,
}

/// Events that were not stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first 100, in the order of the submission.
    pub first: Vec<Fault>,
    /// How many there are.
    pub total: usize,
}

/// What is wrong with one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// Its place in the submission, from 0.
    pub index: usize,
    /// The field's path, such as `delivery-status.code`; empty where it is no single field.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// Why a submission was not stored; nothing of it was, unless a variant says otherwise.
#[derive(Debug, PartialEq, Eq)]
pub enum Rejection {
    /// More events than one submission may have.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Events that are not what they must be.
    Invalid(Faults),
    /// Events whose ids are taken by other content.
    Conflicts(Faults),
    /// The domain is gone.
    UnknownDomain,
    /// No room at the moment.
    Full,
    /// The store cannot write. If it failed in the middle of this submission, only the store that is opened
    /// next knows whether it was stored.
    Unavailable,
}

impl Ingest {
    /// Takes submissions for this store.
    #[must_use]
    pub fn new(store: Store, clock: SystemClock, limits: Limits) -> Self {
        let memory = Arc::new(Memory::new(limits.batch_bytes.saturating_mul(LARGEST_BODIES)));
        Self { store, clock, limits, memory }
    }

    /// What one submission may hold.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Room for the body of a submission to this domain, to be held as the body arrives.
    pub(crate) fn room(&self, domain: &Arc<str>) -> Room {
        self.memory.room(domain)
    }

    /// Stores the events of a submission with their deliveries, and answers when they are synced. What a caller that
    /// goes away early left in the store's queue is bounded by that.
    ///
    /// # Errors
    /// See [`Rejection`].
    pub(crate) async fn submit(
        &self,
        domain: &Arc<Domain>,
        submission: Submission,
        room: Room,
    ) -> Result<Receipt, Rejection> {
        let submitted = self.work(domain, submission, room).await;
        log_faults(domain.name(), &submitted);
        submitted
    }

    async fn work(
        &self,
        domain: &Arc<Domain>,
        submission: Submission,
        room: Room,
    ) -> Result<Receipt, Rejection> {
        let partial = submission.partial;
        let frame = Frame {
            domain: domain.name().clone(),
            account: self.store.identity().account.clone(),
            now: self.clock.unix(),
            limits: self.limits.clone(),
        };
        let batch = prepare(&frame, &submission).await?;
        // What the events need of it they have now.
        drop(submission);
        let stored = self.store(domain, batch, partial).await;
        drop(room);
        stored
    }

    async fn store(&self, domain: &Arc<Domain>, batch: Batch, partial: bool) -> Result<Receipt, Rejection> {
        let Batch { events, notes, mut faults } = batch;
        if !faults.is_empty() && (!partial || events.is_empty()) {
            return Err(Rejection::Invalid(Faults::from(faults)));
        }
        if events.is_empty() {
            return Ok(Receipt { items: Vec::new(), faults: Faults::default() });
        }
        let conflict = |Conflict { index, id }: Conflict| Fault {
            index: notes.get(index).map_or(index, |note| note.index),
            field: "id".to_owned(),
            reason: format!("`{id}` is stored with other content; send this event under another id"),
        };
        let answers = match self.store.append(domain, events, partial).await {
            Ok(answers) => answers,
            Err(AppendError::Conflicts(conflicts)) => {
                let conflicts: Vec<_> = conflicts.into_iter().map(conflict).collect();
                return Err(Rejection::Conflicts(conflicts.into()));
            }
            Err(AppendError::UnknownDomain) => return Err(Rejection::UnknownDomain),
            Err(AppendError::Full { .. }) => return Err(Rejection::Full),
            Err(AppendError::Store(_)) => return Err(Rejection::Unavailable),
        };
        let malformed = faults.len();
        let mut items = Vec::with_capacity(answers.len());
        for (answer, note) in answers.into_iter().zip(&notes) {
            match answer {
                Ok(appended) => {
                    let Appended { id, deliveries, duplicate, .. } = &appended;
                    debug!(event = %id, domain = &**domain.name(), deliveries, duplicate, "accepted");
                    items.push(note.item(appended));
                }
                Err(taken) => faults.push(conflict(taken)),
            }
        }
        faults.sort_by_key(|fault| fault.index);
        match (items.is_empty(), malformed) {
            (true, 0) => Err(Rejection::Conflicts(faults.into())),
            (true, _) => Err(Rejection::Invalid(faults.into())),
            (false, _) => Ok(Receipt { items, faults: faults.into() }),
        }
    }
}

impl From<Full> for Rejection {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<Vec<Fault>> for Faults {
    fn from(mut faults: Vec<Fault>) -> Self {
        let total = faults.len();
        faults.truncate(FAULTS_TOLD);
        Self { first: faults, total }
    }
}

/// What is remembered of an event while the store has it.
struct Note {
    index: usize,
    /// The `timestamp` as it was submitted, if it was.
    timestamp: Option<Box<str>>,
}

impl Note {
    /// A repeat has the bytes of the first submission, and so its number too; a time that was assigned
    /// here is written from its microseconds, now as then.
    fn item(&self, Appended { id, timestamp, deliveries, duplicate }: Appended) -> Item {
        let assigned = || from_micros(timestamp).to_string().into();
        let timestamp = self.timestamp.clone().unwrap_or_else(assigned);
        Item { index: self.index, id, timestamp, deliveries, duplicate }
    }
}

/// A line for each event that was not stored, as far as the answer names them.
fn log_faults(domain: &str, submitted: &Result<Receipt, Rejection>) {
    let (Ok(Receipt { faults, .. }) | Err(Rejection::Invalid(faults) | Rejection::Conflicts(faults))) =
        submitted
    else {
        return;
    };
    for Fault { index, field, reason } in &faults.first {
        debug!(domain, index, field, reason, "not accepted");
    }
}
