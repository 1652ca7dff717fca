//! The C library in a C program: same bytes as the native build, no step outside of its buffers, no panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealpost_tests::tools::{self, GCC, VALGRIND, run};
use sealpost_tests::{freestanding, vectors};

#[test]
fn a_c_program_signs_verifies_and_serialises_under_valgrind() {
    if !tools::available(&[GCC, VALGRIND]) {
        return;
    }
    let library = freestanding::static_library(&[]);
    let directory = tempfile::tempdir().expect("a directory");
    let program = compile(directory.path(), &library, &["-O2"]);
    run(Command::new("valgrind").args(["--quiet", "--leak-check=full", "--error-exitcode=99"]).arg(program));
}

#[test]
fn a_c_program_signs_verifies_and_serialises_under_address_sanitizer() {
    if !tools::available(&[GCC]) {
        return;
    }
    // The library is instrumented too: a wrong step inside of it is seen as well.
    let library = freestanding::static_library(&["-Zsanitizer=address"]);
    let directory = tempfile::tempdir().expect("a directory");
    let sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    run(&mut Command::new(compile(directory.path(), &library, &sanitizers)));
}

#[test]
fn the_library_allocates_nothing_keeps_nothing_and_cannot_panic() {
    if !tools::available(&[GCC]) {
        return;
    }
    let library = freestanding::static_library(&[]);
    let directory = tempfile::tempdir().expect("a directory");
    let program = compile(directory.path(), &library, &["-Wl,--gc-sections"]);
    let symbols = run(Command::new("nm").arg(program));
    let named = |part: &str| symbols.lines().filter(|line| line.contains(part)).count();
    assert!(named("sealpost_verify") > 0, "{symbols}");
    for absent in ["panic", "unwind", "__rust_alloc", "f64"] {
        assert_eq!(named(absent), 0, "{absent} in {symbols}");
    }
}

/// Compiles `tests/c` against the header, the library and the vectors of the native build.
fn compile(directory: &Path, library: &Path, flags: &[&str]) -> PathBuf {
    fs::write(directory.join("vectors.h"), vectors_header()).expect("a file");
    let (root, program) = (tools::root(), directory.join("check"));
    let sources = ["main", "lengths", "receivers", "faults", "threads"];
    run(Command::new(GCC.name)
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-o"])
        .arg(&program)
        .args(flags)
        .arg("-I")
        .arg(directory)
        .arg("-I")
        .arg(root.join("core/capi"))
        .args(sources.map(|source| root.join("tests/c").join(source).with_extension("c")))
        .arg(library));
    program
}

fn vectors_header() -> String {
    let mut header = format!(
        "#define NOW {}ULL\nstatic const uint8_t ENTROPY[SEALPOST_ENTROPY] = {{{}}};\n",
        vectors::NOW,
        vectors::entropy().map(|byte| byte.to_string()).join(", ")
    );
    for (name, value) in vectors::vectors() {
        // A string of JSON is one of C as well, but for escapes that these do not have.
        header += &format!("#define {name} {}\n", serde_json::Value::from(value));
    }
    header
}
