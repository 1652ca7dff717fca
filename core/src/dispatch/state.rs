//! Every transition of every delivery stands in this file: commands, inputs, outputs, and what they share.

use super::dispatcher::Dispatcher;
use super::health::Health;
use super::lane::{Lane, Ring};
use super::queue::{LaneQueue, Queue};
use super::rings::Shares;
use super::slot::{End, NIL, Phase, Slot};
use super::{Attempt, Busy, LaneId, Record, Refill, Stale, Ticket, Verdict};
use crate::error::Full;
use crate::outcome::Outcome;
use crate::time::{Duration, Instant};

/// Commands.
impl<S, L> Dispatcher<S, L>
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    L: AsRef<[Lane]> + AsMut<[Lane]>,
{
    /// Opens a lane for an endpoint of this health with at most `cap` attempts in flight, and three times as many whose
    /// outcome is being recorded (0 counts as 1, and more than 16 383 as that).
    ///
    /// # Errors
    /// [`Full`] when every lane is open.
    pub fn open(&mut self, health: Health, cap: u16) -> Result<LaneId, Full> {
        let id = self.window.take_lane().ok_or(Full)?;
        self.edit_lane(id, |lane| lane.open(health, cap));
        if health == Health::Down {
            self.down.push(self.window.lanes_mut(), id);
        }
        Ok(LaneId(id))
    }

    /// Closes a lane and tells its endpoint's health.
    ///
    /// # Errors
    /// [`Busy`] while the lane holds a delivery.
    pub fn close(&mut self, lane: LaneId) -> Result<Health, Busy> {
        let was = self.lane(lane.0);
        if was.held > 0 || !was.is_open() {
            return Err(Busy);
        }
        self.window.return_lane(lane.0);
        Ok(was.health)
    }

    /// Takes in one event for all of these lanes, due now, or none of it: for hosts without storage.
    ///
    /// # Errors
    /// [`Full`] when a lane or the window has no room for all.
    pub fn enqueue(&mut self, now: Instant, key: u64, lanes: &[LaneId]) -> Result<(), Full> {
        let fits = |id: &LaneId| {
            let lane = self.lane(id.0);
            let wanted = lanes.iter().filter(|other| *other == id).count();
            lane.is_open() && self.room(lane) as usize >= wanted
        };
        if lanes.len() > self.free() as usize || !lanes.iter().all(fits) {
            return Err(Full);
        }
        for lane in lanes {
            let _room = self.take_in(now, key, *lane, 0, now);
        }
        Ok(())
    }

    /// Takes in one delivery with its history: `attempts` made so far, `due` next. For hosts with storage.
    ///
    /// # Errors
    /// [`Full`] when the lane is closed or at its quota, or every slot is taken.
    pub fn admit(
        &mut self,
        now: Instant,
        key: u64,
        lane: LaneId,
        attempts: u8,
        due: Instant,
    ) -> Result<Ticket, Full> {
        let target = self.lane(lane.0);
        if !target.is_open() || self.room(target) == 0 {
            return Err(Full);
        }
        let index = self.take_in(now, key, lane, attempts, due).ok_or(Full)?;
        Ok(Ticket { index, generation: self.slot(index).generation })
    }

    /// Cancels one delivery. One that is in flight flies on, and its acknowledgement or refusal still counts,
    /// but it is not tried again. Walks the lane's queue if the delivery is ready.
    ///
    /// # Errors
    /// [`Stale`] when the ticket names no delivery, or one whose final outcome is known.
    pub fn cancel(&mut self, ticket: Ticket) -> Result<(), Stale> {
        let slot = self.slot(ticket.index);
        if slot.generation != ticket.generation {
            return Err(Stale);
        }
        let index = ticket.index;
        match (slot.phase(), slot.end()) {
            (Phase::Waiting, _) => {
                self.timers.remove(self.window.slots_mut(), index);
                self.settle(index, End::Cancelled);
            }
            (Phase::Ready, _) => {
                self.unqueue(slot.lane, index);
                self.settle(index, End::Cancelled);
            }
            (Phase::Flying | Phase::Overdue, _) | (Phase::Recording, End::Kept) => {
                self.edit(index, |slot| slot.set_end(End::CancelNext));
            }
            (Phase::Settled, End::Kept | End::Leaves) => {
                self.edit(index, |slot| slot.set_end(End::Cancelled));
                self.dismiss_probe(index);
                self.seat(slot.lane);
            }
            _ => return Err(Stale),
        }
        Ok(())
    }

    /// Cancels everything that the lane holds. Looks at every slot that was ever used.
    pub fn cancel_lane(&mut self, lane: LaneId) {
        let mut queue = self.ready(lane.0);
        self.set_ready(lane.0, Queue::new());
        while let Some(index) = queue.pop(self.window.slots_mut()) {
            self.settle(index, End::Cancelled);
        }
        for index in 0..self.window.touched() {
            let slot = self.slot(index);
            if slot.lane == lane.0 && slot.phase() != Phase::Free {
                let _ended_already = self.cancel(Ticket { index, generation: slot.generation });
            }
        }
    }

    /// Starts no attempt of this lane until [`Dispatcher::resume`].
    pub fn pause(&mut self, lane: LaneId) {
        self.edit_lane(lane.0, |lane| lane.set_paused(true));
    }

    /// Ends a [`Dispatcher::pause`].
    pub fn resume(&mut self, lane: LaneId) {
        self.edit_lane(lane.0, |lane| lane.set_paused(false));
        self.seat(lane.0);
    }

    /// Notes that storage holds deliveries for this lane that are due: [`Dispatcher::poll_refill`] will ask for them.
    pub fn mark_backlog(&mut self, lane: LaneId) {
        self.edit_lane(lane.0, |lane| lane.set_backlog(true));
        self.want_refill(lane.0);
    }

    /// Starts no attempt any more. Those in flight end and are recorded as ever.
    pub fn drain(&mut self) {
        self.limits.in_flight = 0;
    }
}

/// Inputs.
impl<S, L> Dispatcher<S, L>
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    L: AsRef<[Lane]> + AsMut<[Lane]>,
{
    /// An attempt has ended.
    ///
    /// # Errors
    /// [`Stale`] when the attempt is not in flight: it ended, or its deadline came first.
    pub fn handle_outcome(&mut self, now: Instant, ticket: Ticket, outcome: Outcome) -> Result<(), Stale> {
        let slot = self.slot(ticket.index);
        if slot.generation != ticket.generation || slot.phase() != Phase::Flying {
            return Err(Stale);
        }
        self.timers.remove(self.window.slots_mut(), ticket.index);
        self.judge(now, ticket.index, outcome);
        Ok(())
    }

    /// The host has committed the record of this ticket.
    ///
    /// # Errors
    /// [`Stale`] when no record of this ticket is under way.
    pub fn handle_recorded(&mut self, ticket: Ticket) -> Result<(), Stale> {
        let slot = self.slot(ticket.index);
        if slot.generation != ticket.generation || slot.phase() != Phase::Recording {
            return Err(Stale);
        }
        if slot.is_unrecorded() {
            self.edit(ticket.index, Slot::forget_attempt);
            // Each was counted when it took off: none of these is 0.
            self.edit_lane(slot.lane, |lane| lane.unrecorded = lane.unrecorded.wrapping_sub(1));
            self.unrecorded = self.unrecorded.wrapping_sub(1);
            self.suspects = self.suspects.wrapping_sub(u32::from(slot.took_off_suspect()));
        }
        match slot.end() {
            End::Kept => self.make_waiting(ticket.index),
            End::CancelNext => self.settle(ticket.index, End::Cancelled),
            _ => self.vacate(ticket.index),
        }
        self.seat(slot.lane);
        Ok(())
    }

    /// Time has passed: due deliveries become ready, attempts beyond their deadline are to be aborted.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((index, due)) = self.timers.first(self.window.slots()) {
            if due > now {
                break;
            }
            self.timers.remove(self.window.slots_mut(), index);
            if self.slot(index).phase() == Phase::Flying {
                self.edit(index, |slot| slot.set_phase(Phase::Overdue));
                self.aborts.push(self.window.slots_mut(), index);
            } else {
                self.make_ready(index);
            }
        }
        if self.sweep_at <= now {
            self.sweep(now);
        }
    }
}

/// Outputs.
impl<S, L> Dispatcher<S, L>
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    L: AsRef<[Lane]> + AsMut<[Lane]>,
{
    /// The next attempt to start now.
    #[must_use]
    pub fn poll_attempt(&mut self, now: Instant) -> Option<Attempt> {
        if self.flying >= self.limits.in_flight || self.records_are_behind() {
            return None;
        }
        let shares = self.shares();
        let id = self.rings.next(self.window.lanes_mut(), &self.answers, shares)?;
        let lane = self.lane(id);
        let index = lane.head;
        self.unqueue(id, index);
        let suspect = lane.health != Health::Up;
        if lane.health == Health::Down && lane.probe == NIL {
            let until = self.expiry(self.slot(index));
            self.edit_lane(id, |lane| (lane.probe, lane.probe_until) = (index, until));
        }
        let deadline = now.after(self.limits.deadline);
        self.edit(index, |slot| {
            slot.set_phase(Phase::Flying);
            slot.set_end(End::Open);
            slot.take_off(suspect);
            slot.attempts = slot.attempts.saturating_add(1);
            slot.generation = slot.generation.wrapping_add(1);
            slot.due = deadline;
        });
        self.timers.insert(self.window.slots_mut(), index);
        self.take_off(id, suspect);
        self.seat(id);
        let Slot { key, attempts, generation, .. } = self.slot(index);
        Some(Attempt {
            ticket: Ticket { index, generation },
            key,
            lane: LaneId(id),
            number: attempts,
            deadline,
        })
    }

    /// The next attempt whose deadline has passed: the host closes its connection and forgets the ticket.
    #[must_use]
    pub fn poll_abort(&mut self, now: Instant) -> Option<Ticket> {
        let index = self.aborts.pop(self.window.slots_mut())?;
        self.judge(now, index, Outcome::retry(crate::Fault::Timeout));
        Some(Ticket { index, generation: self.slot(index).generation })
    }

    /// The next record for storage.
    #[must_use]
    pub fn poll_record(&mut self, now: Instant) -> Option<Record> {
        let index = self.records.pop(self.window.slots_mut())?;
        self.edit(index, |slot| slot.set_phase(Phase::Recording));
        let slot = self.slot(index);
        let wait = slot.due.since(now);
        let verdict = match slot.end() {
            End::Acknowledged => Verdict::Acknowledged,
            End::Refused => Verdict::Refused,
            End::Kept => Verdict::Retry { wait, kept: true },
            End::Leaves => Verdict::Retry { wait, kept: false },
            End::Exhausted => Verdict::Exhausted,
            End::Cancelled | End::CancelNext | End::Open => Verdict::Cancelled,
        };
        Some(Record {
            ticket: Ticket { index, generation: slot.generation },
            key: slot.key,
            lane: LaneId(slot.lane),
            attempts: slot.attempts,
            verdict,
            health: self.lane(slot.lane).health,
        })
    }

    /// The next lane that has room for what storage holds. Each [`Dispatcher::mark_backlog`] is asked for once.
    #[must_use]
    pub fn poll_refill(&mut self) -> Option<Refill> {
        while self.free() > 0 {
            let id = self.refills.pop(self.window.lanes_mut())?;
            let lane = self.lane(id);
            let room = self.room(lane);
            if lane.is_open() && lane.has_backlog() && room > 0 {
                self.edit_lane(id, |lane| lane.set_backlog(false));
                return Some(Refill { lane: LaneId(id), room });
            }
        }
        None
    }

    /// When [`Dispatcher::handle_timeout`] has something to do next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first(self.window.slots()).map_or(Instant::NEVER, |(_, due)| due);
        let next = timer.min(self.sweep_at);
        (next != Instant::NEVER).then_some(next)
    }
}

/// Transitions.
impl<S, L> Dispatcher<S, L>
where
    S: AsRef<[Slot]> + AsMut<[Slot]>,
    L: AsRef<[Lane]> + AsMut<[Lane]>,
{
    /// A slot for a delivery of a lane that has room; `None` where no slot is free.
    fn take_in(&mut self, now: Instant, key: u64, lane: LaneId, attempts: u8, due: Instant) -> Option<u32> {
        let index = self.window.take_slot()?;
        self.edit_lane(lane.0, |lane| lane.held += 1);
        self.edit(index, |slot| {
            slot.key = key;
            slot.lane = lane.0;
            slot.attempts = attempts;
            slot.due = due;
            slot.forget_attempt();
        });
        if due <= now {
            self.make_ready(index);
        } else {
            self.make_waiting(index);
        }
        Some(index)
    }

    fn make_waiting(&mut self, index: u32) {
        self.edit(index, |slot| slot.set_phase(Phase::Waiting));
        self.timers.insert(self.window.slots_mut(), index);
    }

    /// Queues a due delivery; a probe goes to the front.
    fn make_ready(&mut self, index: u32) {
        self.edit(index, |slot| slot.set_phase(Phase::Ready));
        let slot = self.slot(index);
        let mut queue = self.ready(slot.lane);
        if self.lane(slot.lane).probe == index {
            queue.push_front(self.window.slots_mut(), index);
        } else {
            queue.push(self.window.slots_mut(), index);
        }
        self.set_ready(slot.lane, queue);
        if self.has_failed_probe(slot.lane) {
            self.sweep_by(self.expiry(slot));
        }
        self.seat(slot.lane);
    }

    /// Who may have one more in flight.
    fn shares(&self) -> Shares {
        let most = self.limits.in_flight;
        let missing = self.answers.missing(self.flying);
        let silent = missing < (most - most / 8).max(1);
        Shares { silent, suspects: silent && self.suspects < (most / 4 * 3).max(1) }
    }

    /// One more is in flight.
    fn take_off(&mut self, id: u16, suspect: bool) {
        self.flying += 1;
        self.unrecorded += 1;
        self.suspects += u32::from(suspect);
        let most = self.limits.in_flight;
        let answers = &mut self.answers;
        self.window.edit_lane(id, |lane| {
            lane.unrecorded = lane.unrecorded.saturating_add(1);
            answers.start(lane, most);
        });
    }

    /// One less is in flight.
    fn land(&mut self, slot: Slot) {
        let all_were_taken = self.flying >= self.limits.in_flight;
        self.flying = self.flying.saturating_sub(1);
        let answers = &mut self.answers;
        self.window.edit_lane(slot.lane, |lane| answers.end(lane, all_were_taken));
    }

    /// Whether the lane counts as answering from now on.
    fn answers(&mut self, id: u16, answers: bool) {
        let all = &mut self.answers;
        self.window.edit_lane(id, |lane| if answers { all.note(lane) } else { all.forget(lane) });
    }

    /// What the outcome of a flown attempt means for the delivery and for its lane.
    fn judge(&mut self, now: Instant, index: u32, outcome: Outcome) {
        let slot = self.slot(index);
        self.land(slot);
        let end = match outcome {
            Outcome::Acknowledged | Outcome::Refused { .. } => {
                self.edit_lane(slot.lane, Lane::succeeded);
                self.answers(slot.lane, true);
                if outcome == Outcome::Acknowledged { End::Acknowledged } else { End::Refused }
            }
            Outcome::Retry { fault, after } => {
                self.edit_lane(slot.lane, |lane| lane.failed(fault.is_transport()));
                self.answers(slot.lane, false);
                let lane = self.lane(slot.lane);
                let probes = lane.health == Health::Down && (lane.probe == NIL || lane.probe == index);
                let jitter = self.next_jitter();
                match slot.end() {
                    End::CancelNext => End::Cancelled,
                    _ if probes => self.probe_again(now, index, jitter),
                    _ => self.postpone(now, index, after, jitter),
                }
            }
        };
        self.settle(index, end);
        if self.lane(slot.lane).health == Health::Down && !self.probe_is_out(slot.lane) {
            self.sweep_lane(now, slot.lane);
        }
    }

    /// The delivery waits for the next step of its schedule, here or in storage.
    fn postpone(&mut self, now: Instant, index: u32, after: Option<Duration>, jitter: u32) -> End {
        let Some(wait) = self.limits.schedule.wait(self.slot(index).attempts, after, jitter) else {
            return End::Exhausted;
        };
        self.edit(index, |slot| slot.due = now.after(wait));
        if wait <= self.limits.keep { End::Kept } else { End::Leaves }
    }

    /// The delivery is, or becomes, the probe of its lane. A probe comes back after the first step of the
    /// schedule, so that an endpoint is soon known to be back, and keeps its slot until then, or everything else
    /// of the lane would be tried in its place. Probing spends no attempt; what ends it is time.
    fn probe_again(&mut self, now: Instant, index: u32, jitter: u32) -> End {
        let slot = self.slot(index);
        self.down.push(self.window.lanes_mut(), slot.lane);
        if self.lane(slot.lane).probe == index {
            self.edit(index, |slot| slot.attempts = slot.attempts.saturating_sub(1));
        } else {
            let Some(step) = self.limits.schedule.wait(slot.attempts, None, 0) else {
                return End::Exhausted;
            };
            let until = now.after(step).after(self.limits.schedule.remaining(slot.attempts));
            self.edit_lane(slot.lane, |lane| (lane.probe, lane.probe_until) = (index, until));
        }
        let until = self.lane(slot.lane).probe_until;
        match self.limits.schedule.wait(1, None, jitter) {
            Some(wait) if now < until => {
                self.edit(index, |slot| slot.due = now.after(wait).min(until));
                End::Kept
            }
            _ => End::Exhausted,
        }
    }

    /// The delivery has an end: to be recorded. A final end of a probe leaves its place to the next.
    fn settle(&mut self, index: u32, end: End) {
        self.edit(index, |slot| {
            slot.set_phase(Phase::Settled);
            slot.set_end(end);
        });
        self.records.push(self.window.slots_mut(), index);
        if end != End::Kept {
            self.dismiss_probe(index);
        }
        self.seat(self.slot(index).lane);
    }

    fn dismiss_probe(&mut self, index: u32) {
        self.edit_lane(self.slot(index).lane, |lane| {
            if lane.probe == index {
                lane.probe = NIL;
            }
        });
    }

    /// The slot is nobody's again.
    fn vacate(&mut self, index: u32) {
        let id = self.slot(index).lane;
        self.window.return_slot(index);
        self.edit_lane(id, |lane| lane.held = lane.held.saturating_sub(1));
        self.want_refill(id);
    }

    /// Ends what has run out of schedule behind probes that have failed and not come back yet. While a probe
    /// is ready or flies nothing is ended: it may show that the endpoint is up again.
    fn sweep(&mut self, now: Instant) {
        self.sweep_at = Instant::NEVER;
        let mut down = core::mem::replace(&mut self.down, LaneQueue::new(Ring::Down));
        while let Some(id) = down.pop(self.window.lanes_mut()) {
            if self.lane(id).health != Health::Down || !self.lane(id).is_open() {
                continue;
            }
            self.down.push(self.window.lanes_mut(), id);
            if self.has_failed_probe(id) {
                self.sweep_lane(now, id);
            }
        }
    }

    fn sweep_lane(&mut self, now: Instant, id: u16) {
        if self.limits.schedule.attempts() == 1 {
            // Without retries nothing ever waits behind a probe: it ends with its one attempt.
            return;
        }
        let (mut queue, mut rest) = (self.ready(id), Queue::new());
        self.set_ready(id, rest);
        while let Some(index) = queue.pop(self.window.slots_mut()) {
            let expiry = self.expiry(self.slot(index));
            if expiry <= now {
                self.settle(index, End::Exhausted);
            } else {
                rest.push(self.window.slots_mut(), index);
                self.sweep_by(expiry);
            }
        }
        self.set_ready(id, rest);
    }

    /// Whether a probe has failed and will come back.
    fn has_failed_probe(&self, id: u16) -> bool {
        self.lane(id).probe != NIL && !self.probe_is_out(id)
    }

    /// Whether a probe is about to tell how the endpoint is.
    fn probe_is_out(&self, id: u16) -> bool {
        let probe = self.slot(self.lane(id).probe).phase();
        matches!(probe, Phase::Ready | Phase::Flying | Phase::Overdue)
    }

    fn sweep_by(&mut self, at: Instant) {
        self.sweep_at = self.sweep_at.min(at);
    }

    fn ready(&self, id: u16) -> Queue {
        let Lane { head, tail, .. } = self.lane(id);
        Queue { head, tail }
    }

    fn set_ready(&mut self, id: u16, queue: Queue) {
        self.edit_lane(id, |lane| (lane.head, lane.tail) = (queue.head, queue.tail));
    }

    fn seat(&mut self, id: u16) {
        self.rings.seat(self.window.lanes_mut(), &self.answers, id);
    }

    /// Has the lane asked for more once an eighth of its quota is free: early, since the answer takes two commits.
    fn want_refill(&mut self, id: u16) {
        let (lane, quota) = (self.lane(id), self.limits.quota);
        if lane.has_backlog() && lane.held <= quota - quota.div_ceil(8) {
            self.refills.push(self.window.lanes_mut(), id);
        }
    }

    fn unqueue(&mut self, id: u16, index: u32) {
        let mut queue = self.ready(id);
        queue.unlink(self.window.slots_mut(), index);
        self.set_ready(id, queue);
    }

    fn next_jitter(&mut self) -> u32 {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 17;
        self.jitter ^= self.jitter << 5;
        self.jitter
    }

    fn edit(&mut self, index: u32, edit: impl FnOnce(&mut Slot)) {
        self.window.edit(index, edit);
    }

    fn edit_lane(&mut self, id: u16, edit: impl FnOnce(&mut Lane)) {
        self.window.edit_lane(id, edit);
    }
}
