//! The WebAssembly module in node: same bytes as the native build, no imports, and small.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use sealpost_tests::freestanding::wasm_module;
use sealpost_tests::tools::{self, DEBIAN_RUST_SRC, DEBIAN_RUSTC, NODE, run};
use sealpost_tests::vectors::vectors;

/// The largest size before compression, in bytes.
const BUDGET: u64 = 16 * 1024;

#[test]
fn the_module_signs_verifies_and_serialises_in_node() {
    if !tools::available(&[NODE, DEBIAN_RUSTC, DEBIAN_RUST_SRC]) {
        return;
    }
    let module = wasm_module();
    let size = fs::metadata(&module).expect("a module").len();
    assert!(size <= BUDGET, "the module has {size} bytes, more than {BUDGET}");

    let directory = tempfile::tempdir().expect("a directory");
    let expected = directory.path().join("vectors.json");
    let vectors = vectors().into_iter().collect::<BTreeMap<_, _>>();
    fs::write(&expected, serde_json::to_string(&vectors).expect("JSON")).expect("a file");
    run(Command::new(NODE.name).arg(tools::root().join("tests/wasm/check.mjs")).arg(module).arg(expected));
}
