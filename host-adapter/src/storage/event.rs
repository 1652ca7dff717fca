//! Events on their way in and out of the store.

use std::{collections::HashMap, fmt, sync::Arc, time::Instant};

use bytes::Bytes;
use sealpost_core::{EventKind, LegacyKind, WebhookKind};

use super::{
    Directory, HookKind, StoreError,
    delivery::{Delivery, DeliveryId, Endpoint, Moment},
    directory::Domain,
    webhooks::has,
};
use crate::filter::{Facts, Filter};

/// Names an event within the store. Assigned when it is committed, in commit order, from 1, and never
/// again, not even after the event is gone.
pub type Seq = u64;

/// An event to be kept: validated, completed, and from now on frozen.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The `id` of the event-data, unique per domain while the event is retained.
    pub id: Arc<str>,
    /// Whether that was made at random for this event, so that no other can have it.
    pub assigned: bool,
    /// The `timestamp` of the event-data, in microseconds since the Unix epoch.
    pub timestamp: i64,
    /// The `event` of the event-data.
    pub kind: EventKind,
    /// The webhook that it fires; `None` for kinds that have none.
    pub webhook: Option<WebhookKind>,
    /// The legacy webhook that it fires beside it.
    pub legacy: Option<LegacyKind>,
    /// The completed event-data.
    pub data: Bytes,
    /// What the store indexes of it: [`Facts::of_data`] of `data`.
    pub facts: Facts,
    /// SHA-256 of the bytes as they were submitted. The same digest under the same id is a repeat.
    pub digest: [u8; 32],
}

impl NewEvent {
    /// Where it goes: to each endpoint of the webhook that it fires, in the domain or in the account, once; and to
    /// that of its legacy webhook, be it one of these or not. At most [`MAX_FAN_OUT`](super::MAX_FAN_OUT).
    pub(super) fn endpoints<'a>(
        &self,
        directory: &'a Directory,
        domain: &'a Domain,
    ) -> Vec<(HookKind, &'a Arc<Endpoint>)> {
        let mut all = Vec::new();
        if let Some(kind) = self.webhook {
            let own = domain.webhook(kind);
            all.extend(own.iter().map(|endpoint| (HookKind::from(kind), endpoint)));
            let inherited = directory.account_endpoints(kind).iter().filter(|endpoint| !has(own, endpoint));
            all.extend(inherited.map(|endpoint| (HookKind::from(kind), endpoint)));
        }
        if let Some(kind) = self.legacy {
            all.extend(domain.webhook(kind).iter().map(|endpoint| (HookKind::from(kind), endpoint)));
        }
        all
    }

    /// How many deliveries it makes.
    pub(super) fn fan_out(&self, directory: &Directory, domain: &Domain) -> u8 {
        u8::try_from(self.endpoints(directory, domain).len()).unwrap_or(u8::MAX)
    }

    /// One of its deliveries, before the first attempt, which is due at once.
    pub(super) fn delivery(
        &self,
        id: DeliveryId,
        domain: &Domain,
        kind: HookKind,
        endpoint: &Arc<Endpoint>,
        accepted: Moment,
    ) -> Delivery {
        Delivery {
            id,
            endpoint: endpoint.clone(),
            domain: domain.name().clone(),
            domain_id: domain.id(),
            event_id: self.id.clone(),
            kind,
            data: self.data.clone(),
            attempts: 0,
            accepted_at: accepted.wall,
            due: accepted.steady,
        }
    }
}

/// An event that the store has, and synced to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its `id`.
    pub id: Arc<str>,
    /// Its `timestamp` in microseconds, the first one if this was a repeat.
    pub timestamp: i64,
    /// How many deliveries it made when it was first accepted.
    pub deliveries: u8,
    /// Whether the same submission was here before; nothing was stored this time.
    pub duplicate: bool,
}

/// An event whose id is taken by another submission of the same domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The id.
    pub id: Arc<str>,
}

/// Why a batch was not appended. Nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// There is no such domain.
    UnknownDomain,
    /// Ids that are taken, all of them.
    Conflicts(Vec<Conflict>),
    /// So many deliveries are pending that there is no room for these; later there will be.
    Full {
        /// The configured limit.
        limit: u64,
    },
    /// The store cannot write at all.
    Store(StoreError),
}

impl From<StoreError> for AppendError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownDomain => f.write_str("the domain does not exist; create it first"),
            Self::Conflicts(conflicts) => {
                write!(f, "{} of the ids are taken by other events of the domain", conflicts.len())
            }
            Self::Full { limit } => {
                write!(
                    f,
                    "{limit} deliveries are pending, which is the limit; try again when some have ended"
                )
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AppendError {}

/// Which events to list. Ranges of time and of commits at once: a cursor's snapshot is a range of
/// commits.
#[derive(Clone, Debug)]
pub struct EventQuery {
    /// The domain's name.
    pub domain: Arc<str>,
    /// The earliest timestamp, in microseconds, itself included.
    pub from: i64,
    /// The latest timestamp, in microseconds, itself included.
    pub to: i64,
    /// Only events committed after this one; 0 for all.
    pub floor: Seq,
    /// Only events committed up to this one, itself included.
    pub snapshot: Seq,
    /// Only events that pass this.
    pub filter: Arc<Filter>,
    /// Oldest first; newest first if not.
    pub ascending: bool,
    /// Only events that come after this position in the order asked for.
    pub after: Option<Position>,
    /// At most so many events.
    pub limit: usize,
    /// When to give up.
    pub until: Instant,
}

/// Why a query has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// Too many events had to be looked at in the time that the query allows.
    TooLong,
    /// The store cannot be read.
    Store(StoreError),
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("too many events to look at; ask for a shorter time"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for QueryError {}

impl EventQuery {
    /// Whether an event is asked for, limit and filter aside.
    pub(super) fn covers(&self, position: Position) -> bool {
        (self.from..=self.to).contains(&position.timestamp)
            && position.seq > self.floor
            && position.seq <= self.snapshot
            && self.after.is_none_or(|after| after.is_before(position, self.ascending))
    }

    /// The first position that may be asked for.
    pub(super) fn start(&self) -> Position {
        let edge = if self.ascending {
            Position { timestamp: self.from, seq: 0 }
        } else {
            Position { timestamp: self.to, seq: Seq::MAX }
        };
        match self.after.map(|after| after.beyond(self.ascending)) {
            Some(after) if edge.is_before(after, self.ascending) => after,
            _ => edge,
        }
    }

    /// The first and the last position, in the order of time, that may be asked for when a walk stands at this one.
    pub(super) fn range(&self, at: Position) -> (Position, Position) {
        if self.ascending {
            (at, Position { timestamp: self.to, seq: Seq::MAX })
        } else {
            (Position { timestamp: self.from, seq: 0 }, at)
        }
    }

    /// Whether time is up.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Puts positions into the order asked for.
    pub(super) fn arrange(&self, positions: &mut [Position]) {
        positions.sort_unstable();
        if !self.ascending {
            positions.reverse();
        }
    }
}

/// An event's place in the order of listings: by timestamp, then by commit. No two events share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Microseconds since the Unix epoch.
    pub timestamp: i64,
    /// The event's sequence number.
    pub seq: Seq,
}

impl Position {
    /// Whether this comes before another in a listing of this direction.
    pub(super) fn is_before(self, other: Self, ascending: bool) -> bool {
        if ascending { self < other } else { self > other }
    }

    /// The position right after this one in a listing of this direction.
    pub(super) fn beyond(self, ascending: bool) -> Self {
        let seq = if ascending { self.seq.saturating_add(1) } else { self.seq.saturating_sub(1) };
        Self { seq, ..self }
    }
}

/// An event of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its place in the order.
    pub position: Position,
    /// The event-data, byte for byte what the webhooks deliver.
    pub data: Bytes,
}

/// What is to become of one event of a batch.
pub(super) enum Fate {
    /// Stored.
    New,
    /// A repeat of a stored event, which was this.
    Repeat(Appended),
    /// A repeat of the event at this earlier place of the batch, which is new.
    Twin(usize),
    /// Refused, because its id is taken.
    Conflict,
}

/// What a store knows of an event whose id comes in again.
pub(super) struct Known {
    pub(super) digest: [u8; 32],
    pub(super) timestamp: i64,
    pub(super) deliveries: u8,
}

/// Decides the fate of every event of a batch before anything is written. `known` tells what the store has under the id
/// of the event at a place of the batch.
pub(super) fn triage(events: &[NewEvent], mut known: impl FnMut(usize) -> Option<Known>) -> Vec<Fate> {
    let mut first_of = HashMap::with_capacity(events.len());
    events
        .iter()
        .enumerate()
        .map(|(index, event)| {
            if let Some(&first) = first_of.get(&*event.id) {
                let same = events.get(first).is_some_and(|first: &NewEvent| first.digest == event.digest);
                return if same { Fate::Twin(first) } else { Fate::Conflict };
            }
            match known(index) {
                None => {
                    first_of.insert(&*event.id, index);
                    Fate::New
                }
                Some(known) if known.digest == event.digest => Fate::Repeat(Appended {
                    id: event.id.clone(),
                    timestamp: known.timestamp,
                    deliveries: known.deliveries,
                    duplicate: true,
                }),
                Some(_) => Fate::Conflict,
            }
        })
        .collect()
}

/// The refused events of a batch.
pub(super) fn conflicts(events: &[NewEvent], fates: &[Fate]) -> Vec<Conflict> {
    events
        .iter()
        .zip(fates)
        .enumerate()
        .filter(|(_, (_, fate))| matches!(fate, Fate::Conflict))
        .map(|(index, (event, _))| Conflict { index, id: event.id.clone() })
        .collect()
}

/// What the submitter of a batch is told, item by item, once it is committed. `deliveries` is the
/// fan-out of a new event.
pub(super) fn answers(
    events: &[NewEvent],
    fates: Vec<Fate>,
    deliveries: impl Fn(&NewEvent) -> u8,
) -> Vec<Result<Appended, Conflict>> {
    let answer = |event: &NewEvent, duplicate| Appended {
        id: event.id.clone(),
        timestamp: event.timestamp,
        deliveries: deliveries(event),
        duplicate,
    };
    events
        .iter()
        .zip(fates)
        .enumerate()
        .map(|(index, (event, fate))| match fate {
            Fate::New => Ok(answer(event, false)),
            Fate::Repeat(appended) => Ok(appended),
            Fate::Twin(first) => Ok(answer(events.get(first).unwrap_or(event), true)),
            Fate::Conflict => Err(Conflict { index, id: event.id.clone() }),
        })
        .collect()
}
