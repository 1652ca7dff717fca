//! Nothing to do: what the server needs all the same.

use std::thread::sleep;
use std::time::Duration;

use super::expect_all_acknowledged;
use crate::bench::Bench;
use crate::failure::Result;
use crate::generator::Load;
use crate::server::DOMAIN;
use crate::table::{Finding, Goal, Row};

/// Events after which it is idle again, so that everything has been used once.
const EVENTS: u64 = 1000;
/// Until a server has started.
const START: Duration = Duration::from_secs(3);
/// Until threads that wait for more work have given up.
const SETTLE: Duration = Duration::from_secs(15);
/// Memory that a server without work may have, in MiB. With work come the caches of the database.
const MEMORY: f64 = 30.0;
/// Wake-ups a second that are timers: the writer and the upkeep look around once a minute.
const WAKEUPS: f64 = 0.2;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    bench.say("idle");
    let sink = bench.sink(0, 0)?;
    let mut server = bench.server(&[])?;
    server.subscribe(DOMAIN, "delivered", &[sink.url("/0/events")])?;
    sleep(START);
    let at_first = server.process().memory()?;
    let posted = bench.generate(&Load { events: EVENTS, seconds: 60.0, ..bench.load(&server, 0) })?;
    bench.wait_for(&mut server, &sink, posted.accepted)?;
    expect_all_acknowledged(&server, posted.accepted)?;

    sleep(SETTLE);
    let process = server.process();
    let (before, wakeups) = (process.usage()?, process.wakeups()?);
    let time = Duration::from_secs_f64(bench.seconds.max(5.0));
    sleep(time);
    let wakeups = (process.wakeups()? - wakeups) as f64 / time.as_secs_f64();
    let busy = process.usage()?.since(before).cpu.as_secs_f64() / time.as_secs_f64() * 100.0;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Ok(vec![Row {
        scenario: "idle".to_owned(),
        peak_memory: Some(process.peak_memory()?),
        findings: vec![
            Finding::new("RSS before any event, MiB", [mib(at_first)], Goal::AtMost(MEMORY)),
            Finding::new("RSS after 1 000 events, MiB", [mib(process.memory()?)], Goal::Told),
            Finding::new("wake-ups a second", [wakeups], Goal::AtMost(WAKEUPS)),
            Finding::new("of one processor, %", [busy], Goal::Told),
        ],
        ..Row::default()
    }])
}
