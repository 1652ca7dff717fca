//! The load tool: how fast the server is, as a ratio to what this machine can do at all.
//!
//! ```text
//! generator ──events──▶ server ──payloads──▶ sink        each a process of its own, on loopback
//!     └───────────────the bound──────────────▶┘
//! ```
//! Absolute rates say more about the machine than about the server. So the same generator posts the same body straight
//! to the same sink in the same minute (`bound.rs`), and each scenario is told as a ratio to that, beside what it costs
//! on the processor, in memory and on the disk. A scenario in which anything was lost, repeated or signed wrongly has
//! no figures: it fails.
//!
//! `docs/performance.md` has the method and what was measured.

mod bench;
mod bound;
mod clock;
mod event;
mod failure;
mod generator;
mod latency;
mod process;
mod scenario;
mod server;
mod sink;
mod sync;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use bench::{Bench, Extent};
use failure::Result;
use scenario::{ALL, Scenario};
use table::{Row, Run};

/// Measure the server against the loopback bound
///
/// Starts the server, a load generator and a sink as separate processes on loopback, and prints one table: the loopback
/// bound R0, then each scenario as rate, processor time for each delivery, latency from submission to the receiver, peak
/// memory, bytes written for each event, and its ratio to the bound. Exit code 1: a ratio is below half of its goal
/// while other programs took less than a fifth of the processors, or anything was lost, repeated, refused or signed
/// wrongly.
#[derive(Parser)]
#[command(name = "load", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,

    /// The scenarios; all of them if none is named
    #[arg(value_name = "SCENARIO", value_parser = scenario_named)]
    scenarios: Vec<&'static Scenario>,

    /// Seconds of one measurement
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,

    /// How often each measurement is made; the table has the median
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// The small run of CI: 2 seconds, one round, 100 000 events in the store
    #[arg(long, conflicts_with_all = ["seconds", "rounds", "full"])]
    short: bool,
    /// Fail for what is lost, repeated or wrong alone, however slow it was.
    #[arg(long)]
    lenient: bool,

    /// A million deliveries pending, and ten million events in the store: takes an hour
    #[arg(long)]
    full: bool,

    /// Write the figures to this file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Where the server's data lies meanwhile; the disk that is measured
    #[arg(long, value_name = "DIRECTORY", default_value = "target/load")]
    data: PathBuf,

    /// The server's program; the one beside this program if not given
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// What this program is to the one that measures.
#[derive(Subcommand)]
enum Role {
    #[command(hide = true)]
    Generate(generator::Load),
    #[command(hide = true)]
    Sink(sink::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.role {
        Some(Role::Generate(load)) => generator::run(load).map(|()| ExitCode::SUCCESS),
        Some(Role::Sink(args)) => sink::run(args).map(|()| ExitCode::SUCCESS),
        None => measure(&cli),
    };
    done.unwrap_or_else(|error| {
        eprintln!("load: {error}");
        ExitCode::FAILURE
    })
}

fn measure(cli: &Cli) -> Result<ExitCode> {
    let scenarios = if cli.scenarios.is_empty() { ALL.iter().collect() } else { cli.scenarios.clone() };
    let bench = Bench {
        program: program(cli.program.as_deref())?,
        directory: cli.data.clone(),
        seconds: if cli.short { 2.0 } else { cli.seconds },
        rounds: if cli.short { 1 } else { cli.rounds.max(1) },
        extent: Extent::of(cli.short, cli.full),
        bar: Bench::bar(scenarios.len() as u64),
    };
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for scenario in scenarios {
        match scenario.run(&bench) {
            Ok(more) => rows.extend(more),
            Err(error) => failed.push(error),
        }
        bench.bar.inc(1);
    }
    bench.bar.finish_and_clear();
    print!("{}{}", table::render(&rows), table::LEGEND);
    if let Some(file) = &cli.json {
        let processors = std::thread::available_parallelism()?.get();
        let run = Run { processors, seconds: bench.seconds, rounds: bench.rounds, rows: &rows };
        std::fs::write(file, serde_json::to_string_pretty(&run)? + "\n")?;
    }
    failed.iter().for_each(|error| eprintln!("load: {error}"));
    let far_off = !cli.lenient && rows.iter().any(Row::has_failed);
    Ok(if failed.is_empty() && !far_off { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn scenario_named(name: &str) -> Result<&'static Scenario, String> {
    ALL.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
        format!("there is no scenario of this name; there are {}", names.join(", "))
    })
}

/// The server's program.
fn program(given: Option<&Path>) -> Result<PathBuf> {
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("sealpost"));
    let program = given.map_or_else(beside, |given| Ok(given.to_owned()))?;
    if program.is_file() {
        return Ok(program);
    }
    Err(format!("{} is not there; `cargo build --release` makes it", program.display()).into())
}
