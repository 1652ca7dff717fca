//! A thousand endpoints that take 100 ms each, with the default caps: how many events a second the API takes in while
//! deliveries wait for others.

use super::{expect_all_acknowledged, expect_each_once};
use crate::bench::{Bench, Extent};
use crate::failure::Result;
use crate::generator::Load;
use crate::server::authorization;
use crate::table::{Cpu, Finding, Goal, Row};

/// Endpoints, each of a domain of its own.
const ENDPOINTS: u64 = 1000;
/// Milliseconds that each takes.
const DELAY: u64 = 100;
/// How long answers may take for a rate to count, in milliseconds.
const ANSWER: f64 = 25.0;
/// Rates that are tried, one after the other, until one is too much.
const RATES: [f64; 7] = [500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0, 32_000.0];

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    bench.say("a thousand slow endpoints: domains and webhooks");
    let sink = bench.sink(0, DELAY)?;
    let mut server = bench.server(&[])?;
    for number in 0..ENDPOINTS {
        let domain = format!("d{number}.example");
        server.create_domain(&domain)?;
        server.subscribe(&domain, "delivered", &[sink.url(&format!("/0/e{number}"))])?;
    }
    let tried = if bench.extent == Extent::Short { &RATES[1..4] } else { &RATES[..] };
    let mut row = Row { scenario: "1 000 endpoints of 100 ms".to_owned(), ..Row::default() };
    let (mut highest, mut answers, mut events) = (0.0, Vec::new(), 0);
    for &rate in tried {
        bench.say(format!("a thousand slow endpoints: {rate} events a second"));
        sink.reset()?;
        let (before, sink_before) = (server.process().usage()?, sink.report()?.cpu);
        let load = Load {
            path: "/v3/d*.example/events".to_owned(),
            paths: ENDPOINTS,
            authorization: authorization(),
            rate,
            ..bench.load(&server, events)
        };
        let posted = bench.generate(&load)?;
        posted.expect_all_accepted()?;
        events += posted.accepted;
        let seen = bench.wait_for(&mut server, &sink, posted.accepted)?;
        expect_each_once(&seen, posted.accepted)?;
        answers.push(Finding::new(format!("answer p99 at {rate}/s, ms"), [posted.answers.p99], Goal::Told));
        if posted.answers.p99 > ANSWER {
            break;
        }
        let used = server.process().usage()?.since(before);
        let per_event = 1e6 / posted.accepted as f64;
        highest = posted.rate();
        row.rate = Some(posted.accepted as f64 * 1e9 / (seen.last - posted.began) as f64);
        row.latency = Some(seen.latency);
        row.written = Some(used.written as f64 / posted.accepted as f64);
        row.cpu = Some(Cpu {
            server: used.cpu.as_secs_f64() * per_event,
            sink: (seen.cpu - sink_before) * per_event,
            generator: posted.cpu * per_event,
        });
    }
    expect_all_acknowledged(&server, events)?;
    row.peak_memory = Some(server.process().peak_memory()?);
    row.findings = vec![Finding::new("events/s with answer p99 <= 25 ms", [highest], Goal::Told)];
    row.findings.extend(answers);
    Ok(vec![row])
}
