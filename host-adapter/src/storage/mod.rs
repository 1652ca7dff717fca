//! The store: what was accepted, what is still to be delivered, and what is configured.
//!
//! The store is the truth; the shards hold a bounded window over it. This page is the contract that every
//! implementation fulfils, and that `conformance` checks. SQLite is the default; the one in memory is
//! for tests and for nothing that matters.
//!
//! # Nothing lost
//! When [`Store::append`] answers `Ok`, every new event **and** one delivery per endpoint of its webhook
//! are durable, by one transaction: after a kill or a power cut both are there, or neither. A delivery
//! stays until exactly one record ends it as acknowledged, refused, exhausted or cancelled; the end is
//! counted in the same transaction that removes it, so [`Store::accounting`] always balances.
//!
//! A full disk and another program's lock pass: nothing was committed then, whoever waits is told by
//! [`StoreError::Disk`] or [`StoreError::Busy`], and records are kept and written later. Any other commit
//! that failed leaves the store unable to say what is on disk: it is then *broken*, answers everything
//! with [`StoreError::Broken`], and never tries that commit again. The server is to exit and start anew.
//!
//! What is read from the disk to be shown or delivered is compared with the digest of what was accepted. A listing
//! that would hold an altered event is [`StoreError::Broken`], and its deliveries stay pending.
//!
//! # Idempotency
//! An id belongs to one submission per domain for as long as its event is retained. The same digest again
//! is a success that stores nothing and repeats the first answer; another digest is a [`Conflict`]. The
//! rule is the same within a batch. A batch is appended whole or not at all, unless it is `partial`.
//!
//! # The window
//! A delivery is either *unclaimed* or *claimed* by the one shard that makes its attempts. A new delivery
//! is born claimed, and handed over right after the commit, when its endpoint has no older unclaimed
//! delivery that is due, and both the endpoint's quota and the window have room. All others wait in the
//! store. When one of them is due and there is room, the endpoint's shard gets one [`ToShard::Backlog`];
//! it calls [`Store::refill`] as its lane has room, and is answered by [`ToShard::Refilled`] with the
//! oldest due ones, which may be none. A delivery leaves the window by its record: an end, or a retry that
//! is not kept.
//!
//! What an endpoint that is not up holds stays long. So until it has acknowledged something, and again from
//! the record of a failed attempt on, its quota is 16, and all such endpoints together hold at most three
//! quarters of the window, half of it by more than a first delivery each.
//!
//! Messages to a shard come in commit order, and the records of a commit before its claims. An endpoint's
//! deliveries all go to one shard, [`Endpoint::shard`].
//!
//! # Claims, for several nodes
//! A claim belongs to a node and carries the node's *fencing token*, which grows with every start. A record
//! only touches rows whose claim is the writer's own token: under a stale token it changes none and is
//! nevertheless reported as recorded, since the shard has nothing more to do for it. Where nodes share a
//! database, each renews a lease by heartbeat, [`Store::lease_left`] says how long it lasts, and no
//! attempt starts with less than one attempt deadline left; a node whose lease has run out loses its
//! claims to the others. A store for one process holds its lock file instead, and its lease lasts as long
//! as it lives. Opening a store releases every claim of an earlier life.
//!
//! # Time
//! Due times are milliseconds of the [steady clock](crate::clock::steady_millis), by the database's clock where
//! several nodes share one. Shards translate them to their monotonic clock. So a wall clock that is set while a
//! server runs makes no delivery early or late. The next process begins with the wall clock as it is then:
//! how far that was set meanwhile is noted in the store, within a minute, and by that much the due times of all that
//! waits are moved when the store is opened. Everything else is wall time.
//!
//! # Changing endpoints
//! An event goes to each endpoint of the webhook that it fires once, whether its domain has it there, or the
//! account, or both; and beside that to the endpoint of the domain's legacy webhook, in another format. When an
//! endpoint is taken out of a webhook, the domain's or the account's, and a domain's events of that kind no longer
//! go to it, the deliveries that it had of them by then are cancelled, and none that come after the same URL is set
//! again. Where the other of the two still has it there, nothing is cancelled. Nor is anything of another kind or
//! format. The cancellation is durable with the change and worked off in slices, so that
//! a million of them never block an append; a delivery that it covers is never handed out again. The shard
//! is told by [`ToShard::Cancelled`]. It and the slices may meet: whoever comes first counts.
//!
//! # Deleting domains
//! A domain that was deleted is gone with the commit: its webhooks, secrets and keys with it, its events are not
//! listed any more, and none of its pending deliveries is handed out again. The shards are told by
//! [`ToShard::DomainDeleted`]. Its deliveries are cancelled and its events removed afterwards, in slices that
//! never block an append, and go on after a restart. A new domain of the same name is another one, with another
//! id: ids of domains are never used twice.
//!
//! # Request bins
//! A bin keeps what is sent to its URL: [`Store::capture`] answers when the request is durable. Within a bin requests
//! have numbers, given in the order of commits and never twice: whoever has seen all up to one misses none by asking for
//! those above it. Each is given the next answer of the bin's script in the same transaction. The oldest leave a bin
//! that is full. A bin that is deleted, that has expired, or whose domain is deleted is gone with that commit; what it has kept
//! is removed in slices by [`Store::forget_bins`].
//!
//! # Listing
//! Events have a total order, [`Position`]: timestamp, then sequence number. Sequence numbers grow in
//! commit order: once [`Store::snapshot`] has returned `s`, no event with a number ≤ `s` will ever be
//! added. (A database whose sequences are not commit-ordered must return a number below that of its
//! oldest open transaction.) A listing between a floor and a snapshot therefore stays the same until
//! retention takes events away.
//!
//! Numbers of a store that was restored from an older copy are given again to other events. [`Epochs`] tell them
//! apart, so that whoever remembers one reads again rather than skip anything.
//!
//! # Filters
//! A listing shows the events that pass its [`Filter`](crate::filter::Filter), decided by the event-data
//! itself. A store keeps an index of each event's [`Facts`](crate::filter::Facts), in the order of listings
//! for each term, and looks where [`Filter::plan`](crate::filter::Filter::plan) leads: what it asks for by
//! indexed terms alone then costs what the page holds, however many events there are. (One table of domain,
//! term, timestamp and sequence number will do, and `postings.rs` does the rest.) Everything else is found by
//! looking at event after event, and given up at [`EventQuery::until`]. Facts may outlive their event for a while, but not
//! their domain.
//!
//! # Bounds
//! See [`Settings`]; at most 100 000 domains, 1 000 000 endpoints and 10 000 API keys. Endpoints that no webhook has and that
//! have no pending delivery are forgotten, [`Store::forget_endpoints`]; their ids are not used again. A full store answers [`AppendError::Full`] (come back later); little free disk,
//! [`StoreError::Disk`].
//!
//! Retention works in slices of so many events, and of about 8 MiB of event-data. It goes by the wall clock
//! at which an event was accepted; where that clock was ahead, an event stays longer, and nothing else does.

pub mod account_webhook;
pub mod accounting;
pub mod addressee;
pub mod bin;
pub mod commits;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod conformance;
pub mod delivery;
pub mod directory;
pub mod endpoint_secrets;
pub mod epochs;
pub mod event;
#[cfg(test)]
mod fixture;
pub mod hook;
pub mod identity;
mod intact;
pub mod key;
pub mod memory;
mod outbox;
mod postings;
pub mod settings;
pub mod sqlite;
pub mod store;
pub mod tally;
pub mod webhooks;
mod window;

use std::fmt;

pub use account_webhook::{AccountWebhook, AccountWebhookId};
pub use accounting::{Accounting, Balance, OldestDue};
pub use addressee::Addressee;
pub use bin::{
    Answer, Bin, BinDraft, BinError, BinLimits, Capture, CaptureQuery, Captured, KindCount, Script,
    ScriptError, StoredCapture,
};
pub use commits::Commits;
pub use delivery::{
    Delivery, DeliveryId, Domains, Endpoint, EndpointId, EndpointUrl, MAX_FAN_OUT, Settled, ToShard,
};
pub use directory::{Directory, Domain, DomainError, DomainId, MAX_URLS, WebhookError};
pub use endpoint_secrets::{EndpointSecrets, SecretOf};
pub use epochs::Epochs;
pub use event::{
    AppendError, Appended, Conflict, EventQuery, NewEvent, Position, QueryError, Seq, StoredEvent,
};
pub use hook::HookKind;
pub use identity::Identity;
pub use key::{ApiKey, KeyError};
pub use memory::Memory;
pub use outbox::Inbox;
pub use settings::Settings;
pub use sqlite::{Examined, OpenCause, OpenError, Sqlite};
pub use store::Store;
pub use tally::Tally;
pub use webhooks::{AccountDraft, AccountEdit, WebhookEdit};

use crate::clock::{steady_millis, wall_millis};

/// What one slice of retention did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Events removed.
    pub removed: usize,
    /// Whether there is nothing left to look at.
    pub done: bool,
}

/// Why a store that was opened cannot do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The disk is full, or too nearly so. Passes when there is room again.
    Disk,
    /// Another program keeps the database locked. Passes when it lets go.
    Busy,
    /// A write or a read failed, or the store is closed. Does not pass; the server must be started anew.
    Broken,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disk => "the data directory's disk has too little free space; make room and try again",
            Self::Busy => "another program keeps the database locked; try again when it has let go",
            Self::Broken => "the store has failed or is closed; the server must be started again",
        })
    }
}

impl std::error::Error for StoreError {}
