//! Which linker script belongs to which image.

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the directory");
    println!("cargo:rustc-link-search={here}");
    println!("cargo:rustc-link-arg-bin=notifier=-Tlink.x");
    println!("cargo:rustc-link-arg-bin=notifier=-Tdefmt.x");
    println!("cargo:rustc-link-arg-bin=footprint=-T{here}/footprint.x");
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rerun-if-changed=device.x");
    println!("cargo:rerun-if-changed=footprint.x");
}
