//! The `begin` or `end` of a question: see `sealpost::fuzzing::time`.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| sealpost::fuzzing::time(text));
