//! Very many events become old, while others come in.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::client::Client;
use crate::generator::{self, Choose, p99};
use crate::server::{self, Server};
use crate::sink::Sink;
use crate::{Extent, Pair};

/// Events of one submission.
const BATCH: usize = 10_000;

pub(crate) async fn measure(extent: &Extent) -> io::Result<Vec<Pair>> {
    let data = server::empty(&extent.args)?;
    // More than five pairs can remove.
    let batches = if extent.args.short { 5 } else { 500 };
    let sink = Sink::start(6).await?;
    let server = Server::start(&extent.args, &data, &[])?;
    let places: Arc<[_]> = server.subscribe(sink.urls()).await?.into();
    fill(&server, batches).await?;
    server.stop()?;
    make_old(&data)?;
    let choose: Arc<Choose> = Arc::new(|number| usize::try_from(number % 6).unwrap_or(0));
    let mut pairs = Vec::new();
    for _ in 0..extent.pairs {
        let mut p99s = [0.0; 2];
        let mut removed = 0;
        for (p99_of, retention) in p99s.iter_mut().zip(["3650d", "30d"]) {
            let before = old(&data)?;
            let server = Server::start(&extent.args, &data, &[("STORAGE_RETENTION", retention)])?;
            let warm = Duration::from_secs(1);
            let _warm = generator::run(server.address, &places, &choose, extent.rate, warm).await?;
            let sent = generator::run(server.address, &places, &choose, extent.rate, extent.span).await?;
            *p99_of = p99(&sent.answered);
            server.stop()?;
            removed = before - old(&data)?;
        }
        let [baseline, p99] = p99s;
        let (in_flight, sockets) = sink.peaks();
        let mark = if removed > 0 { "" } else { "!" };
        let note = format!("{mark} ({removed} old events removed meanwhile)");
        pairs.push(Pair { baseline, p99, in_flight, sockets, note });
    }
    Ok(pairs)
}

/// Events of a domain without a webhook.
async fn fill(server: &Server, batches: usize) -> io::Result<()> {
    let mut client = Client::connect(server.address).await?;
    client.form("/v3/domains", "name=old.example").await?;
    for batch in 0..batches {
        let event = |number| {
            format!(r#"{{"event":"opened","id":"{batch}-{number}","recipient":"alice@example.net"}}"#)
        };
        let lines: Vec<_> = (0..BATCH).map(event).collect();
        client.post("/v3/old.example/events", "application/x-ndjson", &lines.join("\n")).await?;
    }
    Ok(())
}

/// Makes every event of a server that has stopped a year old.
fn make_old(data: &Path) -> io::Result<()> {
    let year: i64 = 365 * 24 * 60 * 60 * 1000;
    let connection = Connection::open(data.join("sealpost.db")).map_err(io::Error::other)?;
    let update = connection.execute("UPDATE event SET accepted_at = accepted_at - ?", [year]);
    update.map(drop).map_err(io::Error::other)
}

/// How many of them are left.
fn old(data: &Path) -> io::Result<u64> {
    let connection = Connection::open(data.join("sealpost.db")).map_err(io::Error::other)?;
    let query =
        "SELECT count(*) FROM event JOIN domain ON domain.id = event.domain WHERE name = 'old.example'";
    let count = connection.query_row(query, [], |row| row.get::<_, i64>(0)).map_err(io::Error::other)?;
    Ok(u64::try_from(count).unwrap_or(0))
}
