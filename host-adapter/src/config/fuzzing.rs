//! Configuration files, for the fuzzer.

use std::sync::LazyLock;

use super::layers::Layers;
use super::{Config, Sources};

/// A file with this text, and a variable for this key: a configuration, or an error that says where.
pub fn config(file: &str, key: &str, value: &str) {
    static DEFAULTS: LazyLock<Layers> = LazyLock::new(|| Layers::of(&Sources::default()).expect("defaults"));
    let variable = format!("SEALPOST_{}", key.replace('.', "_").to_uppercase());
    let layers = DEFAULTS.below(file, &[(variable.into(), value.into())]);
    match layers.and_then(|mut layers| Config::read(&mut layers)) {
        Ok(config) => assert!(config.delivery.in_flight_per_endpoint <= config.delivery.in_flight),
        Err(error) => {
            let said = error.to_string();
            let places = ["sealpost.toml: ", "environment variable SEALPOST_", "default: "];
            assert!(places.iter().any(|place| said.starts_with(place)), "{said}");
        }
    }
}
