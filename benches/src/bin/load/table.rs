//! What was measured, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use crate::latency::{Percentiles, Spread};

/// What the columns are.
pub(crate) const LEGEND: &str = "\
rate/s: events, of the bound requests. server, sink, gen.: microseconds on a processor for each delivery.
p50 to p999: milliseconds from submission to the receiver. RSS: MiB of the server at most. bytes/ev: written to the disk
for each event. others: what other programs took of the processors; above 20 % nothing is judged.
What is told as a ratio to R0 has delivery.in_flight_per_endpoint = 64; everything else has the default configuration.
";

/// A whole run, as it is written to a file.
#[derive(Debug, Serialize)]
pub(crate) struct Run<'a> {
    pub(crate) processors: usize,
    /// Of one measurement.
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
    pub(crate) rows: &'a [Row],
}

/// One line: what a scenario showed. What it did not measure is left out.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) scenario: String,
    /// Events, or for the bound requests, a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu: Option<Cpu>,
    /// From submission to the receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Percentiles>,
    /// Bytes that the server had in memory at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peak_memory: Option<u64>,
    /// Bytes that the server wrote to the disk for each event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) written: Option<f64>,
    /// The share of the processors that other programs took meanwhile, from 0 to 1.
    pub(crate) others: f64,
    pub(crate) findings: Vec<Finding>,
}

/// Microseconds on a processor for each delivery, or each request of the bound.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cpu {
    pub(crate) server: f64,
    pub(crate) sink: f64,
    pub(crate) generator: f64,
}

impl Cpu {
    /// Of each of so many, where these are the seconds for all of them.
    pub(crate) fn of_each(of: u64, server: f64, sink: f64, generator: f64) -> Self {
        let micros = |seconds: f64| seconds * 1e6 / of as f64;
        Self { server: micros(server), sink: micros(sink), generator: micros(generator) }
    }
}

/// What is compared with a goal.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// What it is, with its unit.
    pub(crate) what: String,
    pub(crate) measured: Spread,
    pub(crate) goal: Goal,
}

/// What a measured value should be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// The same, for times, which say little of the program where the machine is busy.
    TimeAtMost(f64),
    /// There is none.
    Told,
}

/// How a measured value stands to its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// Missed by more than half, which no noise explains.
    Failed,
    Told,
}

/// The share of the processors that others may take before what was measured says too little to be judged.
const QUIET: f64 = 0.2;

impl Row {
    /// Whether something is far from its goal, on a machine that was quiet enough to tell.
    pub(crate) fn has_failed(&self) -> bool {
        self.others <= QUIET && self.findings.iter().any(|finding| finding.verdict() == Verdict::Failed)
    }
}

impl Goal {
    pub(crate) fn verdict(self, measured: f64) -> Verdict {
        let (met, near) = match self {
            Self::AtLeast(goal) => (measured >= goal, measured >= goal / 2.0),
            Self::AtMost(goal) => (measured <= goal, measured <= goal * 2.0),
            Self::TimeAtMost(goal) => (measured <= goal, true),
            Self::Told => return Verdict::Told,
        };
        match (met, near) {
            (true, _) => Verdict::Met,
            (false, true) => Verdict::Missed,
            (false, false) => Verdict::Failed,
        }
    }
}

impl Finding {
    /// Something that was found in several rounds.
    pub(crate) fn new(what: impl Into<String>, rounds: impl IntoIterator<Item = f64>, goal: Goal) -> Self {
        Self { what: what.into(), measured: Spread::of(rounds), goal }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.goal.verdict(self.measured.median)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { median, least, most } = self.measured;
        write!(f, "{} {}", self.what, short(median))?;
        if least < most {
            write!(f, " ({} to {})", short(least), short(most))?;
        }
        match self.goal {
            Goal::AtLeast(goal) => write!(f, ", goal >= {goal}")?,
            Goal::AtMost(goal) | Goal::TimeAtMost(goal) => write!(f, ", goal <= {goal}")?,
            Goal::Told => {}
        }
        match self.verdict() {
            Verdict::Met => write!(f, ": met"),
            Verdict::Missed => write!(f, ": missed"),
            Verdict::Failed => write!(f, ": FAR OFF"),
            Verdict::Told => Ok(()),
        }
    }
}

/// The names of the columns; the last one is as wide as it likes.
const COLUMNS: [&str; 12] = [
    "scenario", "rate/s", "server", "sink", "gen.", "p50", "p95", "p99", "p999", "RSS", "bytes/ev", "others",
];

/// The table of these rows.
pub(crate) fn render(rows: &[Row]) -> String {
    let cells: Vec<_> = rows.iter().map(cells).collect();
    let width = |column: usize| {
        let widest = cells.iter().map(|row| row[column].len()).max().unwrap_or(0);
        widest.max(COLUMNS[column].len())
    };
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    let line = |cells: &[String], rest: &str| {
        let first = format!("{:<1$}", cells[0], widths[0]);
        let others = cells.iter().zip(&widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
        format!("{first}{}  {rest}", others.collect::<String>()).trim_end().to_owned() + "\n"
    };
    let mut table = line(&COLUMNS.map(str::to_owned), "against the bound");
    let blank = vec![String::new(); COLUMNS.len()];
    for (row, cells) in rows.iter().zip(&cells) {
        let mut findings = row.findings.iter().map(Finding::to_string);
        table += &line(cells, &findings.next().unwrap_or_default());
        findings.for_each(|finding| table += &line(&blank, &finding));
    }
    table
}

fn cells(row: &Row) -> Vec<String> {
    let cpu = |of: fn(&Cpu) -> f64| {
        row.cpu.as_ref().map(of).filter(|time| *time > 0.0).map(|time| format!("{time:.1}"))
    };
    let latency = |of: fn(&Percentiles) -> f64| row.latency.as_ref().map(of).map(short);
    let cells = [
        Some(row.scenario.clone()),
        row.rate.map(|rate| format!("{rate:.0}")),
        cpu(|cpu| cpu.server),
        cpu(|cpu| cpu.sink),
        cpu(|cpu| cpu.generator),
        latency(|latency| latency.p50),
        latency(|latency| latency.p95),
        latency(|latency| latency.p99),
        latency(|latency| latency.p999),
        row.peak_memory.map(|bytes| format!("{:.0}", bytes as f64 / f64::from(1 << 20))),
        row.written.map(|bytes| format!("{bytes:.0}")),
        Some(format!("{:.0} %", row.others * 100.0)),
    ];
    cells.into_iter().map(Option::unwrap_or_default).collect()
}

/// Three significant digits or so.
fn short(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_far_from_its_goal_fails() {
        let at_least = [0.6, 0.5, 0.3, 0.29].map(|measured| Goal::AtLeast(0.6).verdict(measured));
        assert_eq!(at_least, [Verdict::Met, Verdict::Missed, Verdict::Missed, Verdict::Failed]);
        let at_most = [30.0, 60.0, 61.0].map(|measured| Goal::AtMost(30.0).verdict(measured));
        assert_eq!(at_most, [Verdict::Met, Verdict::Missed, Verdict::Failed]);
        assert_eq!(Goal::TimeAtMost(2.0).verdict(100.0), Verdict::Missed);
    }

    #[test]
    fn a_run_fails_only_where_the_machine_was_quiet() {
        let finding = || Finding::new("ratio", [0.1], Goal::AtLeast(0.6));
        let failed = |others| Row { others, findings: vec![finding()], ..Row::default() }.has_failed();
        assert_eq!([0.0, 0.2, 0.5].map(failed), [true, true, false]);
    }

    #[test]
    fn the_columns_stand_below_each_other() {
        let finding = |what| Finding::new(what, [0.5, 0.4, 0.6], Goal::AtLeast(0.45));
        let rows = [
            Row { scenario: "bound".to_owned(), rate: Some(100_000.0), ..Row::default() },
            Row {
                scenario: "one-64".to_owned(),
                findings: vec![finding("ratio"), finding("other")],
                ..Row::default()
            },
        ];
        let table = render(&rows);
        let lines: Vec<_> = table.lines().collect();
        assert!(lines[1].starts_with("bound     100000"), "{table}");
        let place = lines[2].find("ratio 0.50 (0.40 to 0.60), goal >= 0.45: met");
        assert_eq!((place, lines[3].find("other")), (lines[0].find("against"), place), "{table}");
    }
}
