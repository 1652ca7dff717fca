//! The `sealpost` program, as cargo has built it for the tests.

use std::path::PathBuf;
use std::process::Command;

/// A command that runs the program without any environment of the developer's but `PATH`.
///
/// The variable `SEALPOST_TEST_PROGRAM` names another build of it, such as a release build.
///
/// # Panics
/// If this is not a test that cargo runs.
#[must_use]
pub fn sealpost() -> Command {
    let program = std::env::var_os("SEALPOST_TEST_PROGRAM").map_or_else(under_test, PathBuf::from);
    let mut command = Command::new(program);
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

fn under_test() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("tests lie in TARGET/PROFILE/deps");
    profile.join("sealpost-under-test")
}
