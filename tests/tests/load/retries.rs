//! Very many retries that are due in the same moment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use sealpost_tests::calls::event;
use sealpost_tests::{Receiver, Reply, Request, Server, extent};

use crate::alone;
use crate::endpoints::subscribe;

/// Enough that the limit of all of them is what binds, as long as all have retries. Every other one has more than its
/// neighbour, so that in the end their own limits bind.
const ENDPOINTS: usize = 48;
const IN_FLIGHT: usize = 256;
const IN_FLIGHT_PER_ENDPOINT: usize = 8;
/// Events of one submission.
const BATCH: usize = 500;

#[test]
fn retries_that_are_due_at_once_come_no_earlier_and_no_more_of_them_at_a_time() {
    let _alone = alone();
    let retries: usize = extent(9_600, 100_800);
    let failing = Receiver::start().otherwise(Reply::Status(500));
    let mut server = Server::with(&[("delivery.schedule", "10m"), ("log.level", "warn")]);
    let places = subscribe(&server.api(), (0..ENDPOINTS).map(|number| failing.url(&format!("/{number}"))));
    for (number, place) in places.iter().enumerate() {
        let share = retries / ENDPOINTS / 2 * if number % 2 == 0 { 1 } else { 3 };
        let lines: Vec<_> = (0..share).map(|id| event(place.kind, &format!("{}{id}", place.kind))).collect();
        for batch in lines.chunks(BATCH) {
            let path = place.events();
            let _ = server.api().post(&path, "application/x-ndjson", batch.join("\n")).expect(200);
        }
    }
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().pending(), retries as u64);
    let due = now() + extent(5, 10) * 1000;
    make_due(server.data(), due);
    let flights = Flights::default();
    let theirs = flights.clone();
    let _receiver = Receiver::start_at(failing.stop()).deciding(move |request| theirs.fly(request));

    server.restart();

    let until = Instant::now() + Duration::from_secs(240);
    while flights.lock().arrived < retries {
        assert!(Instant::now() < until, "{} of {retries} retries came", flights.lock().arrived);
        thread::sleep(Duration::from_millis(50));
    }
    assert!(server.sigterm().success());
    let seen = flights.lock();
    let most_at_one = seen.most_at_one.values().max().expect("an endpoint");
    println!(
        "{retries} retries due at once: the first {} ms later, the last {} ms; at most {} in flight, {most_at_one} at one endpoint",
        seen.first - due,
        seen.last - due,
        seen.most,
    );
    assert!(seen.first >= due, "{} ms too early", due - seen.first);
    // As many as may be, so that the limits were what kept them.
    assert!(seen.most <= IN_FLIGHT && seen.most > IN_FLIGHT / 2, "{} in flight", seen.most);
    assert_eq!(*most_at_one, IN_FLIGHT_PER_ENDPOINT);
    assert_eq!(seen.arrived, retries, "each once");
    let accounting = server.accounting();
    assert_eq!((accounting.acknowledged, accounting.pending()), (retries as u64, 0));
}

/// Gives every pending delivery of a server that has stopped one attempt and the same time of the next.
fn make_due(data: &Path, due: i64) {
    let connection = Connection::open(data.join("sealpost.db")).expect("a database");
    connection.execute("UPDATE pending SET due = ?, attempts = 1, claim = 0", [due]).expect("an update");
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since_1970.as_millis()).expect("a time")
}

/// What the receiver has seen.
#[derive(Clone, Default)]
struct Flights(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    arrived: usize,
    first: i64,
    last: i64,
    flying: usize,
    most: usize,
    flying_to: BTreeMap<String, usize>,
    most_at_one: BTreeMap<String, usize>,
}

impl Flights {
    /// Takes a while, and ends before the answer goes out: what is counted is under way for certain.
    fn fly(&self, request: &Request) -> Reply {
        let path = &request.path;
        {
            let mut seen = self.lock();
            let at = now();
            seen.first = if seen.arrived == 0 { at } else { seen.first.min(at) };
            seen.last = at;
            seen.arrived += 1;
            seen.flying += 1;
            seen.most = seen.most.max(seen.flying);
            let flying = seen.flying_to.entry(path.clone()).or_default();
            *flying += 1;
            let flying = *flying;
            let most = seen.most_at_one.entry(path.clone()).or_default();
            *most = flying.max(*most);
        }
        thread::sleep(Duration::from_millis(20));
        let mut seen = self.lock();
        seen.flying -= 1;
        *seen.flying_to.get_mut(path).expect("it has arrived") -= 1;
        Reply::Status(200)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().expect("no panic")
    }
}
