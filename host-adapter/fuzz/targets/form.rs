//! The body of a management call behind its content type, which is the first line: see `sealpost::fuzzing::form`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(content_type) = str::from_utf8(&input[..end]) else { return };
    sealpost::fuzzing::form(content_type, &input[end + 1..]);
});
