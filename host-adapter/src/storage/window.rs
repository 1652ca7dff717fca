//! Which deliveries the shards hold, and which endpoint has due ones waiting in the store.
//!
//! Pure book-keeping, driven by whoever writes: no clock, no I/O. A delivery is held from the moment it
//! is claimed until its record says that it has left, so the window is an upper bound of what the shards
//! have in their slots. While a transaction is open every change can be undone.

use std::collections::{BTreeSet, HashMap};

use super::delivery::{DeliveryId, EndpointId};

/// The limits of the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Deliveries held of one endpoint.
    pub(super) quota: u32,
    /// Deliveries held in all.
    pub(super) deliveries: u32,
    /// Bytes of event-data held in all, each delivery counted on its own. The delivery that reaches the
    /// limit may cross it.
    pub(super) bytes: u64,
}

/// The window's book.
pub(super) struct Window {
    limits: Limits,
    bytes: u64,
    held: HashMap<DeliveryId, Held>,
    lanes: HashMap<EndpointId, Lane>,
    /// Endpoints with unclaimed deliveries whose shard has not been told, by the time of the first.
    untold: BTreeSet<(i64, EndpointId)>,
    undo: Vec<Undo>,
}

/// A delivery in the window.
#[derive(Clone, Copy)]
struct Held {
    endpoint: EndpointId,
    bytes: u32,
}

/// An endpoint in the book.
#[derive(Clone, Copy, Default)]
struct Lane {
    held: u32,
    /// No unclaimed delivery is due before this; `None`: there is none.
    next_due: Option<i64>,
    /// The shard knows that there is a backlog, and will ask.
    told: bool,
}

enum Undo {
    Held(DeliveryId, Option<Held>),
    Lane(EndpointId, Lane),
}

impl Window {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            bytes: 0,
            held: HashMap::new(),
            lanes: HashMap::new(),
            untold: BTreeSet::new(),
            undo: Vec::new(),
        }
    }

    /// Whether a new delivery may go straight to its shard: there is room, and no older one is due.
    pub(super) fn admits(&self, endpoint: EndpointId, now: i64) -> bool {
        self.lane(endpoint).next_due.is_none_or(|due| due > now) && self.room(endpoint) > 0
    }

    /// How many more deliveries of an endpoint may be held.
    pub(super) fn room(&self, endpoint: EndpointId) -> u32 {
        if self.bytes >= self.limits.bytes {
            return 0;
        }
        let held = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        let quota = self.limits.quota.saturating_sub(self.lane(endpoint).held);
        quota.min(self.limits.deliveries.saturating_sub(held))
    }

    /// A shard is about to be given this delivery.
    pub(super) fn claim(&mut self, id: DeliveryId, endpoint: EndpointId, bytes: usize) {
        let held = Held { endpoint, bytes: u32::try_from(bytes).unwrap_or(u32::MAX) };
        self.set_held(id, Some(held));
    }

    /// The shard has given this delivery back; its endpoint, unless it was not held.
    pub(super) fn release(&mut self, id: DeliveryId) -> Option<EndpointId> {
        let held = self.held.get(&id)?.endpoint;
        self.set_held(id, None);
        Some(held)
    }

    /// The endpoint of a delivery that a shard holds.
    pub(super) fn holder(&self, id: DeliveryId) -> Option<EndpointId> {
        self.held.get(&id).map(|held| held.endpoint)
    }

    /// A delivery that nobody holds is due at this time.
    pub(super) fn leave_unclaimed(&mut self, endpoint: EndpointId, due: i64) {
        let lane = self.lane(endpoint);
        let next_due = lane.next_due.map_or(due, |earlier| earlier.min(due));
        self.set_lane(endpoint, Lane { next_due: Some(next_due), ..lane });
    }

    /// A refill was answered: `next_due` is the due time of the first delivery left in the store,
    /// `will_ask` whether the shard knows that it can have more.
    pub(super) fn refilled(&mut self, endpoint: EndpointId, next_due: Option<i64>, will_ask: bool) {
        let lane = self.lane(endpoint);
        self.set_lane(endpoint, Lane { next_due, told: will_ask, ..lane });
    }

    /// Unclaimed deliveries of an endpoint have gone otherwise than by a refill; this is the due time of the
    /// first that is left.
    pub(super) fn correct(&mut self, endpoint: EndpointId, next_due: Option<i64>) {
        let lane = self.lane(endpoint);
        self.set_lane(endpoint, Lane { next_due, ..lane });
    }

    /// Endpoints whose shards are to be told of a backlog now; each is returned once until its refill.
    /// Endpoints that are due but have no room stay in the set; only as many can be at their quota as
    /// fill the window, so they cost little to pass over.
    pub(super) fn tell(&mut self, now: i64) -> Vec<EndpointId> {
        let due = self.untold.iter().take_while(|(due, _)| *due <= now).map(|&(_, endpoint)| endpoint);
        let due: Vec<_> = due.filter(|&endpoint| self.room(endpoint) > 0).collect();
        for &endpoint in &due {
            let lane = self.lane(endpoint);
            self.set_lane(endpoint, Lane { told: true, ..lane });
        }
        due
    }

    /// When [`Window::tell`] will next have something to say by the passing of time alone.
    pub(super) fn next_due(&self, now: i64) -> Option<i64> {
        self.untold.range((now.saturating_add(1), 0)..).next().map(|&(due, _)| due)
    }

    /// The transaction is committed: its changes stay.
    pub(super) fn commit(&mut self) {
        self.undo.clear();
    }

    /// The transaction is rolled back: everything is as it was at the last commit.
    pub(super) fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Held(id, held) => self.put_held(id, held),
                Undo::Lane(endpoint, lane) => self.put_lane(endpoint, lane),
            }
        }
    }

    fn lane(&self, endpoint: EndpointId) -> Lane {
        self.lanes.get(&endpoint).copied().unwrap_or_default()
    }

    fn set_held(&mut self, id: DeliveryId, held: Option<Held>) {
        let before = self.held.get(&id).copied();
        self.undo.push(Undo::Held(id, before));
        self.put_held(id, held);
    }

    fn set_lane(&mut self, endpoint: EndpointId, lane: Lane) {
        let before = self.lane(endpoint);
        self.undo.push(Undo::Lane(endpoint, before));
        self.put_lane(endpoint, lane);
    }

    fn put_held(&mut self, id: DeliveryId, held: Option<Held>) {
        let before = match held {
            Some(held) => self.held.insert(id, held),
            None => self.held.remove(&id),
        };
        if let Some(before) = before {
            self.bytes = self.bytes.saturating_sub(u64::from(before.bytes));
            let lane = self.lanes.entry(before.endpoint).or_default();
            lane.held = lane.held.saturating_sub(1);
        }
        if let Some(held) = held {
            self.bytes = self.bytes.saturating_add(u64::from(held.bytes));
            self.lanes.entry(held.endpoint).or_default().held += 1;
        }
    }

    /// Takes over everything of a lane but its count, which follows the held deliveries.
    fn put_lane(&mut self, endpoint: EndpointId, new: Lane) {
        let lane = self.lanes.entry(endpoint).or_default();
        if let (Some(due), false) = (lane.next_due, lane.told) {
            self.untold.remove(&(due, endpoint));
        }
        (lane.next_due, lane.told) = (new.next_due, new.told);
        if let (Some(due), false) = (lane.next_due, lane.told) {
            self.untold.insert((due, endpoint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { quota: 2, deliveries: 3, bytes: 100 };

    #[test]
    fn a_new_delivery_is_admitted_up_to_the_quota_and_the_window() {
        let mut window = Window::new(LIMITS);
        assert!(window.admits(1, 0));
        window.claim(10, 1, 10);
        window.claim(11, 1, 10);
        assert!(!window.admits(1, 0), "the endpoint's quota is spent");
        assert!(window.admits(2, 0));
        window.claim(12, 2, 10);
        assert!(!window.admits(3, 0), "the window is spent");
        assert_eq!(window.release(10), Some(1));
        assert_eq!(window.release(10), None);
        assert!(window.admits(3, 0));
    }

    #[test]
    fn large_events_fill_the_window_before_its_places_are_taken() {
        let mut window = Window::new(LIMITS);
        window.claim(10, 1, 99);
        assert!(window.admits(2, 0));
        window.claim(11, 1, 99);
        assert!(!window.admits(2, 0));
        window.release(10);
        assert!(window.admits(2, 0));
    }

    #[test]
    fn an_older_due_delivery_goes_first() {
        let mut window = Window::new(LIMITS);
        window.leave_unclaimed(1, 50);
        assert!(window.admits(1, 49));
        assert!(!window.admits(1, 50));
    }

    #[test]
    fn a_shard_is_told_once_until_it_has_asked() {
        let mut window = Window::new(LIMITS);
        window.leave_unclaimed(1, 50);
        window.leave_unclaimed(1, 70);
        assert_eq!(window.next_due(0), Some(50));
        assert!(window.tell(49).is_empty());
        assert_eq!(window.tell(50), [1]);
        assert!(window.tell(60).is_empty());
        assert_eq!(window.next_due(0), None);
        window.refilled(1, Some(70), false);
        assert_eq!(window.tell(70), [1]);
    }

    #[test]
    fn an_endpoint_at_its_quota_is_told_when_it_has_room_again() {
        let mut window = Window::new(LIMITS);
        window.claim(10, 1, 1);
        window.claim(11, 1, 1);
        window.leave_unclaimed(1, 5);
        assert!(window.tell(9).is_empty());
        window.release(11);
        assert_eq!(window.tell(9), [1]);
    }

    #[test]
    fn a_rolled_back_transaction_leaves_no_trace() {
        let mut window = Window::new(LIMITS);
        window.claim(10, 1, 10);
        window.leave_unclaimed(1, 50);
        window.commit();

        window.claim(11, 1, 10);
        window.release(10);
        window.leave_unclaimed(1, 20);
        assert_eq!(window.tell(20), [1]);
        window.refilled(1, None, false);
        window.roll_back();

        assert_eq!((window.holder(10), window.holder(11), window.bytes), (Some(1), None, 10));
        assert_eq!(window.room(1), 1);
        assert_eq!(window.next_due(0), Some(50));
    }
}
