//! A steady rate with the default caps: how much of the latency is more than the disk's own sync.

use super::measured::Measured;
use super::{expect_all_acknowledged, expect_each_once};
use crate::bench::Bench;
use crate::failure::Result;
use crate::generator::Load;
use crate::latency::Percentiles;
use crate::server::DOMAIN;
use crate::sync;
use crate::table::{Cpu, Finding, Goal, Row};

/// Events a second at which deliveries are watched.
const STEADY: f64 = 200.0;
/// Events a second at which answers are watched.
const INGEST: f64 = 1000.0;

/// What one round showed.
struct Round {
    measured: Measured,
    /// From submission to the answer.
    answers: Percentiles,
    /// One sync in the same minute, without the server.
    sync: Percentiles,
}

pub(super) fn steady(bench: &Bench) -> Result<Vec<Row>> {
    let (mut row, rounds) = measure(bench, "steady 200/s, default caps", STEADY)?;
    row.findings = vec![
        over_sync("p95 - sync p95, ms", &rounds, |round| round.measured.latency.p95 - round.sync.p95, 2.0),
        over_sync("p99 - sync p99, ms", &rounds, |round| round.measured.latency.p99 - round.sync.p99, 5.0),
        told("sync p95, ms", &rounds, |round| round.sync.p95),
        told("sync p99, ms", &rounds, |round| round.sync.p99),
    ];
    Ok(vec![row])
}

pub(super) fn ingest(bench: &Bench) -> Result<Vec<Row>> {
    let (mut row, rounds) = measure(bench, "ingest 1 000/s, default caps", INGEST)?;
    row.findings = vec![
        over_sync("answer p99 - sync p99, ms", &rounds, |round| round.answers.p99 - round.sync.p99, 2.0),
        told("answer p99, ms", &rounds, |round| round.answers.p99),
        told("sync p99, ms", &rounds, |round| round.sync.p99),
    ];
    Ok(vec![row])
}

fn over_sync(what: &str, rounds: &[Round], value: fn(&Round) -> f64, goal: f64) -> Finding {
    Finding::new(what, rounds.iter().map(value), Goal::TimeAtMost(goal))
}

fn told(what: &str, rounds: &[Round], value: fn(&Round) -> f64) -> Finding {
    Finding::new(what, rounds.iter().map(value), Goal::Told)
}

fn measure(bench: &Bench, name: &str, rate: f64) -> Result<(Row, Vec<Round>)> {
    let sink = bench.sink(0, 0)?;
    let mut server = bench.server(&[])?;
    server.subscribe(DOMAIN, "delivered", &[sink.url("/0/events")])?;
    let (mut rounds, mut events) = (Vec::new(), 0);
    for round in 1..=bench.rounds {
        bench.say(format!("{name}, round {round} of {}", bench.rounds));
        // Half before and half after: a disk that is shared is not as fast in one minute as in the next.
        let earlier = sync::measure(&bench.directory, rate, bench.seconds / 2.0)?;
        sink.reset()?;
        let (before, sink_before) = (server.process().usage()?, sink.report()?.cpu);
        let posted = bench.generate(&Load { rate, ..bench.load(&server, events) })?;
        posted.expect_all_accepted()?;
        events += posted.accepted;
        let seen = bench.wait_for(&mut server, &sink, posted.accepted)?;
        expect_each_once(&seen, posted.accepted)?;
        let used = server.process().usage()?.since(before);
        let later = sync::measure(&bench.directory, rate, bench.seconds / 2.0)?;
        rounds.push(Round {
            measured: Measured {
                rate: posted.rate(),
                cpu: Cpu::of_each(
                    posted.accepted,
                    used.cpu.as_secs_f64(),
                    seen.cpu - sink_before,
                    posted.cpu,
                ),
                latency: seen.latency,
                written: used.written as f64 / posted.accepted as f64,
            },
            answers: posted.answers,
            sync: earlier.mean(&later),
        });
    }
    expect_all_acknowledged(&server, events)?;
    let row = Measured::row(name, &Vec::from_iter(rounds.iter().map(|round| round.measured)), &server)?;
    Ok((row, rounds))
}
