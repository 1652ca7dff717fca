//! What a seed stands for: limits, endpoints with their faults, events, and what befalls the host.

use sealpost_core::dispatch::Limits;
use sealpost_core::{Duration, Fault, Gone, Outcome, Schedule};

use super::random::Random;

/// When every plan begins, in wall-clock milliseconds.
pub(crate) const START: u64 = 1_700_000_000_000;
/// Until when something new happens in a plan.
const BUSY: u64 = 20 * 60_000;

/// All that is decided before the first millisecond.
pub(crate) struct Plan {
    pub(crate) limits: Limits,
    pub(crate) slots: usize,
    pub(crate) lanes: usize,
    /// Attempts in flight to one endpoint.
    pub(crate) cap: u16,
    pub(crate) endpoints: Vec<Endpoint>,
    /// When which event comes, and the endpoints that it goes to.
    pub(crate) events: Vec<(u64, Vec<usize>)>,
    /// When an endpoint is taken out of its webhook; later events go to it again.
    pub(crate) cancellations: Vec<(u64, usize)>,
    pub(crate) ends_of_host: Vec<(u64, EndOfHost)>,
    /// The store takes so many milliseconds for a commit, and `stall` within these times.
    pub(crate) commit: u64,
    pub(crate) stall: u64,
    pub(crate) stalls: Vec<std::ops::Range<u64>>,
}

/// How a life of the host ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum EndOfHost {
    /// At once. What the store was writing just then is durable, or it is not; nobody is told.
    Killed { durable: bool },
    /// Attempts in flight end, and none starts.
    Drained,
}

/// A receiver, behaving in turns.
pub(crate) struct Endpoint {
    /// Until when it behaves so, in order; the last lasts for ever.
    turns: Vec<(u64, Behaviour)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Behaviour {
    /// 200 within a tenth of a second.
    Well,
    /// 200 about when the deadline passes, or later.
    Slow,
    /// Never answers.
    Silent,
    /// No connection.
    Away,
    Fails,
    /// 503 with `Retry-After`.
    Busy,
    Refuses,
    /// Any of these, from one attempt to the next.
    Moody,
}

use Behaviour::{Away, Busy, Fails, Moody, Refuses, Silent, Slow, Well};

impl Plan {
    pub(crate) fn of(random: &mut Random) -> Self {
        let (ms, mins) = (Duration::from_millis, Duration::from_mins);
        let schedules: [&[Duration]; 5] = [
            &[mins(5), mins(10), mins(15), mins(60), mins(120), mins(240)],
            &[ms(1_000), ms(2_000), ms(4_000), ms(8_000)],
            &[ms(200), ms(400)],
            &[ms(60_000), ms(5_000), ms(90_000)],
            &[],
        ];
        let limits = Limits {
            schedule: Schedule::new(random.pick(&schedules)).unwrap(),
            deadline: ms(random.within(500..10_000) as u32),
            keep: random.pick(&[ms(0), ms(3_000), mins(1), Duration::MAX]),
            in_flight: random.within(1..17) as u32,
            quota: random.within(1..17) as u32,
        };
        let slots = random.within(8..65) as usize;
        let endpoints = random.within(1..13) as usize;
        let span = random.pick(&[2_000, 60_000, BUSY]);
        let some = |random: &mut Random, most: u64| (0..random.below(most + 1)).collect::<Vec<_>>();
        Self {
            limits,
            slots,
            lanes: random.pick(&[slots, endpoints, 8]),
            cap: random.within(1..9) as u16,
            endpoints: (0..endpoints).map(|_| Endpoint::of(random)).collect(),
            events: (0..random.within(5..100)).map(|_| event(random, span, endpoints)).collect(),
            cancellations: some(random, 2)
                .iter()
                .map(|_| (START + random.below(span * 2), random.below(endpoints as u64) as usize))
                .collect(),
            ends_of_host: some(random, 3)
                .iter()
                .map(|_| {
                    let durable = random.once_in(2);
                    let end = random.pick(&[EndOfHost::Killed { durable }, EndOfHost::Drained]);
                    (START + random.below(span * 2), end)
                })
                .collect(),
            commit: random.pick(&[0, 1, 20]),
            stall: random.within(100..30_000),
            stalls: some(random, 2)
                .iter()
                .map(|_| {
                    let from = START + random.below(span);
                    from..from + random.below(60_000)
                })
                .collect(),
        }
    }

    /// How long a commit takes that begins now.
    pub(crate) fn commit(&self, now: u64) -> u64 {
        if self.stalls.iter().any(|stall| stall.contains(&now)) { self.stall } else { self.commit }
    }

    /// Whether nothing but other endpoints stood in the way between these times.
    pub(crate) fn is_calm(&self, from: u64, to: u64) -> bool {
        let stalled = |stall: &std::ops::Range<u64>| stall.start <= to && from <= stall.end + self.stall;
        let ended = |at: u64| from <= at && at <= to;
        // With fewer in flight, no place is left to those that are up.
        self.limits.in_flight >= 4
            // Retries that wait in the window for longer than this can fill it, where it is small.
            && self.limits.keep <= Duration::from_mins(1)
            && !self.stalls.iter().any(stalled)
            && !self.ends_of_host.iter().any(|(at, _)| ended(*at))
    }
}

fn event(random: &mut Random, span: u64, endpoints: usize) -> (u64, Vec<usize>) {
    let first = random.below(endpoints as u64) as usize;
    let places = random.within(1..4).min(endpoints as u64) as usize;
    (START + random.below(span), (0..places).map(|place| (first + place) % endpoints).collect())
}

impl Endpoint {
    fn of(random: &mut Random) -> Self {
        const ALL: [Behaviour; 8] = [Well, Slow, Silent, Away, Fails, Busy, Refuses, Moody];
        if random.once_in(3) {
            return Self { turns: vec![(u64::MAX, Well)] };
        }
        let mut until = START;
        let mut turns = Vec::new();
        for _ in 0..random.below(4) {
            until += random.within(1..30 * 60_000);
            turns.push((until, random.pick(&ALL)));
        }
        turns.push((u64::MAX, random.pick(&[Well, Well, Well, Silent, Away, Fails, Moody])));
        Self { turns }
    }

    /// Whether it answers every attempt with 200, soon.
    pub(crate) fn is_always_well(&self) -> bool {
        self.turns.iter().all(|(_, behaviour)| *behaviour == Well)
    }

    /// What becomes of an attempt that starts now: after how many milliseconds there is which outcome, if any.
    pub(crate) fn answer(&self, now: u64, deadline: u64, random: &mut Random) -> (u64, Option<Outcome>) {
        let turn = self.turns.iter().find(|(until, _)| now < *until);
        let mut behaviour = turn.map_or(Well, |(_, behaviour)| *behaviour);
        if behaviour == Moody {
            behaviour = random.pick(&[Well, Well, Slow, Silent, Away, Fails, Busy, Refuses]);
        }
        let status = |status, after| Some(Outcome::from_status(status, after, Gone::Retry));
        let soon = random.below(100);
        match behaviour {
            Well | Moody => (soon, status(200, None)),
            // A little before the deadline, or up to ten seconds behind it.
            Slow => (deadline - 50 + soon * soon, status(200, None)),
            Silent => (0, None),
            Away => (soon, Some(Outcome::retry(Fault::Connect))),
            Fails => (soon, status(500, None)),
            Busy => (soon, status(503, Some(Duration::from_secs(random.below(1_000) as u32)))),
            Refuses => (soon, status(406, None)),
        }
    }
}
