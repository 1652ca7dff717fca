//! `sealpost accounting`: where every delivery is, and that the sum can fail.

use rusqlite::Connection;
use sealpost_tests::calls::event;
use sealpost_tests::{API_KEY, Receiver, Reply, Server, sealpost};

/// The exit code and what was said.
fn accounting(server: &Server, key: &str) -> (Option<i32>, String) {
    let mut command = sealpost();
    command.env("SEALPOST_API_KEY", key).args(["accounting", "--server", &server.url("")]);
    let output = command.output().expect("the program ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

/// A server with one delivery acknowledged, one refused, one exhausted, one cancelled and two pending.
fn server_with_one_of_each() -> Server {
    let server = Server::with(&[("delivery.schedule", "none")]);
    let api = server.api();
    let receiver = Receiver::start().answering([200, 406, 500].map(Reply::Status));
    let _ = api.subscribe("opened", &[receiver.url("/")]).expect(200);
    for (id, word) in [("one", "acknowledged"), ("two", "refused"), ("three", "exhausted")] {
        let _ = api.submit(&event("opened", id)).expect(200);
        let _ = server.logged(&format!("\"{word}\""), 1);
    }
    let hanging = Receiver::start().otherwise(Reply::Hang);
    for (kind, url) in [("clicked", "/clicked"), ("delivered", "/delivered")] {
        let _ = api.subscribe(kind, &[hanging.url(url)]).expect(200);
    }
    // One flies, the other waits behind it.
    for id in ["four", "five"] {
        let _ = api.submit(&event("delivered", id)).expect(200);
    }
    for id in ["six", "seven"] {
        let _ = api.submit(&event("clicked", id)).expect(200);
    }
    let _ = hanging.wait_for(2);
    let _ = api.delete("/v3/domains/example.com/webhooks/clicked").expect(200);
    // It hangs until the test ends.
    std::mem::forget(hanging);
    server
}

#[test]
fn every_delivery_is_at_one_end_or_pending_and_the_exit_code_says_that_they_add_up() {
    let server = server_with_one_of_each();

    let (code, said) = accounting(&server, API_KEY);

    let lines: Vec<_> = said.lines().skip(1).collect();
    let [accepted, ends @ .., balances] = lines.as_slice() else { panic!("{said}") };
    assert_eq!((*accepted, *balances, code), ("accepted\t7", "balances", Some(0)), "{said}");
    assert_eq!(&ends[..3], ["acknowledged\t1", "refused\t1", "exhausted\t1"], "{said}");
    let count = |line: &str| line.rsplit_once('\t').and_then(|(_, count)| count.parse::<u32>().ok());
    assert_eq!(count(ends[3]).zip(count(ends[4])).map(|(cancelled, pending)| cancelled + pending), Some(4));
}

#[test]
fn a_pending_delivery_that_is_not_there_any_more_fails_the_sum() {
    let mut server = server_with_one_of_each();
    server.kill9();
    let database = Connection::open(server.data().join("sealpost.db")).expect("a database");
    let removed = database.execute("DELETE FROM pending WHERE id = (SELECT min(id) FROM pending)", []);
    assert_eq!(removed, Ok(1));
    drop(database);
    server.restart();

    let (code, said) = accounting(&server, API_KEY);

    assert!(said.ends_with("does not balance: 1 missing\n"), "{said}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_key_of_one_domain_is_told_nothing() {
    let server = Server::start();
    let fields = [("kind", "domain"), ("domain_name", "example.com")];
    let made = server.api().multipart("POST", "/v1/keys", &fields).expect(200).json();
    let key = made["key"]["secret"].as_str().expect("a key");

    let (code, said) = accounting(&server, key);

    assert!(said.starts_with("sealpost: 403: Forbidden"), "{said}");
    assert_eq!(code, Some(1));
}
