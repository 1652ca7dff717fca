//! The same for the thread that moves the log into the database, which 8 MiB of log set to work. In its first round it
//! syncs the log and the names in the directory, then it writes, and once it has moved all there is, syncs what it wrote.

use std::time::Duration;

use sealpost_tests::disk::{Change, Counted, Fault, Shim};
use sealpost_tests::extent;
use sealpost_tests::tools::{GCC, available};

use super::{Load, Run, survives};

/// An event is some 22 pages of the log, and 512 set the thread to work: three rounds, and commits meanwhile.
const BUSY: Load =
    Load { submissions: 80, clients: 4, kind: "opened", padding: 250_000, pause: Duration::ZERO };
/// Nothing is committed while the thread works, so that it moves all there is.
const QUIET: Load = Load { clients: 1, kind: "clicked", pause: Duration::from_millis(80), ..BUSY };

const DATABASE: &str = "sealpost.db";
const LOG: &str = "sealpost.db-wal";

#[test]
fn a_sync_of_the_checkpoint_that_fails_is_the_end_of_the_server() {
    if !available(&[GCC]) {
        return;
    }
    let shim = Shim::compile();
    for error in ["EIO", "ENOSPC"] {
        for (at, name, load) in [(1, LOG, &BUSY), (3, DATABASE, &QUIET)] {
            let fault = Fault { error, at, ever: false, of: Counted::CheckpointSyncs };
            let run = survives(&shim, fault, load);
            assert_stopped(&run, fault, load);
            let file = number_of(name, &run.changes);
            let failed = |change: &Change| matches!(change, Change::SyncFailed(failed) if *failed == file);
            let failed = run.changes.iter().position(failed).expect("it was a sync of this file");
            let (before, after) = run.changes.split_at(failed);
            for id in run.acknowledged.iter().rev().take(load.clients) {
                assert!(hold(before, id) || !hold(after, id), "{fault:?}: {id} came later, and got a 2xx");
            }
        }
    }
}

#[test]
fn names_are_durable_before_the_checkpoint_syncs_them_again() {
    if !available(&[GCC]) {
        return;
    }
    let fault = Fault { error: "EIO", at: 2, ever: false, of: Counted::CheckpointSyncs };
    let run = survives(&Shim::compile(), fault, &BUSY);
    assert!(run.names_failed(), "the second sync is another one");
    assert!(!run.ended && run.acknowledged.len() == BUSY.submissions, "{:#?}", run.log);
}

#[test]
fn a_write_of_the_checkpoint_that_fails_is_the_end_of_the_server() {
    if !available(&[GCC]) {
        return;
    }
    let shim = Shim::compile();
    for at in (3..400).step_by(extent(300, 10)) {
        let fault = Fault { error: "EIO", at, ever: false, of: Counted::Checkpoint };
        let run = survives(&shim, fault, &BUSY);
        assert_stopped(&run, fault, &BUSY);
        assert_eq!(
            writes(&run).last(),
            Some(&(at - 3)),
            "{fault:?}: it was not that write, or others came behind it"
        );
    }
}

#[test]
fn a_full_disk_puts_the_checkpoint_off() {
    if !available(&[GCC]) {
        return;
    }
    let fault = Fault { error: "ENOSPC", at: 3, ever: false, of: Counted::Checkpoint };
    let run = survives(&Shim::compile(), fault, &BUSY);
    assert!(!run.ended && run.acknowledged.len() == BUSY.submissions, "{:#?}", run.log);
    assert!(run.log.iter().any(|line| line.contains("the log could not be moved")), "{:#?}", run.log);
    // A round that moved all there was has synced it, too.
    let moved: u32 = writes(&run).iter().sum();
    assert!(moved > 400, "the log was not moved later: {moved} pages");
}

fn assert_stopped(run: &Run, fault: Fault, load: &Load) {
    assert!(run.ended, "{fault:?}: the server went on");
    assert!(run.acknowledged.len() < load.submissions, "{fault:?}: everything got a 2xx");
    assert!(run.log.iter().any(|line| line.contains("the store has failed")), "{fault:?}: {:#?}", run.log);
}

/// How many times a page was written into the database before each of its syncs, the first of which is that of the start,
/// and since the last.
fn writes(run: &Run) -> Vec<u32> {
    let file = number_of(DATABASE, &run.changes);
    let between = run.changes.split(|change| matches!(change, Change::Sync(synced) if *synced == file));
    let written = |change: &Change| matches!(change, Change::Write(written, ..) if *written == file);
    between.map(|changes| changes.iter().map(|change| u32::from(written(change))).sum()).collect()
}

fn number_of(name: &str, changes: &[Change]) -> usize {
    let number = |change: &Change| match change {
        Change::Create(file, called) | Change::Open(file, called) if called == name => Some(*file),
        _ => None,
    };
    changes.iter().find_map(number).expect("the file was opened")
}

/// Whether an event of this id was written.
fn hold(changes: &[Change], id: &str) -> bool {
    let id = format!(r#""id":"{id}""#);
    let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(&id);
    changes.iter().any(|change| matches!(change, Change::Write(.., bytes) if holds(bytes)))
}
