//! Does the server hold when some endpoints do not? Each scenario is measured in pairs, with a baseline in the same
//! minute and on the same server, at half of the load that it takes.
//!
//! ```sh
//! cargo build --release && cargo run --release -p sealpost-benches --bin held
//! ```
//! The generator is open: latencies count from the moment at which an event was due to be sent, so that a server that
//! stalls hides nothing. Sink and generator run in this process, the server in one of its own.

mod client;
mod comeback;
mod generator;
mod isolation;
mod pair;
mod retention;
mod server;
mod sink;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use pair::{Goal, Pair, Row};

/// Measures what failing endpoints and retention cost those that are well.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// One short pair of each scenario: shows that the tool runs, and little more.
    #[arg(long)]
    short: bool,
    /// The program to measure.
    #[arg(long, default_value = "target/release/sealpost")]
    server: PathBuf,
    /// Where the servers keep their data: a disk, not a file system in memory.
    #[arg(long, default_value = "target/held")]
    data: PathBuf,
    /// Events a second, instead of half of what a quick look finds.
    #[arg(long)]
    rate: Option<f64>,
    /// Of each measurement, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only the scenarios whose name has this in it.
    #[arg(long, default_value = "")]
    only: String,
}

/// What every scenario is measured with.
struct Extent {
    args: Args,
    /// Events a second.
    rate: f64,
    /// Of one measurement.
    span: Duration,
    pairs: usize,
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let args = Args::parse();
    let rate = match args.rate {
        Some(rate) => rate,
        None => isolation::most(&args).await? / 2.0,
    };
    let (pairs, span) = if args.short { (1, 2) } else { (5, args.seconds) };
    let extent = Extent { rate, span: Duration::from_secs(span), pairs, args };
    println!("{rate:.0} events/s, {pairs} pairs of {span} s each; p99 in ms\n");
    println!("{}", Row::HEAD);
    let mut all_held = true;
    for name in ["black hole", "dead", "comeback", "retention"] {
        if !name.contains(&extent.args.only) {
            continue;
        }
        let row = match name {
            "black hole" => {
                let goal = Goal { times: 1.2, millis: 5.0 };
                let scenario =
                    isolation::Scenario { endpoints: 50, failing: 1, share: 0.3, from_the_start: false };
                Row::of(name, goal, scenario.measure(&extent).await?)
            }
            "dead" => {
                let goal = Goal { times: 2.0, millis: 10.0 };
                let endpoints = if extent.args.short { 101 } else { 1_001 };
                let scenario = isolation::Scenario {
                    endpoints,
                    failing: endpoints - 1,
                    share: 0.8,
                    from_the_start: true,
                };
                Row::of(name, goal, scenario.measure(&extent).await?)
            }
            "comeback" => Row::of(name, Goal { times: 1.2, millis: 5.0 }, comeback::measure(&extent).await?),
            _ => Row::of(name, Goal { times: 2.0, millis: 0.0 }, retention::measure(&extent).await?),
        };
        all_held &= row.held();
        println!("{row}");
    }
    // One short pair on a machine that does other things judges nothing.
    if !all_held && !extent.args.short {
        return Err(std::io::Error::other("a goal was not met"));
    }
    Ok(())
}
