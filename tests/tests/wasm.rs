//! The WebAssembly module in node: same bytes as the native build, no imports, and small.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use sealpost_tests::freestanding::wasm_module;
use sealpost_tests::tools::{self, DEBIAN_RUST_SRC, DEBIAN_RUSTC, NODE, run};
use sealpost_tests::vectors::vectors;

/// Features of the module and its largest size before compression, in bytes.
const MODULES: [(&[&str], u64); 2] = [(&[], 14 * 1024), (&["standard-webhooks"], 16 * 1024)];

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
        run(Command::new(NODE.name).arg(check).arg(&module).arg(&expected).args(features));
        println!("{size} bytes with {features:?}");
        assert_eq!(readme_example(directory.path(), &module), "{\"event\":\"opened\",\"id\":\"e1\"}\n");
    }
}

/// What the example in the README prints, where it finds the module and the sources.
fn readme_example(directory: &Path, module: &Path) -> String {
    fs::copy(module, directory.join("sealpost_capi.wasm")).expect("copied");
    fs::create_dir_all(directory.join("core/capi")).expect("a directory");
    let library = "core/capi/sealpost.mjs";
    fs::copy(tools::root().join(library), directory.join(library)).expect("copied");
    fs::write(directory.join("example.mjs"), tools::readme_example("js")).expect("a file");
    run(Command::new(NODE.name).arg("example.mjs").current_dir(directory))
}
