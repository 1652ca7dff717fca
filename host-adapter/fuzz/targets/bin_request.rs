//! What anybody sends to a request bin, header lines and body: see `sealpost::fuzzing::bin_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let (head, body) = input.split_at(end);
    let Ok(head) = str::from_utf8(head) else { return };
    sealpost::fuzzing::bin_request(head, body.strip_prefix(b"\n\n").unwrap_or(body));
});
