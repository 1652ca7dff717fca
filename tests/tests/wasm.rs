//! The WebAssembly module in node: same bytes as the native build, no imports, and small.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use sealpost_tests::freestanding::wasm_module;
use sealpost_tests::tools::{self, DEBIAN_RUST_SRC, DEBIAN_RUSTC, NODE, run};
use sealpost_tests::vectors::vectors;

/// Features of the module and its largest size before compression, in bytes.
const MODULES: [(&[&str], u64); 2] = [(&[], 16 * 1024), (&["standard-webhooks"], 18 * 1024)];

#[test]
fn the_module_signs_verifies_and_serialises_in_node() {
    if !tools::available(&[NODE, DEBIAN_RUSTC, DEBIAN_RUST_SRC]) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let expected = directory.path().join("vectors.json");
    let vectors = vectors().into_iter().collect::<BTreeMap<_, _>>();
    fs::write(&expected, serde_json::to_string(&vectors).expect("JSON")).expect("a file");

    for (features, budget) in MODULES {
        let module = wasm_module(features);
        let size = fs::metadata(&module).expect("a module").len();
        assert!(size <= budget, "with {features:?} the module has {size} bytes, more than {budget}");
        let check = tools::root().join("tests/wasm/check.mjs");
        let checked = run(Command::new(NODE.name).arg(check).arg(module).arg(&expected).args(features));
        println!("{size} bytes with {features:?}\n{checked}");
    }
}
