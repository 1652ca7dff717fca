//! A shard: one dispatcher of the core, on a thread of its own, for the endpoints that are its.
//!
//! The store hands deliveries over and hears how they ended; the transport posts; between them the core
//! decides. Nothing here waits for anything but the next of four things: a message from the store, the end
//! of an attempt, a timer, the order to stop.
//!
//! Every queue is bounded by the window: the store claims no more deliveries than it has slots, and at most
//! `in_flight` attempts run at a time.

mod jobs;
mod log;
mod sign;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sealpost_core::dispatch::{Attempt, Dispatcher, Lane, LaneId, Limits, Slot};
use sealpost_core::host::{Clock as _, Transport};
use sealpost_core::{Fault, Instant, Outcome, Record, Ticket, Url, Verdict};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{self, sleep_until};
use tracing::warn;

use crate::clock::{SystemClock, steady_millis};
use crate::metrics::Metrics;
use crate::storage::{Delivery, Endpoint, Inbox, Settled, Store, ToShard};
use crate::transport::Answer;

use jobs::Jobs;
use sign::{Signer, Unsigned};

/// What the operator decides about attempts.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Schedule, deadline, caps.
    pub limits: Limits,
    /// Slots: deliveries held in memory, at least 1.
    pub window: u16,
    /// Attempts in flight to one endpoint.
    pub in_flight_per_endpoint: u16,
    /// Whether every attempt is signed anew.
    pub sign_every_attempt: bool,
    /// Whether the Standard Webhooks headers are sent.
    pub standard_webhooks: bool,
}

/// What an attempt comes to that cannot even be signed: retried, since a key or a secret can be mended.
fn unusable() -> Answer {
    Answer {
        outcome: Outcome::retry(Fault::Connect),
        detail: "not sent: there is no signing key, or the endpoint's secret or URL cannot be used"
            .to_owned(),
        status: None,
    }
}

/// What an attempt comes to that the shard itself has to give up.
fn overdue() -> Answer {
    let fault = Fault::Timeout;
    Answer { outcome: Outcome::retry(fault), detail: fault.to_string(), status: None }
}

/// An attempt that has ended by itself.
struct Ended {
    ticket: Ticket,
    answer: Answer,
    took: Duration,
}

/// One shard.
pub struct Shard<T> {
    index: usize,
    store: Store,
    inbox: Inbox,
    transport: Arc<T>,
    policy: Policy,
    clock: SystemClock,
    dispatcher: Dispatcher<Box<[Slot]>, Box<[Lane]>>,
    jobs: Jobs,
    signer: Signer,
    metrics: Metrics,
    attempts: JoinSet<Ended>,
    /// Endpoints with a backlog that found no free lane; at most as many as there are endpoints.
    laneless: VecDeque<Arc<Endpoint>>,
}

impl<T: Transport<Answer = Answer> + 'static> Shard<T> {
    /// Shard number `index`, which listens to this inbox of the store. `seed` feeds the jitter of retries.
    pub fn new(
        index: usize,
        store: Store,
        inbox: Inbox,
        transport: Arc<T>,
        policy: Policy,
        seed: u32,
        metrics: Metrics,
    ) -> Self {
        let slots = usize::from(policy.window.max(1));
        let (slots, lanes) = (vec![Slot::EMPTY; slots], vec![Lane::CLOSED; slots]);
        let dispatcher =
            Dispatcher::new(slots.into_boxed_slice(), lanes.into_boxed_slice(), policy.limits, seed);
        Self {
            index,
            signer: Signer::new(store.clone(), policy.sign_every_attempt, policy.standard_webhooks),
            store,
            inbox,
            transport,
            jobs: Jobs::new(policy.in_flight_per_endpoint),
            policy,
            clock: SystemClock::new(),
            dispatcher,
            attempts: JoinSet::new(),
            laneless: VecDeque::new(),
            metrics,
        }
    }

    /// Delivers until it is told to stop; `stop` then says until when the attempts in flight may take to end. Ends
    /// too when the store is closed, or the sender of `stop` gone. Must run inside a `LocalSet`.
    pub async fn run(mut self, mut stop: watch::Receiver<Option<time::Instant>>) {
        let mut give_up: Option<time::Instant> = None;
        let mut alarm = pin!(sleep_until(time::Instant::now()));
        loop {
            let next = self.turn();
            if self.dispatcher.is_drained() {
                break;
            }
            let wake = [next, give_up].into_iter().flatten().min();
            // One that goes off too early costs a turn; to set it each time would cost more.
            if let Some(wake) = wake
                && (alarm.is_elapsed() || wake < alarm.deadline())
            {
                alarm.as_mut().reset(wake);
            }
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.hear(message),
                    None => break,
                },
                Some(ended) = self.attempts.join_next() => self.end(ended),
                () = alarm.as_mut(), if wake.is_some() => {}
                at = stop.wait_for(Option::is_some), if give_up.is_none() => {
                    give_up = Some(at.ok().and_then(|at| *at).unwrap_or_else(time::Instant::now));
                    self.dispatcher.drain();
                }
            }
            self.take_what_waits();
            if give_up.is_some_and(|at| at <= time::Instant::now()) {
                warn!(
                    shard = self.index,
                    attempts = self.dispatcher.unrecorded(),
                    "stopped with attempts whose outcome is not recorded"
                );
                break;
            }
        }
    }

    /// Everything else that has arrived, so that one turn serves it all.
    fn take_what_waits(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            self.hear(message);
        }
        while let Some(ended) = self.attempts.try_join_next() {
            self.end(ended);
        }
    }

    /// One round of the dispatcher's outputs; when it next has something to do.
    fn turn(&mut self) -> Option<time::Instant> {
        let now = self.clock.now();
        self.dispatcher.handle_timeout(now);
        while let Some(ticket) = self.dispatcher.poll_abort(now) {
            self.jobs.abort(ticket);
            self.tell(ticket, &overdue(), self.deadline());
        }
        self.record(now);
        while let Some(refill) = self.dispatcher.poll_refill() {
            if let Some(endpoint) = self.jobs.endpoint(refill.lane) {
                self.store.refill(endpoint.id(), refill.room);
            }
        }
        self.start(now);
        self.dispatcher.poll_timeout().map(|at| self.clock.deadline(at).into())
    }

    /// Starts every attempt that may start, as long as the claims will outlive it.
    fn start(&mut self, now: Instant) {
        if self.store.lease_left() < self.deadline() {
            return;
        }
        while let Some(attempt) = self.dispatcher.poll_attempt(now) {
            let handle = self.launch(attempt);
            self.jobs.flies(attempt, handle);
        }
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.policy.limits.deadline.as_millis().into())
    }

    fn launch(&mut self, attempt: Attempt) -> Option<AbortHandle> {
        let delivery = self.jobs.delivery(attempt.ticket)?.clone();
        log::started(&delivery, attempt.number);
        let endpoint = Arc::clone(&delivery.endpoint);
        let unsigned = self.signer.prepare(delivery, self.clock.unix());
        let transport = Arc::clone(&self.transport);
        Some(self.attempts.spawn_local(async move {
            let (started, _flight) = (time::Instant::now(), endpoint.tally().fly());
            let answer = post(&*transport, &endpoint, unsigned).await.unwrap_or_else(unusable);
            Ended { ticket: attempt.ticket, answer, took: started.elapsed() }
        }))
    }

    fn end(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        // An aborted attempt has been judged when its deadline passed.
        let Ok(Ended { ticket, answer, took }) = ended else { return };
        // Stale when the deadline came first.
        if self.dispatcher.handle_outcome(self.clock.now(), ticket, answer.outcome).is_ok() {
            self.tell(ticket, &answer, took);
        }
    }

    fn tell(&self, ticket: Ticket, answer: &Answer, took: Duration) {
        self.metrics.attempted(answer.outcome, took);
        if let Some(delivery) = self.jobs.delivery(ticket) {
            delivery.endpoint.tally().count(answer.outcome);
            log::ended(delivery, self.jobs.number(ticket), answer, took);
        }
    }

    /// Gives the store what has to be written.
    fn record(&mut self, now: Instant) {
        let mut settled = Vec::new();
        let mut urgent = false;
        while let Some(record) = self.dispatcher.poll_record(now) {
            urgent |= self.dispatcher.awaits_record(record.lane);
            self.jobs.records(&record);
            settled.push(self.settled(&record));
        }
        if !settled.is_empty() {
            self.store.record(self.index, settled, urgent);
        }
    }

    fn settled(&self, record: &Record) -> Settled {
        let wait = match record.verdict {
            Verdict::Retry { wait, .. } => i64::from(wait.as_millis()),
            _ => 0,
        };
        if let Some(delivery) = self.jobs.delivery(record.ticket) {
            match record.verdict {
                Verdict::Retry { wait, .. } => log::waits(delivery, record.attempts, wait),
                Verdict::Exhausted => log::exhausted(delivery, record.attempts),
                Verdict::Cancelled => log::cancelled(delivery, record.attempts),
                // Told by the line of the attempt.
                Verdict::Acknowledged | Verdict::Refused => {}
            }
        }
        Settled {
            id: record.key,
            verdict: record.verdict,
            attempts: record.attempts,
            due: steady_millis().saturating_add(wait),
            health: record.health,
        }
    }

    fn hear(&mut self, message: ToShard) {
        match message {
            ToShard::Recorded(ids) => ids.into_iter().for_each(|id| self.recorded(id)),
            ToShard::Claimed(deliveries) => deliveries.into_iter().for_each(|delivery| self.admit(delivery)),
            ToShard::Backlog(endpoint) => self.expect_more(endpoint),
            ToShard::Refilled { endpoint, deliveries, more } => {
                deliveries.into_iter().for_each(|delivery| self.admit(delivery));
                if let Some(lane) = self.jobs.lane(endpoint) {
                    self.jobs.expect(lane, more);
                    if more {
                        self.dispatcher.mark_backlog(lane);
                    }
                    self.rest(lane);
                }
            }
            ToShard::Cancelled { endpoint, domains, kind, below } => {
                self.cancel(|delivery| {
                    delivery.endpoint.id() == endpoint
                        && domains.cover(delivery.domain_id)
                        && delivery.kind == kind
                        && delivery.id < below
                });
            }
            ToShard::DomainDeleted { domain, below } => {
                self.cancel(|delivery| delivery.domain == domain && delivery.id < below);
            }
        }
    }

    fn cancel(&mut self, picks: impl Fn(&Delivery) -> bool) {
        for ticket in self.jobs.tickets(picks) {
            // Stale when its final outcome is known already, which then counts.
            let _ = self.dispatcher.cancel(ticket);
        }
    }

    fn recorded(&mut self, id: u64) {
        let Some((ticket, lane)) = self.jobs.recorded(id) else { return };
        let _ = self.dispatcher.handle_recorded(ticket);
        self.rest(lane);
    }

    /// The store has due deliveries for the endpoint, and says so once: without a free lane, it waits for one.
    fn expect_more(&mut self, endpoint: Arc<Endpoint>) {
        match self.jobs.open(&mut self.dispatcher, &endpoint) {
            Ok(lane) => {
                self.jobs.expect(lane, true);
                self.dispatcher.mark_backlog(lane);
            }
            Err(_full) => self.laneless.push_back(endpoint),
        }
    }

    fn rest(&mut self, lane: LaneId) {
        if self.jobs.rest(&mut self.dispatcher, lane)
            && let Some(endpoint) = self.laneless.pop_front()
        {
            self.expect_more(endpoint);
        }
    }

    /// Takes a claimed delivery in. Its claim says that there is room; should there be none, it goes back.
    fn admit(&mut self, delivery: Delivery) {
        let (id, attempts, due, health) =
            (delivery.id, delivery.attempts, delivery.due, delivery.endpoint.health());
        let now = self.clock.now();
        let admitted = self.jobs.open(&mut self.dispatcher, &delivery.endpoint).and_then(|lane| {
            let due = self.clock.instant_of(due);
            self.dispatcher.admit(now, id, lane, attempts, due)
        });
        match admitted {
            Ok(ticket) => self.jobs.insert(ticket, delivery),
            Err(_full) => {
                let wait = sealpost_core::Duration::ZERO;
                let verdict = Verdict::Retry { wait, kept: false };
                self.store.record(self.index, vec![Settled { id, verdict, attempts, due, health }], false);
            }
        }
    }
}

/// Signs an attempt and makes it; `None` where it cannot be sent.
async fn post<T: Transport<Answer = Answer>>(
    transport: &T,
    endpoint: &Endpoint,
    unsigned: Option<Box<Unsigned>>,
) -> Option<Answer> {
    let signed = unsigned?.sign().await?;
    let (url, headers) = (Url::parse(endpoint.url().expose()).ok()?, signed.headers());
    Some(transport.post(&url, &headers, &signed.payload).await)
}
