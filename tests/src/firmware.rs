//! The firmware's images: built for a Cortex-M4, measured, and run in an emulator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use crate::freestanding::{linker, target};
use crate::tools::{DEBIAN_RUSTC, QEMU_ARM, root, run};

/// The machine that the images are made for: a board that QEMU has, with its UART0 joined to a socket.
const MACHINE: [&str; 8] = [
    "-machine",
    "mps2-an386",
    "-display",
    "none",
    "-monitor",
    "none",
    "-semihosting-config",
    "enable=on,target=native",
];

/// The image that sends an event to three endpoints.
///
/// # Panics
/// If it cannot be built, as when it is larger than the memory that it says it has.
#[must_use]
pub fn notifier() -> PathBuf {
    let (mut command, image) = build("--bin", "notifier", "s", &[]);
    run(&mut command);
    image
}

/// The image of nothing but these parts of the core, optimised at this level.
///
/// # Errors
/// What the linker says, if the image cannot be linked.
pub fn footprint(opt_level: &str, parts: &[&str]) -> Result<PathBuf, String> {
    let (mut command, image) = build("--bin", "footprint", opt_level, parts);
    let output = command.output().expect("cargo runs");
    if output.status.success() {
        Ok(image)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Runs an image to its end, its UART joined to this address, and gives what it has logged. Twenty seconds are
/// enough for one that takes less than one.
///
/// # Panics
/// If it does not end by itself, with success.
#[must_use]
pub fn emulate(image: &PathBuf, uart: SocketAddr) -> Vec<u8> {
    let mut command = Command::new("timeout");
    command.arg("20").arg(QEMU_ARM.name).args(MACHINE);
    command.arg("-serial").arg(format!("tcp:{uart}")).arg("-kernel").arg(image);
    let output = command.output().expect("the emulator runs");
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Compiles an example.
///
/// # Panics
/// If it cannot be compiled.
pub fn example(name: &str) {
    run(&mut build("--example", name, "s", &[]).0);
}

fn build(kind: &str, name: &str, opt_level: &str, features: &[&str]) -> (Command, PathBuf) {
    let target = target("firmware").join(opt_level);
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--release", "--locked", "--quiet", kind, name])
        .args(["--features", &features.join(",")])
        .args(["--config", &format!("profile.release.opt-level={}", quoted(opt_level)), "--target-dir"])
        .arg(&target)
        .env("RUSTC", DEBIAN_RUSTC.name)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_THUMBV7EM_NONE_EABI_LINKER", linker())
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(root().join("tests/firmware"));
    (command, target.join("thumbv7em-none-eabi/release").join(name))
}

/// A level as TOML has it: a number, or a letter in quotes.
fn quoted(opt_level: &str) -> String {
    if opt_level.parse::<u8>().is_ok() { opt_level.to_owned() } else { format!("{opt_level:?}") }
}
