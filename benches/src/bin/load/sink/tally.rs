//! What the sink counts.

use sealpost_core::sign::{self, ReplayGuard, SigningKey};
use sealpost_core::{Duration, UnixTime};
use serde::{Deserialize, Serialize};

use crate::event::{Stamp, Stamps};
use crate::failure::Result;
use crate::latency::{Latencies, Percentiles};
use crate::process::own_cpu;

/// Columns, each of which may have every event once: three URLs, and the posts of the bound, which nobody signs.
const COLUMNS: usize = 4;
/// The column of the bound.
const UNSIGNED: usize = 3;
/// One signature of so many is verified.
const VERIFY_EVERY: u64 = 256;
/// Requests at the beginning of which it is told how many were in flight.
const FIRST: usize = 256;

/// Counts since the last reset; that an event came once is checked from the start on.
pub(super) struct Tally {
    stamps: Stamps,
    key: SigningKey,
    /// One bit for each event of a column.
    seen: [Vec<u64>; COLUMNS],
    counts: Counts,
    latencies: Latencies,
    flight: Flight,
}

#[derive(Default)]
struct Counts {
    payloads: u64,
    repeats: u64,
    unknown: u64,
    verified: u64,
    unverified: u64,
    first: u64,
    last: u64,
}

/// Requests that wait for their answer.
#[derive(Default)]
struct Flight {
    now: u32,
    most: u32,
    first: Vec<(u32, u32)>,
    answered: u32,
    /// When the number changed last, and how many nanoseconds all requests had waited by then.
    changed: u64,
    waited: u64,
    began: u64,
}

/// The counts, for whoever asks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Payloads that came.
    pub(crate) payloads: u64,
    /// Those of them that had come before.
    pub(crate) repeats: u64,
    /// Those of them that are no event of a generator.
    pub(crate) unknown: u64,
    /// Signatures that were verified and are right.
    pub(crate) verified: u64,
    /// Signatures that were verified and are wrong.
    pub(crate) unverified: u64,
    /// When the first payload came, by [`crate::clock`].
    pub(crate) first: u64,
    /// When the last one came.
    pub(crate) last: u64,
    /// From submission to here.
    pub(crate) latency: Percentiles,
    /// Where answers take time: the most requests in flight.
    pub(crate) most_in_flight: u32,
    /// How many were in flight when each of the first had come, and how many had been answered.
    pub(crate) first_in_flight: Vec<(u32, u32)>,
    /// How many were in flight on average.
    pub(crate) mean_in_flight: f64,
    /// Seconds on a processor.
    pub(crate) cpu: f64,
}

impl Tally {
    pub(super) fn new(key: SigningKey) -> Result<Self> {
        let (stamps, latencies) = (Stamps::new(), Latencies::new()?);
        let (counts, flight) = (Counts::default(), Flight::default());
        Ok(Self { stamps, key, seen: Default::default(), counts, latencies, flight })
    }

    /// A payload has come.
    pub(super) fn payload(&mut self, path: &[u8], body: &[u8], time: u64) {
        self.counts.payloads += 1;
        self.counts.last = time;
        if self.counts.payloads == 1 {
            self.counts.first = time;
        }
        let Some((column, Stamp { number, submitted })) = column(path).zip(self.stamps.find(body)) else {
            self.counts.unknown += 1;
            return;
        };
        self.latencies.record(time.saturating_sub(submitted));
        if !is_first(&mut self.seen[column], number) {
            self.counts.repeats += 1;
        }
        if column != UNSIGNED && self.counts.payloads % VERIFY_EVERY == 1 {
            match self.verify(body) {
                true => self.counts.verified += 1,
                false => self.counts.unverified += 1,
            }
        }
    }

    fn verify(&self, body: &[u8]) -> bool {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let window = Duration::from_mins(1);
        let mut guard = ReplayGuard::<1>::new();
        sign::verify(body, &self.key, UnixTime::new(now, 0), window, &mut guard).is_ok()
    }

    /// A request waits for its answer from now on.
    pub(super) fn begin(&mut self, time: u64) {
        let flight = &mut self.flight;
        flight.pass(time);
        flight.now += 1;
        flight.most = flight.most.max(flight.now);
        if flight.first.len() < FIRST {
            flight.first.push((flight.now, flight.answered));
        }
    }

    /// It has it.
    pub(super) fn end(&mut self, time: u64) {
        self.flight.pass(time);
        self.flight.now -= 1;
        self.flight.answered += 1;
    }

    pub(super) fn reset(&mut self) {
        self.counts = Counts::default();
        self.latencies.clear();
        self.flight = Flight { now: self.flight.now, ..Flight::default() };
    }

    pub(super) fn report(&self) -> Result<String> {
        let Counts { payloads, repeats, unknown, verified, unverified, first, last } = self.counts;
        let flight = &self.flight;
        let report = Report {
            payloads,
            repeats,
            unknown,
            verified,
            unverified,
            first,
            last,
            latency: self.latencies.percentiles(),
            most_in_flight: flight.most,
            first_in_flight: flight.first.clone(),
            mean_in_flight: flight.waited as f64 / flight.changed.saturating_sub(flight.began).max(1) as f64,
            cpu: own_cpu()?.as_secs_f64(),
        };
        Ok(serde_json::to_string(&report)?)
    }
}

impl Flight {
    fn pass(&mut self, time: u64) {
        if self.began == 0 {
            (self.began, self.changed) = (time, time);
        }
        self.waited += u64::from(self.now) * time.saturating_sub(self.changed);
        self.changed = time;
    }
}

/// The column that this path names.
fn column(path: &[u8]) -> Option<usize> {
    let digit = path.strip_prefix(b"/")?.first()?;
    let column = usize::from(digit.wrapping_sub(b'0'));
    (column < COLUMNS).then_some(column)
}

/// Whether this number was not there before; it is from now on.
fn is_first(seen: &mut Vec<u64>, number: u64) -> bool {
    let (place, bit) = ((number / 64) as usize, 1 << (number % 64));
    if seen.len() <= place {
        seen.resize((place + 1).next_power_of_two(), 0);
    }
    let before = seen[place] & bit != 0;
    seen[place] |= bit;
    !before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    fn tally() -> Tally {
        Tally::new(SigningKey::new(b"key").unwrap()).unwrap()
    }

    fn report(tally: &Tally) -> Report {
        serde_json::from_str(&tally.report().unwrap()).unwrap()
    }

    #[test]
    fn what_comes_twice_what_is_unknown_and_what_is_not_signed_is_counted() {
        let mut tally = tally();
        let mut body = Vec::new();
        Event::of("delivered").write(5, 1_000_000, &mut body);
        for path in ["/0/a", "/1/b", "/0/a", "/3/bound", "/9/none"] {
            tally.payload(path.as_bytes(), &body, 3_000_000);
        }
        tally.payload(b"/0/a", b"{}", 3_000_000);
        let Report { payloads, repeats, unknown, verified, unverified, latency, .. } = report(&tally);
        assert_eq!((payloads, repeats, unknown, verified, unverified), (6, 1, 2, 0, 1));
        assert_eq!(latency.p50.round() as u64, 2);
    }

    #[test]
    fn the_flight_is_told_by_its_beginning_its_peak_and_its_mean() {
        let mut tally = tally();
        tally.begin(10);
        tally.end(20);
        tally.begin(20);
        tally.begin(20);
        tally.end(30);
        let Report { most_in_flight, first_in_flight, mean_in_flight, .. } = report(&tally);
        assert_eq!((most_in_flight, first_in_flight, mean_in_flight), (2, vec![(1, 0), (1, 1), (2, 1)], 1.5));
    }
}
