//! The dispatcher's own memory, and what can be asked of it without changing it.

use super::answers::Answers;
use super::health::Health;
use super::lane::{Lane, ROUNDS, Ring};
use super::queue::{LaneQueue, Queue};
use super::rings::Rings;
use super::slot::{NIL, Slot};
use super::timers::Timers;
use super::window::Window;
use super::{LaneId, Limits};
use crate::time::Instant;

/// Decides which delivery is attempted when. See the [module](super) for the order of calls.
///
/// ```
/// use sealpost_core::dispatch::{Dispatcher, Health, Lane, Limits, Slot, Verdict};
/// use sealpost_core::{Instant, Outcome};
///
/// let mut dispatcher = Dispatcher::new([Slot::EMPTY; 64], [Lane::CLOSED; 8], Limits::DEFAULT, 0x5eed);
/// let now = Instant::from_millis(1);
/// let lane = dispatcher.open(Health::UNPROVEN, 8)?;
/// dispatcher.enqueue(now, 42, &[lane])?;
///
/// let attempt = dispatcher.poll_attempt(now).unwrap();
/// assert_eq!((attempt.key, attempt.number), (42, 1));
/// // … post it, then:
/// dispatcher.handle_outcome(now, attempt.ticket, Outcome::Acknowledged).unwrap();
/// let record = dispatcher.poll_record(now).unwrap();
/// assert_eq!(record.verdict, Verdict::Acknowledged);
/// // … store it, then:
/// dispatcher.handle_recorded(record.ticket).unwrap();
/// assert_eq!(dispatcher.occupied(), 0);
/// # Ok::<(), sealpost_core::Full>(())
/// ```
#[derive(Debug)]
pub struct Dispatcher<S, L> {
    pub(super) window: Window<S, L>,
    /// None may be in flight once it drains; before, at least one.
    pub(super) limits: Limits,
    pub(super) timers: Timers,
    pub(super) aborts: Queue,
    pub(super) records: Queue,
    pub(super) rings: Rings,
    pub(super) refills: LaneQueue,
    pub(super) down: LaneQueue,
    pub(super) flying: u32,
    /// Attempts whose outcome is not recorded yet, `flying` among them.
    pub(super) unrecorded: u32,
    /// Those of the unrecorded that took off while their lane was suspect.
    pub(super) suspects: u32,
    pub(super) answers: Answers,
    /// When the oldest delivery that waits behind a probe runs out of schedule; [`Instant::NEVER`] if none does.
    pub(super) sweep_at: Instant,
    pub(super) jitter: u32,
}

impl<S, L> Dispatcher<S, L> {
    /// A dispatcher over these slots and lanes, all of them [`Slot::EMPTY`] and [`Lane::CLOSED`]. At most
    /// 2³² − 2 slots and 65 535 lanes are used. `seed` feeds the jitter of the waits; any word will do.
    pub const fn new(slots: S, lanes: L, mut limits: Limits, seed: u32) -> Self {
        if limits.in_flight == 0 {
            limits.in_flight = 1;
        }
        Self {
            window: Window::new(slots, lanes),
            limits,
            timers: Timers::new(),
            aborts: Queue::new(),
            records: Queue::new(),
            rings: Rings::new(),
            refills: LaneQueue::new(Ring::Refill),
            down: LaneQueue::new(Ring::Down),
            flying: 0,
            unrecorded: 0,
            suspects: 0,
            answers: Answers::new(),
            sweep_at: Instant::NEVER,
            jitter: seed | 1,
        }
    }
}

/// Getters.
impl<S: AsRef<[Slot]>, L: AsRef<[Lane]>> Dispatcher<S, L> {
    /// Attempts under way: started, and neither answered nor aborted.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.flying
    }

    /// Attempts that have no recorded outcome yet, those in flight among them.
    #[must_use]
    pub fn unrecorded(&self) -> u32 {
        self.unrecorded
    }

    /// Slots that hold a delivery.
    #[must_use]
    pub fn occupied(&self) -> u32 {
        self.window.occupied()
    }

    /// Slots that hold nothing.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.window.free()
    }

    /// Deliveries that the lane holds.
    #[must_use]
    pub fn held(&self, lane: LaneId) -> u32 {
        self.lane(lane.0).held
    }

    /// Whether outcomes are to be recorded soon: the lane has a delivery ready that may not start, and outcomes that wait
    /// for their record; or so many wait in all that no lane may start one.
    #[must_use]
    pub fn awaits_record(&self, lane: LaneId) -> bool {
        let lane = self.lane(lane.0);
        let waits = lane.head != NIL && lane.unrecorded > lane.flying && lane.wants(&self.answers).is_none();
        waits || self.records_are_behind()
    }

    /// The health of the lane's endpoint.
    #[must_use]
    pub fn health(&self, lane: LaneId) -> Health {
        self.lane(lane.0).health
    }

    /// Whether [`Dispatcher::drain`] was called and no attempt is without a recorded outcome.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.limits.in_flight == 0 && self.unrecorded == 0
    }

    /// Whether so many outcomes wait for their record that no attempt may start.
    pub(super) fn records_are_behind(&self) -> bool {
        self.unrecorded / u32::from(ROUNDS) >= self.limits.in_flight
    }

    pub(super) fn slot(&self, index: u32) -> Slot {
        self.window.slot(index)
    }

    pub(super) fn lane(&self, id: u16) -> Lane {
        self.window.lane(id)
    }

    pub(super) fn room(&self, lane: Lane) -> u32 {
        self.limits.quota.max(1).saturating_sub(lane.held).min(self.free())
    }

    /// When a delivery that waits behind a probe runs out of schedule.
    pub(super) fn expiry(&self, slot: Slot) -> Instant {
        slot.due.after(self.limits.schedule.remaining(slot.attempts))
    }
}
