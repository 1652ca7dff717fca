//! A configuration file behind a line `key=value`, which an environment variable says: see `sealpost::fuzzing::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| {
    let (first, text) = input.split_once('\n').unwrap_or(("", input));
    let (key, value) = first.split_once('=').unwrap_or((first, ""));
    // No environment can hold it.
    if !input.contains('\0') {
        sealpost::fuzzing::config(text, key, value);
    }
});
