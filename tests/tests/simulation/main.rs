//! A whole host in virtual time around the core that the server runs on: endpoints that fail and recover, a store
//! that is slow at times, cancellations, kills and restarts, all of it from a seed. What the README promises of
//! deliveries is checked at every step.
//!
//! `SEED=7 cargo test -p sealpost-tests --test simulation -- --nocapture` replays one and tells its story.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod contract;
mod host;
mod plan;
mod random;
mod store;
mod story;
mod world;

use sealpost_tests::extent;

use world::run;

/// A delivery to an endpoint that is always well takes no longer than this where at least four may be in flight, the
/// store does not stall and the host does not end: up to 11 others are dead, each holding a place for 10 s at a time.
const SLOWEST: u64 = 120_000;

#[test]
fn every_seed_keeps_the_contract() {
    if let Ok(seed) = std::env::var("SEED") {
        let run = run(seed.parse().expect("SEED is a number"), true);
        run.story.lines().iter().for_each(|line| println!("{line}"));
        println!("{:?}", run.ends);
        return;
    }
    let (mut ends, mut slowest) = (world::Ends::new(), 0);
    for seed in 0..extent(500, 10_000) {
        let run = run(seed, false);
        run.ends.into_iter().for_each(|(end, count)| *ends.entry(end).or_default() += count);
        slowest = slowest.max(run.slowest);
        assert!(run.slowest <= SLOWEST, "seed {seed}: a healthy endpoint waited for {} ms", run.slowest);
    }
    println!("{ends:?}; the slowest delivery to a healthy endpoint took {slowest} ms");
    assert_eq!(ends.len(), 4, "every end comes up: {ends:?}");
}

#[test]
fn a_seed_tells_the_same_story_every_time() {
    let story = || run(7, true).story.lines().join("\n");
    assert!(!story().is_empty());
    assert_eq!(story(), story());
}
