//! A model of the dispatcher that looks at everything, at every step, in plain vectors.

use std::collections::{HashMap, VecDeque};

use sealpost_core::dispatch::{Dispatcher, Lane, LaneId, Limits, Slot, Ticket};
use sealpost_core::{Duration, Fault, Gone, Health, Instant, Outcome, Record, Schedule, Verdict};

use super::op::Op;

const SLOTS: usize = 48;
pub(crate) const LANES: usize = 9;
/// Attempts that may be unrecorded for each that may be in flight.
const ROUNDS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Waiting,
    Ready,
    Flying {
        suspect: bool,
    },
    /// Being recorded. `then` is what the record leaves behind.
    Recording {
        counted: bool,
        suspect: bool,
        then: Then,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Leave,
    Wait,
    Cancel,
}

/// The rings in the order of their turns.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ring {
    Up,
    Silent,
    Suspect,
}

const TURNS: [Ring; 3] = [Ring::Up, Ring::Silent, Ring::Suspect];

#[derive(Clone, Debug)]
struct Delivery {
    lane: LaneId,
    attempts: u8,
    due: u64,
    place: Place,
    cancelled: bool,
    /// The newest; `enqueue` tells none, the first attempt does.
    ticket: Option<Ticket>,
}

#[derive(Clone, Debug)]
struct ModelLane {
    health: Health,
    cap: u16,
    window: u16,
    paused: bool,
    backlog: bool,
    ready: VecDeque<u64>,
    probe: Option<u64>,
    probe_until: u64,
    /// The epoch of its last answer, unless it failed since.
    answered: Option<usize>,
    /// The ring that it is eligible in, and the attempts from that ring that started since it is.
    passed_over: (Ring, usize),
}

/// The dispatcher, the model, and a clock.
pub(crate) struct Rig {
    dispatcher: Dispatcher<Vec<Slot>, Vec<Lane>>,
    limits: Limits,
    now: u64,
    next_key: u64,
    deliveries: HashMap<u64, Delivery>,
    lanes: HashMap<LaneId, ModelLane>,
    /// The ring whose turn it is, as an index of `TURNS`.
    turn: usize,
    epoch: usize,
    /// In flight above the fewest since the epoch began.
    grown: usize,
    admitted: u64,
    left: u64,
}

impl Rig {
    pub(crate) fn new(in_flight: u32, quota: u32) -> Self {
        let ms = Duration::from_millis;
        let schedule = Schedule::new(&[ms(1_000), ms(2_000), ms(4_000)]).unwrap();
        let limits = Limits { schedule, deadline: ms(3_000), keep: ms(2_500), in_flight, quota };
        Self {
            dispatcher: Dispatcher::new(vec![Slot::EMPTY; SLOTS], vec![Lane::CLOSED; LANES], limits, 7),
            limits,
            now: 1_000_000,
            next_key: 1,
            deliveries: HashMap::new(),
            lanes: HashMap::new(),
            turn: 0,
            epoch: 1,
            grown: 0,
            admitted: 0,
            left: 0,
        }
    }

    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Open { health, cap } => self.open(Health::from_byte(health), cap),
            Op::Close(n) => self.close(n),
            Op::Enqueue(lanes) => self.enqueue(&lanes),
            Op::Admit { lane, attempts, due } => self.admit(lane, attempts, due),
            Op::Advance(ms) => self.advance(u64::from(ms)),
            Op::Attempts(n) => (0..n).for_each(|_| self.attempt()),
            Op::Outcome { which, status, after } => {
                let after = after.map(Duration::from_millis);
                self.outcome(which, Outcome::from_status(status, after, Gone::Retry), false);
            }
            Op::Broken(which) => self.outcome(which, Outcome::retry(Fault::Connect), false),
            Op::OutcomeThenCancel(which) => self.outcome(which, Outcome::retry(Fault::Status(500)), true),
            Op::BrokenThenCancel(which) => self.outcome(which, Outcome::retry(Fault::Connect), true),
            Op::Recorded(which) => self.recorded(which),
            Op::Cancel(which) => self.cancel(which),
            Op::CancelLane(n) => self.cancel_lane(n),
            Op::Pause(n) => self.pause(n, true),
            Op::Resume(n) => self.pause(n, false),
            Op::Backlog(n) => self.backlog(n),
            Op::Late(which) => self.late(which),
        }
        self.check();
    }

    /// Everything that was taken in comes out, once each.
    pub(crate) fn run_to_the_end(&mut self) {
        for lane in self.lane_ids() {
            self.dispatcher.resume(lane);
            self.lanes.get_mut(&lane).unwrap().paused = false;
        }
        for round in 0..10_000 {
            if self.deliveries.is_empty() {
                break;
            }
            while self.deliveries.values().any(|d| matches!(d.place, Place::Recording { .. })) {
                self.recorded(0);
            }
            self.attempt();
            match round % 3 {
                0 => self.outcome(0, Outcome::Acknowledged, false),
                1 => self.outcome(0, Outcome::retry(Fault::Timeout), false),
                _ => self.advance(700),
            }
            self.check();
        }
        assert!(self.deliveries.is_empty(), "never ended: {:?}", self.deliveries);
        assert_eq!(self.admitted, self.left);
        assert_eq!((self.dispatcher.occupied(), self.dispatcher.in_flight()), (0, 0));
    }

    fn open(&mut self, health: Health, cap: u16) {
        let opened = self.dispatcher.open(health, cap);
        assert_eq!(opened.is_ok(), self.lanes.len() < LANES);
        let Ok(id) = opened else { return };
        let cap = cap.max(1);
        let window = if health == Health::Up { cap } else { 1 };
        let lane = ModelLane {
            health,
            cap,
            window,
            paused: false,
            backlog: false,
            ready: VecDeque::new(),
            probe: None,
            probe_until: 0,
            answered: None,
            passed_over: (Ring::Up, 0),
        };
        assert!(self.lanes.insert(id, lane).is_none(), "an open lane was opened again");
    }

    fn close(&mut self, n: usize) {
        let Some(id) = self.pick_lane(n) else { return };
        let closed = self.dispatcher.close(id);
        if self.held(id) > 0 {
            assert!(closed.is_err());
        } else {
            assert_eq!(closed.unwrap(), self.lanes.remove(&id).unwrap().health);
        }
    }

    fn enqueue(&mut self, wanted: &[usize]) {
        let lanes: Vec<LaneId> = wanted.iter().filter_map(|n| self.pick_lane(*n)).collect();
        let key = self.next_key;
        let fits = lanes.iter().all(|id| {
            let times = lanes.iter().filter(|other| *other == id).count();
            self.held(*id) + times <= self.limits.quota as usize
        }) && self.deliveries.len() + lanes.len() <= SLOTS;
        // The model names deliveries by key, so that each lane gets an event of its own.
        if lanes.len() == 1 {
            let taken = self.dispatcher.enqueue(self.at(), key, &lanes);
            assert_eq!(taken.is_ok(), fits);
            if fits {
                self.took(key, lanes[0], 0, self.now, None);
            }
        } else if !fits && !lanes.is_empty() {
            assert!(self.dispatcher.enqueue(self.at(), key, &lanes).is_err());
        } else {
            for id in lanes {
                let key = self.next_key;
                self.dispatcher.enqueue(self.at(), key, &[id]).unwrap();
                self.took(key, id, 0, self.now, None);
            }
        }
    }

    fn admit(&mut self, n: usize, attempts: u8, due: i64) {
        let Some(id) = self.pick_lane(n) else { return };
        let due = self.now.saturating_add_signed(due);
        let key = self.next_key;
        let fits = self.held(id) < self.limits.quota as usize && self.deliveries.len() < SLOTS;
        let admitted = self.dispatcher.admit(self.at(), key, id, attempts, Instant::from_millis(due));
        assert_eq!(admitted.is_ok(), fits);
        if let Ok(ticket) = admitted {
            self.took(key, id, attempts, due, Some(ticket));
        }
    }

    fn took(&mut self, key: u64, lane: LaneId, attempts: u8, due: u64, ticket: Option<Ticket>) {
        self.next_key += 1;
        self.admitted += 1;
        let place = Place::Waiting;
        let delivery = Delivery { lane, attempts, due, place, cancelled: false, ticket };
        self.deliveries.insert(key, delivery);
        if due <= self.now {
            self.ready(key);
        }
    }

    fn ready(&mut self, key: u64) {
        let delivery = self.deliveries.get_mut(&key).unwrap();
        delivery.place = Place::Ready;
        let lane = self.lanes.get_mut(&delivery.lane).unwrap();
        if lane.health == Health::Down && lane.probe == Some(key) {
            lane.ready.push_front(key);
        } else {
            lane.ready.push_back(key);
        }
    }

    fn advance(&mut self, ms: u64) {
        self.now += ms;
        let mut due: Vec<(u64, u64)> = Vec::new();
        for (key, delivery) in &self.deliveries {
            if delivery.due <= self.now && delivery.place == Place::Waiting {
                due.push((delivery.due, *key));
            }
        }
        due.sort_unstable();
        self.dispatcher.handle_timeout(self.at());
        for (_, key) in due {
            self.ready(key);
        }
        self.end_the_expired();
        self.nothing_expired_is_left();
        self.abort_the_overdue();
    }

    fn abort_the_overdue(&mut self) {
        let overdue: Vec<u64> = self
            .deliveries
            .iter()
            .filter(|(_, d)| matches!(d.place, Place::Flying { .. }) && d.due <= self.now)
            .map(|(key, _)| *key)
            .collect();
        let mut aborted = 0;
        while let Some(ticket) = self.dispatcher.poll_abort(self.at()) {
            let key = *overdue
                .iter()
                .find(|key| self.deliveries[*key].ticket == Some(ticket))
                .expect("aborted an attempt that was within its deadline");
            // One at a time: which one makes the lane go down decides about the probe.
            self.judge(key, Outcome::retry(Fault::Timeout), false);
            self.end_the_expired();
            aborted += 1;
        }
        assert_eq!(aborted, overdue.len(), "an attempt flies beyond its deadline");
    }

    /// What waits behind a probe and has run out of schedule is exhausted.
    fn end_the_expired(&mut self) {
        while let Some(record) = self.dispatcher.poll_record(self.at()) {
            assert_eq!(record.verdict, Verdict::Exhausted);
            let delivery = &self.deliveries[&record.key];
            let lane = &self.lanes[&delivery.lane];
            assert_eq!((lane.health, delivery.place), (Health::Down, Place::Ready));
            assert!(self.expiry(delivery) <= self.now, "exhausted before its schedule had passed");
            assert!(
                self.limits.schedule.attempts() > 1 && !self.probes(lane),
                "exhausted while a probe is out"
            );
            let counted = Place::Recording { counted: false, suspect: false, then: Then::Leave };
            let id = delivery.lane;
            let delivery = self.deliveries.get_mut(&record.key).unwrap();
            delivery.place = counted;
            delivery.ticket = Some(record.ticket);
            let lane = self.lanes.get_mut(&id).unwrap();
            lane.ready.retain(|key| *key != record.key);
            if lane.probe == Some(record.key) {
                lane.probe = None;
            }
        }
    }

    fn nothing_expired_is_left(&self) {
        for lane in self
            .lanes
            .values()
            .filter(|lane| lane.health == Health::Down && lane.probe.is_some() && !self.probes(lane))
        {
            for key in &lane.ready {
                assert!(self.expiry(&self.deliveries[key]) > self.now, "its schedule has passed");
            }
        }
    }

    /// Whether the lane's probe is about to tell whether the endpoint is back.
    fn probes(&self, lane: &ModelLane) -> bool {
        let place = lane.probe.map(|probe| self.deliveries[&probe].place);
        matches!(place, Some(Place::Ready | Place::Flying { .. }))
    }

    fn expiry(&self, delivery: &Delivery) -> u64 {
        delivery.due + u64::from(self.limits.schedule.remaining(delivery.attempts).as_millis())
    }

    fn attempt(&mut self) {
        let eligible = self.eligible();
        let Some(attempt) = self.dispatcher.poll_attempt(self.at()) else {
            assert!(eligible.is_empty(), "could start one of {eligible:?} and did not");
            self.lanes.values_mut().for_each(|lane| lane.passed_over.1 = 0);
            return;
        };
        let id = attempt.lane;
        let (_, served) = *eligible.iter().find(|(lane, _)| *lane == id).expect("must not start");
        self.takes_turns(served, &eligible);
        let suspect = served == Ring::Suspect;
        for (other, ring) in &eligible {
            let lane = self.lanes.get_mut(other).unwrap();
            let (was, passed) = lane.passed_over;
            let passed = if was == *ring { passed } else { 0 };
            lane.passed_over = match (*other == id, *ring == served) {
                (true, _) => (*ring, 0),
                (false, true) => (*ring, passed + 1),
                (false, false) => (*ring, passed),
            };
            // One that was among those that answer is served from there, or comes to the end of its own ring.
            let bound = if *ring == Ring::Silent { 2 * LANES } else { LANES };
            assert!(lane.passed_over.1 < bound, "round robin serves every lane in turn");
        }
        for (other, lane) in &mut self.lanes {
            if !eligible.iter().any(|(id, _)| id == other) {
                lane.passed_over.1 = 0;
            }
        }
        let until = self.expiry(&self.deliveries[&attempt.key]);
        let lane = self.lanes.get_mut(&id).unwrap();
        let head = lane.ready[0];
        let same_due = self.deliveries[&head].due == self.deliveries[&attempt.key].due;
        assert!(head == attempt.key || same_due, "the oldest due goes first");
        lane.ready.retain(|key| *key != attempt.key);
        if lane.health == Health::Down && lane.probe.is_none() {
            lane.probe = Some(attempt.key);
            lane.probe_until = until;
        }
        let delivery = self.deliveries.get_mut(&attempt.key).unwrap();
        assert!(delivery.due <= self.now, "early");
        delivery.attempts += 1;
        delivery.place = Place::Flying { suspect };
        delivery.due = self.now + u64::from(self.limits.deadline.as_millis());
        delivery.ticket = Some(attempt.ticket);
        assert_eq!(attempt.number, delivery.attempts);
        assert_eq!(attempt.deadline.as_millis(), delivery.due);
        self.grown += 1;
        if self.grown >= (self.limits.in_flight as usize / 4).max(1) {
            self.epoch += 1;
            self.grown = 0;
        }
    }

    /// The first ring from that on whose turn it is with a lane that may be served. A lane that has not answered for
    /// long may still stand among those that have, so that its turn passes.
    fn takes_turns(&mut self, served: Ring, eligible: &[(LaneId, Ring)]) {
        let turns = (0..3).map(|turn| TURNS[(self.turn + turn) % 3]);
        let mut able = turns.filter(|ring| eligible.iter().any(|(_, other)| other == ring));
        let first = able.next();
        let then = if first == Some(Ring::Silent) { able.next() } else { None };
        assert!([first, then].contains(&Some(served)), "the rings take turns");
        self.turn = (served as usize + 1) % 3;
    }

    /// Whether the endpoint has answered in this epoch or the one before.
    fn answers(&self, id: LaneId) -> bool {
        self.lanes[&id].answered.is_some_and(|epoch| epoch + 1 >= self.epoch)
    }

    /// The lanes that may be served, and from which ring.
    fn eligible(&self) -> Vec<(LaneId, Ring)> {
        let (places, suspects) = (self.limits.in_flight as usize, self.unrecorded(is_suspect));
        if self.flying(|_| true) >= places || self.unrecorded(|_| true) >= ROUNDS * places {
            return Vec::new();
        }
        let most = (self.limits.in_flight / 4 * 3).max(1) as usize;
        let silent = self.flying(|d| !self.answers(d.lane));
        let some_may_be_silent = silent < (self.limits.in_flight - self.limits.in_flight / 8) as usize;
        let mut eligible = Vec::new();
        for (id, lane) in &self.lanes {
            let Some(head) = lane.ready.front() else { continue };
            let flying = self.flying(|d| d.lane == *id);
            let unrecorded = self.unrecorded(|d| d.lane == *id);
            let may = match lane.health {
                Health::Up => {
                    flying < usize::from(lane.window) && unrecorded < ROUNDS * usize::from(lane.cap)
                }
                Health::Suspect { .. } => unrecorded == 0 && suspects < most,
                Health::Down => {
                    unrecorded == 0 && suspects < most && lane.probe.is_none_or(|probe| probe == *head)
                }
            };
            let ring = match lane.health {
                Health::Up if self.answers(*id) => Ring::Up,
                Health::Up => Ring::Silent,
                _ => Ring::Suspect,
            };
            if may && !lane.paused && (ring == Ring::Up || some_may_be_silent) {
                eligible.push((*id, ring));
            }
        }
        eligible
    }

    fn outcome(&mut self, which: usize, outcome: Outcome, then_cancel: bool) {
        let Some(key) = self.pick(which, |d| matches!(d.place, Place::Flying { .. })) else { return };
        let ticket = self.ticket(key);
        self.dispatcher.handle_outcome(self.at(), ticket, outcome).unwrap();
        assert!(self.dispatcher.handle_outcome(self.at(), ticket, outcome).is_err(), "answered twice");
        let late = then_cancel && self.dispatcher.cancel(ticket).is_ok();
        self.judge(key, outcome, late);
        self.end_the_expired();
    }

    fn judge(&mut self, key: u64, outcome: Outcome, cancelled_since: bool) {
        let all_were_taken = self.flying(|_| true) >= self.limits.in_flight as usize;
        if !all_were_taken {
            self.grown = self.grown.saturating_sub(1);
        }
        let id = self.deliveries[&key].lane;
        let lane = self.lanes.get_mut(&id).unwrap();
        match outcome {
            Outcome::Acknowledged | Outcome::Refused { .. } => {
                lane.health = Health::Up;
                lane.window = (lane.window + 1).min(lane.cap);
                lane.answered = Some(self.epoch);
            }
            Outcome::Retry { fault: Fault::Status(_), .. } => lane.health = Health::Suspect { failures: 0 },
            Outcome::Retry { .. } => {
                lane.health = match lane.health {
                    Health::Up => Health::Suspect { failures: 1 },
                    Health::Suspect { failures } if failures < 9 => {
                        Health::Suspect { failures: failures + 1 }
                    }
                    _ => Health::Down,
                };
            }
        }
        if lane.health != Health::Up {
            lane.answered = None;
        }
        if lane.health == Health::Down {
            lane.window = 1;
        } else {
            lane.probe = None;
        }
        self.expect(key, outcome, cancelled_since);
    }

    /// The one record that the outcome leads to.
    fn expect(&mut self, key: u64, outcome: Outcome, cancelled_since: bool) {
        let record = self.dispatcher.poll_record(self.at()).expect("every outcome is recorded");
        let delivery = self.deliveries.get_mut(&key).unwrap();
        let lane = self.lanes.get_mut(&delivery.lane).unwrap();
        let Record { ticket, attempts, health, .. } = record;
        let retried = matches!(outcome, Outcome::Retry { .. }) && !delivery.cancelled;
        let probes = retried && lane.health == Health::Down && lane.probe.is_none_or(|probe| probe == key);
        let spared = probes && lane.probe == Some(key);
        delivery.attempts -= u8::from(spared);
        assert_eq!((record.key, attempts, health), (key, delivery.attempts, lane.health));
        let Place::Flying { suspect } = delivery.place else { panic!("{:?}", delivery.place) };
        let mut then = Then::Leave;
        match (outcome, record.verdict) {
            (Outcome::Acknowledged, verdict) => assert_eq!(verdict, Verdict::Acknowledged),
            (Outcome::Refused { .. }, verdict) => assert_eq!(verdict, Verdict::Refused),
            (Outcome::Retry { .. }, verdict) if delivery.cancelled || cancelled_since => {
                assert_eq!(verdict, Verdict::Cancelled);
            }
            (Outcome::Retry { .. }, verdict) if probes => {
                let schedule = self.limits.schedule;
                let millis = |wait: Duration| u64::from(wait.as_millis());
                if !spared && let Some(step) = schedule.wait(attempts, None, 0) {
                    lane.probe_until = self.now + millis(step) + millis(schedule.remaining(attempts));
                }
                let step = millis(schedule.wait(1, None, 0).unwrap());
                match verdict {
                    Verdict::Retry { wait, kept: true } => {
                        let wait = millis(wait);
                        delivery.due = self.now + wait;
                        assert!(wait <= step + step / 10, "{step} became {wait}");
                        assert!(step <= wait || delivery.due == lane.probe_until, "{step} became {wait}");
                        assert!(delivery.due <= lane.probe_until, "a probe beyond its schedule");
                        lane.probe = Some(key);
                        then = Then::Wait;
                    }
                    verdict => {
                        assert_eq!(verdict, Verdict::Exhausted);
                        let spent = !spared && schedule.wait(attempts, None, 0).is_none();
                        assert!(spent || self.now >= lane.probe_until);
                    }
                }
            }
            (Outcome::Retry { after, .. }, Verdict::Retry { wait, kept }) => {
                let base = self.limits.schedule.wait(attempts, after, 0).expect("the schedule is spent");
                let (wait, base) = (wait.as_millis(), base.as_millis());
                assert!(base <= wait && wait <= base + base / 10, "{base} became {wait}");
                delivery.due = self.now + u64::from(wait);
                assert_eq!(kept, wait <= self.limits.keep.as_millis());
                then = if kept { Then::Wait } else { Then::Leave };
            }
            (Outcome::Retry { after, .. }, verdict) => {
                assert_eq!(verdict, Verdict::Exhausted);
                assert_eq!(self.limits.schedule.wait(attempts, after, 0), None);
            }
        }
        if then != Then::Wait && lane.probe == Some(key) {
            lane.probe = None;
        }
        delivery.place = Place::Recording { counted: true, suspect, then };
        delivery.ticket = Some(ticket);
    }

    fn recorded(&mut self, which: usize) {
        let Some(key) = self.pick(which, |d| matches!(d.place, Place::Recording { .. })) else { return };
        let delivery = self.deliveries.get_mut(&key).unwrap();
        self.dispatcher.handle_recorded(delivery.ticket.unwrap()).unwrap();
        let Place::Recording { then, .. } = delivery.place else { return };
        match then {
            Then::Leave => {
                self.deliveries.remove(&key);
                self.left += 1;
            }
            Then::Wait => delivery.place = Place::Waiting,
            Then::Cancel => self.expect_cancelled(key),
        }
    }

    fn cancel(&mut self, which: usize) {
        let Some(key) = self.pick(which, |d| d.ticket.is_some()) else { return };
        self.cancel_key(key, true);
    }

    fn cancel_lane(&mut self, n: usize) {
        let Some(id) = self.pick_lane(n) else { return };
        self.dispatcher.cancel_lane(id);
        let mut keys: Vec<u64> =
            self.deliveries.iter().filter(|(_, d)| d.lane == id).map(|(key, _)| *key).collect();
        keys.sort_unstable();
        let mut records: HashMap<u64, Record> =
            std::iter::from_fn(|| self.dispatcher.poll_record(self.at())).map(|r| (r.key, r)).collect();
        for key in keys {
            if matches!(self.deliveries[&key].place, Place::Waiting | Place::Ready) {
                self.take_cancelled(key, records.remove(&key).expect("cancelled, and recorded so"));
            } else {
                self.cancel_key(key, false);
            }
        }
        assert!(records.is_empty());
    }

    fn cancel_key(&mut self, key: u64, call: bool) {
        let delivery = self.deliveries.get_mut(&key).unwrap();
        let cancelled = !call || delivery.ticket.is_some_and(|ticket| self.dispatcher.cancel(ticket).is_ok());
        match &mut delivery.place {
            Place::Waiting | Place::Ready => {
                assert!(cancelled);
                self.expect_cancelled(key);
            }
            Place::Flying { .. } => {
                assert!(cancelled);
                delivery.cancelled = true;
            }
            Place::Recording { then, .. } => {
                if call {
                    assert_eq!(
                        cancelled,
                        *then == Then::Wait,
                        "only what would be tried again can be cancelled"
                    );
                }
                if *then == Then::Wait {
                    *then = Then::Cancel;
                }
            }
        }
    }

    fn expect_cancelled(&mut self, key: u64) {
        let record = self.dispatcher.poll_record(self.at()).expect("cancelled, and recorded so");
        self.take_cancelled(key, record);
    }

    fn take_cancelled(&mut self, key: u64, record: Record) {
        assert_eq!((record.key, record.verdict), (key, Verdict::Cancelled));
        let delivery = self.deliveries.get_mut(&key).unwrap();
        let lane = self.lanes.get_mut(&delivery.lane).unwrap();
        lane.ready.retain(|ready| *ready != key);
        if lane.probe == Some(key) {
            lane.probe = None;
        }
        delivery.place = Place::Recording { counted: false, suspect: false, then: Then::Leave };
        delivery.ticket = Some(record.ticket);
    }

    fn pause(&mut self, n: usize, pause: bool) {
        let Some(id) = self.pick_lane(n) else { return };
        self.lanes.get_mut(&id).unwrap().paused = pause;
        if pause { self.dispatcher.pause(id) } else { self.dispatcher.resume(id) }
    }

    fn backlog(&mut self, n: usize) {
        let Some(id) = self.pick_lane(n) else { return };
        self.dispatcher.mark_backlog(id);
        self.lanes.get_mut(&id).unwrap().backlog = true;
    }

    /// A ticket of an attempt that is over names nobody.
    fn late(&mut self, which: usize) {
        let Some(key) = self.pick(which, |d| matches!(d.place, Place::Recording { .. })) else { return };
        let ticket = self.ticket(key);
        assert!(self.dispatcher.handle_outcome(self.at(), ticket, Outcome::Acknowledged).is_err());
    }

    fn ticket(&self, key: u64) -> Ticket {
        self.deliveries[&key].ticket.expect("has flown")
    }

    fn check(&mut self) {
        assert_eq!(self.dispatcher.occupied() as usize, self.deliveries.len());
        assert_eq!(self.dispatcher.free() as usize, SLOTS - self.deliveries.len());
        assert_eq!(self.dispatcher.in_flight() as usize, self.flying(|_| true));
        assert_eq!(self.dispatcher.unrecorded() as usize, self.unrecorded(|_| true));
        assert!(self.dispatcher.in_flight() <= self.limits.in_flight);
        assert!(self.dispatcher.unrecorded() as usize <= ROUNDS * self.limits.in_flight as usize);
        for (id, lane) in &self.lanes {
            assert_eq!(self.dispatcher.held(*id) as usize, self.held(*id));
            assert_eq!(self.dispatcher.health(*id), lane.health);
            assert!(self.held(*id) <= self.limits.quota as usize);
            assert!(self.unrecorded(|d| d.lane == *id) <= ROUNDS * usize::from(lane.cap));
        }
        let timed = |d: &&Delivery| matches!(d.place, Place::Waiting | Place::Flying { .. });
        let first = self.deliveries.values().filter(timed).map(|d| d.due).min();
        let told = self.dispatcher.poll_timeout().map(Instant::as_millis);
        assert!(first.is_none() || told.is_some_and(|told| Some(told) <= first), "{told:?} > {first:?}");
        self.check_refills();
    }

    fn check_refills(&mut self) {
        while let Some(refill) = self.dispatcher.poll_refill() {
            let lane = self.lanes.get_mut(&refill.lane).unwrap();
            assert!(std::mem::take(&mut lane.backlog), "asked for without a backlog");
            let room =
                (self.limits.quota as usize - self.held(refill.lane)).min(SLOTS - self.deliveries.len());
            assert_eq!(refill.room as usize, room);
        }
        let full = self.deliveries.len() == SLOTS;
        for (id, lane) in self.lanes.iter().filter(|(_, lane)| lane.backlog) {
            let quota = self.limits.quota as usize;
            let nearly_full = self.held(*id) > quota - quota.div_ceil(8);
            assert!(full || nearly_full, "has room and a backlog, and was not asked for: {lane:?}");
        }
    }

    fn held(&self, id: LaneId) -> usize {
        self.deliveries.values().filter(|d| d.lane == id).count()
    }

    /// Attempts without a recorded outcome.
    fn unrecorded(&self, of: impl Fn(&Delivery) -> bool) -> usize {
        let unrecorded = |d: &&Delivery| {
            matches!(d.place, Place::Flying { .. } | Place::Recording { counted: true, .. }) && of(d)
        };
        self.deliveries.values().filter(unrecorded).count()
    }

    /// Attempts under way.
    fn flying(&self, of: impl Fn(&Delivery) -> bool) -> usize {
        self.deliveries.values().filter(|d| matches!(d.place, Place::Flying { .. }) && of(d)).count()
    }

    fn lane_ids(&self) -> Vec<LaneId> {
        let mut ids: Vec<_> = self.lanes.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    fn pick_lane(&self, n: usize) -> Option<LaneId> {
        let ids = self.lane_ids();
        ids.get(n.checked_rem(ids.len())?).copied()
    }

    fn pick(&self, n: usize, of: impl Fn(&Delivery) -> bool) -> Option<u64> {
        let mut keys: Vec<u64> = self.deliveries.iter().filter(|(_, d)| of(d)).map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys.get(n.checked_rem(keys.len())?).copied()
    }

    fn at(&self) -> Instant {
        Instant::from_millis(self.now)
    }
}

/// Whether the attempt took off while its lane was suspect.
fn is_suspect(delivery: &Delivery) -> bool {
    matches!(delivery.place, Place::Flying { suspect: true } | Place::Recording { suspect: true, .. })
}
