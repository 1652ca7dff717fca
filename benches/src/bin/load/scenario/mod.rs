//! The scenarios, and what all of them check: correctness comes before speed.

mod idle;
mod measured;
mod paced;
mod pending;
mod slow;
mod store;
mod throughput;

use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::bound;
use crate::failure::Result;
use crate::process::Machine;
use crate::server::Server;
use crate::sink;
use crate::table::Row;

/// A scenario by its name.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    run: fn(&Bench) -> Result<Vec<Row>>,
}

/// All of them, in the order of the table.
pub(crate) static ALL: [Scenario; 11] = [
    Scenario { name: "bound", run: bound::row },
    Scenario { name: "one-64", run: throughput::one_64 },
    Scenario { name: "one-256", run: throughput::one_256 },
    Scenario { name: "three-urls", run: throughput::three_urls },
    Scenario { name: "ndjson", run: throughput::ndjson },
    Scenario { name: "steady", run: paced::steady },
    Scenario { name: "ingest", run: paced::ingest },
    Scenario { name: "slow-endpoints", run: slow::run },
    Scenario { name: "pending", run: pending::run },
    Scenario { name: "idle", run: idle::run },
    Scenario { name: "store", run: store::run },
];

/// How long outcomes may take to be on the disk.
const PATIENCE: Duration = Duration::from_secs(10);

impl Scenario {
    /// What it shows; a failure where anything was lost, repeated, wrongly signed or refused.
    pub(crate) fn run(&self, bench: &Bench) -> Result<Vec<Row>> {
        let before = Machine::now()?;
        let rows = (self.run)(bench).map_err(|error| format!("{}: {error}", self.name))?;
        let others = Machine::now()?.taken_by_others_since(before);
        Ok(rows.into_iter().map(|row| Row { others, ..row }).collect())
    }
}

/// Fails unless the sink has seen exactly so many payloads, each once, and every signature that it verified was right.
pub(crate) fn expect_each_once(seen: &sink::Report, payloads: u64) -> Result<()> {
    let sink::Report { payloads: came, repeats, unknown, unverified, .. } = seen;
    if (*came, *repeats, *unknown, *unverified) == (payloads, 0, 0, 0) {
        return Ok(());
    }
    let wrong = format!("{repeats} came twice, {unknown} were no event, {unverified} were signed wrongly");
    Err(format!("{came} payloads came where {payloads} should have; {wrong}").into())
}

/// Waits until all deliveries are acknowledged in the server's books, which must say that there were so many.
fn expect_all_acknowledged(server: &Server, deliveries: u64) -> Result<()> {
    let begun = Instant::now();
    loop {
        let books = server.accounting()?;
        let settled = books.pending == 0 && books.acknowledged == deliveries && books.accepted == deliveries;
        if settled && books.balances {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{deliveries} deliveries were accepted; the books say {books:?}").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
