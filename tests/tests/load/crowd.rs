//! Hundreds of endpoints that were well and stop answering in the same moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sealpost_tests::calls::event;
use sealpost_tests::{Api, Receiver, Reply, Server};

use crate::alone;
use crate::endpoints::{Place, subscribe};

/// More than attempts may be in flight in all.
const CROWD: usize = 300;
/// Between the events of the one that stays well.
const STEADY: Duration = Duration::from_millis(20);
/// How long the crowd is watched, which is less than the deadline of an attempt: while it is silent no place is free
/// that was not left free.
const WATCHED: Duration = Duration::from_secs(7);
/// A machine that does other things is slower than the server; without places of its own, the one waits for a deadline
/// of 10 s.
const LATEST: Duration = Duration::from_secs(2);

#[test]
fn endpoints_that_stop_answering_at_once_do_not_hold_up_one_that_answers() {
    let _alone = alone();
    let (silent, arrivals) = (Arc::new(AtomicBool::new(false)), Arrivals::default());
    let (theirs, seen) = (Arc::clone(&silent), arrivals.clone());
    let receiver = Receiver::start().deciding(move |request| {
        if request.path == "/well" {
            seen.note(request.event_id());
        } else if theirs.load(Ordering::SeqCst) {
            return Reply::Hang;
        } else {
            seen.note(request.path.clone());
        }
        Reply::Status(200)
    });
    let mut server = Server::with(&[("log.level", "warn")]);
    let urls = (0..CROWD).map(|number| format!("/crowd/{number}")).chain(["/well".to_owned()]);
    let places = subscribe(&server.api(), urls.map(|path| receiver.url(&path)));
    let (well, crowd) = places.split_last().expect("places");
    submit_to_each(&server.api(), crowd, "first");
    arrivals.wait_for(CROWD);

    let mut sent = Vec::new();
    let api = server.api();
    let send = |sent: &mut Vec<(String, Instant)>| {
        let id = format!("{}-{}", well.kind, sent.len());
        sent.push((id.clone(), Instant::now()));
        let _ = api.post(&well.events(), "application/x-ndjson", event(well.kind, &id)).expect(200);
        thread::sleep(STEADY);
    };
    (0..20).for_each(|_| send(&mut sent));
    silent.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        let crowds = scope.spawn(|| {
            for round in ["second", "third", "fourth"] {
                submit_to_each(&server.api(), crowd, round);
            }
        });
        let until = Instant::now() + WATCHED;
        while Instant::now() < until {
            send(&mut sent);
        }
        crowds.join().expect("the crowd's events");
    });
    thread::sleep(LATEST);

    let arrived = arrivals.0.lock().expect("no panic");
    let now = Instant::now();
    let waits = sent.iter().map(|(id, at)| arrived.get(id).copied().unwrap_or(now).duration_since(*at));
    let latest = waits.max().expect("one was sent");
    println!("{} events to the one that answers, the latest after {latest:?}", sent.len());
    assert!(latest < LATEST, "{latest:?}");
    server.kill9();
}

/// One event for each, those of a domain in one submission.
fn submit_to_each(api: &Api, places: &[Place], round: &str) {
    for domain in places.chunk_by(|one, other| one.domain == other.domain) {
        let lines: Vec<_> =
            domain.iter().map(|place| event(place.kind, &format!("{}-{round}", place.kind))).collect();
        let _ = api.post(&domain[0].events(), "application/x-ndjson", lines.join("\n")).expect(200);
    }
}

/// When what arrived.
#[derive(Clone, Default)]
struct Arrivals(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Arrivals {
    fn note(&self, what: String) {
        let _ = self.0.lock().expect("no panic").entry(what).or_insert_with(Instant::now);
    }

    fn wait_for(&self, count: usize) {
        let until = Instant::now() + Duration::from_secs(30);
        while self.0.lock().expect("no panic").len() < count {
            assert!(Instant::now() < until, "{} of {count} arrived", self.0.lock().expect("no panic").len());
            thread::sleep(Duration::from_millis(10));
        }
    }
}
