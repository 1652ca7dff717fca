//! The bounded window over the store: nothing changes for receivers when deliveries leave memory and come back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, events};
use sealpost_tests::{Nobody, Receiver, Reply, Request, Server};

/// Submits `count` opened events and tells their ids.
fn submit(server: &Server, count: usize) -> Vec<String> {
    let ids: Vec<_> = (0..count).map(|id| format!("e{id}")).collect();
    let lines: Vec<_> = ids.iter().map(|id| event("opened", id)).collect();
    let _ = server.api().post(&events(""), "application/x-ndjson", lines.join("\n")).expect(200);
    ids
}

fn times_by_id(requests: &[Request]) -> BTreeMap<String, Vec<Instant>> {
    let mut times = BTreeMap::<_, Vec<_>>::new();
    for request in requests {
        times.entry(request.event_id()).or_default().push(request.at);
    }
    times
}

#[test]
fn a_window_of_a_few_serves_many_events_and_endpoints() {
    let settings = [
        ("delivery.window", "6"),
        ("delivery.window_per_endpoint", "2"),
        ("delivery.in_flight_per_endpoint", "2"),
        ("delivery.in_flight", "4"),
        ("delivery.shards", "2"),
    ];
    let mut server = Server::with(&settings);
    let receivers = [(); 3].map(|()| Receiver::start());
    let urls: Vec<_> = receivers.iter().map(|receiver| receiver.url("/")).collect();
    let _ = server.api().subscribe("opened", &urls).expect(200);

    let ids = submit(&server, 300);

    for receiver in &receivers {
        let _ = receiver.wait_for(300);
    }
    assert!(server.sigterm().success());
    for receiver in &receivers {
        let times = times_by_id(&receiver.requests());
        assert!(times.len() == ids.len() && times.values().all(|times| times.len() == 1), "each once");
    }
    assert_eq!(server.accounting().acknowledged, 900);
}

#[test]
fn retries_that_wait_outside_the_window_keep_the_schedule() {
    let mut server = Server::with(&[
        ("delivery.keep", "0s"),
        ("delivery.window", "4"),
        ("delivery.window_per_endpoint", "4"),
    ]);
    let receiver = Receiver::start().otherwise(Reply::Status(500));
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);

    let ids = submit(&server, 20);

    let _ = server.logged("\"exhausted\"", 20);
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.exhausted, accounting.pending()), (20, 0));
    let times = times_by_id(&receiver.requests());
    assert_eq!(times.len(), ids.len());
    for (id, times) in times {
        assert_eq!(times.len(), 4, "{id}");
        for (pair, step) in times.windows(2).zip([50, 100, 200]) {
            let wait = pair[1] - pair[0] + Duration::from_millis(1);
            assert!(wait >= Duration::from_millis(step), "{id}: {wait:?} is earlier than {step} ms");
        }
    }
}

#[test]
fn a_dead_endpoint_with_a_long_backlog_holds_up_nobody() {
    let server = Server::with(&[
        ("delivery.window", "16"),
        ("delivery.window_per_endpoint", "8"),
        ("delivery.schedule", "10m"),
    ]);
    let (nobody, healthy) = (Nobody::start(), Receiver::start());
    let _ = server.api().subscribe("opened", &[nobody.url("/")]).expect(200);
    let _ = server.api().subscribe("clicked", &[healthy.url("/")]).expect(200);
    let _ = submit(&server, 500);

    let clicks: Vec<_> = (0..50).map(|id| event("clicked", &format!("c{id}"))).collect();
    let _ = server.api().submit(&format!("[{}]", clicks.join(","))).expect(200);

    assert_eq!(times_by_id(&healthy.wait_for(50)).len(), 50);
}

#[test]
fn a_restart_neither_hastens_a_retry_nor_gives_back_attempts() {
    let step = Duration::from_millis(1500);
    let mut server = Server::with(&[("delivery.schedule", "1500ms,100ms")]);
    let receiver = Receiver::start().otherwise(Reply::Status(500));
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let _ = submit(&server, 1);
    let _ = receiver.wait_for(1);
    assert!(server.sigterm().success());
    server.restart();

    let _ = server.logged("\"exhausted\"", 1);

    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    let wait = requests[1].at - requests[0].at + Duration::from_millis(1);
    assert!(wait >= step, "{wait:?} is earlier than {step:?}");
    assert_eq!(requests[0].event_data(), requests[2].event_data());
}

#[test]
fn a_full_store_asks_clients_to_come_back_and_stores_nothing() {
    let server = Server::with(&[("storage.max_pending", "3"), ("delivery.schedule", "10m")]);
    let receiver = Receiver::start().otherwise(Reply::Status(500));
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let _ = submit(&server, 3);

    let full = server.api().submit(&event("opened", "one-more")).expect(429);

    assert!(full.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    assert!(full.text().contains("nothing was stored"), "{}", full.text());
    assert_eq!(server.api().listed().len(), 3);
    let unwatched = server.api().submit(&event("clicked", "no-delivery"));
    assert_eq!(unwatched.status, 200, "an event without a delivery needs no room");
}
