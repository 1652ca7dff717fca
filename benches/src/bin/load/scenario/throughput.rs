//! As many events as the server takes, until the last delivery has come.

use super::measured::Measured;
use super::{expect_all_acknowledged, expect_each_once};
use crate::bench::{Bench, Sink};
use crate::bound;
use crate::failure::Result;
use crate::generator::Load;
use crate::server::{DOMAIN, Server};
use crate::table::{Cpu, Finding, Goal, Row};

/// What is posted, and how it should stand to the bound.
struct Shape {
    name: &'static str,
    connections: usize,
    urls: u64,
    batch: u64,
    goal: f64,
}

pub(super) fn one_64(bench: &Bench) -> Result<Vec<Row>> {
    measure(bench, &Shape { name: "1 URL, 64 connections", connections: 64, urls: 1, batch: 1, goal: 0.45 })
}

pub(super) fn one_256(bench: &Bench) -> Result<Vec<Row>> {
    measure(bench, &Shape { name: "1 URL, 256 connections", connections: 256, urls: 1, batch: 1, goal: 0.5 })
}

pub(super) fn three_urls(bench: &Bench) -> Result<Vec<Row>> {
    measure(bench, &Shape { name: "3 URLs, 64 connections", connections: 64, urls: 3, batch: 1, goal: 0.65 })
}

pub(super) fn ndjson(bench: &Bench) -> Result<Vec<Row>> {
    let name = "NDJSON of 100, 3 URLs, 8 connections";
    measure(bench, &Shape { name, connections: 8, urls: 3, batch: 100, goal: 0.6 })
}

impl Shape {
    /// How many posts of the bound an event takes, in and out, and how the ratio is called. What the posts of a
    /// batch take is left out.
    fn bound(&self) -> (f64, &'static str) {
        match (self.batch, self.urls) {
            (1, 1) => (2.0, "events : R0/2"),
            (1, _) => (4.0, "events : R0/4"),
            (_, urls) => (urls as f64, "deliveries : R0"),
        }
    }
}

/// What one round showed.
struct Round {
    measured: Measured,
    ratio: f64,
    /// The same ratio of the answers alone, whenever the deliveries came.
    answered: f64,
}

fn measure(bench: &Bench, shape: &Shape) -> Result<Vec<Row>> {
    let sink = bench.sink(0, 0)?;
    let mut server = bench.server(&[("delivery.in_flight_per_endpoint", "64")])?;
    let urls: Vec<_> = (0..shape.urls).map(|column| sink.url(&format!("/{column}/events"))).collect();
    server.subscribe(DOMAIN, "delivered", &urls)?;

    let (mut events, mut posts) = (0, 0);
    let mut rounds = Vec::new();
    for round in 1..=bench.rounds {
        // Measured anew for each round, since a machine is not as fast in one minute as in the next.
        let bound = bound::measure(bench, &sink, &mut posts)?;
        bench.say(format!("{}, round {round} of {}", shape.name, bench.rounds));
        rounds.push(one_round(bench, shape, &mut server, &sink, &mut events, bound.rate)?);
    }
    expect_all_acknowledged(&server, events * shape.urls)?;

    let of = |value: fn(&Round) -> f64| rounds.iter().map(value).collect::<Vec<_>>();
    let (_, what) = shape.bound();
    let mut row =
        Measured::row(shape.name, &Vec::from_iter(rounds.iter().map(|round| round.measured)), &server)?;
    row.findings = vec![
        Finding::new(what, of(|round| round.ratio), Goal::AtLeast(shape.goal)),
        Finding::new("answers alone, by the same bound", of(|round| round.answered), Goal::Told),
    ];
    Ok(vec![row])
}

fn one_round(
    bench: &Bench,
    shape: &Shape,
    server: &mut Server,
    sink: &Sink,
    events: &mut u64,
    bound: f64,
) -> Result<Round> {
    sink.reset()?;
    let (before, sink_before) = (server.process().usage()?, sink.report()?.cpu);
    let load = Load { connections: shape.connections, batch: shape.batch, ..bench.load(server, *events) };
    let posted = bench.generate(&load)?;
    posted.expect_all_accepted()?;
    *events += posted.accepted;

    let deliveries = posted.accepted * shape.urls;
    let seen = bench.wait_for(server, sink, deliveries)?;
    expect_each_once(&seen, deliveries)?;
    let used = server.process().usage()?.since(before);
    let rate = posted.accepted as f64 * 1e9 / (seen.last - posted.began) as f64;
    Ok(Round {
        measured: Measured {
            rate,
            cpu: Cpu::of_each(deliveries, used.cpu.as_secs_f64(), seen.cpu - sink_before, posted.cpu),
            latency: seen.latency,
            written: used.written as f64 / posted.accepted as f64,
        },
        ratio: rate * shape.bound().0 / bound,
        answered: posted.rate() * shape.bound().0 / bound,
    })
}
