//! Power cuts at every moment of a store's life. A child process works with a store over a layer that writes down
//! each change of its files; from that, images of the disk are made as a power cut might leave it: all that was
//! synced, and of the rest whatever chance lets through, down to single sectors. Each must open, be whole, and hold
//! what was answered for, no more than one step beyond.
//!
//! A failure keeps the trace and names the image: `TRACE=… IMAGE=n` looks at that one again.

#![allow(clippy::unwrap_used, reason = "this is a test")]

mod visible;
mod workload;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealpost::secrets::MasterKey;
use sealpost::storage::{OpenCause, Settings, Store};
use sealpost_tests::disk::{Change, Image, Platter, Shim, Trace, scratch, write};
use sealpost_tests::extent;
use sealpost_tests::tools::{GCC, available};

/// Says to the child process what it is to do, in [`DIRECTORY`].
const ROLE: &str = "POWER_CUT_ROLE";
const DIRECTORY: &str = "POWER_CUT_DIRECTORY";

pub(crate) fn master_key() -> MasterKey {
    MasterKey::parse(&"42".repeat(32)).unwrap()
}

/// Limits that are reached soon.
pub(crate) fn settings() -> Settings {
    Settings { min_free: 0, fresh_facts: 64, readers: 1, ..Settings::default() }
}

/// What the child process does; nothing in the process of the tests.
#[test]
fn in_the_child_process() {
    let (Ok(role), Ok(directory)) = (std::env::var(ROLE), std::env::var(DIRECTORY)) else { return };
    let directory = Path::new(&directory);
    match role.as_str() {
        "work" => workload::run(directory, extent(120, 400)),
        "recover" => open_and_close(directory).unwrap(),
        other => panic!("no role named {other}"),
    }
}

#[test]
fn a_power_cut_loses_nothing_that_was_answered_for() {
    if !available(&[GCC]) {
        return;
    }
    let shim = Shim::compile();
    let scratch = scratch();
    let trace = std::env::var_os("TRACE").map_or_else(
        || traced(&shim, "work", &scratch.path().join("data"), &scratch.path().join("trace")),
        PathBuf::from,
    );
    let history = History::of(Trace::read(&trace));
    let count = extent(400, 10_000);
    let only: Option<u64> = std::env::var("IMAGE").ok().and_then(|image| image.parse().ok());
    let (mut platter, mut reached) = (Platter::default(), 0);
    let (mut left, mut again) = (0, 0);
    for image in (0..count).filter(|image| only.is_none_or(|only| only == *image)) {
        // Evenly over the trace, so that the disk is played forward once.
        let cut = history.changes.len() as u64 * (image + 1) / count;
        history.changes[reached..cut as usize].iter().for_each(|change| platter.apply(change));
        reached = cut as usize;
        let directory = scratch.path().join("image");
        let files = platter.image(image);
        let fault = history.look_at(&files, &directory, reached).and_then(|()| {
            left += 1;
            if image % 8 != 0 || files.is_none() {
                return Ok(());
            }
            again += 1;
            let base = files.as_ref().unwrap();
            second_cut(&shim, base, image, scratch.path())
                .map_or(Ok(()), |files| history.look_at(&Some(files), &directory, reached))
        });
        if let Err(fault) = fault {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("power-cut.trace");
            fs::copy(&trace, &kept).unwrap();
            let asked = history.promised(reached);
            panic!(
                "image {image}, after change {reached} and answer {asked}: {fault}\nTRACE={} IMAGE={image} looks at it again",
                kept.display()
            );
        }
    }
    println!(
        "{} images, {again} of them of a second cut during recovery, from {} changes and {} answers",
        left + again,
        history.changes.len(),
        history.answers.len()
    );
}

/// Runs a role of this program over the layer; where its trace is.
fn traced(shim: &Shim, role: &str, directory: &Path, trace: &Path) -> PathBuf {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["in_the_child_process", "--exact", "--test-threads=1"]);
    command.env(ROLE, role).env(DIRECTORY, directory);
    command.envs(shim.tracing(directory, trace));
    sealpost_tests::tools::run(&mut command);
    trace.to_owned()
}

/// The power goes again while this image is opened.
fn second_cut(
    shim: &Shim,
    base: &BTreeMap<String, Vec<u8>>,
    seed: u64,
    scratch: &Path,
) -> Option<BTreeMap<String, Vec<u8>>> {
    let (directory, trace) = (scratch.join("again"), scratch.join("again.trace"));
    // What is left of the run before.
    let _ = (fs::remove_dir_all(&directory), fs::remove_file(&trace));
    write(&Some(base.clone()), &directory);
    let Trace(changes) = Trace::read(&traced(shim, "recover", &directory, &trace));
    let cut = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as usize % (changes.len() + 1);
    let mut platter = Platter::holding(base);
    changes[..cut].iter().for_each(|change| platter.apply(change));
    platter.image(seed)
}

/// What the child process did, and what it was answered.
struct History {
    changes: Vec<Change>,
    /// After which change what was seen, in order.
    answers: Vec<(usize, u64)>,
}

impl History {
    fn of(Trace(changes): Trace) -> Self {
        let marks = changes.iter().find_map(|change| match change {
            Change::Create(file, name) if name == workload::MARKS => Some(*file),
            _ => None,
        });
        let answers = changes.iter().enumerate().filter_map(|(at, change)| match change {
            Change::Write(file, _, bytes) if Some(*file) == marks => {
                Some((at, u64::from_ne_bytes(bytes.as_slice().try_into().unwrap())))
            }
            _ => None,
        });
        let answers = answers.collect();
        Self { changes, answers }
    }

    /// How many answers had been given before this change.
    fn promised(&self, reached: usize) -> usize {
        self.answers.partition_point(|(at, _)| *at < reached)
    }

    /// Opens an image and finds what was promised, or that and the step that was under way.
    fn look_at(&self, image: &Image, directory: &Path, reached: usize) -> Result<(), String> {
        // What is left of the image before.
        let _ = fs::remove_dir_all(directory);
        write(image, directory);
        let promised = self.promised(reached);
        match Store::examine(directory, &master_key()) {
            Ok(examined) if examined.total == 0 => {}
            Ok(examined) => return Err(format!("before it opens, {:?}", examined.faults)),
            Err(error) => match error.cause {
                // Cut while it was made.
                OpenCause::Absent | OpenCause::Older { .. } | OpenCause::Database(_) if promised == 0 => {}
                _ => return Err(format!("before it opens, {error}")),
            },
        }
        open_and_close(directory)?;
        let examined = Store::examine(directory, &master_key()).map_err(|error| error.to_string())?;
        if examined.total > 0 {
            return Err(format!("after it was opened, {:?}", examined.faults));
        }
        if promised == 0 {
            return Ok(());
        }
        let seen = visible::hash(&directory.join("sealpost.db"));
        let allowed = [promised - 1, promised].map(|at| self.answers.get(at).map(|(_, hash)| *hash));
        let fits = allowed.contains(&Some(seen));
        let earlier = self.answers.iter().position(|(_, hash)| *hash == seen);
        fits.then_some(()).ok_or_else(|| format!("it holds what there was after answer {earlier:?}"))
    }
}

fn open_and_close(directory: &Path) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, _inboxes) =
            Store::open(directory, &master_key(), &settings()).map_err(|error| error.to_string())?;
        store.close().await.map_err(|error| error.to_string())
    })
}
