//! Our own API under very many clients that hold a connection and do little with it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, events};
use sealpost_tests::{API_KEY, Server, basic, extent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{alone, runtime};

const CLIENTS: usize = 1_000;

/// What a slow client says at once, and what it then says a byte at a time for as long as it is let.
fn manner(number: usize) -> (String, String) {
    let key = basic("api", API_KEY);
    let post = format!(
        "POST {} HTTP/1.1\r\nHost: h\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n\
         Content-Length: 100000\r\n\r\n",
        events("")
    );
    match number % 5 {
        0 => (String::new(), String::new()),
        1 => ("GET /healthz HTTP/1.1\r\nHost: h\r\nX-Slow: ".to_owned(), "a".repeat(100_000)),
        2 => (post, " ".repeat(99_999)),
        3 => (
            post.replace("Content-Length: 100000", "Transfer-Encoding: chunked"),
            "1\r\n \r\n".repeat(10_000),
        ),
        // A good request, and then nothing on a connection that stays open.
        _ => ("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), String::new()),
    }
}

/// The number of this client, and how long the server let it have a connection.
async fn held(address: SocketAddr, number: usize) -> (usize, Duration) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let begin = Instant::now();
    let (mut reading, mut writing) = stream.into_split();
    let (at_once, slowly) = manner(number);
    let says = async {
        let mut alive = writing.write_all(at_once.as_bytes()).await.is_ok();
        for byte in slowly.as_bytes() {
            sleep(Duration::from_millis(200)).await;
            alive = alive && writing.write_all(&[*byte]).await.is_ok();
        }
        std::future::pending::<()>().await;
    };
    let hears = async { while reading.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {} };
    tokio::select! {
        () = says => {}
        () = hears => {}
    }
    (number, begin.elapsed())
}

#[test]
fn a_thousand_slow_clients_lose_their_places_and_a_good_one_does_not_notice() {
    let _alone = alone();
    let patience = extent(Duration::from_secs(2), Duration::from_secs(30));
    // A debug build beside other tests gets more time.
    let (slack, goal) = extent((3000, 1000), (1000, 100));
    let (slack, goal) = (Duration::from_millis(slack), Duration::from_millis(goal));
    let timeout = format!("{}s", patience.as_secs());
    let server = Server::with(&[("server.request_timeout", &timeout), ("log.level", "info")]);
    let address = server.url("").replace("http://", "").parse().expect("an address");
    let runtime = runtime();

    let begin = Instant::now();
    let mut clients: JoinSet<_> = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn_on(held(address, number), runtime.handle());
    }
    // One submission after the other, every other one on a connection of its own.
    let (kept, mut latencies) = (server.api(), Vec::new());
    while begin.elapsed() < patience + slack {
        let body = event("opened", &format!("e{}", latencies.len()));
        let fresh = (latencies.len() % 2 == 1).then(|| server.api());
        let begin = Instant::now();
        let _ = fresh.as_ref().unwrap_or(&kept).submit(&body).expect(200);
        latencies.push(begin.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }

    latencies.sort_unstable();
    let p99 = latencies[latencies.len() * 99 / 100];
    let (mut longest, mut left) = (Duration::ZERO, BTreeSet::from_iter(0..CLIENTS));
    runtime.block_on(async {
        let ended = async {
            while let Some(client) = clients.join_next().await {
                let (number, held) = client.expect("no panic");
                longest = longest.max(held);
                left.remove(&number);
            }
        };
        // Those that are left then are told below.
        let _ = tokio::time::timeout(slack, ended).await;
    });
    println!(
        "{CLIENTS} slow clients, the last gone after {longest:?}; p99 of {} good submissions {p99:?}",
        latencies.len(),
    );
    assert!(left.is_empty(), "these are still connected: {left:?}");
    assert!(longest <= patience + slack, "a slow client had its connection for {longest:?}");
    assert!(p99 <= goal, "the good client waited for {p99:?}");
}
