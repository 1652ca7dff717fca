//! One life of a host: the dispatcher, what it holds for it, and its calls in the order that the core asks for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sealpost_core::dispatch::{Attempt, Dispatcher, Lane, LaneId, Slot, Stale};
use sealpost_core::{Duration, Health, Instant, Outcome, Ticket, Verdict};

use super::plan::Plan;
use super::store::{Command, Given, Settled, Told};

/// Lives have monotonic clocks of their own: this much later than the wall clock of the life before.
const CLOCKS_DIFFER: u64 = 77_777;

pub(crate) struct Host {
    life: u32,
    dispatcher: Dispatcher<Vec<Slot>, Vec<Lane>>,
    cap: u16,
    /// The newest ticket of each delivery that is held, and its endpoint.
    jobs: BTreeMap<u64, (Ticket, usize)>,
    lanes: BTreeMap<usize, LaneId>,
    /// Endpoints of which the store has more, or is looking.
    expecting: BTreeSet<usize>,
    laneless: VecDeque<usize>,
    recording: BTreeMap<u64, (Ticket, usize)>,
    /// What is stored of the endpoints.
    healths: Vec<Health>,
    /// What the store is to be asked.
    pub(crate) asks: Vec<Command>,
    /// Endpoints whose lane was closed: nothing more is known of them than what is stored.
    pub(crate) closed: Vec<usize>,
}

/// An attempt that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) ticket: Ticket,
    pub(crate) key: u64,
    pub(crate) endpoint: usize,
    pub(crate) number: u8,
}

impl Host {
    pub(crate) fn new(plan: &Plan, life: u32, seed: u32) -> Self {
        let (slots, lanes) = (vec![Slot::EMPTY; plan.slots], vec![Lane::CLOSED; plan.lanes]);
        Self {
            life,
            dispatcher: Dispatcher::new(slots, lanes, plan.limits, seed),
            cap: plan.cap,
            jobs: BTreeMap::new(),
            lanes: BTreeMap::new(),
            expecting: BTreeSet::new(),
            laneless: VecDeque::new(),
            recording: BTreeMap::new(),
            healths: vec![Health::UNPROVEN; plan.endpoints.len()],
            asks: Vec::new(),
            closed: Vec::new(),
        }
    }

    pub(crate) fn drain(&mut self) {
        self.dispatcher.drain();
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.dispatcher.is_drained()
    }

    /// Time passes: the attempts whose deadline has passed, closed.
    pub(crate) fn pass(&mut self, now: u64) -> Vec<Ticket> {
        let now = self.at(now);
        self.dispatcher.handle_timeout(now);
        std::iter::from_fn(|| self.dispatcher.poll_abort(now)).collect()
    }

    pub(crate) fn answer(&mut self, now: u64, ticket: Ticket, outcome: Outcome) -> Result<(), Stale> {
        self.dispatcher.handle_outcome(self.at(now), ticket, outcome)
    }

    /// What is to be recorded and refilled goes to the store.
    pub(crate) fn settle(&mut self, now: u64) {
        let mut settled = Vec::new();
        while let Some(record) = self.dispatcher.poll_record(self.at(now)) {
            let wait = match record.verdict {
                Verdict::Retry { wait, .. } => u64::from(wait.as_millis()),
                _ => 0,
            };
            let endpoint = self.jobs[&record.key].1;
            self.recording.insert(record.key, (record.ticket, endpoint));
            settled.push(Settled {
                key: record.key,
                verdict: record.verdict,
                attempts: record.attempts,
                due: now + wait,
                health: record.health,
            });
        }
        if !settled.is_empty() {
            self.asks.push(Command::Record { life: self.life, settled });
        }
        while let Some(refill) = self.dispatcher.poll_refill() {
            let lane = self.lanes.iter().find(|(_, lane)| **lane == refill.lane);
            if let Some((endpoint, _)) = lane {
                self.asks.push(Command::Refill { endpoint: *endpoint, room: refill.room });
            }
        }
    }

    /// The next attempt that may start now.
    pub(crate) fn start(&mut self, now: u64) -> Option<Started> {
        let Attempt { ticket, key, number, .. } = self.dispatcher.poll_attempt(self.at(now))?;
        let job = self.jobs.get_mut(&key)?;
        job.0 = ticket;
        Some(Started { ticket, key, endpoint: job.1, number })
    }

    /// When time alone has it do something next.
    pub(crate) fn next(&self) -> Option<u64> {
        self.dispatcher.poll_timeout().map(|at| at.as_millis().saturating_sub(self.offset()))
    }

    pub(crate) fn hear(&mut self, now: u64, told: Told, healths: &[Health]) {
        self.healths.copy_from_slice(healths);
        match told {
            Told::Accepted { .. } => {}
            Told::Recorded { settled } => settled.iter().for_each(|settled| self.recorded(settled)),
            Told::Claimed(given) => given.into_iter().for_each(|given| self.admit(now, given)),
            Told::Backlog { endpoint } => self.expect_more(endpoint),
            Told::Refilled { endpoint, given, more } => {
                given.into_iter().for_each(|given| self.admit(now, given));
                self.expecting.remove(&endpoint);
                if let Some(lane) = self.lanes.get(&endpoint).copied().filter(|_| more) {
                    self.expecting.insert(endpoint);
                    self.dispatcher.mark_backlog(lane);
                }
                self.close_if_idle(endpoint);
            }
            Told::Cancelled { endpoint, below } => {
                let covered = self.jobs.range(..below).filter(|(_, (_, to))| *to == endpoint);
                for (_, (ticket, _)) in covered {
                    // Stale when its final outcome is known already, which then counts.
                    let _ = self.dispatcher.cancel(*ticket);
                }
            }
        }
    }

    fn recorded(&mut self, settled: &Settled) {
        let Some((ticket, endpoint)) = self.recording.remove(&settled.key) else { return };
        if !matches!(settled.verdict, Verdict::Retry { kept: true, .. }) {
            self.jobs.remove(&settled.key);
        }
        self.dispatcher.handle_recorded(ticket).expect("a record under way");
        self.close_if_idle(endpoint);
    }

    fn admit(&mut self, now: u64, given: Given) {
        let Given { key, endpoint, attempts, due } = given;
        let due = self.at(due);
        let admitted = self
            .open(endpoint)
            .and_then(|lane| self.dispatcher.admit(self.at(now), key, lane, attempts, due).ok());
        match admitted {
            Some(ticket) => drop(self.jobs.insert(key, (ticket, endpoint))),
            None => {
                let verdict = Verdict::Retry { wait: Duration::ZERO, kept: false };
                let health = self.healths[endpoint];
                let settled = Settled { key, verdict, attempts, due: now, health };
                self.asks.push(Command::Record { life: self.life, settled: vec![settled] });
            }
        }
    }

    /// The store has due deliveries for the endpoint, and says so once: without a free lane, it waits for one.
    fn expect_more(&mut self, endpoint: usize) {
        match self.open(endpoint) {
            Some(lane) => {
                self.expecting.insert(endpoint);
                self.dispatcher.mark_backlog(lane);
            }
            None => self.laneless.push_back(endpoint),
        }
    }

    fn open(&mut self, endpoint: usize) -> Option<LaneId> {
        if let Some(lane) = self.lanes.get(&endpoint) {
            return Some(*lane);
        }
        let health = self.healths[endpoint];
        let opened = self.dispatcher.open(health, self.cap).ok();
        let lane = opened.or_else(|| {
            self.close_one_that_stayed();
            self.dispatcher.open(health, self.cap).ok()
        })?;
        self.lanes.insert(endpoint, lane);
        Some(lane)
    }

    /// An endpoint that is up keeps its lane until another needs it.
    fn close_if_idle(&mut self, endpoint: usize) {
        let Some(lane) = self.lanes.get(&endpoint).copied() else { return };
        let stays = self.dispatcher.health(lane) == Health::Up;
        let idle = self.dispatcher.held(lane) == 0 && !self.expecting.contains(&endpoint);
        if idle
            && (stays || self.close(endpoint, lane))
            && let Some(endpoint) = self.laneless.pop_front()
        {
            self.expect_more(endpoint);
        }
    }

    fn close_one_that_stayed(&mut self) {
        let quiet = self.lanes.iter().filter(|(endpoint, _)| !self.expecting.contains(endpoint));
        let quiet: Vec<_> = quiet.map(|(endpoint, lane)| (*endpoint, *lane)).collect();
        let _one = quiet.into_iter().find(|(endpoint, lane)| self.close(*endpoint, *lane));
    }

    /// Whether the lane held nothing.
    fn close(&mut self, endpoint: usize, lane: LaneId) -> bool {
        let closed = self.dispatcher.close(lane).is_ok();
        if closed {
            self.lanes.remove(&endpoint);
            self.closed.push(endpoint);
        }
        closed
    }

    fn at(&self, wall: u64) -> Instant {
        Instant::from_millis(wall + self.offset())
    }

    fn offset(&self) -> u64 {
        u64::from(self.life) * CLOCKS_DIFFER
    }
}
