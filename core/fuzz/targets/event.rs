//! An event from a stranger: whatever is accepted can be completed, and reads again as what it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost_core::event::Event;
use sealpost_core::json;

fuzz_target!(|bytes: &[u8]| {
    let Ok(raw) = json::check(bytes) else { return };
    let Ok(event) = Event::decode(raw) else { return };
    let mut buffer = vec![0; 2 * bytes.len() + 64];
    let mut sink = json::SliceSink::new(&mut buffer);
    event.encode(&mut sink).expect("fits");
    let again = json::check(sink.into_filled()).expect("JSON");
    Event::decode(again).expect("an event");
});
