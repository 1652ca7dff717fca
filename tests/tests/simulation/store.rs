//! The store of the simulation: what is durable, one commit after the other, and who may hold what.
//!
//! It keeps the promises of the server's store towards a shard: claims, quotas, the share of the endpoints that
//! are not up, one backlog told until it is asked for, messages in the order of the commits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sealpost_core::{Health, Verdict};

use super::plan::Plan;

/// The place of a delivery in its event is below this; keys grow with the events.
pub(crate) const PLACES: u64 = 16;

/// What the store is asked for. Each is done whole, when the commit that it is part of is through.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Append {
        endpoints: Vec<usize>,
    },
    Record {
        life: u32,
        settled: Vec<Settled>,
    },
    Refill {
        endpoint: usize,
        room: u32,
    },
    Cancel {
        endpoint: usize,
    },
    /// Works off a cancellation.
    Clear {
        endpoint: usize,
        below: u64,
    },
}

/// What is to be recorded of a delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub(crate) key: u64,
    pub(crate) verdict: Verdict,
    pub(crate) attempts: u8,
    pub(crate) due: u64,
    pub(crate) health: Health,
}

/// What the store tells once it is committed.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Accepted { keys: Vec<(u64, usize)> },
    Recorded { settled: Vec<Settled> },
    Claimed(Vec<Given>),
    Backlog { endpoint: usize },
    Refilled { endpoint: usize, given: Vec<Given>, more: bool },
    Cancelled { endpoint: usize, below: u64 },
}

/// A delivery with its history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given {
    pub(crate) key: u64,
    pub(crate) endpoint: usize,
    pub(crate) attempts: u8,
    pub(crate) due: u64,
}

impl Told {
    /// Of what one commit tells, what is recorded comes before what is claimed.
    fn rank(&self) -> u8 {
        match self {
            Self::Accepted { .. } => 0,
            Self::Recorded { .. } => 1,
            Self::Claimed(_) => 2,
            Self::Refilled { .. } => 3,
            Self::Backlog { .. } | Self::Cancelled { .. } => 4,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Row {
    endpoint: usize,
    attempts: u8,
    due: u64,
    /// The life of the host that holds it; 0 is nobody's.
    claim: u32,
}

pub(crate) struct Store {
    rows: BTreeMap<u64, Row>,
    /// How each delivery ended.
    pub(crate) ended: BTreeMap<u64, Verdict>,
    /// Those that ended since someone looked.
    pub(crate) just_ended: Vec<(u64, Verdict)>,
    health: Vec<Health>,
    last_event: u64,
    /// Deliveries below these keys are cancelled, by endpoint.
    below: Vec<u64>,
    pub(crate) life: u32,
    waiting: VecDeque<Command>,
    committing: Vec<Command>,
    /// What the host of this life holds.
    held: BTreeMap<u64, usize>,
    /// Endpoints whose backlog was told and not asked for yet.
    told: BTreeSet<usize>,
    window: usize,
    quota: usize,
}

impl Store {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            rows: BTreeMap::new(),
            ended: BTreeMap::new(),
            just_ended: Vec::new(),
            health: vec![Health::UNPROVEN; plan.endpoints.len()],
            last_event: 0,
            below: vec![0; plan.endpoints.len()],
            life: 0,
            waiting: VecDeque::new(),
            committing: Vec::new(),
            held: BTreeMap::new(),
            told: BTreeSet::new(),
            window: plan.slots,
            quota: plan.limits.quota as usize,
        }
    }

    /// A new life of the host: nothing of an earlier one is claimed any more.
    pub(crate) fn open(&mut self) -> u32 {
        self.life += 1;
        self.rows.values_mut().for_each(|row| row.claim = 0);
        self.held.clear();
        self.told.clear();
        for (endpoint, below) in self.below.clone().into_iter().enumerate() {
            self.waiting.push_back(Command::Clear { endpoint, below });
        }
        self.life
    }

    pub(crate) fn ask(&mut self, command: Command) {
        self.waiting.push_back(command);
    }

    /// Takes what waits into a commit, unless one is under way; whether one has begun.
    pub(crate) fn begin(&mut self) -> bool {
        if !self.committing.is_empty() || self.waiting.is_empty() {
            return false;
        }
        self.committing.extend(self.waiting.drain(..));
        true
    }

    pub(crate) fn commit(&mut self, now: u64) -> Vec<Told> {
        let mut told = Vec::new();
        for command in std::mem::take(&mut self.committing) {
            self.apply(now, command, &mut told);
        }
        told.sort_by_key(Told::rank);
        told
    }

    /// The power goes while a commit is under way, or not. Nobody is told.
    pub(crate) fn lose_power(&mut self, now: u64, durable: bool) -> Vec<Told> {
        let told = if durable { self.commit(now) } else { Vec::new() };
        self.waiting.clear();
        self.committing.clear();
        told
    }

    /// Whether nothing is asked for that is not committed.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.committing.is_empty()
    }

    /// What is stored of the endpoints.
    pub(crate) fn healths(&self) -> &[Health] {
        &self.health
    }

    /// Backlogs that are due and that there is room for.
    pub(crate) fn announce(&mut self, now: u64) -> Vec<Told> {
        let endpoints = (0..self.health.len()).filter(|endpoint| {
            !self.told.contains(endpoint)
                && self.room(*endpoint) > 0
                && self.next_due(*endpoint).is_some_and(|due| due <= now)
        });
        let endpoints: Vec<_> = endpoints.collect();
        self.told.extend(&endpoints);
        endpoints.into_iter().map(|endpoint| Told::Backlog { endpoint }).collect()
    }

    /// When there is next something to announce, by the passing of time alone.
    pub(crate) fn next_announcement(&self, now: u64) -> Option<u64> {
        let waits = |endpoint: &usize| !self.told.contains(endpoint) && self.room(*endpoint) > 0;
        let due = (0..self.health.len()).filter(waits).filter_map(|endpoint| self.next_due(endpoint));
        due.filter(|due| *due > now).min()
    }

    fn apply(&mut self, now: u64, command: Command, told: &mut Vec<Told>) {
        match command {
            Command::Append { endpoints } => told.extend(self.append(now, &endpoints)),
            Command::Record { life, settled } => {
                settled.iter().for_each(|settled| self.record(life, settled));
                told.push(Told::Recorded { settled });
            }
            Command::Refill { endpoint, room } => {
                let given = self.due(now, endpoint, room as usize);
                let more = self.next_due(endpoint).is_some_and(|due| due <= now) && self.room(endpoint) > 0;
                if !more {
                    self.told.remove(&endpoint);
                }
                told.push(Told::Refilled { endpoint, given, more });
            }
            Command::Cancel { endpoint } => {
                let below = (self.last_event + 1) * PLACES;
                self.below[endpoint] = below;
                self.waiting.push_back(Command::Clear { endpoint, below });
                told.push(Told::Cancelled { endpoint, below });
            }
            Command::Clear { endpoint, below } => {
                let covered = self.rows.range(..below).filter(|(_, row)| row.endpoint == endpoint);
                let covered: Vec<_> = covered.map(|(key, _)| *key).collect();
                covered.into_iter().for_each(|key| self.end(key, Verdict::Cancelled));
            }
        }
    }

    fn append(&mut self, now: u64, endpoints: &[usize]) -> [Told; 2] {
        self.last_event += 1;
        let keys: Vec<_> = endpoints
            .iter()
            .enumerate()
            .map(|(place, to)| (self.last_event * PLACES + place as u64, *to))
            .collect();
        for &(key, endpoint) in &keys {
            let admits = self.next_due(endpoint).is_none_or(|due| due > now) && self.room(endpoint) > 0;
            let claim = if admits { self.life } else { 0 };
            self.rows.insert(key, Row { endpoint, attempts: 0, due: now, claim });
            if admits {
                self.held.insert(key, endpoint);
            }
        }
        let held = keys.iter().filter(|(key, _)| self.held.contains_key(key));
        let given = held.map(|(key, _)| self.given(*key)).collect();
        [Told::Accepted { keys }, Told::Claimed(given)]
    }

    fn record(&mut self, life: u32, settled: &Settled) {
        let Settled { key, verdict, attempts, due, health } = *settled;
        if let Some(endpoint) = self.held.get(&key) {
            self.health[*endpoint] = health;
        }
        let ours = self.rows.get_mut(&key).filter(|row| row.claim == life);
        match (verdict, ours) {
            (Verdict::Retry { kept, .. }, Some(row)) => {
                (row.attempts, row.due, row.claim) = (attempts, due, if kept { life } else { 0 });
            }
            (verdict, Some(_)) => self.end(key, verdict),
            (_, None) => {}
        }
        if !matches!(verdict, Verdict::Retry { kept: true, .. }) {
            self.held.remove(&key);
        }
    }

    fn end(&mut self, key: u64, verdict: Verdict) {
        assert!(self.rows.remove(&key).is_some(), "delivery {key} ends, and is not there");
        assert_eq!(self.ended.insert(key, verdict), None, "delivery {key} ended before");
        self.just_ended.push((key, verdict));
    }

    /// The oldest due deliveries of an endpoint, claimed.
    fn due(&mut self, now: u64, endpoint: usize, room: usize) -> Vec<Given> {
        let free = self.rows.iter().filter(|(_, row)| row.claim == 0 && row.endpoint == endpoint);
        let mut due: Vec<_> =
            free.filter(|(_, row)| row.due <= now).map(|(key, row)| (row.due, *key)).collect();
        due.sort_unstable();
        let mut given = Vec::new();
        for (_, key) in due.into_iter().take(room) {
            if key < self.below[endpoint] {
                self.end(key, Verdict::Cancelled);
                continue;
            }
            if self.room(endpoint) == 0 {
                break;
            }
            self.held.insert(key, endpoint);
            if let Some(row) = self.rows.get_mut(&key) {
                row.claim = self.life;
            }
            given.push(self.given(key));
        }
        given
    }

    fn given(&self, key: u64) -> Given {
        let Row { endpoint, attempts, due, .. } = self.rows[&key];
        Given { key, endpoint, attempts, due }
    }

    fn next_due(&self, endpoint: usize) -> Option<u64> {
        let free = self.rows.values().filter(|row| row.claim == 0 && row.endpoint == endpoint);
        free.map(|row| row.due).min()
    }

    /// How many more deliveries of an endpoint may be held.
    fn room(&self, endpoint: usize) -> usize {
        let up = |endpoint: usize| self.health[endpoint] == Health::Up;
        let held = self.held.values().filter(|holder| **holder == endpoint).count();
        let suspects = self.held.values().filter(|holder| !up(**holder)).count();
        let left = self.window.saturating_sub(self.held.len());
        let share = |most: usize| most.saturating_sub(suspects).min(left);
        let (places, quota) = match (up(endpoint), held) {
            (true, _) => (left, self.quota),
            (false, 0) => (share(self.window * 3 / 4).min(1).max(share(self.window / 2)), self.quota.min(16)),
            (false, _) => (share(self.window / 2), self.quota.min(16)),
        };
        places.min(quota.saturating_sub(held))
    }
}
