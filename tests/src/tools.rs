//! Programs that some tests need and a machine may lack.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Something that a test needs from the machine.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// A program on the `PATH`, or the absolute path of a file.
    pub name: &'static str,
    /// The command that installs it.
    pub install: &'static str,
}

/// A C compiler, with its AddressSanitizer.
pub const GCC: Tool = Tool { name: "gcc", install: "apt-get install gcc" };
/// What runs a program on a terminal of its own.
pub const SCRIPT: Tool = Tool { name: "script", install: "apt-get install bsdutils" };
/// The memory checker.
pub const VALGRIND: Tool = Tool { name: "valgrind", install: "apt-get install valgrind" };
/// The JavaScript runtime.
pub const NODE: Tool = Tool { name: "node", install: "apt-get install nodejs" };
/// A compiler that comes with the sources of `core`, to build it for targets that rustup has not installed.
pub const DEBIAN_RUSTC: Tool = Tool { name: "/usr/bin/rustc", install: "apt-get install rustc-web" };
/// The sources of `core` for [`DEBIAN_RUSTC`].
pub const DEBIAN_RUST_SRC: Tool = Tool {
    name: "/usr/lib/rustlib/src/rust/library/core/src/lib.rs",
    install: "apt-get install rust-web-src",
};

/// The emulator of the boards that firmware is made for.
pub const QEMU_ARM: Tool = Tool { name: "qemu-system-arm", install: "apt-get install qemu-system-arm" };

/// The browser.
pub const CHROMIUM: Tool = Tool { name: "chromium", install: "apt-get install chromium" };
/// What drives the browser.
pub const CHROMEDRIVER: Tool = Tool { name: "chromedriver", install: "apt-get install chromium-driver" };

/// Whether the machine has all of these. If not, tells in one line what is missing and how to install it; the
/// test is then to return, skipped.
///
/// # Panics
/// If something is missing and `CI=true`: there, `.ci/run install` has to install it.
#[must_use]
pub fn available(tools: &[Tool]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| !tool.is_there()).collect();
    if missing.is_empty() {
        return true;
    }
    let advice: Vec<_> = missing.iter().map(|tool| format!("{} ({})", tool.name, tool.install)).collect();
    skip(&format!("missing: {}", advice.join(", ")));
    false
}

/// Tells why a test is skipped, which then returns.
///
/// # Panics
/// If `CI=true`: there, nothing is skipped.
pub fn skip(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
    eprintln!("skipped, {reason}");
}

impl Tool {
    /// Where it is; `None` if it is not there.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Joining an absolute path to a directory gives that path.
        std::env::split_paths(&path).map(|dir| dir.join(self.name)).find(|file| file.is_file())
    }

    fn is_there(&self) -> bool {
        Path::new(self.name).is_file() || self.path().is_some()
    }
}

/// Runs a command to its end and gives its output.
///
/// # Panics
/// If it cannot be started or fails; the message has what it wrote.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    out.into_owned()
}

/// The root of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

/// The example in this language in the README of the core.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn readme_example(language: &str) -> String {
    let readme = fs::read_to_string(root().join("core/README.md")).expect("a README");
    let start = format!("```{language}\n");
    let example = readme.split(&start).nth(1).and_then(|rest| rest.split("```").next());
    example.expect("an example").to_owned()
}
