//! `sealpost.h` is what cbindgen makes of the sources.

use std::fs;
use std::path::Path;

const HEADER: &str = "sealpost.h";

/// To write the header anew: `SEALPOST_UPDATE_HEADER=1 cargo test -p sealpost-capi --test header`.
#[test]
fn the_header_is_the_one_of_these_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generated = generate(root);
    if std::env::var_os("SEALPOST_UPDATE_HEADER").is_some() {
        fs::write(root.join(HEADER), &generated).expect("the header can be written");
    }
    let checked_in = fs::read_to_string(root.join(HEADER)).unwrap_or_default();
    assert!(
        checked_in == generated,
        "core/capi/{HEADER} is stale; run: SEALPOST_UPDATE_HEADER=1 cargo test -p sealpost-capi --test header"
    );
}

fn generate(root: &Path) -> String {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is sound");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for module in ["status", "memory", "sign", "verify", "standard", "json"] {
        builder = builder.with_src(root.join(format!("src/{module}.rs")));
    }
    let mut header = Vec::new();
    builder.generate().expect("the sources can be read").write(&mut header);
    String::from_utf8(header).expect("a header is text")
}
