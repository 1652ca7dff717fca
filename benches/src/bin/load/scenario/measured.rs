//! What every round of a scenario with deliveries shows, and the row that all rounds make.

use crate::failure::Result;
use crate::latency::{Percentiles, Spread};
use crate::server::Server;
use crate::table::{Cpu, Row};

/// What one round showed.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    /// Events a second.
    pub(super) rate: f64,
    pub(super) cpu: Cpu,
    /// From submission to the receiver.
    pub(super) latency: Percentiles,
    /// Bytes for each event.
    pub(super) written: f64,
}

impl Measured {
    /// The medians of all rounds, and the server's memory.
    pub(super) fn row(name: &str, rounds: &[Self], server: &Server) -> Result<Row> {
        let median = |value: fn(&Self) -> f64| Spread::of(rounds.iter().map(value)).median;
        Ok(Row {
            scenario: name.to_owned(),
            rate: Some(median(|round| round.rate)),
            cpu: Some(Cpu {
                server: median(|round| round.cpu.server),
                sink: median(|round| round.cpu.sink),
                generator: median(|round| round.cpu.generator),
            }),
            latency: Some(Percentiles::median(&Vec::from_iter(rounds.iter().map(|round| round.latency)))),
            peak_memory: Some(server.process().peak_memory()?),
            written: Some(median(|round| round.written)),
            ..Row::default()
        })
    }
}
