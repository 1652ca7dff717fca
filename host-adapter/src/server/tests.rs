//! A whole server: how it stops, by itself or told to.

use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::*;
use crate::config::{Profile, Sources};

const SOON: Duration = Duration::from_secs(10);

fn config() -> (Config, TempDir) {
    let data = TempDir::new().expect("a directory");
    let profile = Profile::Dev { data: data.path().to_owned() };
    let mut config = Config::load(&Sources { profile, ..Sources::default() }).expect("the profile");
    config.server.listen.set_port(0);
    (config, data)
}

#[tokio::test]
async fn a_server_whose_part_ends_by_itself_ends_with_an_error() {
    for (part, break_it) in [
        ("listener", (|running| running.listener.abort()) as fn(&Running)),
        ("upkeep", |running| running.upkeep.abort()),
        ("delivery", |running| running.stop_shards.send(Some(Instant::now())).expect("a shard")),
    ] {
        let (config, _data) = config();
        let ended = timeout(SOON, run(&config, break_it, std::future::pending())).await.expect("an end");
        assert!(matches!(ended, Err(Error::Ended(ended)) if ended == part), "{part}: {ended:?}");
    }
}

#[tokio::test]
async fn a_request_under_way_is_stored_and_answered_though_no_attempt_begins_any_more() {
    let (mut config, _data) = config();
    config.server.drain_deadline = SOON;
    let running = start(&config).await.expect("a server");
    let mut client = TcpStream::connect(running.addr()).await.expect("a connection");
    let head = "POST /v3/example.com/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\
        Authorization: Basic YXBpOmtleS0wMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==\r\nContent-Length: 18\r\n\r\n";
    client.write_all(head.as_bytes()).await.expect("a head");
    sleep(Duration::from_millis(100)).await;

    let (shards, store) = (running.stop_shards.subscribe(), running.store().clone());
    let stopped = tokio::spawn(running.shutdown());
    sleep(Duration::from_millis(200)).await;
    assert!(shards.borrow().is_some() && !stopped.is_finished(), "a request is under way");
    client.write_all(br#"{"event":"opened"}"#).await.expect("a body");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    timeout(SOON, stopped).await.expect("an end").expect("no panic").expect("closed");
    assert_eq!(store.snapshot(), 1);
}

#[tokio::test]
async fn a_request_that_never_ends_is_waited_for_no_longer_than_the_drain_deadline() {
    let (mut config, _data) = config();
    config.server.drain_deadline = Duration::from_millis(200);
    let running = start(&config).await.expect("a server");
    let mut client = TcpStream::connect(running.addr()).await.expect("a connection");
    client.write_all(b"GET /healthz HTTP/1.1\r\n").await.expect("half a head");
    sleep(Duration::from_millis(100)).await;
    timeout(Duration::from_secs(3), running.shutdown()).await.expect("an end").expect("closed");
}
