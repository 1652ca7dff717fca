//! How long things took: recorded one by one, told by percentiles.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::failure::Result;

/// What takes longer counts as this: ten minutes, in microseconds.
const LONGEST: u64 = 600_000_000;

/// Times in a histogram of three significant digits.
pub(crate) struct Latencies(Histogram<u64>);

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, LONGEST, 3)?))
    }

    /// Counts one time, in nanoseconds.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.0.saturating_record((nanos / 1000).max(1));
    }

    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Percentiles { p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

impl Percentiles {
    /// Each of them between these two.
    pub(crate) fn mean(&self, other: &Self) -> Self {
        Self::each(|value| f64::midpoint(value(self), value(other)))
    }

    /// Each of them the median of several rounds.
    pub(crate) fn median(rounds: &[Self]) -> Self {
        Self::each(|value| Spread::of(rounds.iter().map(value)).median)
    }

    /// Each of them out of that one of others.
    fn each(of: impl Fn(fn(&Self) -> f64) -> f64) -> Self {
        Self {
            p50: of(|one| one.p50),
            p95: of(|one| one.p95),
            p99: of(|one| one.p99),
            p999: of(|one| one.p999),
            max: of(|one| one.max),
        }
    }
}

/// What several rounds showed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// All zero where there were no rounds.
    pub(crate) fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<_> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        let at = |place: usize| rounds.get(place).copied().unwrap_or_default();
        Self { median: at(rounds.len() / 2), least: at(0), most: at(rounds.len().saturating_sub(1)) }
    }
}
