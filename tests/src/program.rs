//! The `sealpost` program, built once a test process.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A command that runs the program without any environment of the developer's but `PATH`.
///
/// The variable `SEALPOST_TEST_PROGRAM` names another build of it, such as a release build.
///
/// # Panics
/// If it cannot be built.
pub fn sealpost() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let given = || std::env::var_os("SEALPOST_TEST_PROGRAM").map(PathBuf::from);
    let mut command = Command::new(PROGRAM.get_or_init(|| given().unwrap_or_else(built)));
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Builds the program in the profile and target directory of this test.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.ancestors().nth(2).expect("tests lie in TARGET/PROFILE/deps");
    let target = profile.parent().expect("profiles lie in TARGET");
    let name = if profile.ends_with("debug") {
        "dev".into()
    } else {
        profile.file_name().unwrap_or_default().to_owned()
    };
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", "sealpost", "--bin", "sealpost", "--profile"])
        .arg(name)
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "the program must build");
    profile.join("sealpost")
}
