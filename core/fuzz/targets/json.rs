//! Any bytes: they are JSON here exactly if they are for serde_json, but for depth and lone surrogates, and every step
//! into what passed gives JSON again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost_core::RawJson;
use sealpost_core::json;
use serde_json::value::RawValue;

fuzz_target!(|bytes: &[u8]| {
    match json::check(bytes) {
        Ok(raw) => {
            assert!(serde_json::from_slice::<&RawValue>(bytes).is_ok());
            walk(raw);
        }
        // serde_json takes deeper values, and lone surrogates where it does not resolve them.
        Err(fault) => assert!(fault.offset().is_none_or(|offset| offset <= bytes.len())),
    }
});

fn walk(raw: RawJson<'_>) {
    assert!(json::check(raw.as_bytes()).is_ok());
    for (key, value) in raw.members() {
        let _characters = key.chars().count();
        walk(value);
    }
    raw.elements().for_each(walk);
    if let Some(number) = raw.as_number() {
        let _values = (number.as_u64(), number.as_unix_time());
    }
}
