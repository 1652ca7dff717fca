//! How large commits are, and how long the disk takes over them.

use std::time::Duration;

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// Two histograms over the commits since the store was opened. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Commits {
    /// Rows that one commit wrote.
    pub rows: Histogram,
    /// Seconds that the commit of one transaction took: writing the log, and its sync.
    pub seconds: Histogram,
}

impl Commits {
    /// A commit that wrote so many rows, in this time. One that wrote none has synced nothing, and does not count.
    pub(super) fn count(&self, rows: u64, took: Duration) {
        if rows > 0 {
            self.rows.observe(rows as f64);
            self.seconds.observe(took.as_secs_f64());
        }
    }
}

impl Default for Commits {
    fn default() -> Self {
        Self {
            rows: Histogram::new(exponential_buckets(1.0, 4.0, 9)),
            seconds: Histogram::new(exponential_buckets(0.000_25, 2.0, 14)),
        }
    }
}
