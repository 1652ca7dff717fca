//! What the house promises of deliveries, checked from outside at everything that happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Arguments;

use sealpost_core::{Fault, Health, Outcome, Ticket, Verdict};

use super::host::Started;
use super::plan::Plan;
use super::store::Settled;
use super::story::Story;

/// Attempts that may be unrecorded for each that may be in flight.
const ROUNDS: usize = 4;

/// What was seen of one delivery.
#[derive(Debug)]
struct Seen {
    endpoint: usize,
    accepted: u64,
    /// Attempts that spent a step of the schedule, as far as they are committed.
    attempts: u8,
    /// No attempt may start before.
    not_before: u64,
    /// Answers with which the receiver took it.
    taken: u32,
    /// Attempts without a committed outcome when the host died.
    uncertain: u32,
    ended: Option<Verdict>,
}

/// An attempt whose outcome is not committed.
#[derive(Debug)]
struct Open {
    key: u64,
    endpoint: usize,
    suspect: bool,
    began: u64,
    /// When which outcome came.
    judged: Option<(u64, Outcome)>,
}

/// What may be known of an endpoint from its answers.
#[derive(Clone, Copy, Debug)]
struct Known {
    health: Health,
    /// Attempts that went well since it was last down or its lane opened; `None`: it was up by then.
    successes: Option<u32>,
}

pub(crate) struct Contract<'p> {
    plan: &'p Plan,
    pub(crate) story: Story,
    deliveries: BTreeMap<u64, Seen>,
    open: BTreeMap<u64, (Ticket, Open)>,
    endpoints: Vec<Known>,
    cancelled_below: Vec<u64>,
    draining: bool,
    /// The longest that a delivery to an endpoint that is always well took in calm times.
    pub(crate) slowest: u64,
}

impl<'p> Contract<'p> {
    pub(crate) fn new(plan: &'p Plan, story: Story) -> Self {
        let unknown = Known { health: Health::UNPROVEN, successes: Some(0) };
        Self {
            plan,
            story,
            deliveries: BTreeMap::new(),
            open: BTreeMap::new(),
            endpoints: vec![unknown; plan.endpoints.len()],
            cancelled_below: vec![0; plan.endpoints.len()],
            draining: false,
            slowest: 0,
        }
    }

    /// A life of the host begins, with what is stored of the endpoints.
    pub(crate) fn begins(&mut self, healths: &[Health]) {
        self.draining = false;
        for (known, health) in self.endpoints.iter_mut().zip(healths) {
            *known = Known::of(*health);
        }
    }

    pub(crate) fn drains(&mut self) {
        self.draining = true;
    }

    /// It ends; after a drain nothing may be left without a committed outcome.
    pub(crate) fn dies(&mut self, now: u64, drained: bool) {
        if drained && !self.open.is_empty() {
            self.violated(now, format_args!("drained with attempts without an outcome: {:?}", self.open));
        }
        for (key, _) in std::mem::take(&mut self.open) {
            self.seen(now, key).uncertain += 1;
        }
    }

    pub(crate) fn accepted(&mut self, now: u64, keys: &[(u64, usize)]) {
        for &(key, endpoint) in keys {
            let seen = Seen {
                endpoint,
                accepted: now,
                attempts: 0,
                not_before: now,
                taken: 0,
                uncertain: 0,
                ended: None,
            };
            if self.deliveries.insert(key, seen).is_some() {
                self.violated(now, format_args!("delivery {key} was accepted before"));
            }
        }
    }

    pub(crate) fn cancelled(&mut self, endpoint: usize, below: u64) {
        self.cancelled_below[endpoint] = below;
    }

    /// The host has closed the endpoint's lane, and remembers of it what is stored.
    pub(crate) fn forgotten(&mut self, now: u64, endpoint: usize, stored: Health) {
        let known = self.endpoints[endpoint].health;
        if known != stored {
            self.violated(
                now,
                format_args!("endpoint {endpoint} is stored as {stored:?}, and was {known:?}"),
            );
        }
        self.endpoints[endpoint] = Known::of(stored);
    }

    pub(crate) fn started(&mut self, now: u64, started: Started) {
        let Started { ticket, key, endpoint, number } = started;
        self.story.tell(now, format_args!("delivery {key}: attempt {number} at endpoint {endpoint}"));
        let limits = &self.plan.limits;
        let known = self.endpoints[endpoint];
        let suspect = known.health != Health::Up;
        let seen = self.seen(now, key);
        let (ended, attempts, not_before) = (seen.ended, seen.attempts, seen.not_before);
        if self.draining {
            self.violated(now, format_args!("attempt of {key} after the order to stop"));
        }
        if let Some((_, open)) = self.open.get(&key) {
            self.violated(now, format_args!("a second attempt of {key} beside {open:?}"));
        }
        if let Some(verdict) = ended {
            self.violated(now, format_args!("attempt of {key}, which has ended: {verdict:?}"));
        }
        if key < self.cancelled_below[endpoint] {
            self.violated(now, format_args!("attempt of {key}, which is cancelled"));
        }
        if now < not_before {
            self.violated(now, format_args!("attempt of {key}, {} ms too early", not_before - now));
        }
        if number != attempts + 1 || number > limits.schedule.attempts() {
            self.violated(now, format_args!("attempt {number} of {key} after {attempts} that count"));
        }
        // Answered attempts stay open until they are recorded.
        let of = |wanted: &dyn Fn(&Open) -> bool| self.open.values().filter(|(_, open)| wanted(open)).count();
        let unrecorded = of(&|open| open.endpoint == endpoint);
        let flying = of(&|open| open.endpoint == endpoint && open.judged.is_none());
        let all_flying = of(&|open| open.judged.is_none());
        let suspects = of(&|open| open.suspect);
        let most = match known.successes {
            _ if suspect => 1,
            Some(successes) => usize::from(self.plan.cap).min(1 + successes as usize),
            None => usize::from(self.plan.cap),
        };
        if flying >= most {
            self.violated(
                now,
                format_args!("{flying} in flight to endpoint {endpoint}, {known:?}, and one more"),
            );
        }
        if all_flying >= limits.in_flight as usize {
            self.violated(now, format_args!("{all_flying} in flight, and one more"));
        }
        let cap = if suspect { 1 } else { ROUNDS * usize::from(self.plan.cap) };
        if unrecorded >= cap || self.open.len() >= ROUNDS * limits.in_flight as usize {
            let all = self.open.len();
            self.violated(now, format_args!("{unrecorded} and in all {all} without a record, and one more"));
        }
        if suspect && suspects >= (limits.in_flight as usize / 4 * 3).max(1) {
            self.violated(now, format_args!("{suspects} suspects, and one more"));
        }
        self.open.insert(key, (ticket, Open { key, endpoint, suspect, began: now, judged: None }));
    }

    /// An attempt has ended for the host: by this answer to the one that began then, or by its deadline.
    pub(crate) fn judged(&mut self, now: u64, ticket: Ticket, began: Option<u64>, outcome: Outcome) {
        let Some((_, open)) = self.open.values_mut().find(|(open, _)| *open == ticket) else {
            self.violated(now, format_args!("an outcome for no attempt: {outcome:?}"));
        };
        if began.is_some_and(|began| began != open.began) {
            let key = open.key;
            self.violated(
                now,
                format_args!("{key}: the answer to an earlier attempt counts for a later one"),
            );
        }
        open.judged = Some((now, outcome));
        let (key, endpoint) = (open.key, open.endpoint);
        self.story.tell(now, format_args!("delivery {key}: {outcome:?}"));
        self.endpoints[endpoint].judge(outcome);
        let seen = self.seen(now, key);
        if outcome == Outcome::Acknowledged {
            seen.taken += 1;
        }
        let (taken, uncertain) = (seen.taken, seen.uncertain);
        if taken > 1 + uncertain {
            self.violated(
                now,
                format_args!("{key} was taken {taken} times, and lost sight of {uncertain} times"),
            );
        }
    }

    /// The host hears that a record is committed.
    pub(crate) fn recorded(&mut self, now: u64, settled: &Settled) {
        let Settled { key, verdict, attempts, .. } = *settled;
        self.story.tell(now, format_args!("delivery {key}: recorded, {verdict:?} after {attempts}"));
        let open = self.open.remove(&key).map(|(_, open)| open);
        let schedule = self.plan.limits.schedule;
        let before = self.seen(now, key).attempts;
        match (verdict, open.and_then(|open| open.judged)) {
            (Verdict::Retry { .. }, Some((at, Outcome::Retry { after, .. }))) => {
                let probe = settled.health == Health::Down;
                let step = if probe { schedule.wait(1, None, 0) } else { schedule.wait(attempts, after, 0) };
                let Some(step) = step else {
                    self.violated(now, format_args!("{key} is tried again after its last step"));
                };
                let seen = self.seen(now, key);
                seen.attempts = attempts;
                // A probe's last wait is cut short by the end of its schedule.
                seen.not_before = if probe { at } else { at + u64::from(step.as_millis()) };
                if attempts != before + 1 && !(probe && attempts == before) {
                    self.violated(now, format_args!("{key} has made {attempts} attempts after {before}"));
                }
            }
            // Given back, as it was.
            (Verdict::Retry { .. }, None) => {}
            (Verdict::Acknowledged, Some((_, Outcome::Acknowledged)))
            | (Verdict::Refused, Some((_, Outcome::Refused { .. })))
            | (Verdict::Exhausted, Some((_, Outcome::Retry { .. })) | None)
            | (Verdict::Cancelled, _) => {}
            (verdict, judged) => self.violated(now, format_args!("{key}: {verdict:?} from {judged:?}")),
        }
    }

    /// The store has this end of a delivery.
    pub(crate) fn ended(&mut self, now: u64, key: u64, verdict: Verdict) {
        let seen = self.seen(now, key);
        seen.ended = Some(verdict);
        let Seen { endpoint, accepted, taken, uncertain, .. } = *seen;
        let endpoint = &self.plan.endpoints[endpoint];
        match verdict {
            Verdict::Acknowledged if taken == 0 && uncertain == 0 => {
                self.violated(now, format_args!("{key} counts as taken, and was not"));
            }
            Verdict::Exhausted if endpoint.is_always_well() => {
                self.violated(now, format_args!("{key} is exhausted, and its endpoint is well"));
            }
            Verdict::Acknowledged if endpoint.is_always_well() && self.plan.is_calm(accepted, now) => {
                self.slowest = self.slowest.max(now - accepted);
            }
            _ => {}
        }
    }

    pub(crate) fn violated(&self, now: u64, what: Arguments<'_>) -> ! {
        self.story.violated(now, what)
    }

    fn seen(&mut self, now: u64, key: u64) -> &mut Seen {
        if !self.deliveries.contains_key(&key) {
            self.violated(now, format_args!("delivery {key} was never accepted"));
        }
        self.deliveries.get_mut(&key).expect("it is there")
    }
}

impl Known {
    fn of(health: Health) -> Self {
        Self { health, successes: (health != Health::Up).then_some(0) }
    }

    fn judge(&mut self, outcome: Outcome) {
        self.health = match (outcome, self.health) {
            (Outcome::Retry { fault: Fault::Status(_), .. }, _) => Health::UNPROVEN,
            (Outcome::Retry { .. }, Health::Up) => Health::Suspect { failures: 1 },
            (Outcome::Retry { .. }, Health::Suspect { failures }) if failures + 1 < Health::DOWN_AFTER => {
                Health::Suspect { failures: failures + 1 }
            }
            (Outcome::Retry { .. }, _) => Health::Down,
            _ => Health::Up,
        };
        match (self.health, self.successes) {
            (Health::Down, _) => self.successes = Some(0),
            (Health::Up, Some(successes)) => self.successes = Some(successes + 1),
            _ => {}
        }
    }
}

/// How many deliveries of a run ended how.
pub(crate) type Ends = BTreeMap<&'static str, u64>;

impl Contract<'_> {
    /// At the end: every delivery has ended, and none that was never accepted.
    pub(crate) fn closes(&self, now: u64, ended: &BTreeMap<u64, Verdict>) -> Ends {
        let lost: BTreeSet<_> = self.deliveries.keys().filter(|key| !ended.contains_key(key)).collect();
        if !lost.is_empty() {
            self.violated(now, format_args!("nothing is left to do, and these have no end: {lost:?}"));
        }
        let mut ends = Ends::new();
        for verdict in ended.values() {
            let word = match verdict {
                Verdict::Acknowledged => "acknowledged",
                Verdict::Refused => "refused",
                Verdict::Exhausted => "exhausted",
                _ => "cancelled",
            };
            *ends.entry(word).or_default() += 1;
        }
        ends
    }
}
