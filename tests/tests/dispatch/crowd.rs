//! Very many endpoints at once, in virtual time: who is well does not wait for those that have stopped answering.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sealpost_core::dispatch::{Dispatcher, Lane, LaneId, Limits, Slot};
use sealpost_core::{Health, Instant, Outcome, Ticket, Verdict};

const SECOND: u64 = 1_000;
/// When the crowd stops answering.
const SILENCE: u64 = 20 * SECOND;
const DEADLINE: u64 = 10 * SECOND;
/// No longer than this is no waiting.
const SOON: u64 = 100;
/// How long the store takes to commit a record.
const COMMIT: u64 = 2;

/// Endpoints that get an event every so many milliseconds and answer after so many.
#[derive(Clone, Copy)]
struct Group {
    endpoints: usize,
    every: u64,
    answer: u64,
    /// From when on they answer no more.
    silent_from: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Event { endpoint: usize },
    Answer { attempt: usize },
    Recorded { attempt: usize },
}

/// A delivery to an endpoint of a group, and when it was due and started.
#[derive(Clone, Copy)]
struct Seen {
    group: usize,
    endpoint: usize,
    due: u64,
    started: Option<u64>,
    acknowledged: Option<u64>,
}

struct World {
    dispatcher: Dispatcher<Vec<Slot>, Vec<Lane>>,
    now: u64,
    coming: BinaryHeap<Reverse<(u64, u64, Coming)>>,
    order: u64,
    /// By endpoint.
    groups: Vec<(usize, Group, LaneId)>,
    tickets: Vec<Ticket>,
    /// By key.
    seen: Vec<Seen>,
}

impl World {
    fn run(groups: &[Group], until: u64) -> Vec<Seen> {
        let all: usize = groups.iter().map(|group| group.endpoints).sum();
        let (slots, lanes) = (vec![Slot::EMPTY; 65_536], vec![Lane::CLOSED; all]);
        let mut world = Self {
            dispatcher: Dispatcher::new(slots, lanes, Limits::DEFAULT, 1),
            now: 0,
            coming: BinaryHeap::new(),
            order: 0,
            groups: Vec::new(),
            tickets: Vec::new(),
            seen: Vec::new(),
        };
        for (number, group) in groups.iter().enumerate() {
            for place in 0..group.endpoints {
                let health = if group.silent_from == 0 { Health::UNPROVEN } else { Health::Up };
                let lane = world.dispatcher.open(health, 8).unwrap();
                let first = group.every * place as u64 / group.endpoints as u64;
                world.at(first, Coming::Event { endpoint: world.groups.len() });
                world.groups.push((number, *group, lane));
            }
        }
        world.pass(until);
        world.seen
    }

    fn pass(&mut self, until: u64) {
        while self.now < until {
            self.turn();
            let timer = self.dispatcher.poll_timeout().map(Instant::as_millis);
            let coming = self.coming.peek().map(|Reverse((at, _, _))| *at);
            self.now = [timer, coming].into_iter().flatten().min().unwrap().max(self.now);
            while self.coming.peek().is_some_and(|Reverse((at, _, _))| *at <= self.now) {
                let Some(Reverse((_, _, coming))) = self.coming.pop() else { return };
                self.happen(coming);
            }
        }
    }

    fn happen(&mut self, coming: Coming) {
        let now = Instant::from_millis(self.now);
        match coming {
            Coming::Event { endpoint } => {
                let (number, group, lane) = self.groups[endpoint];
                let seen = Seen { group: number, endpoint, due: self.now, started: None, acknowledged: None };
                // Where there is no room it stays in the store, which is none of our business.
                if self.dispatcher.enqueue(now, self.seen.len() as u64, &[lane]).is_ok() {
                    self.seen.push(seen);
                }
                self.at(self.now + group.every, coming);
            }
            Coming::Answer { attempt } => {
                let _late = self.dispatcher.handle_outcome(now, self.tickets[attempt], Outcome::Acknowledged);
            }
            Coming::Recorded { attempt } => {
                self.dispatcher.handle_recorded(self.tickets[attempt]).unwrap();
            }
        }
    }

    fn turn(&mut self) {
        let now = Instant::from_millis(self.now);
        self.dispatcher.handle_timeout(now);
        while self.dispatcher.poll_abort(now).is_some() {}
        while let Some(record) = self.dispatcher.poll_record(now) {
            if record.verdict == Verdict::Acknowledged {
                self.seen[record.key as usize].acknowledged = Some(self.now);
            }
            let attempt = self.ticket(record.ticket);
            self.at(self.now + COMMIT, Coming::Recorded { attempt });
        }
        while let Some(attempt) = self.dispatcher.poll_attempt(now) {
            let seen = &mut self.seen[attempt.key as usize];
            seen.started.get_or_insert(self.now);
            let group = self.groups[seen.endpoint].1;
            let answers_at = self.now + group.answer;
            let attempt = self.ticket(attempt.ticket);
            if answers_at < group.silent_from {
                self.at(answers_at, Coming::Answer { attempt });
            }
        }
    }

    fn ticket(&mut self, ticket: Ticket) -> usize {
        self.tickets.push(ticket);
        self.tickets.len() - 1
    }

    fn at(&mut self, at: u64, coming: Coming) {
        self.order += 1;
        self.coming.push(Reverse((at, self.order, coming)));
    }
}

/// The longest that a delivery of each group had to wait that was due since then.
fn longest_waits(groups: &[Group], since: u64, end: u64) -> Vec<u64> {
    let seen = World::run(groups, end);
    let longest = |group| {
        let theirs = seen.iter().filter(|seen| seen.group == group && seen.due >= since);
        theirs.map(|seen| seen.started.unwrap_or(end) - seen.due).max().unwrap()
    };
    (0..groups.len()).map(longest).collect()
}

const fn well(endpoints: usize, every: u64, answer: u64) -> Group {
    Group { endpoints, every, answer, silent_from: u64::MAX }
}

const fn crowd(endpoints: usize, every: u64, answer: u64) -> Group {
    Group { endpoints, every, answer, silent_from: SILENCE }
}

/// Were all that are up treated alike, all of them would wait for 18 s to 60 s.
#[test]
fn a_crowd_that_stops_answering_does_not_hold_up_those_that_answer() {
    for (endpoints, every) in [(300, 1_000), (500, 1_000), (500, 5_000), (1_000, 1_000)] {
        let end = SILENCE + 60 * SECOND;
        let groups = [crowd(endpoints, every, 20), well(1, 20, 20), well(5, 200, 100)];
        let waits = longest_waits(&groups, SILENCE, end);
        println!("{endpoints} endpoints with an event each {every} ms: the others wait {:?} ms", &waits[1..]);
        assert!(waits[1].max(waits[2]) <= SOON, "{waits:?}");
    }
}

/// Which of those that have not answered lately are well shows only when one is tried.
#[test]
fn a_crowd_no_larger_than_the_places_holds_up_a_rare_event_for_a_deadline() {
    let groups = [crowd(200, 1_000, 20), well(1, 20, 20), well(20, 7_000, 50)];
    let waits = longest_waits(&groups, SILENCE, SILENCE + 60 * SECOND);
    println!("beside 200 endpoints a steady one waits {} ms, a rare one {} ms", waits[1], waits[2]);
    assert!(waits[1] <= SOON && waits[2] <= DEADLINE, "{waits:?}");
}

#[test]
fn beside_dead_endpoints_a_rare_event_does_not_wait() {
    let dead = Group { silent_from: 0, ..crowd(1_000, 1_000, 20) };
    let groups = [dead, well(20, 7_000, 50), well(5, 200, 100)];
    let waits = longest_waits(&groups, SILENCE, SILENCE + 60 * SECOND);
    assert!(waits[1].max(waits[2]) <= SOON, "{waits:?}");
}

#[test]
fn more_than_there_are_places_for_uses_them_all_and_starves_nobody() {
    for (endpoints, every) in [(1_000, 250), (1_000, 100), (300, 50), (3_000, 250)] {
        // A prime, so that places come free at another moment each time: an event that finds none is given up here,
        // and would be the same endpoint's again and again.
        let (from, end, answer) = (20 * SECOND, 40 * SECOND, 103);
        let mut each = vec![0; endpoints];
        for seen in World::run(&[well(endpoints, every, answer)], end) {
            each[seen.endpoint] += u64::from(seen.acknowledged.is_some_and(|at| at >= from));
        }
        let (all, least) = (each.iter().sum::<u64>(), each.iter().min().unwrap());
        let places = u64::from(Limits::DEFAULT.in_flight);
        let most = places * (end - from) / answer;
        println!("{endpoints} endpoints: {all} of {most} deliveries, of each {least} or more");
        assert!(all >= most * 3 / 4 && *least > 0);
    }
}
