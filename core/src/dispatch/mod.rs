//! The dispatcher: which delivery is attempted when, decided without a clock, a socket or a byte of payload.
//!
//! A delivery (one event for one endpoint) stands in a [`Slot`], an endpoint in a [`Lane`]. Both are slices
//! that the caller owns: arrays in firmware, boxed slices in a server, `&mut` slices in a test. The dispatcher
//! keeps the host's key of a delivery and nothing else of it.
//!
//! # The order of calls
//! Four kinds of methods. After any command or input, ask the outputs until each says `None`:
//!
//! | kind | methods |
//! |---|---|
//! | getters | [`in_flight`], [`unrecorded`], [`occupied`], [`free`], [`held`], [`health`], [`awaits_record`], [`is_drained`] |
//! | commands | [`open`], [`close`], [`enqueue`], [`admit`], [`cancel`], [`cancel_lane`], [`pause`], [`resume`], [`mark_backlog`], [`drain`] |
//! | inputs | [`handle_outcome`], [`handle_recorded`], [`handle_timeout`] |
//! | outputs | [`poll_abort`], [`poll_record`], [`poll_refill`], [`poll_attempt`], [`poll_timeout`] |
//!
//! # The life of a delivery
//! ```text
//!            due                poll_attempt           handle_outcome
//! Waiting ─────────▶ Ready ─────────────────▶ Flying ─────────────────▶ Settled
//!    ▲                                          │ deadline                 ▲ │ poll_record
//!    │                                          ▼          poll_abort      │ ▼
//!    │                                       Overdue ──────────────────────┘ Recording
//!    └───────────────── handle_recorded, retry kept ─────────────────────────┘ └──▶ free
//! ```
//! An attempt is in flight until its outcome, and *unrecorded* until [`handle_recorded`]: the host has committed what
//! became of it. There are never more unrecorded attempts than four times as many as may be in flight, of a lane and in
//! all, which bounds the duplicates after a crash; and a slow disk slows attempts instead of growing a queue. So
//! outcomes are written, and the next ones wait for that, while further attempts fly.
//!
//! # Fairness
//! Lanes with a ready delivery form three rings, each served round robin: *up* and answering, *up* but silent, and
//! *suspect* (the last attempt failed, or none was made yet). The rings take turns. A suspect lane has one attempt in
//! flight and the next one once that is recorded, and all suspects together have at most three quarters of all, in flight
//! or not recorded yet, so that dead endpoints never take the room of healthy ones.
//!
//! Endpoints that are up and stop answering all at once are not suspect before their first attempt fails. So a lane
//! that is up is *silent* when it has not answered since it opened or failed, or not lately, and all silent and suspect
//! lanes together have at most seven eighths of all attempts in flight. Lately is counted in what is in flight, not in
//! time: in this *epoch* or the one before, where an epoch ends once a quarter of all that may be in flight has come on
//! top of the fewest since it began. Attempts that are answered as fast as others start never end one, so that a lane
//! that was quiet for a day still answers; while all places are taken, each start counts. With fewer than eight in
//! flight the share is all of them. Where code has to be small, on microcontrollers and in WebAssembly, no lane counts
//! as silent, and the share of the suspects is the only one.
//!
//! After [`Health::DOWN_AFTER`] transport failures in a row a lane is *down*, and one delivery at a time
//! probes it: first the one that failed last, then the oldest that is due. A probe comes back after the first
//! step of the schedule and spends no attempt; the others wait and spend none either. Each, the probe too, is
//! exhausted when what was left of its schedule has passed. A lane that is not up starts with one attempt in
//! flight and gains one with each success, which doubles it each round.
//!
//! An attempt, an outcome and a record cost O(1), a timer O(log slots). [`cancel`] walks one lane's queue,
//! [`cancel_lane`] all slots; after a probe has failed, the queues of the lanes that are down are walked once.
//!
//! [`in_flight`]: Dispatcher::in_flight
//! [`unrecorded`]: Dispatcher::unrecorded
//! [`occupied`]: Dispatcher::occupied
//! [`free`]: Dispatcher::free
//! [`held`]: Dispatcher::held
//! [`health`]: Dispatcher::health
//! [`awaits_record`]: Dispatcher::awaits_record
//! [`is_drained`]: Dispatcher::is_drained
//! [`open`]: Dispatcher::open
//! [`close`]: Dispatcher::close
//! [`enqueue`]: Dispatcher::enqueue
//! [`admit`]: Dispatcher::admit
//! [`cancel`]: Dispatcher::cancel
//! [`cancel_lane`]: Dispatcher::cancel_lane
//! [`pause`]: Dispatcher::pause
//! [`resume`]: Dispatcher::resume
//! [`mark_backlog`]: Dispatcher::mark_backlog
//! [`drain`]: Dispatcher::drain
//! [`handle_outcome`]: Dispatcher::handle_outcome
//! [`handle_recorded`]: Dispatcher::handle_recorded
//! [`handle_timeout`]: Dispatcher::handle_timeout
//! [`poll_abort`]: Dispatcher::poll_abort
//! [`poll_record`]: Dispatcher::poll_record
//! [`poll_refill`]: Dispatcher::poll_refill
//! [`poll_attempt`]: Dispatcher::poll_attempt
//! [`poll_timeout`]: Dispatcher::poll_timeout

#[cfg_attr(any(target_os = "none", target_family = "wasm"), path = "no_answers.rs")]
mod answers;
mod dispatcher;
mod health;
mod lane;
mod queue;
mod record;
mod rings;
mod slot;
mod state;
mod timers;
mod window;

pub use dispatcher::Dispatcher;
pub use health::Health;
pub use lane::Lane;
pub use record::{Record, Verdict};
pub use slot::Slot;

use core::fmt;

use crate::retry::Schedule;
use crate::time::{Duration, Instant};

/// What the operator decides about attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The waits between the attempts of a delivery.
    pub schedule: Schedule,
    /// How long one attempt may take, connect to last byte.
    pub deadline: Duration,
    /// A longer wait than this leaves the window by a record and comes back through storage. A host without
    /// storage sets [`Duration::MAX`].
    pub keep: Duration,
    /// Attempts in flight in all, and three times as many whose outcome is being recorded; 0 counts as 1.
    pub in_flight: u32,
    /// Slots that one lane may hold, so that an endpoint with a long backlog leaves room for others; 0 counts
    /// as 1.
    pub quota: u32,
}

impl Limits {
    /// Mailgun's schedule, 10 s for an attempt, one minute kept, 256 in flight, 256 slots for a lane.
    pub const DEFAULT: Self = Self {
        schedule: Schedule::MAILGUN,
        deadline: Duration::from_secs(10),
        keep: Duration::from_secs(60),
        in_flight: 256,
        quota: 256,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Names a delivery in its slot, and from [`Dispatcher::poll_attempt`] on one attempt of it: slot index and
/// generation. Good until the next attempt starts or the delivery leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ticket {
    index: u32,
    generation: u32,
}

impl Ticket {
    /// The index of the slot, for hosts that keep something beside each slot.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.index as usize
    }
}

/// Names an open lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LaneId(u16);

impl LaneId {
    /// The index of the lane, for hosts that keep something beside each lane.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An attempt to be started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Attempt {
    /// Names the attempt in [`Dispatcher::handle_outcome`].
    pub ticket: Ticket,
    /// The host's key of the delivery.
    pub key: u64,
    /// The endpoint's lane.
    pub lane: LaneId,
    /// The number of this attempt, from 1.
    pub number: u8,
    /// When it has to have ended.
    pub deadline: Instant,
}

/// A lane that has room for more of what storage holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refill {
    /// The lane.
    pub lane: LaneId,
    /// How many deliveries it can take at the moment.
    pub room: u32,
}

/// The ticket names nobody: the attempt has ended, or its deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stale;

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ticket is stale: its attempt has ended")
    }
}

impl core::error::Error for Stale {}

/// The lane still holds deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lane still holds deliveries")
    }
}

impl core::error::Error for Busy {}
