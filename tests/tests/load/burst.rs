//! Far more events at once than the store may hold, for a receiver that is slow.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, events};
use sealpost_tests::{Api, Receiver, Reply, Server, extent};

use crate::alone;

const SUBMITTERS: usize = 8;
/// Events of one submission.
const BATCH: usize = 20;
/// Growth of the process from the first refusal on that still counts as none, in KiB.
const FLAT: usize = 16 << 10;

#[test]
fn of_a_burst_all_that_is_accepted_is_delivered_and_the_rest_told_to_come_back() {
    let _alone = alone();
    let burst: usize = extent(8_000, 100_000);
    let room = burst / 2;
    let mut server = Server::with(&[
        ("storage.max_pending", &room.to_string()),
        ("delivery.schedule", "10m"),
        ("log.level", "warn"),
    ]);
    let delivered = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&delivered);
    let receiver = Receiver::start().deciding(move |request| {
        theirs.lock().expect("no panic").push(request.event_id());
        Reply::After(Duration::from_millis(3), 200)
    });
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let (next, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut outcome = Outcome::default();

    let memory = thread::scope(|scope| {
        let memory = scope.spawn(|| watch(&server, &ended));
        let submitters: Vec<_> =
            (0..SUBMITTERS).map(|_| scope.spawn(|| submit(&server.api(), &next, burst))).collect();
        for submitter in submitters {
            outcome.add(submitter.join().expect("every answer is 200 or a whole 429"));
        }
        let until = Instant::now() + Duration::from_secs(240);
        while pending(&server.api()) > 0 {
            assert!(Instant::now() < until, "deliveries still pend");
            thread::sleep(Duration::from_millis(100));
        }
        ended.store(true, Ordering::Relaxed);
        memory.join().expect("no panic")
    });

    let Outcome { accepted, refused } = outcome;
    let refused_at = memory.iter().position(|(_, pending)| *pending + BATCH * SUBMITTERS >= room);
    let (before, after) = memory.split_at(refused_at.expect("the store was full"));
    let at_full = after[0].0;
    let most = after.iter().map(|(memory, _)| *memory).max().expect("a sample");
    println!(
        "{burst} events: {} accepted, {refused} answered 429; memory in KiB at first {}, when full {at_full}, then at most {most}",
        accepted.len(),
        before.first().map_or(0, |(memory, _)| *memory),
    );
    assert_eq!(accepted.len() + refused, burst);
    assert!(refused > 0 && accepted.len() >= room - BATCH, "{} accepted", accepted.len());
    let delivered = delivered.lock().expect("no panic");
    assert_eq!(delivered.len(), accepted.len(), "each once");
    assert_eq!(delivered.iter().collect::<BTreeSet<_>>(), accepted.iter().collect());
    assert!(most <= at_full + FLAT, "{most} KiB after {at_full}");
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().acknowledged, accepted.len() as u64);
}

/// What became of events.
#[derive(Default)]
struct Outcome {
    accepted: Vec<String>,
    refused: usize,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.accepted.extend(other.accepted);
        self.refused += other.refused;
    }
}

/// Submits as fast as it can until there is nothing left, and repeats nothing.
fn submit(api: &Api, next: &AtomicUsize, all: usize) -> Outcome {
    let mut outcome = Outcome::default();
    loop {
        let first = next.fetch_add(BATCH, Ordering::Relaxed);
        if first >= all {
            return outcome;
        }
        let ids = (first..first + BATCH).map(|number| format!("e{number}"));
        let lines: Vec<_> = ids.clone().map(|id| event("opened", &id)).collect();
        let answer = api.post(&events(""), "application/x-ndjson", lines.join("\n"));
        match answer.status {
            200 => outcome.accepted.extend(ids),
            429 => {
                let seconds = answer.header("retry-after").and_then(|value| value.parse::<u32>().ok());
                assert!(seconds.is_some(), "429 without a time to come back: {}", answer.text());
                outcome.refused += BATCH;
            }
            status => panic!("{status}: {}", answer.text()),
        }
    }
}

/// The memory of the process in KiB, and how many deliveries pend, every now and then.
fn watch(server: &Server, ended: &AtomicBool) -> Vec<(usize, usize)> {
    let (api, mut samples) = (server.api(), Vec::new());
    while !ended.load(Ordering::Relaxed) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a process");
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        samples.push((memory.and_then(|memory| memory.parse().ok()).expect("a size"), pending(&api)));
        thread::sleep(Duration::from_millis(20));
    }
    samples
}

fn pending(api: &Api) -> usize {
    let accounting = api.get("/v5/accounts/accounting").expect(200).json();
    assert_eq!(accounting["balances"], true, "{accounting}");
    usize::try_from(accounting["pending"].as_u64().expect("a count")).expect("a count")
}
