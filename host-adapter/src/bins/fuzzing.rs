//! Requests to a bin, for the fuzzer.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use bytes::Bytes;
use futures_util::FutureExt as _;
use sealpost_core::UnixTime;
use tokio::runtime::{Builder, Runtime};

use super::incoming::Incoming;
use crate::storage::{Bin, BinDraft, Capture, Script, Settings, Store};

/// A request from anybody, with header lines of this text: the bin can say what it was, and nothing in it verifies.
pub fn bin_request(headers: &str, body: &[u8]) {
    static MADE: OnceLock<(Runtime, Store, Arc<Bin>)> = OnceLock::new();
    let (_, store, bin) = MADE.get_or_init(make);
    let mut fields = HeaderMap::new();
    for (name, value) in headers.lines().filter_map(|line| line.split_once(": ")).take(100) {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        let Ok(value) = HeaderValue::from_str(value) else { continue };
        fields.append(name, value);
    }
    let body = Bytes::copy_from_slice(body);
    let directory = store.directory();
    let incoming = Incoming::new(&Method::POST, &Uri::from_static("/bins/x/in?q"), &fields, body);
    let now = UnixTime::new(1_529_006_854, 0);
    let judged = incoming.judge(&directory, bin, "http://h.test/bins/x/in", now);
    let judged = judged.now_or_never().expect("a body in memory waits for nothing");
    let capture = judged.into_capture(0, true);
    assert!(!capture.verified);
    assert!(serde_json::from_str::<super::Details>(&capture.details).is_ok(), "{}", capture.details);
    let short = |text: &Option<Box<str>>| text.as_deref().is_none_or(|text| text.len() <= Capture::MAX_NAME);
    assert!(short(&capture.kind) && short(&capture.message));
}

/// The runtime is for what the store does in the background.
fn make() -> (Runtime, Store, Arc<Bin>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (store, bin) = runtime.block_on(async {
        let (store, _inboxes) = Store::in_memory(&Settings::default());
        let (domain, script) = (None, Script::default());
        let bin = store.create_bin(BinDraft { domain, lifetime: Duration::from_secs(60), script }).await;
        (store, bin.expect("a bin"))
    });
    (runtime, store, bin)
}
