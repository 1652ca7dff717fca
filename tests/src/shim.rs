//! What is preloaded into the program under test, so that it stays the program that is released: a wall clock that
//! can be set, moments at which it is killed, and a resolver that answers as it is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::tools::{root, run};

/// The wall clock of a process.
pub struct WallClock(Shim);

impl WallClock {
    /// One that shows the right time. Takes [`GCC`](crate::tools::GCC).
    ///
    /// # Panics
    /// If the shim cannot be built.
    #[must_use]
    pub fn new() -> Self {
        Self(Shim::of("clock.c", &0_i64.to_ne_bytes()))
    }

    /// Sets the clock: so many seconds ahead of the right time from now on, or behind it.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn set_ahead(&self, seconds: i64) {
        self.0.tell(&seconds.to_ne_bytes());
    }

    /// The environment in which a process has this clock.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.0.environment("CLOCK_SHIM")
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

/// The moment at which a process is killed.
pub struct Failpoint(Shim);

impl Failpoint {
    /// None yet. Takes [`GCC`](crate::tools::GCC).
    ///
    /// # Panics
    /// If the shim cannot be built.
    #[must_use]
    pub fn new() -> Self {
        Self(Shim::of("failpoint.c", b""))
    }

    /// Dies as soon as it has received a 200, before it has done anything about it.
    pub fn at_a_received_200(&self) {
        self.0.tell(b"r");
    }

    /// Dies instead of answering 200.
    pub fn at_a_200_to_send(&self) {
        self.0.tell(b"s");
    }

    /// Lives.
    pub fn none(&self) {
        self.0.tell(b"");
    }

    /// The environment in which a process has this failpoint.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.0.environment("FAILPOINT_SHIM")
    }
}

impl Default for Failpoint {
    fn default() -> Self {
        Self::new()
    }
}

/// The resolver of a process.
pub struct Names(Shim);

impl Names {
    /// One with these answers, a line for each name: `name addr,addr|addr`, where each lookup takes the answer behind
    /// the next `|`, and the last one stays; `empty`, `unknown` and `loop` are answers too. Takes
    /// [`GCC`](crate::tools::GCC).
    ///
    /// # Panics
    /// If the shim cannot be built.
    #[must_use]
    pub fn answering<L: AsRef<str>>(lines: &[L]) -> Self {
        let text: String = lines.iter().map(|line| format!("{}\n", line.as_ref())).collect();
        Self(Shim::of("names.c", text.as_bytes()))
    }

    /// The environment in which a process has this resolver.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.0.environment("NAMES_SHIM")
    }
}

/// A library to be preloaded, and the file by which it is told what to do.
struct Shim {
    directory: TempDir,
}

impl Shim {
    fn of(source: &str, told: &[u8]) -> Self {
        let shim = Self { directory: TempDir::new().expect("a temporary directory") };
        let source = root().join("tests/shims").join(source);
        let flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o"];
        let _ = run(Command::new("gcc").args(flags).arg(shim.library()).arg(source));
        shim.tell(told);
        shim
    }

    /// Written in place: the process may have the file mapped.
    fn tell(&self, what: &[u8]) {
        use std::io::Write as _;
        let mut file = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(what.is_empty())
            .open(self.told())
            .expect("a file");
        file.write_all(what).expect("room");
    }

    fn environment(&self, told: &'static str) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        vec![("LD_PRELOAD", text(&self.library())), (told, text(&self.told()))]
    }

    fn library(&self) -> PathBuf {
        self.directory.path().join("shim.so")
    }

    fn told(&self) -> PathBuf {
        self.directory.path().join("told")
    }
}
