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
    /// What is counted.
    pub of: Counted,
}

/// The writes and syncs among which a [`Fault`] has its number.
#[derive(Clone, Copy, Debug)]
pub enum Counted {
    /// All of them.
    All,
    /// All syncs.
    Syncs,
    /// Those of the thread that moves the log into the database.
    Checkpoint,
    /// The syncs of that thread.
    CheckpointSyncs,
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

    /// The variables of a program whose changes in this directory are written down.
    #[must_use]
    pub fn tracing(&self, directory: &Path, trace: &Path) -> Variables {
        [("LD_PRELOAD", self.library().as_path()), ("DISK_DIR", directory), ("DISK_TRACE", trace)]
            .map(|(name, path)| (name.to_owned(), path.to_str().expect("a path in Unicode").to_owned()))
            .into()
    }
}

/// Variables of a program's environment.
pub type Variables = Vec<(String, String)>;

impl Fault {
    /// The variables that bring it about, beside those of [`Shim::tracing`].
    #[must_use]
    pub fn variables(&self) -> Variables {
        let mut all = vec![("DISK_FAULT", self.error.to_owned()), ("DISK_AT", self.at.to_string())];
        all.extend(self.ever.then(|| ("DISK_FOR", "ever".to_owned())));
        let of = match self.of {
            Counted::All => None,
            Counted::Syncs => Some("sync"),
            Counted::Checkpoint => Some("checkpoint"),
            Counted::CheckpointSyncs => Some("checkpoint-sync"),
        };
        all.extend(of.map(|of| ("DISK_OF", of.to_owned())));
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
