//! A disk that fails under the real program: no answer that is not true, no panic, and no sync that is tried twice.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod checkpoint;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sealpost::secrets::MasterKey;
use sealpost::storage::Store;
use sealpost_tests::calls::{event, events};
use sealpost_tests::disk::{Change, Counted, Fault, Platter, Shim, Trace, write};
use sealpost_tests::extent;
use sealpost_tests::tools::{self, GCC, available};
use sealpost_tests::{API_KEY, Receiver, Reply, Response, Server, sealpost};
use tempfile::TempDir;

/// What is submitted in one run.
struct Load {
    /// Submissions of one event each.
    submissions: usize,
    /// Who submit them, at the same time.
    clients: usize,
    /// What happened; there is a webhook for `opened`.
    kind: &'static str,
    /// Bytes by which the events are larger than they must be.
    padding: usize,
    /// What passes between one answer and the next submission.
    pause: Duration,
}

/// Each submission takes about ten writes.
const SMALL: Load = Load { submissions: 30, clients: 1, kind: "opened", padding: 0, pause: Duration::ZERO };

/// How a run with a fault went.
struct Run {
    /// The ids that were answered with 200.
    acknowledged: Vec<String>,
    /// The server ended by itself.
    ended: bool,
    /// What it did to its files.
    changes: Vec<Change>,
    log: Vec<String>,
}

impl Run {
    /// The sync of names in the data directory failed.
    fn names_failed(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::SyncNamesFailed))
    }
}

/// A store with a webhook whose receiver is there, and the server of it, stopped.
fn stopped_server(receiver: &Receiver) -> Server {
    let mut server = Server::start();
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    assert!(server.sigterm().success());
    server
}

/// Runs the server over a disk with this fault until it has answered everything, or has ended.
fn run(server: &mut Server, load: &Load) -> Run {
    if let Err(log) = server.try_restart() {
        assert_sane(&log);
        assert!(log.last().unwrap().contains("exit status: 1"), "{log:?}");
        return Run { acknowledged: Vec::new(), ended: true, changes: Vec::new(), log };
    }
    let api = server.api();
    let (acknowledged, gone) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let submit = |client: usize| {
        for number in (0..load.submissions).skip(client).step_by(load.clients) {
            let id = format!("e{number}");
            match api.try_send("POST", &events(""), Some("application/json"), load.event(&id).as_bytes()) {
                Ok(answer) if answer.status == 200 => acknowledged.lock().unwrap().push(id),
                Ok(answer) => {
                    assert_eq!(answer.status, 503, "{}", answer.text());
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                }
                Err(_) => return gone.store(true, Relaxed),
            }
            std::thread::sleep(load.pause);
        }
    };
    std::thread::scope(|clients| {
        for client in 0..load.clients {
            clients.spawn({
                let submit = &submit;
                move || submit(client)
            });
        }
    });
    let patience = if gone.into_inner() { Duration::from_secs(10) } else { Duration::from_millis(100) };
    let status = server.ends_within(patience);
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(status.is_none_or(|status| status.code() == Some(1)), "{status:?}");
    let log = server.log();
    assert_sane(&log);
    Run { acknowledged, ended: status.is_some(), changes: Vec::new(), log }
}

impl Load {
    fn event(&self, id: &str) -> String {
        event(self.kind, id).replace('}', &format!(r#","x":"{}"}}"#, "y".repeat(self.padding)))
    }
}

fn assert_sane(log: &[String]) {
    assert!(!log.iter().any(|line| line.contains("panicked")), "{log:#?}");
}

/// What was acknowledged is there, and everything is whole.
fn assert_kept(data: &Path, acknowledged: &[String], fault: Fault) {
    let key = MasterKey::from_file(&data.join("master.key")).unwrap();
    let examined = Store::examine(data, &key).unwrap();
    assert_eq!(examined.faults, [""; 0], "{fault:?}");
    let database = Connection::open(data.join("sealpost.db")).unwrap();
    for id in acknowledged {
        let there =
            database.query_row("SELECT count(*) FROM event WHERE id = ?", [id], |row| row.get::<_, u32>(0));
        assert_eq!(there, Ok(1), "{fault:?}: {id} was acknowledged and is not there");
    }
}

/// Brings a fault about, and looks at what is left then: as it is, and as a power cut would leave it.
fn survives(shim: &Shim, fault: Fault, load: &Load) -> Run {
    let receiver = Receiver::start();
    let mut server = stopped_server(&receiver);
    let scratch = TempDir::new().unwrap();
    let (trace, image) = (scratch.path().join("trace"), scratch.path().join("image"));
    let mut platter = Platter::copy_of(server.data());
    server.set_environment([shim.tracing(server.data(), &trace), fault.variables()].concat());

    let mut run = run(&mut server, load);
    server.kill9();
    Trace(run.changes) = Trace::read(&trace);
    run.changes.iter().for_each(|change| platter.apply(change));
    write(&platter.synced(), &image);
    fs::set_permissions(
        image.join("master.key"),
        fs::metadata(server.data().join("master.key")).unwrap().permissions(),
    )
    .unwrap();
    assert_kept(&image, &run.acknowledged, fault);
    assert_kept(server.data(), &run.acknowledged, fault);
    server.set_environment(Vec::new());
    server.restart();
    let listed = server.api().listed();
    assert!(run.acknowledged.iter().all(|id| listed.contains(id)), "{fault:?}");
    let accounting = tools::run(sealpost().env("SEALPOST_API_KEY", API_KEY).args([
        "accounting",
        "--server",
        &server.url(""),
    ]));
    assert!(accounting.ends_with("balances\n"), "{fault:?}: {accounting}");
    assert!(server.sigterm().success(), "{fault:?}");
    let _whole = tools::run(sealpost().arg("fsck").arg("--data").arg(server.data()));
    run
}

/// Every one in full; in CI one in many.
fn numbers() -> impl Iterator<Item = u32> {
    let (first, stride) = extent((3, 33), (1, 1));
    (first..=200).step_by(stride)
}

#[test]
fn a_write_or_sync_that_fails_once_or_for_good_is_no_false_answer() {
    if !available(&[GCC]) {
        return;
    }
    let shim = Shim::compile();
    let (mut runs, mut ends) = (0, 0);
    for at in numbers() {
        for (error, ever) in [("EIO", false), ("EIO", true), ("ENOSPC", false), ("ENOSPC", true)] {
            let run = survives(&shim, Fault { error, at, ever, of: Counted::All }, &SMALL);
            assert!(
                run.acknowledged.len() < SMALL.submissions || !ever,
                "the fault number {at} did not come"
            );
            (runs, ends) = (runs + 1, ends + u32::from(run.ended));
        }
    }
    println!("{runs} faults, of which {ends} ended the server");
}

#[test]
fn a_sync_that_failed_is_never_tried_again() {
    if !available(&[GCC]) {
        return;
    }
    let shim = Shim::compile();
    // A submission takes a sync, and the start a few; outcomes share commits, more or less.
    for at in (1..=4).chain((5..=30).step_by(extent(6, 1))) {
        let run = survives(&shim, Fault { error: "EIO", at, ever: false, of: Counted::Syncs }, &SMALL);
        // SQLite syncs the name of its log a second time, and does not mind if that fails.
        assert!(run.ended || run.names_failed(), "the server went on after sync {at} had failed");
    }
}

#[test]
fn a_full_disk_is_told_to_clients_and_stops_no_delivery() {
    if !available(&[GCC]) {
        return;
    }
    let shim = Shim::compile();
    let receiver = Receiver::start().answering([Reply::After(Duration::from_secs(2), 200)]);
    let mut server = stopped_server(&receiver);
    let scratch = TempDir::new().unwrap();
    let full = scratch.path().join("full");
    let mut environment = shim.tracing(server.data(), &scratch.path().join("trace"));
    environment.push(("DISK_FULL".to_owned(), full.to_str().unwrap().to_owned()));
    server.set_environment(environment);
    server.restart();

    let api = server.api();
    let _ = api.submit(&event("opened", "before")).expect(200);
    let _ = receiver.wait_for(1);
    fs::write(&full, "").unwrap();
    let refused = api.submit(&event("opened", "meanwhile")).expect(503);
    assert!(refused.header("retry-after").is_some());
    let _ = server.logged("acknowledged", 1);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(api.submit(&event("opened", "meanwhile")).status, 503, "it is still full");

    fs::remove_file(&full).unwrap();
    let _ = api.submit(&event("opened", "after")).expect(200);
    let _ = receiver.wait_for(2);
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.accepted, accounting.acknowledged), (2, 2));
    assert_eq!(receiver.requests().len(), 2, "none was made again");
}

#[test]
fn a_small_disk_keeps_room_for_outcomes() {
    let mut server = Server::with(&[("storage.min_free_disk", "40MiB"), ("delivery.schedule", "3s")]);
    server.kill9();
    let Some(_disk) = Mount::over(server.data(), 64 << 20) else {
        // No tool is missing that could be installed; the layer above shows the same, but for the free space.
        return eprintln!("skipped, missing: the right to mount a tmpfs");
    };
    server.restart();
    let receiver = Receiver::start().answering([Reply::Status(500)]);
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let _ = server.api().submit(&event("opened", "before")).expect(200);
    let _ = receiver.wait_for(1);

    let ballast = server.data().join("ballast");
    fs::write(&ballast, vec![1; 30 << 20]).unwrap();
    let pid = server.pid();
    let refused = soon(|at| server.api().submit(&event("opened", &format!("late{at}"))), 503);
    assert!(refused.header("retry-after").is_some());
    let _ = server.logged(r#""acknowledged","event":"before""#, 1);
    fs::remove_file(&ballast).unwrap();
    let _ = soon(|_| server.api().submit(&event("opened", "after")), 200);
    assert_eq!(server.pid(), pid);
    server.kill9();
}

/// An answer with this status, within ten seconds.
fn soon(ask: impl Fn(u32) -> Response, status: u16) -> Response {
    let until = Instant::now() + Duration::from_secs(10);
    for attempt in 0.. {
        let answer = ask(attempt);
        if answer.status == status || Instant::now() > until {
            return answer.expect(status);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    unreachable!("it returns in time")
}

/// A file system of a few MiB in memory, gone when this is dropped.
struct Mount(PathBuf);

impl Mount {
    /// Lays it over a directory; `None` without the right to.
    fn over(directory: &Path, bytes: u64) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=700"), "tmpfs"]).arg(directory);
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(directory.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily, as a server may still end; what it was laid over is a temporary directory.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
