//! Receivers that answer a byte a second, and never come to an end.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use sealpost_tests::calls::event;
use sealpost_tests::{Server, extent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::endpoints::subscribe;
use crate::{alone, runtime};

const RECEIVERS: usize = 200;
/// How much earlier or later than its deadline an attempt may end.
const TOLERANCE: Duration = Duration::from_millis(500);

#[test]
fn attempts_at_receivers_that_drip_end_at_their_deadline() {
    let _alone = alone();
    let deadline = extent(Duration::from_secs(3), Duration::from_secs(10));
    let mut server = Server::with(&[
        ("delivery.deadline", &format!("{}s", deadline.as_secs())),
        ("delivery.schedule", "10m"),
        ("log.level", "info"),
    ]);
    let runtime = runtime();
    let (ended, attempts) = channel();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a listener");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(drip(listener, ended));
    // Half of them drip the head of their answer, the others its body.
    let urls = (0..RECEIVERS)
        .map(|number| format!("http://{address}/{}/{number}", if number % 2 == 0 { "head" } else { "body" }));
    let places = subscribe(&server.api(), urls);

    for place in &places {
        let _ =
            server.api().post(&place.events(), "application/json", event(place.kind, place.kind)).expect(200);
    }

    let patience = 3 * deadline + Duration::from_secs(30);
    let took: Vec<_> =
        places.iter().map(|_| attempts.recv_timeout(patience).expect("every attempt ends")).collect();
    let (shortest, longest) = (took.iter().min().expect("200"), took.iter().max().expect("200"));
    println!("{} attempts with a deadline of {deadline:?} took {shortest:?} to {longest:?}", took.len());
    assert!(*shortest + TOLERANCE >= deadline, "an attempt ended after {shortest:?}");
    assert!(*longest <= deadline + TOLERANCE, "an attempt ended after {longest:?}");
    // A head that came in time counts, whatever becomes of the body.
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    let half = (RECEIVERS / 2) as u64;
    assert_eq!((accounting.acknowledged, accounting.pending()), (half, half));
}

/// Serves every connection, and tells how long the sender bore with each.
async fn drip(listener: TcpListener, ended: Sender<Duration>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (begin, ended) = (Instant::now(), ended.clone());
        tokio::spawn(async move {
            answer(stream).await;
            // The test may have seen enough.
            let _ = ended.send(begin.elapsed());
        });
    }
}

/// Answers the request on this connection until the sender closes it.
async fn answer(stream: TcpStream) {
    let (mut reading, mut writing) = stream.into_split();
    let mut request = [0; 64 * 1024];
    let Ok(read) = reading.read(&mut request).await else { return };
    let at_once = match request[..read].starts_with(b"POST /body/") {
        true => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        false => "HTTP/1.1 200 OK\r\nX-Slow: ",
    };
    let drips = async {
        let mut alive = writing.write_all(at_once.as_bytes()).await.is_ok();
        while alive {
            sleep(Duration::from_secs(1)).await;
            alive = writing.write_all(b"a").await.is_ok();
        }
    };
    let hears = async { while reading.read(&mut request).await.is_ok_and(|read| read > 0) {} };
    tokio::select! {
        () = drips => {}
        () = hears => {}
    }
}
