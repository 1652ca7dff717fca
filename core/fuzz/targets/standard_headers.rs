//! The three headers of a received message and a secret: nothing that nobody signed verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost_core::UnixTime;
use sealpost_core::sign::{DEFAULT_WINDOW, EndpointSecret, ReplayGuard, StandardHeaders};

fuzz_target!(|input: (&str, &str, &str, &[u8])| {
    let (id, timestamp, signatures, body) = input;
    let secret = EndpointSecret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").expect("a secret");
    let _no_secret = EndpointSecret::parse(signatures);
    let headers = StandardHeaders { id, timestamp, signatures };
    let (now, mut guard) = (UnixTime::new(1_529_006_854, 0), ReplayGuard::<2>::new());
    assert!(secret.verify(headers, &[body], now, DEFAULT_WINDOW, &mut guard).is_err());
});
