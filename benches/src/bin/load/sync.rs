//! How long the disk takes to make one small commit safe: the floor of every answer.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::Result;
use crate::latency::{Latencies, Percentiles};

/// What a commit of one event writes to the log: three pages of 16 KiB.
const COMMIT: usize = 3 * 16 * 1024;
/// The file is written over again and again, as the log is.
const COMMITS: u64 = 256;

/// Writes and syncs as often a second as a scenario has events, for so many seconds.
pub(crate) fn measure(directory: &Path, rate: f64, seconds: f64) -> Result<Percentiles> {
    std::fs::create_dir_all(directory)?;
    let path = directory.join("sync");
    let file = File::create(&path)?;
    let commit = vec![0x5a; COMMIT];
    for place in 0..COMMITS {
        file.write_all_at(&commit, place * COMMIT as u64)?;
    }
    file.sync_all()?;
    let mut took = Latencies::new()?;
    let begun = Instant::now();
    for turn in 0..(rate * seconds) as u32 {
        let due = Duration::from_secs_f64(f64::from(turn) / rate);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        let started = Instant::now();
        file.write_all_at(&commit, u64::from(turn) % COMMITS * COMMIT as u64)?;
        file.sync_data()?;
        took.record(u64::try_from(started.elapsed().as_nanos())?);
        // A disk that is slower than the rate is measured for no longer.
        if begun.elapsed().as_secs_f64() > seconds {
            break;
        }
    }
    std::fs::remove_file(path)?;
    Ok(took.percentiles())
}
