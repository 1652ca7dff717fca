//! A disk that fails: a layer under a program's files that writes down what it does to them, or fails, and the
//! images that a power cut would leave. The layer is `tests/disk/shim.c`, loaded before the C library.

mod image;
mod trace;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::tools::{root, run};

pub use image::{Image, Platter, write};
pub use trace::{Change, Trace};

/// The layer, compiled. Gone when this is dropped.
#[derive(Debug)]
pub struct Shim {
    directory: TempDir,
}

/// A write or sync that is to fail.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// `EIO` or `ENOSPC`.
    pub error: &'static str,
    /// Which one, from 1.
    pub at: u32,
    /// Whether all that follow fail too.
    pub ever: bool,
    /// Whether only syncs count.
    pub syncs: bool,
}

impl Shim {
    /// Compiles it.
    ///
    /// # Panics
    /// If that fails; [`GCC`](crate::tools::GCC) has to be available.
    #[must_use]
    pub fn compile() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let source = root().join("tests/disk/shim.c");
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]);
        run(gcc.arg(directory.path().join("shim.so")).arg(source).arg("-ldl"));
        Self { directory }
    }

    fn library(&self) -> PathBuf {
        self.directory.path().join("shim.so")
    }

    /// Has a program's changes of what lies in this directory written down.
    pub fn trace(&self, command: &mut Command, directory: &Path, trace: &Path) {
        command.env("LD_PRELOAD", self.library()).env("DISK_DIR", directory).env("DISK_TRACE", trace);
    }

    /// The variables that have a program's writes in this directory fail so.
    #[must_use]
    pub fn faulty(&self, directory: &Path, fault: Fault) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().expect("a path in Unicode").to_owned();
        let mut all = vec![
            ("LD_PRELOAD", text(&self.library())),
            ("DISK_DIR", text(directory)),
            ("DISK_FAULT", fault.error.to_owned()),
            ("DISK_AT", fault.at.to_string()),
        ];
        all.extend(fault.ever.then(|| ("DISK_FOR", "ever".to_owned())));
        all.extend(fault.syncs.then(|| ("DISK_OF", "sync".to_owned())));
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// A directory for images: in memory where the machine has such a place, as a thousand of them are made.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("a temporary directory")
}
