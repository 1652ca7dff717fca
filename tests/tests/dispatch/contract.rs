//! What the dispatcher promises, one promise a test, in virtual time.

use std::collections::BTreeMap;

use sealpost_core::dispatch::{Dispatcher, Lane, LaneId, Limits, Slot};
use sealpost_core::{Duration, Fault, Full, Gone, Health, Instant, Outcome, Record, Schedule, Verdict};

const MINUTE: u64 = 60_000;

/// A dispatcher whose host answers as scripted, records at once, and moves its clock to the next thing to do.
struct World {
    dispatcher: Dispatcher<Vec<Slot>, Vec<Lane>>,
    now: u64,
    /// (milliseconds since the start, key, attempt number)
    attempts: Vec<(u64, u64, u8)>,
    ends: BTreeMap<u64, Verdict>,
    last_end: u64,
}

const START: u64 = 1_000_000_000;

impl World {
    fn new(limits: Limits) -> Self {
        Self {
            dispatcher: Dispatcher::new(vec![Slot::EMPTY; 4096], vec![Lane::CLOSED; 64], limits, 1),
            now: START,
            attempts: Vec::new(),
            ends: BTreeMap::new(),
            last_end: START,
        }
    }

    fn at(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn lane(&mut self, health: Health) -> LaneId {
        self.dispatcher.open(health, 8).unwrap()
    }

    fn enqueue(&mut self, keys: std::ops::Range<u64>, lane: LaneId) {
        let now = self.at();
        keys.for_each(|key| self.dispatcher.enqueue(now, key, &[lane]).unwrap());
    }

    /// Until nothing is left to do, or for `span` milliseconds. `None` is no answer before the deadline.
    fn run(&mut self, span: u64, mut answer: impl FnMut(u64, LaneId) -> Option<Outcome>) {
        let end = self.now.saturating_add(span);
        loop {
            let now = self.at();
            self.dispatcher.handle_timeout(now);
            while self.dispatcher.poll_abort(now).is_some() {}
            while let Some(attempt) = self.dispatcher.poll_attempt(now) {
                self.attempts.push((self.now - START, attempt.key, attempt.number));
                if let Some(outcome) = answer(attempt.key, attempt.lane) {
                    self.dispatcher.handle_outcome(now, attempt.ticket, outcome).unwrap();
                    self.record();
                }
            }
            if self.record() > 0 {
                continue;
            }
            match self.dispatcher.poll_timeout() {
                Some(next) if next.as_millis() <= end => self.now = next.as_millis().max(self.now),
                _ => break,
            }
        }
        self.now = if span == u64::MAX { self.now } else { end };
    }

    fn record(&mut self) -> usize {
        let now = self.at();
        let mut records = 0;
        while let Some(record) = self.dispatcher.poll_record(now) {
            self.note(record);
            self.dispatcher.handle_recorded(record.ticket).unwrap();
            records += 1;
        }
        records
    }

    fn note(&mut self, record: Record) {
        if record.verdict.is_final() {
            self.last_end = self.now;
            assert!(self.ends.insert(record.key, record.verdict).is_none(), "ended twice");
        }
    }

    fn numbers(&self) -> Vec<u8> {
        self.attempts.iter().map(|(_, _, number)| *number).collect()
    }
}

fn kept() -> Limits {
    Limits { keep: Duration::MAX, quota: 4096, ..Limits::DEFAULT }
}

/// One delivery to an endpoint that always answers so: (its end, minutes of its attempts).
fn fate(answer: Option<Outcome>) -> (Verdict, Vec<u64>) {
    let mut world = World::new(kept());
    let lane = world.lane(Health::UNPROVEN);
    world.enqueue(1..2, lane);
    world.run(u64::MAX, |_, _| answer);
    let minutes = world.attempts.iter().map(|(ms, _, _)| ms / MINUTE).collect();
    (world.ends[&1], minutes)
}

fn status(code: u16) -> Option<Outcome> {
    Some(Outcome::from_status(code, None, Gone::Retry))
}

#[test]
fn any_2xx_ends_a_delivery() {
    for code in [200, 202, 204] {
        assert_eq!(fate(status(code)), (Verdict::Acknowledged, vec![0]));
    }
}

#[test]
fn a_406_stops_a_delivery() {
    assert_eq!(fate(status(406)), (Verdict::Refused, vec![0]));
}

#[test]
fn everything_else_is_retried_on_the_schedule_then_exhausted() {
    for code in [500, 403, 410, 301] {
        let (end, minutes) = fate(status(code));
        assert_eq!((end, minutes.len()), (Verdict::Exhausted, 7), "{code}");
        let waits: Vec<u64> = minutes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (wait, step) in waits.into_iter().zip([5, 10, 15, 60, 120, 240]) {
            assert!(step <= wait && wait <= step + step / 10 + 1, "{wait} min instead of {step}");
        }
    }
}

#[test]
fn a_timeout_is_retried_on_the_schedule_then_exhausted() {
    let (end, minutes) = fate(None);
    assert_eq!((end, minutes.len()), (Verdict::Exhausted, 7));
}

#[test]
fn a_retry_after_moves_the_next_attempt() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Up);
    world.enqueue(1..2, lane);
    let after = Some(Duration::from_mins(30));
    let mut answers = [Outcome::from_status(429, after, Gone::Retry), Outcome::Acknowledged].into_iter();
    world.run(u64::MAX, |_, _| answers.next());
    let minute = world.attempts[1].0 / MINUTE;
    assert!((30..=33).contains(&minute), "{minute}");
}

#[test]
fn an_event_is_taken_for_all_its_endpoints_or_for_none() {
    let mut world = World::new(Limits { quota: 2, ..kept() });
    let (one, two) = (world.lane(Health::Up), world.lane(Health::Up));
    world.enqueue(0..2, one);
    let now = world.at();
    assert_eq!(world.dispatcher.enqueue(now, 9, &[two, one]), Err(Full));
    assert_eq!(world.dispatcher.held(two), 0);
}

#[test]
fn a_long_wait_leaves_the_window_and_comes_back_with_its_history() {
    let mut world = World::new(Limits { keep: Duration::from_secs(60), ..kept() });
    let lane = world.lane(Health::Up);
    world.enqueue(5..6, lane);
    let now = world.at();
    let attempt = world.dispatcher.poll_attempt(now).unwrap();
    world.dispatcher.handle_outcome(now, attempt.ticket, status(500).unwrap()).unwrap();
    let record = world.dispatcher.poll_record(now).unwrap();
    let Verdict::Retry { wait, kept: false } = record.verdict else { panic!("{record:?}") };
    world.dispatcher.handle_recorded(record.ticket).unwrap();
    assert_eq!(world.dispatcher.occupied(), 0);

    world.dispatcher.admit(now, 5, lane, record.attempts, now.after(wait)).unwrap();
    world.run(u64::MAX, |_, _| status(200));
    assert_eq!(world.attempts, [(u64::from(wait.as_millis()), 5, 2)]);
}

#[test]
fn an_answer_makes_room_for_the_next_attempt_until_three_times_as_many_wait_for_their_record() {
    const IN_FLIGHT: u32 = 3;
    let mut world = World::new(Limits { in_flight: IN_FLIGHT, ..kept() });
    let lane = world.lane(Health::Up);
    world.enqueue(0..20, lane);
    let now = world.at();
    let mut records = Vec::new();
    for round in 0..4 {
        let flying: Vec<_> = std::iter::from_fn(|| world.dispatcher.poll_attempt(now)).collect();
        assert_eq!((flying.len(), world.dispatcher.in_flight()), (3, IN_FLIGHT));
        assert_eq!(
            world.dispatcher.awaits_record(lane),
            round == 3,
            "the next round waits for these records"
        );
        for attempt in flying {
            world.dispatcher.handle_outcome(now, attempt.ticket, Outcome::Acknowledged).unwrap();
            records.push(world.dispatcher.poll_record(now).unwrap());
        }
        assert_eq!((world.dispatcher.in_flight(), world.dispatcher.unrecorded()), (0, 3 * (round + 1)));
    }
    assert_eq!(world.dispatcher.poll_attempt(now), None);
    world.dispatcher.handle_recorded(records[0].ticket).unwrap();
    assert!(world.dispatcher.poll_attempt(now).is_some());
    assert_eq!(world.dispatcher.poll_attempt(now), None);
}

#[test]
fn a_suspect_lane_waits_for_the_record_of_its_one_attempt() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::UNPROVEN);
    world.enqueue(0..2, lane);
    let now = world.at();
    let attempt = world.dispatcher.poll_attempt(now).unwrap();
    world.dispatcher.handle_outcome(now, attempt.ticket, status(500).unwrap()).unwrap();
    let record = world.dispatcher.poll_record(now).unwrap();
    assert_eq!((world.dispatcher.in_flight(), world.dispatcher.poll_attempt(now)), (0, None));
    assert!(world.dispatcher.awaits_record(lane));
    world.dispatcher.handle_recorded(record.ticket).unwrap();
    assert!(world.dispatcher.poll_attempt(now).is_some());
}

#[test]
fn suspects_whose_outcomes_are_not_recorded_leave_room_for_the_healthy() {
    let mut world = World::new(Limits { in_flight: 4, ..kept() });
    for _ in 0..8 {
        let dead = world.lane(Health::UNPROVEN);
        world.enqueue(1000..1001, dead);
    }
    let now = world.at();
    let mut failed = 0;
    while let Some(attempt) = world.dispatcher.poll_attempt(now) {
        world.dispatcher.handle_outcome(now, attempt.ticket, status(500).unwrap()).unwrap();
        let _recording = world.dispatcher.poll_record(now).unwrap();
        failed += 1;
    }
    assert_eq!(failed, 3, "three quarters of four");
    let healthy = world.lane(Health::Up);
    world.enqueue(0..1, healthy);
    assert!(world.dispatcher.poll_attempt(now).is_some());
}

#[test]
fn a_late_answer_finds_nobody() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Up);
    world.enqueue(0..1, lane);
    let attempt = world.dispatcher.poll_attempt(world.at()).unwrap();
    world.now += 10_000;
    let now = world.at();
    world.dispatcher.handle_timeout(now);
    assert!(world.dispatcher.handle_outcome(now, attempt.ticket, Outcome::Acknowledged).is_err());
    assert_eq!(world.dispatcher.poll_abort(now), Some(attempt.ticket));
}

#[test]
fn an_answer_to_an_earlier_attempt_is_not_taken_for_one_to_this() {
    let step = Duration::from_millis(1);
    let mut world = World::new(Limits { schedule: Schedule::new(&[step]).unwrap(), ..kept() });
    let lane = world.lane(Health::Up);
    world.enqueue(0..1, lane);
    let first = world.dispatcher.poll_attempt(world.at()).unwrap();
    world.dispatcher.handle_outcome(world.at(), first.ticket, status(500).unwrap()).unwrap();
    world.record();
    world.now += 1;
    let now = world.at();
    world.dispatcher.handle_timeout(now);
    let second = world.dispatcher.poll_attempt(now).unwrap();
    assert!(world.dispatcher.handle_outcome(now, first.ticket, Outcome::Acknowledged).is_err());
    assert!(world.dispatcher.handle_outcome(now, second.ticket, Outcome::Acknowledged).is_ok());
}

#[test]
fn dead_endpoints_leave_a_quarter_of_the_flights_to_the_healthy() {
    let mut world = World::new(Limits { in_flight: 16, ..kept() });
    let dead: Vec<LaneId> = (0..40).map(|_| world.lane(Health::UNPROVEN)).collect();
    let healthy = world.lane(Health::Up);
    for lane in &dead {
        world.enqueue(1000..1010, *lane);
    }
    world.enqueue(0..100, healthy);
    world.run(1_000, |_, lane| (lane == healthy).then_some(Outcome::Acknowledged));
    let delivered = world.ends.keys().filter(|key| **key < 100).count();
    assert_eq!(delivered, 100, "within the second in which the dead ones time out");
}

#[test]
fn after_ten_transport_failures_one_delivery_probes_and_the_others_spend_nothing() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Up);
    world.enqueue(0..100, lane);
    world.run(60 * MINUTE, |_, _| Some(Outcome::retry(Fault::Connect)));
    assert_eq!(world.dispatcher.health(lane), Health::Down);
    let tried: std::collections::BTreeSet<u64> = world.attempts.iter().map(|(_, key, _)| *key).collect();
    assert!(tried.len() <= 18, "{} of 100 were tried", tried.len());
    let probes = world.attempts.iter().filter(|(at, ..)| *at > 0).count();
    assert!((10..=12).contains(&probes), "{probes} probes in an hour");

    world.run(6 * MINUTE, |_, _| Some(Outcome::Acknowledged));
    let delivered = world.ends.values().filter(|end| **end == Verdict::Acknowledged).count();
    assert!(delivered > 80, "{delivered} of 100 within the first step of the schedule");
}

#[test]
fn probing_spends_no_attempts() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Down);
    world.enqueue(0..1, lane);
    let mut fails = 50;
    world.run(u64::MAX, |_, _| {
        fails -= 1;
        Some(if fails >= 0 { Outcome::retry(Fault::Connect) } else { Outcome::Acknowledged })
    });
    assert_eq!(world.ends[&0], Verdict::Acknowledged);
    assert!(world.numbers().iter().all(|number| *number == 1));
}

#[test]
fn what_waits_behind_a_probe_is_exhausted_when_its_schedule_has_passed() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Down);
    world.enqueue(0..50, lane);
    world.run(u64::MAX, |_, _| Some(Outcome::retry(Fault::Connect)));
    let minutes = (world.last_end - START) / MINUTE;
    assert_eq!(world.ends.len(), 50);
    assert!(world.ends.values().all(|end| *end == Verdict::Exhausted));
    assert!((450..=495).contains(&minutes), "{minutes} min for a schedule of 450");
}

#[test]
fn an_endpoint_that_was_down_at_the_start_is_probed_however_old_its_deliveries_are() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Down);
    let now = world.at();
    for key in 0..20 {
        let long_ago = Instant::from_millis(START - 451 * MINUTE);
        world.dispatcher.admit(now, key, lane, 0, long_ago).unwrap();
    }
    world.run(u64::MAX, |_, _| Some(Outcome::Acknowledged));
    assert!(world.ends.len() == 20 && world.ends.values().all(|end| *end == Verdict::Acknowledged));
}

#[test]
fn without_retries_every_delivery_to_a_dead_endpoint_still_gets_its_attempt() {
    let mut world = World::new(Limits { schedule: Schedule::new(&[]).unwrap(), ..kept() });
    let lane = world.lane(Health::Down);
    world.enqueue(0..20, lane);
    world.run(u64::MAX, |_, _| Some(Outcome::retry(Fault::Connect)));
    assert_eq!((world.attempts.len(), world.ends.len()), (20, 20));
}

#[test]
fn a_probe_that_is_cancelled_before_its_record_leaves_its_place() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Down);
    world.enqueue(0..2, lane);
    let now = world.at();
    let probe = world.dispatcher.poll_attempt(now).unwrap();
    world.dispatcher.handle_outcome(now, probe.ticket, Outcome::retry(Fault::Connect)).unwrap();
    world.dispatcher.cancel(probe.ticket).unwrap();
    world.record();
    assert_eq!(world.dispatcher.poll_attempt(now).map(|attempt| attempt.key), Some(1));
}

#[test]
fn a_probe_comes_back_after_the_first_step_however_late_it_is_in_its_schedule() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Suspect { failures: 9 });
    let now = world.at();
    world.dispatcher.admit(now, 1, lane, 5, now).unwrap();
    world.dispatcher.admit(now, 2, lane, 0, now).unwrap();
    let mut fails = 1;
    world.run(10 * MINUTE, |_, _| {
        fails -= 1;
        Some(if fails >= 0 { Outcome::retry(Fault::Connect) } else { Outcome::Acknowledged })
    });
    assert_eq!(world.ends.get(&2), Some(&Verdict::Acknowledged), "{:?}", world.attempts);
}

#[test]
fn a_delivery_behind_others_is_exhausted_when_its_own_schedule_has_passed() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Down);
    let now = world.at();
    world.dispatcher.admit(now, 1, lane, 0, now).unwrap();
    world.dispatcher.admit(now, 2, lane, 0, now).unwrap();
    world.dispatcher.admit(now, 3, lane, 6, now).unwrap();
    world.run(MINUTE, |_, _| Some(Outcome::retry(Fault::Connect)));
    assert_eq!(world.ends.get(&3), Some(&Verdict::Exhausted));
    assert_eq!(world.ends.len(), 1);
}

#[test]
fn an_endpoint_that_comes_back_is_started_slowly() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Down);
    world.enqueue(0..64, lane);
    let now = world.at();
    let mut rounds = Vec::new();
    for _ in 0..6 {
        let flying: Vec<_> = std::iter::from_fn(|| world.dispatcher.poll_attempt(now)).collect();
        rounds.push(flying.len());
        for attempt in flying {
            world.dispatcher.handle_outcome(now, attempt.ticket, Outcome::Acknowledged).unwrap();
        }
        world.record();
    }
    assert_eq!(rounds, [1, 2, 4, 8, 8, 8]);
}

#[test]
fn an_endpoint_that_went_down_at_full_speed_comes_back_slowly_too() {
    let mut world = World::new(Limits { deadline: Duration::from_millis(1), ..kept() });
    let lane = world.lane(Health::Up);
    world.enqueue(0..40, lane);
    world.run(100, |_, _| None);
    assert_eq!(world.dispatcher.health(lane), Health::Down);

    world.now += 10 * MINUTE;
    let now = world.at();
    world.dispatcher.handle_timeout(now);
    let probe = world.dispatcher.poll_attempt(now).unwrap();
    assert_eq!(world.dispatcher.poll_attempt(now), None);
    world.dispatcher.handle_outcome(now, probe.ticket, Outcome::Acknowledged).unwrap();
    world.record();
    assert_eq!(std::iter::from_fn(|| world.dispatcher.poll_attempt(now)).count(), 2);
}

#[test]
fn draining_starts_nothing_and_ends_when_what_flies_is_recorded() {
    let mut world = World::new(kept());
    let lane = world.lane(Health::Up);
    world.enqueue(0..20, lane);
    let now = world.at();
    let attempt = world.dispatcher.poll_attempt(now).unwrap();
    world.dispatcher.drain();
    assert_eq!(world.dispatcher.poll_attempt(now), None);
    assert!(!world.dispatcher.is_drained());
    world.dispatcher.handle_outcome(now, attempt.ticket, Outcome::Acknowledged).unwrap();
    let record = world.dispatcher.poll_record(now).unwrap();
    assert!(!world.dispatcher.is_drained());
    world.dispatcher.handle_recorded(record.ticket).unwrap();
    assert!(world.dispatcher.is_drained());
    assert_eq!(world.dispatcher.held(lane), 19);
}

#[test]
fn a_schedule_of_no_steps_is_one_attempt() {
    let mut world = World::new(Limits { schedule: Schedule::new(&[]).unwrap(), ..kept() });
    let lane = world.lane(Health::Up);
    world.enqueue(3..4, lane);
    world.run(u64::MAX, |_, _| status(500));
    assert_eq!((world.numbers(), world.ends[&3]), (vec![1], Verdict::Exhausted));
}
