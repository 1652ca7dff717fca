//! A wall clock that is set while the server runs: nothing comes early, nothing late, nobody is refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use sealpost_tests::calls::{event, events};
use sealpost_tests::tools::{GCC, available};
use sealpost_tests::{Receiver, Reply, Server, WallClock};

const HOUR: i64 = 3600;
/// The third wait is longer than any of these tests, and shorter than the steps.
const SCHEDULE: [(Duration, &str); 3] = [
    (Duration::from_millis(1500), "1500ms"),
    (Duration::from_millis(1500), "1500ms"),
    (Duration::from_secs(1800), "30m"),
];
/// What the contract allows. The tests stop waiting earlier.
const LATEST: Duration = Duration::from_secs(20);

/// Seconds since 1970 by the clock that was not set.
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs().cast_signed()
}

/// When each event arrived, attempt by attempt.
#[derive(Clone, Default)]
struct Arrivals(Arc<Mutex<BTreeMap<String, Vec<Instant>>>>);

impl Arrivals {
    /// A receiver that answers 500 as many times as the event's id says behind its dash, and then 200.
    fn receiver(&self) -> Receiver {
        let arrivals = self.clone();
        Receiver::start().deciding(move |request| {
            let id = request.event_id();
            let failures = id.rsplit_once('-').and_then(|(_, count)| count.parse().ok()).unwrap_or(0);
            let mut all = arrivals.0.lock().expect("no panic");
            let times = all.entry(id).or_default();
            times.push(request.at);
            Reply::Status(if times.len() > failures { 200 } else { 500 })
        })
    }

    fn of(&self, id: &str) -> Vec<Instant> {
        self.0.lock().expect("no panic").get(id).cloned().unwrap_or_default()
    }

    /// The attempts of an event, once there are so many.
    fn wait_for(&self, id: &str, count: usize) -> Vec<Instant> {
        let until = Instant::now() + LATEST;
        while self.of(id).len() < count {
            assert!(
                Instant::now() < until,
                "{id}: {} of {count} attempts, the next is late",
                self.of(id).len()
            );
            thread::sleep(Duration::from_millis(10));
        }
        self.of(id)
    }
}

/// Each attempt comes after the wait of its step. By how much at most.
fn assert_none_is_early(id: &str, times: &[Instant]) -> Duration {
    let mut latest = Duration::ZERO;
    for (pair, (step, _)) in times.windows(2).zip(SCHEDULE) {
        let wait = pair[1] - pair[0] + Duration::from_millis(1);
        assert!(wait >= step, "{id}: {wait:?} is earlier than {step:?}");
        latest = latest.max(wait - step);
    }
    latest
}

/// The clock is set by this much while retries wait, in memory or in storage as `keep` says.
fn a_step_changes_nothing_for_deliveries(ahead: i64, keep: &str) {
    let (clock, arrivals) = (WallClock::new(), Arrivals::default());
    let steps = SCHEDULE.map(|(_, step)| step).join(",");
    let settings = [("delivery.schedule", steps.as_str()), ("delivery.keep", keep)];
    let mut server = Server::within(&clock.environment(), &settings);
    let receiver = arrivals.receiver();
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    for id in ["before-1", "long-3"] {
        let _ = server.api().submit(&event("opened", id)).expect(200);
        let _ = arrivals.wait_for(id, 1);
    }
    let _ = server.logged("\"failed\"", 2);

    clock.set_ahead(ahead);

    let stamped = event("opened", "stamped-1").replacen('{', &format!("{{\"timestamp\":{},", now() - 1), 1);
    let _ = server.api().submit(&stamped).expect(200);
    let _ = server.api().submit(&event("opened", "after-1")).expect(200);
    let mut latest = assert_none_is_early("long-3", &arrivals.wait_for("long-3", 3));
    for id in ["before-1", "stamped-1", "after-1"] {
        latest = latest.max(assert_none_is_early(id, &arrivals.wait_for(id, 2)));
    }
    assert_eq!(server.api().get("/healthz").status, 200);

    // The next process does not know another clock, and yet what waits keeps its time.
    let _ = server.api().submit(&event("opened", "across-1")).expect(200);
    let _ = arrivals.wait_for("across-1", 1);
    let _ = server.logged("\"failed\"", 7);
    assert!(server.sigterm().success());
    server.restart();
    latest = latest.max(assert_none_is_early("across-1", &arrivals.wait_for("across-1", 2)));
    println!("set by {ahead} s, keep {keep}: at most {latest:?} after the wait without its jitter");
    assert_eq!(arrivals.of("long-3").len(), 3, "half an hour has not passed");
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.acknowledged, accounting.pending()), (4, 1));
}

#[test]
fn retries_are_neither_early_nor_late_when_the_clock_is_set() {
    if !available(&[GCC]) {
        return;
    }
    thread::scope(|scope| {
        for ahead in [-HOUR, 9 * HOUR, 60 - now()] {
            for keep in ["0s", "60s"] {
                scope.spawn(move || a_step_changes_nothing_for_deliveries(ahead, keep));
            }
        }
    });
}

#[test]
fn a_first_attempt_is_made_at_once_while_the_clock_goes_to_and_fro() {
    if !available(&[GCC]) {
        return;
    }
    let (clock, arrivals) = (WallClock::new(), Arrivals::default());
    // So small a window that most deliveries come out of storage.
    let settings = [("delivery.window", "2"), ("delivery.window_per_endpoint", "2")];
    let server = Server::within(&clock.environment(), &settings);
    let receiver = arrivals.receiver();
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    for (round, ahead) in
        [9 * HOUR, -HOUR, 60 - now(), 9 * HOUR, 0, 60 - now(), -HOUR].into_iter().enumerate()
    {
        let ids: Vec<_> = (0..30).map(|at| format!("e{round}x{at}")).collect();
        let lines: Vec<_> = ids.iter().map(|id| event("opened", id)).collect();
        let _ = server.api().post(&events(""), "application/x-ndjson", lines.join("\n")).expect(200);
        clock.set_ahead(ahead);
        for id in ids {
            let _ = arrivals.wait_for(&id, 1);
        }
    }
}

#[test]
fn retention_goes_by_the_wall_clock_and_does_not_believe_1970() {
    if !available(&[GCC]) {
        return;
    }
    let clock = WallClock::new();
    let mut server = Server::within(&clock.environment(), &[("storage.retention", "10h")]);
    // Every start looks for old events at once.
    let look = |server: &mut Server, ahead| {
        clock.set_ahead(ahead);
        server.restart();
        thread::sleep(Duration::from_millis(500));
        server.api().listed()
    };
    let _ = server.api().submit(&event("opened", "e1")).expect(200);
    clock.set_ahead(60 - now());
    let _ = server.api().submit(&event("opened", "in-1970")).expect(200);

    assert_eq!(look(&mut server, 0), ["e1", "in-1970"]);
    assert_eq!(look(&mut server, 9 * HOUR), ["e1", "in-1970"], "nine hours old, as far as the clock tells");
    clock.set_ahead(11 * HOUR);
    server.restart();
    let until = Instant::now() + LATEST;
    while !server.api().listed().is_empty() {
        assert!(Instant::now() < until, "events of eleven hours ago stay");
        thread::sleep(Duration::from_millis(50));
    }
}
