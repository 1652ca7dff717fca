//! Everything at once: failing receivers, a window that is too small, and a server that is killed and stopped.
//! A seed decides; `SEALPOST_CHAOS_SEED` tries another one.

use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, events};
use sealpost_tests::{Nobody, Random, Receiver, Reply, Server};

const ROUNDS: u32 = 5;

fn reply(random: &mut Random) -> Reply {
    match random.below(20) {
        0 => Reply::Hang,
        1 => Reply::Close,
        2..=5 => Reply::Status(500),
        6 => Reply::Status(406),
        7 => Reply::After(Duration::from_millis(random.below(80)), 200),
        _ => Reply::Status(200),
    }
}

/// Sends batches for this long; how many events and deliveries that were.
fn send_for(span: Duration, server: &Server, random: &mut Random, first: usize) -> (usize, u64) {
    let (api, until) = (server.api(), Instant::now() + span);
    let (mut sent, mut deliveries) = (0, 0);
    while Instant::now() < until {
        let mut lines = String::new();
        for _ in 0..=random.below(10) {
            let (kind, urls) = if random.below(2) == 0 { ("opened", 3) } else { ("clicked", 2) };
            lines += &event(kind, &format!("e{}", first + sent));
            lines += "\n";
            sent += 1;
            deliveries += urls;
        }
        let _ = api.post(&events(""), "application/x-ndjson", lines).expect(200);
        std::thread::sleep(Duration::from_millis(random.below(40)));
    }
    (sent, deliveries)
}

#[test]
fn every_delivery_ends_exactly_once_whatever_happens() {
    let mut random = Random::from_environment("SEALPOST_CHAOS_SEED", 0x5ea1);
    let mut server = Server::with(&[
        ("delivery.schedule", "20ms,40ms,60ms"),
        ("delivery.deadline", "100ms"),
        ("delivery.keep", "30ms"),
        ("delivery.window", "32"),
        ("delivery.window_per_endpoint", "8"),
        ("delivery.in_flight", "12"),
        ("delivery.shards", "2"),
        ("server.drain_deadline", "50ms"),
    ]);
    let receivers = [(); 2].map(|()| Receiver::start().answering((0..2000).map(|_| reply(&mut random))));
    let nobody = Nobody::start();
    let urls = [receivers[0].url("/"), receivers[1].url("/"), nobody.url("/")];
    let _ = server.api().subscribe("opened", &urls).expect(200);
    let _ = server.api().subscribe("clicked", &urls[..2]).expect(200);

    let (mut sent, mut deliveries) = (0, 0);
    for round in 0..ROUNDS {
        let span = Duration::from_millis(50 + random.below(200));
        let (more, of_them) = send_for(span, &server, &mut random, sent);
        (sent, deliveries) = (sent + more, deliveries + of_them);
        match round % 3 {
            2 => assert!(server.sigterm().success()),
            _ => server.kill9(),
        }
        assert_eq!(server.accounting().accepted, deliveries);
        server.restart();
    }

    let until = Instant::now() + Duration::from_secs(60);
    loop {
        std::thread::sleep(Duration::from_millis(300));
        assert!(server.sigterm().success());
        let accounting = server.accounting();
        if accounting.pending() == 0 {
            let ends =
                [accounting.acknowledged, accounting.refused, accounting.exhausted, accounting.cancelled];
            assert_eq!(ends.iter().sum::<u64>(), deliveries);
            break;
        }
        assert!(Instant::now() < until, "{} deliveries still pend", accounting.pending());
        server.restart();
    }
    server.restart();
    assert_eq!(server.api().listed().len(), sent);
}
