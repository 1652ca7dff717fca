//! A cursor from a client: see `sealpost::fuzzing::cursor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sealpost::fuzzing::cursor(bytes));
