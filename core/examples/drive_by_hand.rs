//! Drives the dispatcher by hand through half a day of virtual time, and prints what happens:
//! `cargo run -p sealpost-core --example drive_by_hand`.
//!
//! One event goes to three endpoints: one that accepts it, one that is out of order for an hour, and one that
//! does not want it. Nothing is posted; the loop shows which calls a host makes, and in which order.

use std::error::Error;

use sealpost_core::dispatch::{Dispatcher, Health, Lane, LaneId, Limits, Slot};
use sealpost_core::{Duration, Fault, Instant, Outcome};

const NAMES: [&str; 3] = ["well", "ill", "unwilling"];
const EVENT: u64 = 42;

fn main() -> Result<(), Box<dyn Error>> {
    // A host without storage keeps every wait in its slot.
    let limits = Limits { keep: Duration::MAX, ..Limits::DEFAULT };
    let mut dispatcher = Dispatcher::new([Slot::EMPTY; 64], [Lane::CLOSED; 3], limits, 0x5eed);
    let start = Instant::from_millis(1);
    let mut now = start;

    let mut lanes = Vec::new();
    for _ in NAMES {
        lanes.push(dispatcher.open(Health::UNPROVEN, 8)?);
    }
    dispatcher.enqueue(now, EVENT, &lanes)?;

    loop {
        dispatcher.handle_timeout(now);
        while let Some(attempt) = dispatcher.poll_attempt(now) {
            let outcome = post(attempt.lane, now.since(start));
            println!(
                "{} {:9} attempt {}: {outcome:?}",
                clock(now),
                NAMES[attempt.lane.index()],
                attempt.number
            );
            dispatcher.handle_outcome(now, attempt.ticket, outcome)?;
        }
        while let Some(record) = dispatcher.poll_record(now) {
            println!("{} {:9} {:?}", clock(now), NAMES[record.lane.index()], record.verdict);
            dispatcher.handle_recorded(record.ticket)?;
        }
        // Virtual time: the next thing happens now.
        let Some(next) = dispatcher.poll_timeout() else { break };
        now = next;
    }
    println!("{} nothing left, {} slots held", clock(now), dispatcher.occupied());
    Ok(())
}

/// What the endpoint of this lane answers so long after the start.
fn post(lane: LaneId, after: Duration) -> Outcome {
    match NAMES[lane.index()] {
        "unwilling" => Outcome::Refused { status: 406 },
        "ill" if after < Duration::from_mins(60) => Outcome::retry(Fault::Status(500)),
        _ => Outcome::Acknowledged,
    }
}

fn clock(now: Instant) -> String {
    let secs = now.as_millis() / 1000;
    format!("{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
}
