//! The core built for programs that are not written in Rust.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::{DEBIAN_RUSTC, root, run};

const PACKAGE: [&str; 8] = [
    "rustc",
    "--locked",
    "--package=sealpost-capi",
    "--profile=freestanding",
    "--features=freestanding",
    "--message-format=short",
    "--quiet",
    "--crate-type",
];

/// The C library. `flags` go to the compiler.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn static_library(flags: &[&str]) -> PathBuf {
    let target = target(if flags.is_empty() { "capi" } else { "capi-checked" });
    run(Command::new(env!("CARGO"))
        .args(PACKAGE)
        .args(["staticlib", "--target=x86_64-unknown-linux-gnu", "--target-dir"])
        .arg(&target)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .current_dir(root()));
    target.join("x86_64-unknown-linux-gnu/freestanding/libsealpost_capi.a")
}

/// The WebAssembly module with these features, and with a stack of 16 KiB. The next module replaces it.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn wasm_module(features: &[&str]) -> PathBuf {
    const FLAGS: [&str; 7] = [
        "--cfg=sha2_backend=\"soft\"",
        "--cfg=sha2_backend_soft=\"compact\"",
        "-Copt-level=z",
        // Inlined are only functions that are not larger than a call of them.
        "-Cllvm-args=--inline-threshold=30",
        "-Clink-arg=--export=__heap_base",
        "-Clink-arg=--compress-relocations",
        "-Clink-arg=-zstack-size=16384",
    ];
    let target = target("wasm");
    run(Command::new(env!("CARGO"))
        .args(PACKAGE)
        .args(["cdylib", "--target=wasm32-unknown-unknown", "-Zbuild-std=core", "--no-default-features"])
        .args(["--features", &features.join(","), "--target-dir"])
        .arg(&target)
        .env("RUSTC", DEBIAN_RUSTC.name)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker())
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"))
        .current_dir(root()));
    target.join("wasm32-unknown-unknown/freestanding/sealpost_capi.wasm")
}

/// The linker that every toolchain of rustup brings, for all targets.
pub(crate) fn linker() -> PathBuf {
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()));
    let host = run(Command::new("rustc").args(["--print", "host-tuple"]).current_dir(root()));
    Path::new(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin/rust-lld")
}

/// A directory of its own beside the one of the tests, so that no build waits for another or undoes it.
pub(crate) fn target(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(3).expect("tests lie in TARGET/PROFILE/deps").join("freestanding").join(name)
}
