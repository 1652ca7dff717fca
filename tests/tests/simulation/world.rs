//! A run: virtual time moves from one thing that happens to the next, until nothing is left to do.

use std::collections::BTreeMap;

use sealpost_core::{Fault, Outcome, Ticket};

use super::contract::Contract;
pub(crate) use super::contract::Ends;
use super::host::Host;
use super::plan::{EndOfHost, Plan, START};
use super::random::Random;
use super::store::{Command, Store, Told};
use super::story::Story;

/// How long the host is away between two lives.
const AWAY: u64 = 3_000;

/// More than any run takes.
const MOST_STEPS: u32 = 1_000_000;

/// What comes at a time of its own.
enum Coming {
    Event(Vec<usize>),
    Cancellation(usize),
    Committed,
    /// To the attempt of this life that began at this time.
    Answer {
        life: u32,
        began: u64,
        ticket: Ticket,
        outcome: Outcome,
    },
    End(EndOfHost),
    Begin,
}

pub(crate) struct World<'p> {
    plan: &'p Plan,
    random: Random,
    now: u64,
    /// In the order of time, and of chance where times are equal.
    coming: BTreeMap<(u64, u64), Coming>,
    store: Store,
    host: Option<Host>,
    contract: Contract<'p>,
    steps: u32,
}

/// How a run went.
pub(crate) struct Run {
    pub(crate) ends: Ends,
    pub(crate) slowest: u64,
    pub(crate) story: Story,
}

/// Runs what the seed stands for, and checks the contract at every step.
pub(crate) fn run(seed: u64, tell: bool) -> Run {
    let mut random = Random::new(seed);
    let plan = Plan::of(&mut random);
    let mut world = World::new(&plan, random, Story::new(seed, tell));
    while world.step() {}
    let ends = world.contract.closes(world.now, &world.store.ended);
    Run { ends, slowest: world.contract.slowest, story: world.contract.story }
}

impl<'p> World<'p> {
    fn new(plan: &'p Plan, random: Random, story: Story) -> Self {
        let (store, contract) = (Store::new(plan), Contract::new(plan, story));
        let coming = BTreeMap::new();
        let mut world = Self { plan, random, now: START, coming, store, host: None, contract, steps: 0 };
        world.at(START, Coming::Begin);
        for (at, endpoints) in &plan.events {
            world.at(*at, Coming::Event(endpoints.clone()));
        }
        for (at, endpoint) in &plan.cancellations {
            world.at(*at, Coming::Cancellation(*endpoint));
        }
        for (at, end) in &plan.ends_of_host {
            world.at(*at, Coming::End(*end));
        }
        world
    }

    /// Moves to the next thing that happens; whether there was one.
    fn step(&mut self) -> bool {
        self.turn();
        let host = self.host.as_ref().and_then(|host| {
            [host.next(), self.store.next_announcement(self.now)].into_iter().flatten().min()
        });
        let coming = self.coming.first_key_value().map(|((at, _), _)| *at);
        let Some(next) = [host, coming].into_iter().flatten().min() else { return false };
        self.now = self.now.max(next);
        self.steps += 1;
        if self.steps > MOST_STEPS {
            self.contract.violated(self.now, format_args!("it turns in a circle"));
        }
        if coming.is_some_and(|at| at <= self.now)
            && let Some((_, coming)) = self.coming.pop_first()
        {
            self.happen(coming);
        }
        true
    }

    fn happen(&mut self, coming: Coming) {
        let now = self.now;
        match coming {
            Coming::Event(endpoints) if self.host.is_some() => self.store.ask(Command::Append { endpoints }),
            Coming::Cancellation(endpoint) if self.host.is_some() => {
                self.store.ask(Command::Cancel { endpoint });
            }
            // The client finds nobody, and comes again.
            Coming::Event(_) | Coming::Cancellation(_) => self.at(now + AWAY, coming),
            Coming::Committed => {
                let told = self.store.commit(now);
                told.iter().for_each(|told| self.note(told));
                self.see_ends();
                told.into_iter().for_each(|told| self.hear(told));
            }
            Coming::Answer { life, began, ticket, outcome } if life == self.store.life => {
                self.answer(began, ticket, outcome);
            }
            Coming::Answer { .. } => {}
            Coming::End(EndOfHost::Drained) => {
                self.story(format_args!("the host is told to stop"));
                self.contract.drains();
                self.host.iter_mut().for_each(Host::drain);
            }
            Coming::End(EndOfHost::Killed { durable }) => {
                if self.host.take().is_some() {
                    self.story(format_args!("the host dies"));
                    self.coming.retain(|_, coming| !matches!(coming, Coming::Committed));
                    // Nobody is told of the last commit, and yet it holds.
                    self.store.lose_power(now, durable).iter().for_each(|told| self.note(told));
                    self.see_ends();
                    self.contract.dies(now, false);
                    self.at(now + AWAY, Coming::Begin);
                }
            }
            Coming::Begin => {
                let life = self.store.open();
                self.story(format_args!("life {life} of the host begins"));
                self.contract.begins(self.store.healths());
                self.host = Some(Host::new(self.plan, life, self.random.word() as u32));
            }
        }
    }

    /// Everything that the host does without waiting.
    fn turn(&mut self) {
        let now = self.now;
        let Some(mut host) = self.host.take() else { return };
        for told in self.store.announce(now) {
            host.hear(now, told, self.store.healths());
        }
        for endpoint in host.closed.drain(..) {
            self.contract.forgotten(now, endpoint, self.store.healths()[endpoint]);
        }
        for ticket in host.pass(now) {
            self.contract.judged(now, ticket, None, Outcome::retry(Fault::Timeout));
        }
        host.settle(now);
        let life = self.store.life;
        while let Some(started) = host.start(now) {
            self.contract.started(now, started);
            let deadline = u64::from(self.plan.limits.deadline.as_millis());
            let endpoint = &self.plan.endpoints[started.endpoint];
            let (after, outcome) = endpoint.answer(now, deadline, &mut self.random);
            if let Some(outcome) = outcome {
                let answer = Coming::Answer { life, began: now, ticket: started.ticket, outcome };
                self.at(now + after, answer);
            }
        }
        host.asks.drain(..).for_each(|command| self.store.ask(command));
        if self.store.begin() {
            self.at(now + self.plan.commit(now), Coming::Committed);
        }
        if host.is_drained() && self.store.is_idle() {
            self.story(format_args!("the host has stopped"));
            self.contract.dies(now, true);
            self.at(now + AWAY, Coming::Begin);
        } else {
            self.host = Some(host);
        }
    }

    fn hear(&mut self, told: Told) {
        let Some(host) = &mut self.host else { return };
        host.hear(self.now, told, self.store.healths());
        for endpoint in host.closed.drain(..) {
            self.contract.forgotten(self.now, endpoint, self.store.healths()[endpoint]);
        }
    }

    fn note(&mut self, told: &Told) {
        let now = self.now;
        match told {
            Told::Accepted { keys } => self.contract.accepted(now, keys),
            Told::Recorded { settled } => {
                settled.iter().for_each(|settled| self.contract.recorded(now, settled));
            }
            Told::Cancelled { endpoint, below } => {
                self.story(format_args!("what endpoint {endpoint} has below {below} is cancelled"));
                self.contract.cancelled(*endpoint, *below);
            }
            _ => {}
        }
    }

    fn answer(&mut self, began: u64, ticket: Ticket, outcome: Outcome) {
        let Some(host) = &mut self.host else { return };
        // After its deadline, an answer finds nobody.
        if host.answer(self.now, ticket, outcome).is_ok() {
            self.contract.judged(self.now, ticket, Some(began), outcome);
        }
    }

    fn see_ends(&mut self) {
        for (key, verdict) in std::mem::take(&mut self.store.just_ended) {
            self.contract.ended(self.now, key, verdict);
        }
    }

    fn at(&mut self, at: u64, coming: Coming) {
        let chance = self.random.word();
        self.coming.insert((at, chance), coming);
    }

    fn story(&mut self, line: std::fmt::Arguments<'_>) {
        self.contract.story.tell(self.now, line);
    }
}
