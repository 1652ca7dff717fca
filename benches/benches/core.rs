//! The core beside what it replaces, in the same run.
//!
//! `cargo bench -p sealpost-benches` prints absolute times, which say little on a shared machine; what counts
//! is the ratio between the lines of one group. The bounds: `three compressions` is what HMAC-SHA256 of a
//! token costs at least; `usual` is serde_json, a freshly keyed HMAC and a hexadecimal `String`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use sealpost_benches::{EVENT_DATA, KEY, NOW, array_of, key, token};
use sealpost_core::dispatch::{Dispatcher, Health, Lane, LaneId, Limits, Slot};
use sealpost_core::event::Event;
use sealpost_core::json::{self, SliceSink};
use sealpost_core::sign::{self, EndpointSecret, ReceivedBlock, ReplayGuard, verify_block};
use sealpost_core::{Fault, Instant, Outcome, Payload, Schedule};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

fn sign(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sign");
    let (key, token) = (key(), token());
    group.bench_function("sealpost", |bench| bench.iter(|| key.sign(black_box(NOW), black_box(token))));
    group.bench_function("three compressions", |bench| {
        let (mut state, block) = ([0x5a5a_5a5a_u32; 8], [0x36_u8; 64]);
        bench.iter(|| {
            for _ in 0..3 {
                sha2::block_api::compress256(&mut state, black_box(&[block]));
            }
            state
        });
    });
    group.bench_function("keyed each time, into a String", |bench| {
        bench.iter(|| usual_signature(black_box(&NOW.secs().to_string()), black_box(token.as_str())));
    });
    group.finish();
}

/// The Standard Webhooks signature, which covers the body: one pass over its chunks, where they lie.
fn sign_body(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sign the body");
    let secret = EndpointSecret::parse(&format!("whsec_{}", "c2VhbHBvc3Q".repeat(4))).expect("a secret");
    for size in [1, 16, 256] {
        let data = array_of(size * 1024);
        let payload = Payload::new(&key().sign(NOW, token()), &data);
        let body = payload.chunks().concat();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::new("sealpost", body.len()), |bench| {
            bench.iter(|| secret.sign("MXcc2gEpS-eN8HfkOnmK2w", NOW, black_box(&payload.chunks())));
        });
        group.bench_function(BenchmarkId::new("SHA-256 of it", body.len()), |bench| {
            bench.iter(|| Sha256::digest(black_box(&body)));
        });
    }
    group.finish();
}

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    let (key, window) = (key(), sealpost_core::Duration::from_mins(5));
    let block = key.sign(NOW, token());
    let (timestamp, token) = (block.timestamp().to_string(), token());
    let received = ReceivedBlock {
        timestamp: &timestamp,
        token: token.as_str(),
        signature: block.signature(),
        parent_signature: None,
    };
    let body = Payload::new(&block, EVENT_DATA.trim_end()).chunks().concat();
    assert!(sign::verify(&body, &key, NOW, window, &mut ReplayGuard::<8>::new()).is_ok());
    assert!(usual_verification(&body));
    group.bench_function("sealpost, block", |bench| {
        bench.iter_batched_ref(
            ReplayGuard::<8>::new,
            |guard| verify_block(black_box(&received), &key, NOW, window, guard).is_ok(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("sealpost, payload", |bench| {
        bench.iter_batched_ref(
            ReplayGuard::<8>::new,
            |guard| sign::verify(black_box(&body), &key, NOW, window, guard).is_ok(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("usual, payload, without a replay guard", |bench| {
        bench.iter(|| usual_verification(black_box(&body)));
    });
    group.finish();
}

fn check(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("check");
    for text in [EVENT_DATA.to_owned(), array_of(256 * 1024)] {
        let size = text.len();
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("sealpost", size), |bench| {
            bench.iter(|| json::check(black_box(text.as_bytes())).is_ok());
        });
        group.bench_function(BenchmarkId::new("serde_json raw value", size), |bench| {
            bench.iter(|| serde_json::from_slice::<&RawValue>(black_box(text.as_bytes())).is_ok());
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    let raw = json::check(EVENT_DATA.as_bytes()).expect("is JSON");
    let event = Event::decode(raw).expect("is an event");
    let value: serde_json::Value = serde_json::from_str(EVENT_DATA).expect("is JSON");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&encoded(&event)).expect("is JSON"), value);
    group.throughput(Throughput::Bytes(EVENT_DATA.len() as u64));
    group.bench_function("sealpost, typed event", |bench| {
        let mut buffer = [0; 4096];
        bench.iter(|| {
            let mut sink = SliceSink::new(&mut buffer);
            black_box(&event).encode(&mut sink).is_ok()
        });
    });
    group.bench_function("serde_json, same type, numbers as quoted strings, reused buffer", |bench| {
        let mut buffer = Vec::with_capacity(4096);
        bench.iter(|| {
            buffer.clear();
            black_box(&event).serialize(&mut serde_json::Serializer::new(&mut buffer)).is_ok()
        });
    });
    group.bench_function("serde_json, tree of the same JSON, reused buffer", |bench| {
        let mut buffer = Vec::with_capacity(4096);
        bench.iter(|| {
            buffer.clear();
            serde_json::to_writer(&mut buffer, black_box(&value)).is_ok()
        });
    });
    group.finish();
}

fn encoded(event: &Event<'_>) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let mut sink = SliceSink::new(&mut buffer);
    event.encode(&mut sink).expect("fits");
    sink.into_filled().to_vec()
}

fn payload(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("payload");
    let (key, token) = (key(), token());
    group.bench_function("sealpost, signed prefix and splice", |bench| {
        bench.iter(|| {
            let payload = Payload::new(&key.sign(black_box(NOW), black_box(token)), black_box(EVENT_DATA));
            payload.chunks().map(<[u8]>::len)
        });
    });
    group.bench_function("usual", |bench| {
        let value: serde_json::Value = serde_json::from_str(EVENT_DATA).expect("is JSON");
        bench.iter(|| usual_payload(black_box(&value)));
    });
    group.finish();
}

/// The whole life of a delivery, one after the other, in a window where all other slots wait for their turn.
fn dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    for slots in [16_usize, 1_024, 65_536] {
        group.bench_function(BenchmarkId::new("acknowledged", slots), |bench| {
            let (mut dispatcher, lanes) = window(slots);
            let mut turn = 0;
            bench.iter(|| {
                turn += 1;
                cycle(&mut dispatcher, lanes[turn % lanes.len()], turn as u64, Outcome::Acknowledged)
            });
        });
        group.bench_function(BenchmarkId::new("retried", slots), |bench| {
            let (mut dispatcher, lanes) = window(slots);
            let mut turn = 0;
            bench.iter(|| {
                turn += 1;
                let again = Outcome::retry(Fault::Status(500));
                cycle(&mut dispatcher, lanes[turn % lanes.len()], turn as u64, again)
            });
        });
    }
    group.finish();
}

type Window = Dispatcher<Box<[Slot]>, Box<[Lane]>>;

/// All slots but one are taken by deliveries that are due later, at times in no order.
fn window(slots: usize) -> (Window, Vec<LaneId>) {
    let steps = [1, 2].map(sealpost_core::Duration::from_mins);
    let limits = Limits {
        schedule: Schedule::new(&steps).expect("two steps"),
        keep: sealpost_core::Duration::MAX,
        quota: u32::MAX,
        ..Limits::DEFAULT
    };
    let (slots, lanes) = (vec![Slot::EMPTY; slots], vec![Lane::CLOSED; 8]);
    let mut dispatcher = Dispatcher::new(slots.into_boxed_slice(), lanes.into_boxed_slice(), limits, 1);
    let lanes: Vec<LaneId> =
        (0..8).map(|_| dispatcher.open(Health::Up, 8).expect("a lane is free")).collect();
    let mut word = 1_u64;
    while dispatcher.free() > 1 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let due = Instant::from_millis(1_000_000_000 + (word >> 40));
        let lane = lanes[(word >> 32) as usize % lanes.len()];
        dispatcher.admit(Instant::from_millis(1), word, lane, 1, due).expect("a slot is free");
    }
    (dispatcher, lanes)
}

/// Taken in, attempted, answered, recorded; a retry waits once more, is cancelled, and leaves too.
fn cycle(dispatcher: &mut Window, lane: LaneId, key: u64, outcome: Outcome) -> u8 {
    let now = Instant::from_millis(key);
    dispatcher.admit(now, key, lane, 0, now).expect("a slot is free");
    let attempt = dispatcher.poll_attempt(now).expect("something is ready");
    dispatcher.handle_outcome(now, attempt.ticket, outcome).expect("it flies");
    let record = dispatcher.poll_record(now).expect("it ended");
    dispatcher.handle_recorded(record.ticket).expect("it is being recorded");
    if dispatcher.cancel(record.ticket).is_ok() {
        let record = dispatcher.poll_record(now).expect("it was cancelled");
        dispatcher.handle_recorded(record.ticket).expect("it is being recorded");
    }
    record.attempts
}

fn usual_signature(timestamp: &str, token: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any length will do");
    mac.update(timestamp.as_bytes());
    mac.update(token.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn usual_verification(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Body<'a> {
        signature: Signature,
        #[serde(rename = "event-data", borrow)]
        _event_data: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Signature {
        timestamp: String,
        token: String,
        signature: String,
    }
    let Ok(Body { signature, .. }) = serde_json::from_slice(body) else { return false };
    let pairs = signature.signature.as_bytes().chunks(2).filter_map(|pair| str::from_utf8(pair).ok());
    let Ok(bytes) = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect::<Result<Vec<_>, _>>() else {
        return false;
    };
    let fresh = signature.timestamp.parse::<u64>().is_ok_and(|secs| NOW.secs().abs_diff(secs) <= 300);
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any length will do");
    mac.update(signature.timestamp.as_bytes());
    mac.update(signature.token.as_bytes());
    fresh && mac.verify_slice(&bytes).is_ok()
}

fn usual_payload(event_data: &serde_json::Value) -> String {
    #[derive(Serialize)]
    struct Body<'a> {
        signature: Signature,
        #[serde(rename = "event-data")]
        event_data: &'a serde_json::Value,
    }
    #[derive(Serialize)]
    struct Signature {
        timestamp: String,
        token: String,
        signature: String,
    }
    let (timestamp, token) = (NOW.secs().to_string(), token().as_str().to_owned());
    let signature = usual_signature(&timestamp, &token);
    serde_json::to_string(&Body { signature: Signature { timestamp, token, signature }, event_data })
        .expect("is JSON")
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = sign, sign_body, verify, check, encode, payload, dispatch
}
criterion_main!(benches);
