//! The memory of deliveries of a device without a disk: they end when it is switched off.

use core::cell::Cell;
use core::convert::Infallible;

use sealpost_core::dispatch::{Record, Verdict};
use sealpost_core::host::{Due, Storage};

/// One event, and a log of what became of its deliveries.
#[derive(Debug)]
pub struct Ledger<'a> {
    event_data: &'a [u8],
    ended: Cell<u32>,
}

impl<'a> Ledger<'a> {
    /// The key of the one event.
    pub const KEY: u64 = 1;

    /// A ledger of this event.
    #[must_use]
    pub const fn new(event_data: &'a [u8]) -> Self {
        Self { event_data, ended: Cell::new(0) }
    }

    /// Deliveries that have an end.
    pub fn ended(&self) -> u32 {
        self.ended.get()
    }
}

impl<'a> Storage for Ledger<'a> {
    type Error = Infallible;
    type Data = &'a [u8];

    async fn due(&self, _: u64, _: u32, _: impl FnMut(Due)) -> Result<(), Infallible> {
        Ok(())
    }

    async fn event_data(&self, _: u64) -> Result<&'a [u8], Infallible> {
        Ok(self.event_data)
    }

    async fn record(&self, record: &Record) -> Result<(), Infallible> {
        let (lane, attempts) = (record.lane.index(), record.attempts);
        match record.verdict {
            Verdict::Acknowledged => defmt::info!("endpoint {}: acknowledged at attempt {}", lane, attempts),
            Verdict::Refused => defmt::info!("endpoint {}: refused at attempt {}", lane, attempts),
            Verdict::Retry { .. } => {
                defmt::info!("endpoint {}: to be retried after attempt {}", lane, attempts)
            }
            Verdict::Exhausted => defmt::warn!("endpoint {}: exhausted after attempt {}", lane, attempts),
            Verdict::Cancelled => defmt::warn!("endpoint {}: cancelled after attempt {}", lane, attempts),
        }
        if record.verdict.is_final() {
            self.ended.set(self.ended.get() + 1);
        }
        Ok(())
    }
}
