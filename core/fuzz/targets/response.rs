//! An answer from a receiver, in pieces: it has the same head and the same end wherever it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost_core::http::ResponseHead;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let Ok(Some((head, rest))) = ResponseHead::parse(bytes) else { return };
    let _facts = (head.status(), head.keep_alive(), head.is_interim(), head.retry_after());
    let whole = feed(head.body(), &[rest]);
    let (first, second) = rest.split_at(usize::from(cut).min(rest.len()));
    assert_eq!(feed(head.body(), &[first, second]), whole);
});

/// How many bytes the body took, and whether it is complete; `None` if it is malformed.
fn feed(mut body: sealpost_core::http::Body, chunks: &[&[u8]]) -> Option<(usize, bool)> {
    let mut taken = 0;
    for chunk in chunks {
        taken += body.feed(chunk).ok()?;
    }
    Some((taken, body.is_complete()))
}
