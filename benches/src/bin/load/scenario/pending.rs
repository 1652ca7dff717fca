//! A great many deliveries wait for one endpoint that is down. Others must not notice, memory must not grow with them,
//! and when it is back it must be neither flooded nor kept waiting.

use std::net::TcpListener;

use super::{expect_all_acknowledged, expect_each_once};
use crate::bench::{Bench, Extent, Sink};
use crate::failure::Result;
use crate::generator::Load;
use crate::latency::Percentiles;
use crate::server::{DOMAIN, Server};
use crate::sink::Report;
use crate::table::{Finding, Goal, Row};

/// Milliseconds that the endpoint takes when it is back, so that what is in flight can be seen.
const DELAY: u64 = 2;
/// Attempts in flight to one endpoint: the default, which the server keeps here.
const CAP: u32 = 8;
/// Events a second of the others.
const OTHERS: f64 = 200.0;
/// Memory that the server may have, in MiB.
const MEMORY: f64 = 128.0;
/// By how many milliseconds the others' p99 may move and still count as unmoved.
const UNMOVED: f64 = 5.0;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let backlog = match bench.extent {
        Extent::Short => 10_000,
        Extent::Usual => 100_000,
        Extent::Full => 1_000_000,
    };
    let others = bench.sink(0, 0)?;
    let port = free_port()?;
    // A down endpoint is probed after the first wait; the others are so long that nothing is exhausted.
    let mut server = bench.server(&[("delivery.schedule", "1s,1h,4h")])?;
    server.subscribe(DOMAIN, "opened", &[others.url("/0/up")])?;
    server.subscribe(DOMAIN, "delivered", &[format!("http://127.0.0.1:{port}/0/down")])?;

    // Their numbers come after those of the backlog: an id belongs to one event.
    let mut beside = Beside { bench, sink: &others, next: backlog };
    bench.say("others alone");
    let alone = beside.measure(&mut server)?;

    bench.say(format!("{backlog} deliveries to an endpoint that is down"));
    let load =
        Load { connections: 4, batch: 1000, events: backlog, seconds: 3600.0, ..bench.load(&server, 0) };
    let posted = bench.generate(&load)?;
    posted.expect_all_accepted()?;
    bench.say(format!("others beside {backlog} pending deliveries"));
    let waiting = beside.measure(&mut server)?;

    bench.say(format!("the endpoint is back, with {backlog} pending deliveries"));
    let back = bench.sink(port, DELAY)?;
    let draining = beside.measure(&mut server)?;
    let seen = bench.wait_for(&mut server, &back, posted.accepted)?;
    expect_each_once(&seen, posted.accepted)?;
    expect_all_acknowledged(&server, beside.next)?;
    expect_slow_start(&seen)?;

    let memory = server.process().peak_memory()?;
    let moved = |what: &str, now: Percentiles| {
        Finding::new(format!("others' p99 {what}, ms more"), [now.p99 - alone.p99], Goal::TimeAtMost(UNMOVED))
    };
    Ok(vec![Row {
        scenario: format!("{backlog} pending, one endpoint down"),
        rate: Some(posted.accepted as f64 * 1e9 / (seen.last - seen.first).max(1) as f64),
        latency: Some(alone),
        peak_memory: Some(memory),
        findings: vec![
            Finding::new("peak RSS, MiB", [memory as f64 / f64::from(1 << 20)], Goal::AtMost(MEMORY)),
            Finding::new("most in flight when back", [seen.most_in_flight.into()], Goal::AtMost(CAP.into())),
            Finding::new("mean in flight : cap", [seen.mean_in_flight / f64::from(CAP)], Goal::AtLeast(0.8)),
            moved("while it is down", waiting),
            moved("while it drains", draining),
        ],
        ..Row::default()
    }])
}

/// Events of another type for another endpoint, at a steady rate.
struct Beside<'a> {
    bench: &'a Bench,
    sink: &'a Sink,
    /// The number of the next one.
    next: u64,
}

impl Beside<'_> {
    /// How long they take to their endpoint.
    fn measure(&mut self, server: &mut Server) -> Result<Percentiles> {
        self.sink.reset()?;
        let load = self.bench.load(server, self.next);
        let load = Load { kind: "opened".to_owned(), rate: OTHERS, ..load };
        let posted = self.bench.generate(&load)?;
        posted.expect_all_accepted()?;
        self.next += posted.accepted;
        let seen = self.bench.wait_for(server, self.sink, posted.accepted)?;
        expect_each_once(&seen, posted.accepted)?;
        Ok(seen.latency)
    }
}

/// Fails if an endpoint that has just come back had more attempts in flight than one, and one more for each that it had
/// answered.
fn expect_slow_start(seen: &Report) -> Result<()> {
    let early = |(in_flight, answered): &&(u32, u32)| *in_flight > (1 + answered).min(CAP);
    match seen.first_in_flight.iter().find(early) {
        None => Ok(()),
        Some((in_flight, answered)) => {
            Err(format!("no slow start: {in_flight} in flight after {answered} answers").into())
        }
    }
}

/// A free port, below those that the system takes for outgoing connections.
fn free_port() -> Result<u16> {
    let free = (20_000..30_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.ok_or_else(|| "no port is free between 20000 and 30000".into())
}
