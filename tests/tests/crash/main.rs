//! A server that is killed at random moments under load, again and again: nothing accepted is lost, nothing is half
//! stored, and no more is repeated than was under way.
//!
//! `SEALPOST_CRASH_SEED` repeats the choices of a run: when it is killed, what is sent. What the machine makes of them
//! is another thing each time.

mod backlog;
mod books;
mod load;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealpost_tests::{Nobody, Random, Server, UNRECORDED, extent};

use books::Books;
use load::Submitter;
use witness::Witness;

const SUBMITTERS: usize = 4;
/// Waits that end soon, since one endpoint is dead; long enough for those that fail a few times. Outcomes wait long
/// for company, so that as many as can be are not committed when a kill comes.
const SETTINGS: [(&str, &str); 5] = [
    ("storage.outcome_linger", "1s"),
    ("delivery.schedule", "50ms,100ms,200ms,400ms,1s,1s,1s"),
    ("delivery.keep", "300ms"),
    ("delivery.in_flight_per_endpoint", "8"),
    ("log.level", "warn"),
];

/// How soon a server is to be ready after a kill; a debug build on a busy machine gets more.
fn soon() -> Duration {
    extent(Duration::from_secs(15), Duration::from_secs(2))
}

/// A moment before a start that takes this long has come to its end.
fn part_of(start: Duration, random: &mut Random) -> Duration {
    start.mul_f64(random.below(1000) as f64 / 1000.0)
}

/// Starts the server and says how long it took until it answered.
fn time_to_ready(server: &mut Server) -> Duration {
    let begin = Instant::now();
    server.restart();
    let _ = server.api().get("/healthz").expect(200);
    begin.elapsed()
}

#[test]
fn nothing_is_lost_and_nothing_half_stored_over_many_kills_under_load() {
    let rounds: usize = extent(20, 200);
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let usual = u64::from(since_1970.subsec_micros()) + 1;
    let mut random = Random::from_environment("SEALPOST_CRASH_SEED", usual);
    let mut server = Server::with(&SETTINGS);
    let witness = Witness::default();
    let receiver = witness.receiver();
    let nobody = Nobody::start();
    let dead = nobody.url("");
    witness::subscribe(&server.api(), &receiver, &dead);
    let mut submitters: Vec<_> =
        (0..SUBMITTERS).map(|name| Submitter::new(name, Random::new(random.below(1 << 32)))).collect();

    // How often each delivery was acknowledged, or refused, without a committed outcome.
    let mut excused = BTreeMap::new();
    let mut look = |server: &Server, submitters: &mut [Submitter], round: usize| {
        receiver.wait_until_quiet();
        let books = Books::read(server.data());
        books.assert_whole();
        books.assert_holds(submitters.iter_mut().flat_map(|submitter| submitter.newly_accepted.drain(..)));
        for (path, count) in witness.excuse(&books.pending, &mut excused) {
            assert!(
                count <= UNRECORDED,
                "round {round}: {count} attempts at {path} without a committed outcome"
            );
        }
    };
    let (mut slowest, mut last, mut killed_while_starting) = (Duration::ZERO, Duration::from_millis(50), 0);
    for round in 0..rounds {
        let (span, quiet) = (Duration::from_millis(10 + random.below(300)), random.below(3) == 0);
        under_load(&mut server, &mut submitters, |server| {
            witness::withdraw_for(span, &server.api(), &dead);
            if !quiet {
                server.kill9();
            }
        });
        // Without a submission to ride with, outcomes are committed for their own sake alone.
        if quiet {
            thread::sleep(Duration::from_millis(random.below(200)));
            server.kill9();
        }
        look(&server, &mut submitters, round);
        if round % 10 == 9 {
            server.kill9_while_starting(part_of(last, &mut random));
            killed_while_starting += 1;
            look(&server, &mut submitters, round);
        }
        last = time_to_ready(&mut server);
        slowest = slowest.max(last);
    }
    assert!(slowest <= soon(), "{slowest:?} until it was ready");

    // In the end every client has its answer and every delivery its end.
    under_load(&mut server, &mut submitters, |_| thread::sleep(Duration::from_millis(200)));
    let accounting = settled(&server);
    assert_eq!(accounting["balances"], true, "{accounting}");
    for end in ["acknowledged", "refused", "exhausted", "cancelled"] {
        assert!(accounting[end].as_u64() > Some(0), "{accounting}");
    }
    assert!(server.sigterm().success());
    let books = Books::read(server.data());
    books.assert_whole();
    let accepted: Vec<_> = submitters.iter().flat_map(|submitter| &submitter.accepted).cloned().collect();
    books.assert_holds(accepted.iter().map(|(id, _)| id.clone()));
    let ids = BTreeSet::from_iter(accepted.iter().map(|(id, _)| id));
    assert_eq!(ids.len(), accepted.len());
    assert_eq!(ids.len(), books.events, "every event has been answered in the end, and there is no other");
    let repeated = witness.assert_all_arrived(&accepted, &excused);
    println!(
        "{rounds} kills under load and {killed_while_starting} during start-up: {} events and {} deliveries accepted, 0 lost, \
         0 half stored; {repeated} attempts repeated of {} without a committed outcome; ready after at most {slowest:?}; \
         {accounting}",
        accepted.len(),
        accounting["accepted"],
        excused.values().sum::<usize>(),
    );
}

#[test]
fn a_first_start_that_is_killed_anywhere_can_be_made_again() {
    let mut random = Random::from_environment("SEALPOST_CRASH_SEED", 0x5ea1);
    let usual = time_to_ready(&mut Server::before_its_first_start(&[]));
    for _ in 0..extent(5, 40) {
        let mut server = Server::before_its_first_start(&[]);
        server.kill9_while_starting(part_of(usual, &mut random));
        server.kill9_while_starting(part_of(usual, &mut random));
        server.restart();
        let _ = server.api().submit(&sealpost_tests::calls::event("opened", "one")).expect(200);
        server.kill9();
        Books::read(server.data()).assert_holds(["one".to_owned()]);
    }
}

/// Lets the submitters submit while `work` goes on; they end when it has, or when the server has.
fn under_load(server: &mut Server, submitters: &mut [Submitter], work: impl FnOnce(&mut Server)) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for submitter in submitters {
            let (api, done) = (server.api(), &done);
            scope.spawn(move || submitter.run(&api, done));
        }
        work(server);
        done.store(true, Ordering::Relaxed);
    });
}

/// What the route says once nothing is pending.
fn settled(server: &Server) -> serde_json::Value {
    let until = Instant::now() + Duration::from_secs(180);
    loop {
        let accounting = server.api().get("/v5/accounts/accounting").expect(200).json();
        assert_eq!(accounting["balances"], true, "{accounting}");
        if accounting["pending"] == 0 {
            return accounting;
        }
        assert!(Instant::now() < until, "deliveries still pend: {accounting}");
        thread::sleep(Duration::from_millis(100));
    }
}
