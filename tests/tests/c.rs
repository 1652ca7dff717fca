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

    // Whether the processor has instructions for SHA-256, which it is asked once.
    let writable = |line: &&str| [" b ", " B ", " d ", " D "].iter().any(|kind| line.contains(kind));
    let symbols = run(Command::new("nm").args(["--quiet", "--defined-only"]).arg(library));
    let kept: Vec<_> = symbols.lines().filter(writable).collect();
    assert!(
        matches!(kept.as_slice(), [] | [_]) && kept.iter().all(|line| line.contains("cpuid")),
        "{kept:?}"
    );
}

#[test]
fn the_readme_s_example_runs() {
    if !tools::available(&[GCC]) {
        return;
    }
    let library = freestanding::static_library(&[]);
    let directory = tempfile::tempdir().expect("a directory");
    let source = directory.path().join("example.c");
    fs::write(&source, tools::readme_example("c")).expect("a file");

    let program = build(directory.path(), &[source], &library, &[]);
    assert_eq!(
        run(&mut Command::new(program)),
        "{\"event\":\"opened\",\"id\":\"e1\",\"timestamp\":1770146431}\n"
    );
}

/// Compiles `tests/c` against the header, the library and the vectors of the native build.
fn compile(directory: &Path, library: &Path, flags: &[&str]) -> PathBuf {
    fs::write(directory.join("vectors.h"), vectors_header()).expect("a file");
    let source = |name| tools::root().join("tests/c").join(name).with_extension("c");
    let sources = ["main", "lengths", "receivers", "faults", "threads"].map(source);
    build(directory, &sources, library, flags)
}

fn build(directory: &Path, sources: &[PathBuf], library: &Path, flags: &[&str]) -> PathBuf {
    let program = directory.join("program");
    run(Command::new(GCC.name)
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-pthread", "-o"])
        .arg(&program)
        .args(flags)
        .arg("-I")
        .arg(directory)
        .arg("-I")
        .arg(tools::root().join("core/capi"))
        .args(sources)
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
