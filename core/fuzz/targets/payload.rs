//! A received body: its signature block is decoded by serde-json-core, which indexes, slices and recurses. What the
//! core checks before must keep it from panicking, and both ways to read a block must find the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost_core::sign::{self, ReceivedBlock, ReplayGuard, SigningKey};
use sealpost_core::{RawJson, UnixTime};

fuzz_target!(|body: &[u8]| {
    let Ok(payload) = sign::check_payload(body) else { return };
    if let Ok(block) = ReceivedBlock::in_payload(payload) {
        let member = |name| payload.member("signature")?.member(name).and_then(RawJson::as_text);
        for (name, text) in
            [("timestamp", block.timestamp), ("token", block.token), ("signature", block.signature)]
        {
            assert_eq!(member(name).map(|text| text.raw()), Some(text));
        }
    }
    let key = SigningKey::new(b"key").expect("not empty");
    let (now, mut guard) = (UnixTime::new(1_529_006_854, 0), ReplayGuard::<2>::new());
    let _verdict = sign::verify(body, &key, now, sign::DEFAULT_WINDOW, &mut guard);
});
