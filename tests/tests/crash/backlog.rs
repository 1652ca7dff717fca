//! A server with very many pending deliveries.

use std::time::Duration;

use sealpost_tests::calls::{event, events};
use sealpost_tests::{Nobody, Server, extent};

use crate::books::Books;
use crate::{soon, time_to_ready};

/// Events of one submission, each with three deliveries.
const BATCH: usize = 5_000;

#[test]
fn a_server_with_a_long_backlog_is_ready_as_soon_after_a_kill() {
    let deliveries: usize = extent(100_000, 1_000_000);
    let mut server = Server::with(&[("delivery.schedule", "30m"), ("log.level", "warn")]);
    let nobody = Nobody::start();
    let urls = ["/a", "/b", "/c"].map(|path| nobody.url(path));
    let _ = server.api().subscribe("opened", &urls).expect(200);
    let mut sent = 0;
    while 3 * sent < deliveries {
        let lines: Vec<_> = (sent..sent + BATCH).map(|id| event("opened", &format!("e{id}"))).collect();
        let _ = server.api().post(&events(""), "application/x-ndjson", lines.join("\n")).expect(200);
        sent += BATCH;
    }

    let mut slowest = Duration::ZERO;
    for _ in 0..3 {
        server.kill9();
        slowest = slowest.max(time_to_ready(&mut server));
    }

    println!("{} deliveries pending: ready after at most {slowest:?}", 3 * sent);
    assert!(slowest <= soon(), "{slowest:?} until it was ready");
    let begin = std::time::Instant::now();
    let accounting = server.api().get("/v5/accounts/accounting").expect(200).json();
    println!("counted in {:?}", begin.elapsed());
    assert!(accounting["balances"] == true && accounting["accepted"] == 3 * sent, "{accounting}");
    server.kill9();
    Books::read(server.data()).assert_whole();
}
