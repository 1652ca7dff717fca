//! What the shard keeps beside the dispatcher's slots and lanes: the deliveries and their endpoints.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use sealpost_core::dispatch::{Attempt, Dispatcher, Lane, LaneId, Slot};
use sealpost_core::{Full, Health, Record, Ticket, Verdict};
use tokio::task::AbortHandle;

use crate::storage::{Delivery, DeliveryId, Endpoint, EndpointId};

/// The deliveries in the window and the endpoints that they go to.
#[derive(Debug)]
pub(super) struct Jobs {
    cap: u16,
    /// By slot.
    jobs: Vec<Option<Job>>,
    /// By lane.
    open: Vec<Option<OpenLane>>,
    lanes: HashMap<EndpointId, LaneId>,
    /// Lanes that were idle and stayed open, each once; some have something to do again.
    idle: VecDeque<LaneId>,
    /// By lane: whether it stands in `idle`.
    stands_idle: Vec<bool>,
    /// Deliveries whose record the store is writing.
    recording: HashMap<DeliveryId, Recording>,
}

#[derive(Debug)]
struct Job {
    delivery: Delivery,
    ticket: Ticket,
    /// The number of the newest attempt.
    number: u8,
    attempt: Option<AbortHandle>,
}

#[derive(Debug)]
struct OpenLane {
    endpoint: Arc<Endpoint>,
    /// The store has more for it, or is looking.
    expects: bool,
}

#[derive(Debug)]
struct Recording {
    ticket: Ticket,
    lane: LaneId,
    leaves: bool,
}

impl Jobs {
    pub(super) fn new(cap: u16) -> Self {
        Self {
            cap,
            jobs: Vec::new(),
            open: Vec::new(),
            lanes: HashMap::new(),
            idle: VecDeque::new(),
            stands_idle: Vec::new(),
            recording: HashMap::new(),
        }
    }

    /// The lane of an endpoint, opened if it is not, in the place of one that is idle if it has to be.
    pub(super) fn open<S, L>(
        &mut self,
        dispatcher: &mut Dispatcher<S, L>,
        endpoint: &Arc<Endpoint>,
    ) -> Result<LaneId, Full>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        L: AsRef<[Lane]> + AsMut<[Lane]>,
    {
        if let Some(lane) = self.lanes.get(&endpoint.id()) {
            return Ok(*lane);
        }
        let lane = loop {
            match dispatcher.open(endpoint.health(), self.cap) {
                Ok(lane) => break lane,
                Err(full) => self.close_one_that_stayed(dispatcher).ok_or(full)?,
            }
        };
        self.lanes.insert(endpoint.id(), lane);
        *place(&mut self.open, lane.index()) =
            Some(OpenLane { endpoint: Arc::clone(endpoint), expects: false });
        Ok(lane)
    }

    /// Whether the lane has nothing to do, so that another may have its place. Where its endpoint is up it stays open
    /// until one wants it, since the dispatcher has more room for a lane of which it has seen an answer.
    pub(super) fn rest<S, L>(&mut self, dispatcher: &mut Dispatcher<S, L>, lane: LaneId) -> bool
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        L: AsRef<[Lane]> + AsMut<[Lane]>,
    {
        if dispatcher.health(lane) != Health::Up {
            return self.close(dispatcher, lane);
        }
        let idle = dispatcher.held(lane) == 0 && self.open_lane(lane).is_some_and(|open| !open.expects);
        if idle {
            if self.stands_idle.len() <= lane.index() {
                self.stands_idle.resize(lane.index() + 1, false);
            }
            if !std::mem::replace(&mut self.stands_idle[lane.index()], true) {
                self.idle.push_back(lane);
            }
        }
        idle
    }

    /// Closes the lane that has stayed open for longest and is idle, if there is one.
    fn close_one_that_stayed<S, L>(&mut self, dispatcher: &mut Dispatcher<S, L>) -> Option<()>
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        L: AsRef<[Lane]> + AsMut<[Lane]>,
    {
        loop {
            let lane = self.idle.pop_front()?;
            self.stands_idle[lane.index()] = false;
            if self.close(dispatcher, lane) {
                return Some(());
            }
        }
    }

    /// Closes the lane if it holds nothing and expects nothing; whether it did.
    fn close<S, L>(&mut self, dispatcher: &mut Dispatcher<S, L>, lane: LaneId) -> bool
    where
        S: AsRef<[Slot]> + AsMut<[Slot]>,
        L: AsRef<[Lane]> + AsMut<[Lane]>,
    {
        let idle = self.open_lane(lane).is_some_and(|open| !open.expects);
        let closed = idle && dispatcher.close(lane).is_ok();
        if closed && let Some(open) = place(&mut self.open, lane.index()).take() {
            self.lanes.remove(&open.endpoint.id());
        }
        closed
    }

    pub(super) fn lane(&self, endpoint: EndpointId) -> Option<LaneId> {
        self.lanes.get(&endpoint).copied()
    }

    pub(super) fn endpoint(&self, lane: LaneId) -> Option<&Arc<Endpoint>> {
        self.open_lane(lane).map(|open| &open.endpoint)
    }

    pub(super) fn expect(&mut self, lane: LaneId, expects: bool) {
        if let Some(open) = place(&mut self.open, lane.index()) {
            open.expects = expects;
        }
    }

    pub(super) fn insert(&mut self, ticket: Ticket, delivery: Delivery) {
        *place(&mut self.jobs, ticket.slot()) = Some(Job { delivery, ticket, number: 0, attempt: None });
    }

    pub(super) fn delivery(&self, ticket: Ticket) -> Option<&Delivery> {
        Some(&self.jobs.get(ticket.slot())?.as_ref()?.delivery)
    }

    /// The number of the newest attempt of a delivery, from 1.
    pub(super) fn number(&self, ticket: Ticket) -> u8 {
        self.jobs.get(ticket.slot()).and_then(Option::as_ref).map_or(0, |job| job.number)
    }

    /// An attempt has started under a new ticket.
    pub(super) fn flies(&mut self, Attempt { ticket, number, .. }: Attempt, attempt: Option<AbortHandle>) {
        if let Some(job) = place(&mut self.jobs, ticket.slot()) {
            (job.ticket, job.number) = (ticket, number);
            job.attempt = attempt;
        }
    }

    /// The attempt's deadline has passed: its connection is closed.
    pub(super) fn abort(&mut self, ticket: Ticket) {
        if let Some(attempt) =
            place(&mut self.jobs, ticket.slot()).as_mut().and_then(|job| job.attempt.take())
        {
            attempt.abort();
        }
    }

    /// The newest tickets of the deliveries that a predicate picks.
    pub(super) fn tickets(&self, picks: impl Fn(&Delivery) -> bool) -> Vec<Ticket> {
        self.jobs.iter().flatten().filter(|job| picks(&job.delivery)).map(|job| job.ticket).collect()
    }

    /// The record goes to the store.
    pub(super) fn records(&mut self, record: &Record) {
        let leaves = !matches!(record.verdict, Verdict::Retry { kept: true, .. });
        self.recording.insert(record.key, Recording { ticket: record.ticket, lane: record.lane, leaves });
    }

    /// The store has committed the record; a delivery that leaves the window is forgotten.
    pub(super) fn recorded(&mut self, id: DeliveryId) -> Option<(Ticket, LaneId)> {
        let Recording { ticket, lane, leaves } = self.recording.remove(&id)?;
        if leaves {
            *place(&mut self.jobs, ticket.slot()) = None;
        }
        Some((ticket, lane))
    }

    fn open_lane(&self, lane: LaneId) -> Option<&OpenLane> {
        self.open.get(lane.index())?.as_ref()
    }
}

/// The place of that index, made where the vector is too short for it. Indices are slots and lanes, whose
/// number bounds the vector.
fn place<T>(places: &mut Vec<Option<T>>, index: usize) -> &mut Option<T> {
    if places.len() <= index {
        places.resize_with(index + 1, || None);
    }
    &mut places[index]
}
