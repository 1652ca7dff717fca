//! Which deliveries the shards hold, and which endpoint has due ones waiting in the store.
//!
//! Pure book-keeping, driven by whoever writes: no clock, no I/O. A delivery is held from the moment it
//! is claimed until its record says that it has left, so the window is an upper bound of what the shards
//! have in their slots. While a transaction is open every change can be undone.
//!
//! Endpoints that are not up (never proven, failing, or down) are *suspects*. What they hold stays long, so
//! they share a part of the window: however many are dead, a quarter is left for those that are up, and a
//! quarter more for the first delivery of each suspect, by which it can prove itself.

use std::collections::{BTreeSet, HashMap};

use super::{
    accounting::OldestDue,
    delivery::{DeliveryId, EndpointId},
};

/// Deliveries held of one suspect, where the quota is not smaller still.
const SUSPECT_QUOTA: u32 = 16;

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
    all: Share,
    suspects: Share,
    held: HashMap<DeliveryId, Held>,
    lanes: HashMap<EndpointId, Lane>,
    /// Endpoints below their quota with unclaimed deliveries whose shard has not been told, by the time of
    /// the first.
    untold: BTreeSet<(Standing, i64, EndpointId)>,
    /// Endpoints with unclaimed deliveries, by whether they are up and by the time of the first.
    backlogs: BTreeSet<(bool, i64, EndpointId)>,
    undo: Vec<Undo>,
}

/// A delivery in the window.
#[derive(Clone, Copy)]
struct Held {
    endpoint: EndpointId,
    bytes: u32,
    due: i64,
}

/// A part of the window.
#[derive(Clone, Copy, Default)]
struct Share {
    deliveries: u32,
    bytes: u64,
}

/// An endpoint in the book.
#[derive(Clone, Copy, Default)]
struct Lane {
    held: Share,
    /// Its last attempt was answered as wished.
    up: bool,
    /// No unclaimed delivery is due before this; `None`: there is none.
    next_due: Option<i64>,
    /// The shard knows that there is a backlog, and will ask.
    told: bool,
}

/// What share of the window an endpoint's next delivery is counted to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// The endpoint is up: all of it.
    Up,
    /// A suspect that holds nothing: three quarters.
    SuspectFirst,
    /// A suspect that holds something: half.
    SuspectMore,
}

enum Undo {
    Held(DeliveryId, Option<Held>),
    Lane(EndpointId, Lane),
}

impl Window {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            all: Share::default(),
            suspects: Share::default(),
            held: HashMap::new(),
            lanes: HashMap::new(),
            untold: BTreeSet::new(),
            backlogs: BTreeSet::new(),
            undo: Vec::new(),
        }
    }

    /// Whether a new delivery may go straight to its shard: there is room, and no older one is due.
    pub(super) fn admits(&self, endpoint: EndpointId, now: i64) -> bool {
        self.lane(endpoint).next_due.is_none_or(|due| due > now) && self.room(endpoint) > 0
    }

    /// How many more deliveries of an endpoint may be held.
    pub(super) fn room(&self, endpoint: EndpointId) -> u32 {
        let lane = self.lane(endpoint);
        let places = match lane.standing() {
            Standing::SuspectFirst => {
                self.places(Standing::SuspectFirst).min(1).max(self.places(Standing::SuspectMore))
            }
            standing => self.places(standing),
        };
        places.min(self.below_quota(&lane))
    }

    /// A shard is about to be given this delivery, which is due at this time.
    pub(super) fn claim(&mut self, id: DeliveryId, endpoint: EndpointId, bytes: usize, due: i64) {
        let held = Held { endpoint, bytes: u32::try_from(bytes).unwrap_or(u32::MAX), due };
        self.set_held(id, Some(held));
    }

    /// The shard keeps this delivery until it is due again.
    pub(super) fn postpone(&mut self, id: DeliveryId, due: i64) {
        if let Some(&held) = self.held.get(&id) {
            self.set_held(id, Some(Held { due, ..held }));
        }
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

    /// Whether the endpoint's last attempt was answered as wished; until this is said, it was not.
    pub(super) fn judge(&mut self, endpoint: EndpointId, up: bool) {
        let lane = self.lane(endpoint);
        if lane.up != up {
            self.set_lane(endpoint, Lane { up, ..lane });
        }
    }

    /// Whether there is nothing to be known of an endpoint: nothing held, nothing unclaimed, nothing told.
    pub(super) fn is_idle(&self, endpoint: EndpointId) -> bool {
        let lane = self.lane(endpoint);
        lane.held.deliveries == 0 && lane.next_due.is_none() && !lane.told
    }

    /// An idle endpoint is gone for good.
    pub(super) fn forget(&mut self, endpoint: EndpointId) {
        if self.is_idle(endpoint) {
            self.lanes.remove(&endpoint);
        }
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

    /// Endpoints whose shards are to be told of a backlog now, no more of them than there are places; each
    /// is returned once until its refill.
    pub(super) fn tell(&mut self, now: i64) -> Vec<EndpointId> {
        let due = |standing| {
            let due =
                self.untold.range((standing, i64::MIN, EndpointId::MIN)..=(standing, now, EndpointId::MAX));
            due.take(self.places(standing) as usize).map(|&(_, _, endpoint)| endpoint)
        };
        let due: Vec<_> = Standing::ALL.into_iter().flat_map(due).collect();
        for &endpoint in &due {
            let lane = self.lane(endpoint);
            self.set_lane(endpoint, Lane { told: true, ..lane });
        }
        due
    }

    /// The first due times of all deliveries, held or not. Looks at all that are held.
    pub(super) fn oldest_due(&self) -> OldestDue {
        let of_held = |up: bool| {
            let held = self.held.values().filter(move |held| self.lane(held.endpoint).up == up);
            held.map(|held| held.due).min()
        };
        let of_backlogs = |up: bool| {
            let range = (up, i64::MIN, EndpointId::MIN)..=(up, i64::MAX, EndpointId::MAX);
            self.backlogs.range(range).next().map(|&(_, due, _)| due)
        };
        let oldest = |up| of_held(up).into_iter().chain(of_backlogs(up)).min();
        OldestDue { up: oldest(true), others: oldest(false) }
    }

    /// When [`Window::tell`] will next have something to say by the passing of time alone.
    pub(super) fn next_due(&self, now: i64) -> Option<i64> {
        let next = |standing| {
            let later = (standing, now.saturating_add(1), EndpointId::MIN);
            self.untold.range(later..=(standing, i64::MAX, EndpointId::MAX)).next().map(|&(_, due, _)| due)
        };
        Standing::ALL.into_iter().filter_map(next).min()
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

    /// Places that are left for deliveries of this standing.
    fn places(&self, standing: Standing) -> u32 {
        let Limits { deliveries, bytes, .. } = self.limits;
        let limit = |part: u32| Share {
            deliveries: deliveries - deliveries / part,
            bytes: bytes - bytes / u64::from(part),
        };
        let all = Share { deliveries, bytes };
        let places = match standing {
            Standing::Up => u32::MAX,
            Standing::SuspectFirst => self.suspects.places_below(limit(4)),
            Standing::SuspectMore => self.suspects.places_below(limit(2)),
        };
        places.min(self.all.places_below(all))
    }

    fn below_quota(&self, lane: &Lane) -> u32 {
        let quota = if lane.up { self.limits.quota } else { self.limits.quota.min(SUSPECT_QUOTA) };
        quota.saturating_sub(lane.held.deliveries)
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
            self.all.remove(1, before.bytes.into());
            self.change(before.endpoint, |lane| lane.held.remove(1, before.bytes.into()));
        }
        if let Some(held) = held {
            self.all.add(1, held.bytes.into());
            self.change(held.endpoint, |lane| lane.held.add(1, held.bytes.into()));
        }
    }

    /// Takes over everything of a lane but its share, which follows the held deliveries.
    fn put_lane(&mut self, endpoint: EndpointId, new: Lane) {
        self.change(endpoint, |lane| *lane = Lane { held: lane.held, ..new });
    }

    /// Changes a lane, and with it everything that is derived from lanes.
    fn change(&mut self, endpoint: EndpointId, change: impl FnOnce(&mut Lane)) {
        let before = self.lane(endpoint);
        let mut after = before;
        change(&mut after);
        if let Some(place) = self.place(endpoint, &before) {
            self.untold.remove(&place);
        }
        if let Some(due) = before.next_due {
            self.backlogs.remove(&(before.up, due, endpoint));
        }
        if !before.up {
            self.suspects.remove(before.held.deliveries, before.held.bytes);
        }
        if !after.up {
            self.suspects.add(after.held.deliveries, after.held.bytes);
        }
        if let Some(place) = self.place(endpoint, &after) {
            self.untold.insert(place);
        }
        if let Some(due) = after.next_due {
            self.backlogs.insert((after.up, due, endpoint));
        }
        self.lanes.insert(endpoint, after);
    }

    /// A lane's place among the untold, if it has one.
    fn place(&self, endpoint: EndpointId, lane: &Lane) -> Option<(Standing, i64, EndpointId)> {
        let due = lane.next_due.filter(|_| !lane.told && self.below_quota(lane) > 0)?;
        Some((lane.standing(), due, endpoint))
    }
}

impl Lane {
    fn standing(&self) -> Standing {
        match (self.up, self.held.deliveries) {
            (true, _) => Standing::Up,
            (false, 0) => Standing::SuspectFirst,
            (false, _) => Standing::SuspectMore,
        }
    }
}

impl Share {
    /// Deliveries that may be added until a limit is reached.
    fn places_below(&self, limit: Self) -> u32 {
        if self.bytes < limit.bytes { limit.deliveries.saturating_sub(self.deliveries) } else { 0 }
    }

    fn add(&mut self, deliveries: u32, bytes: u64) {
        self.deliveries = self.deliveries.saturating_add(deliveries);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn remove(&mut self, deliveries: u32, bytes: u64) {
        self.deliveries = self.deliveries.saturating_sub(deliveries);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Standing {
    const ALL: [Self; 3] = [Self::Up, Self::SuspectFirst, Self::SuspectMore];
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { quota: 2, deliveries: 3, bytes: 100 };

    #[test]
    fn a_new_delivery_is_admitted_up_to_the_quota_and_the_window() {
        let mut window = Window::new(LIMITS);
        assert!(window.admits(1, 0));
        window.claim(10, 1, 10, 0);
        window.claim(11, 1, 10, 0);
        assert!(!window.admits(1, 0), "the endpoint's quota is spent");
        assert!(window.admits(2, 0));
        window.claim(12, 2, 10, 0);
        assert!(!window.admits(3, 0), "the window is spent");
        assert_eq!(window.release(10), Some(1));
        assert_eq!(window.release(10), None);
        assert!(window.admits(3, 0));
    }

    #[test]
    fn large_events_fill_the_window_before_its_places_are_taken() {
        let mut window = Window::new(LIMITS);
        (1..=2).for_each(|endpoint| window.judge(endpoint, true));
        window.claim(10, 1, 99, 0);
        assert!(window.admits(2, 0));
        window.claim(11, 1, 99, 0);
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
        window.claim(10, 1, 1, 0);
        window.claim(11, 1, 1, 0);
        window.leave_unclaimed(1, 5);
        assert!(window.tell(9).is_empty());
        window.release(11);
        assert_eq!(window.tell(9), [1]);
    }

    #[test]
    fn suspects_leave_a_quarter_of_the_window_to_those_that_are_up() {
        let mut window = Window::new(Limits { quota: 64, deliveries: 64, bytes: 6400 });
        window.judge(1, true);
        let taken = fill(&mut window, 100..120);
        assert_eq!(taken.get(..3), Some([16, 16, 1].as_slice()), "half of it, and then one each");
        assert_eq!(taken.iter().sum::<u32>(), 48);
        assert_eq!(window.room(1), 16);
        window.claim(1, 1, 10, 0);
        window.judge(1, false);
        assert_eq!(window.room(1), 0, "a suspect now, and what it holds counts as theirs");
        window.judge(1, true);
        assert_eq!(window.room(1), 15);
    }

    #[test]
    fn suspects_leave_a_quarter_of_the_bytes_too() {
        let mut window = Window::new(Limits { quota: 64, deliveries: 64, bytes: 400 });
        window.judge(1, true);
        window.claim(10, 2, 299, 0);
        assert_eq!([window.room(2), window.room(3)], [0, 1]);
        window.claim(11, 3, 1, 0);
        assert_eq!([window.room(4), window.room(1)], [0, 62]);
    }

    #[test]
    fn no_more_shards_are_told_than_there_are_places() {
        let mut window = Window::new(Limits { quota: 2, deliveries: 4, bytes: 100 });
        for endpoint in 1..=9 {
            window.judge(endpoint, true);
            window.leave_unclaimed(endpoint, 5);
        }
        for id in 20..24 {
            window.claim(id, 100 + id as EndpointId / 2, 1, 0);
        }
        assert!(window.tell(9).is_empty());
        window.release(20);
        assert_eq!(window.tell(9), [1]);
    }

    /// Claims for each endpoint what it may have; how many those were.
    fn fill(window: &mut Window, endpoints: std::ops::Range<EndpointId>) -> Vec<u32> {
        let mut fill = |endpoint| {
            let room = window.room(endpoint);
            (0..room)
                .for_each(|turn| window.claim(u64::from(endpoint) << 8 | u64::from(turn), endpoint, 10, 0));
            room
        };
        endpoints.map(&mut fill).collect()
    }

    #[test]
    fn the_oldest_due_delivery_is_held_or_waits_and_is_known_apart_for_endpoints_that_are_up() {
        let mut window = Window::new(LIMITS);
        assert_eq!(window.oldest_due(), OldestDue::default());
        window.judge(1, true);
        window.claim(10, 1, 1, 30);
        window.leave_unclaimed(1, 40);
        window.leave_unclaimed(2, 20);
        assert_eq!(window.oldest_due(), OldestDue { up: Some(30), others: Some(20) });
        window.postpone(10, 50);
        assert_eq!(window.oldest_due(), OldestDue { up: Some(40), others: Some(20) });
        window.refilled(2, None, false);
        window.judge(1, false);
        assert_eq!(window.oldest_due(), OldestDue { up: None, others: Some(40) });
        window.roll_back();
        assert_eq!(window.oldest_due(), OldestDue::default());
    }

    #[test]
    fn a_rolled_back_transaction_leaves_no_trace() {
        let mut window = Window::new(LIMITS);
        window.claim(10, 1, 10, 0);
        window.leave_unclaimed(1, 50);
        window.commit();

        window.claim(11, 1, 10, 0);
        window.release(10);
        window.leave_unclaimed(1, 20);
        window.judge(1, true);
        assert_eq!(window.tell(20), [1]);
        window.refilled(1, None, false);
        window.roll_back();

        assert_eq!((window.holder(10), window.holder(11), window.all.bytes), (Some(1), None, 10));
        assert_eq!(window.room(1), 1);
        assert_eq!(window.next_due(0), Some(50));
    }
}
