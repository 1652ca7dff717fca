//! Submissions, for the fuzzer.

use std::sync::LazyLock;

use bytes::Bytes;
use sealpost_core::UnixTime;
use sealpost_core::json;
use tokio::runtime::{Builder, Runtime};

use super::prepare::{Frame, prepare};
use super::{Packing, Rejection, Submission};
use crate::config::Limits;
use crate::filter::Facts;

/// For the turns that preparing a large submission leaves to others.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

/// A body from a stranger: each of its items is an event, complete and JSON, or has a fault. What was completed has
/// nothing to be completed any more.
pub fn submission(packing: Packing, body: &[u8]) {
    let limits = Limits { event_data: 1 << 20, batch_bytes: 1 << 20, batch_items: 100 };
    let now = UnixTime::new(1_529_006_854, 329_574);
    let frame = Frame { domain: "a.test".into(), account: "account".into(), now, limits };
    let of = |packing, body| Submission { body, packing, idempotency_key: None, partial: true };
    let prepare = |submission| RUNTIME.block_on(async { prepare(&frame, &submission).await });
    let batch = match prepare(of(packing, Bytes::copy_from_slice(body))) {
        Ok(batch) => batch,
        Err(Rejection::TooMany { .. }) => return assert!(body.len() > 100),
        Err(Rejection::Invalid(faults)) => return assert_eq!(faults.first.len(), 1),
        Err(_) => panic!("a body is broken, or has too many items"),
    };
    assert_eq!(batch.notes.len(), batch.events.len());
    assert!(batch.events.len() + batch.faults.len() <= 100);
    for event in batch.events {
        json::check(&event.data).expect("JSON");
        assert_eq!(event.facts, Facts::of_data(&event.data));
        let again = prepare(of(Packing::Json, event.data.clone())).ok().expect("a batch");
        let [only] = again.events.as_slice() else { panic!("one event: {:?}", again.faults) };
        assert_eq!((&only.data, &only.id, only.timestamp), (&event.data, &event.id, event.timestamp));
    }
}
