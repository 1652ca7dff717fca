//! `sealpost fsck`: what it finds in a store that a server has left, and how it says so.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::fs;
use std::os::unix::fs::FileExt as _;

use rusqlite::Connection;
use sealpost_tests::calls::event;
use sealpost_tests::{Nobody, Receiver, Server, sealpost};

/// A page of the database.
const PAGE: usize = 8_192;

/// A server that has stopped, with events delivered and pending.
fn left() -> Server {
    let receiver = Receiver::start();
    let nobody = Nobody::start();
    let mut server = Server::with(&[("delivery.schedule", "1h")]);
    let _ = server.api().subscribe("opened", &[receiver.url("/"), nobody.url("/")]).expect(200);
    let of_account = [("url", &*receiver.url("/")), ("event_types", "clicked")];
    let made = server.api().multipart("POST", "/v1/webhooks", &of_account).expect(200).json();
    let secrets = format!("/v1/webhooks/{}/secrets", made["webhook_id"].as_str().unwrap());
    let _ = server.api().multipart("POST", &secrets, &[("overlap", "1h")]).expect(200);
    for number in 0..20 {
        let padded =
            event("opened", &format!("e{number}")).replace('}', &format!(r#","x":"{}"}}"#, "y".repeat(4000)));
        let _ = server.api().submit(&padded).expect(200);
    }
    let _ = server.api().submit(r#"{"event":"opened"}"#).expect(200);
    let _ = receiver.wait_for(21);
    assert!(server.sigterm().success());
    server
}

/// Exit code, and everything that it says.
fn fsck(server: &Server) -> (Option<i32>, String) {
    let output = sealpost().arg("fsck").arg("--data").arg(server.data()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// What it says after this statement was run behind the server's back.
fn after(statement: &str) -> String {
    let server = left();
    assert_eq!(database(&server).execute(statement, []), Ok(1), "{statement}");
    let (code, said) = fsck(&server);
    assert_eq!(code, Some(1), "{said}");
    said
}

fn database(server: &Server) -> Connection {
    Connection::open(server.data().join("sealpost.db")).unwrap()
}

#[test]
fn a_whole_store_is_said_to_be_whole_and_stays_as_it_is() {
    let mut server = left();
    let read = || fs::read(server.data().join("sealpost.db")).unwrap();
    let before = read();
    let (code, said) = fsck(&server);
    assert_eq!((code, &*said), (Some(0), "the store is whole: 21 events, 21 deliveries pending\n"));
    assert!(before == read(), "nothing is changed");

    server.restart();
    server.kill9();
    assert_eq!(fsck(&server).0, Some(0), "nor does it take a clean end");
}

#[test]
fn every_fault_is_told_by_what_it_is() {
    for (statement, said) in [
        (
            "UPDATE event SET data = CAST(replace(CAST(data AS TEXT), 'alice', 'alicf') AS BLOB) WHERE seq = 7",
            "event 7 (id `e6`, domain example.com) is not what was accepted\n",
        ),
        (
            "UPDATE event SET id = 'other' WHERE seq = 21",
            "event 21 (id `other`, domain example.com) is not what was accepted\n",
        ),
        ("UPDATE event SET id = 'e5' WHERE seq = 21", "events 6 and 21 of one domain have the id `e5`\n"),
        (
            "DELETE FROM pending WHERE id = (SELECT min(id) FROM pending)",
            "the counters do not balance: 42 deliveries accepted, 21 ended, 20 pending\n",
        ),
        ("DELETE FROM event WHERE seq = 3", "delivery 49 has no event\n"),
        (
            "UPDATE endpoint SET secret = zeroblob(60) WHERE id = 1",
            "the secret of endpoint 1 does not open with the master key\n",
        ),
        (
            "UPDATE meta SET value = zeroblob(60) WHERE key = 'signing_key'",
            "the signing key does not open with the master key\n",
        ),
        ("DELETE FROM endpoint WHERE id = 1", "names endpoint that is not there\n"),
        ("UPDATE counters SET indexed_to = 1", "event 1 (id `e0`) would not be found by what it says\n"),
        (
            "INSERT INTO part VALUES (1, 0, 1, 2, 0, 0, 0, 1)",
            "event 2 (id `e1`) would not be found by what it says\n",
        ),
    ] {
        let told = after(statement);
        assert!(told.contains(said), "{statement}: {told}");
        assert!(told.ends_with("restore it from a copy\n"), "{told}");
    }
}

#[test]
fn a_damaged_page_is_reported_and_nothing_of_it_is_taken_for_true() {
    let server = left();
    let root: u32 = database(&server)
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'pending'", [], |row| row.get(0))
        .unwrap();
    let file = fs::OpenOptions::new().write(true).open(server.data().join("sealpost.db")).unwrap();
    file.write_all_at(&[0xa5; PAGE], u64::from(root - 1) * PAGE as u64).unwrap();
    let (code, said) = fsck(&server);
    assert!(code == Some(1) && said.contains("the file is damaged: "), "{said}");
    assert!(said.contains(&format!("page {root}")), "{said}");
}

#[test]
fn what_cannot_be_checked_is_said_too() {
    let mut server = left();
    let said = |server: &Server| {
        let (code, said) = fsck(server);
        assert_eq!(code, Some(1), "{said}");
        said
    };
    server.restart();
    assert!(said(&server).contains("is in use by another process"));
    assert!(server.sigterm().success());

    let key = server.data().join("master.key");
    fs::write(&key, "42".repeat(32)).unwrap();
    assert!(said(&server).contains("sealed under another master key"));
    fs::remove_file(server.data().join("sealpost.db")).unwrap();
    assert!(said(&server).contains("holds no store"));
}

#[test]
fn wrong_usage_exits_with_64() {
    let output = sealpost().args(["fsck", "store"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
}
