//! An endpoint that was dead comes back: it is started slowly, and the others are to notice nothing.

use std::io;

use crate::isolation::{Bench, Scenario};
use crate::sink::Behaviour;
use crate::{Extent, Pair};

/// Short waits, so that the endpoint is tried again soon.
const SCHEDULE: [(&str, &str); 1] = [("DELIVERY_SCHEDULE", "2s,2s,2s,2s,2s,2s")];
const IN_FLIGHT_PER_ENDPOINT: usize = 8;

pub(crate) async fn measure(extent: &Extent) -> io::Result<Vec<Pair>> {
    let scenario = Scenario { endpoints: 50, failing: 1, share: 0.3, from_the_start: false };
    let mut pairs = Vec::new();
    for _ in 0..extent.pairs {
        let bench = Bench::of(&scenario, &extent.args, &SCHEDULE).await?;
        let _warm = bench.run(extent.rate, extent.span / 5).await?;
        let (baseline, _) = bench.healthy_p99(extent).await?;
        bench.sink.set(0, Behaviour::Dead);
        let _backlog = bench.run(extent.rate, extent.span / 2).await?;
        bench.sink.set(0, Behaviour::Slow);
        let (p99, missing) = bench.healthy_p99(extent).await?;
        let (in_flight, sockets) = bench.sink.peaks();
        let slow = bench.sink.slow();
        let broken =
            slow.iter().find(|(answered, under_way)| *under_way > (answered + 1).min(IN_FLIGHT_PER_ENDPOINT));
        let note = match broken {
            Some((answered, under_way)) => format!("! {under_way} attempts after {answered} answers"),
            None if missing > 0 => format!("! {missing} events did not come"),
            None if slow.is_empty() => "! the endpoint was not tried again".to_owned(),
            None => format!(" ({} attempts at what came back, one more at a time)", slow.len()),
        };
        pairs.push(Pair { baseline, p99, in_flight, sockets, note });
    }
    Ok(pairs)
}
