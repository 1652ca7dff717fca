//! A submission, as JSON and as lines: see `sealpost::fuzzing::submission`.
#![no_main]

use sealpost::ingest::Packing;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    sealpost::fuzzing::submission(Packing::Json, body);
    sealpost::fuzzing::submission(Packing::Ndjson, body);
});
