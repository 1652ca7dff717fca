//! The loopback bound R0: requests a second from the generator straight to the sink.
//!
//! The same client code posts the same body to the same sink, over 64 connections, with no server in between. A
//! server that forwards each event to n URLs needs n + 1 such posts for it, and so R0 / (n + 1) is what it could do if
//! it did nothing else.

use crate::bench::{Bench, Sink};
use crate::failure::Result;
use crate::generator::Load;
use crate::latency::Percentiles;
use crate::scenario::expect_each_once;
use crate::sync;
use crate::table::{Cpu, Row};

/// The longest that the bound is measured at a time.
const SECONDS: f64 = 3.0;
/// Syncs a second.
const SYNCS: f64 = 200.0;

/// The bound as a line of its own, and one for the sync of the disk, which every answer waits for.
pub(crate) fn row(bench: &Bench) -> Result<Vec<Row>> {
    let sink = bench.sink(0, 0)?;
    let mut first = 0;
    let rounds = (0..bench.rounds).map(|_| measure(bench, &sink, &mut first)).collect::<Result<Vec<_>>>()?;
    let mut by_rate: Vec<_> = rounds.iter().collect();
    by_rate.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    let median = by_rate.get(rounds.len() / 2).ok_or("no round was made")?;
    bench.say("the disk's sync");
    let sync = sync::measure(&bench.directory, SYNCS, bench.seconds.min(SECONDS))?;
    let sync = Row { scenario: "one sync of the disk".to_owned(), latency: Some(sync), ..Row::default() };
    let bound = Row {
        scenario: "loopback bound R0".to_owned(),
        rate: Some(median.rate),
        cpu: Some(median.cpu),
        latency: Some(Percentiles::median(&Vec::from_iter(rounds.iter().map(|round| round.latency)))),
        ..Row::default()
    };
    Ok(vec![bound, sync])
}

/// What one measurement showed.
pub(crate) struct Bound {
    /// Requests a second.
    pub(crate) rate: f64,
    cpu: Cpu,
    latency: Percentiles,
}

/// Measures the bound with events from this number on, which moves on.
pub(crate) fn measure(bench: &Bench, sink: &Sink, first: &mut u64) -> Result<Bound> {
    bench.say("the loopback bound");
    sink.reset()?;
    let before = sink.report()?.cpu;
    let load = Load {
        to: sink.address,
        path: "/3/bound".to_owned(),
        paths: 1,
        authorization: "none".to_owned(),
        kind: "delivered".to_owned(),
        connections: 64,
        batch: 1,
        rate: 0.0,
        first: *first,
        events: u64::MAX,
        seconds: bench.seconds.min(SECONDS),
    };
    let posted = bench.generate(&load)?;
    let seen = sink.report()?;
    expect_each_once(&seen, posted.accepted)?;
    *first += posted.accepted;
    let per_request = 1e6 / posted.accepted as f64;
    Ok(Bound {
        rate: posted.rate(),
        cpu: Cpu {
            server: 0.0,
            sink: (seen.cpu - before) * per_request,
            generator: posted.cpu * per_request,
        },
        latency: seen.latency,
    })
}
