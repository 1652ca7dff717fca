//! The moments at which nobody can know how far the other side has come. A preloaded library kills the released
//! program at exactly these, or another program keeps it from committing.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use sealpost_tests::calls::{event, events};
use sealpost_tests::tools::{GCC, available};
use sealpost_tests::{Failpoint, Receiver, Reply, Request, Server, UNRECORDED};

#[test]
fn a_kill_between_the_receivers_200_and_our_commit_repeats_one_attempt_with_the_same_event() {
    if !available(&[GCC]) {
        return;
    }
    let failpoint = Failpoint::new();
    let mut server = Server::within(&failpoint.environment(), &[]);
    let receiver = Receiver::start();
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);

    // Once the client has its own 200.
    let address = receiver.stop();
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    failpoint.at_a_received_200();
    let receiver = Receiver::start_at(address);
    let _ = receiver.wait_for(1);
    server.wait_for_kill();
    failpoint.none();
    server.restart();

    let requests = receiver.wait_for(2);
    assert!(server.sigterm().success());
    assert_eq!(receiver.requests().len(), 2, "exactly one duplicate");
    assert_eq!([requests[0].event_id(), requests[1].event_id()], ["one", "one"]);
    assert_eq!(requests[0].event_data(), requests[1].event_data());
    let accounting = server.accounting();
    assert_eq!((accounting.accepted, accounting.acknowledged, accounting.pending()), (1, 1, 0));
}

/// What a client submits; told that it is dead, it says the same again.
fn a_client_that_repeats_itself_makes_one_event(headers: &[(&'static str, &str)], submission: &str) {
    let failpoint = Failpoint::new();
    let mut server = Server::within(&failpoint.environment(), &[]);
    let receiver = Receiver::start();
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let submit = |server: &Server| {
        let api = headers.iter().fold(server.api(), |api, (name, value)| api.with_header(name, value));
        api.try_send("POST", &events(""), Some("application/json"), submission.as_bytes())
    };

    failpoint.at_a_200_to_send();
    assert!(submit(&server).is_err(), "the commit is done, and the answer never comes");
    server.wait_for_kill();
    failpoint.none();
    server.restart();
    let repeated = submit(&server).expect("an answer").expect(200);

    assert!(repeated.text().contains("\"duplicate\":true"), "{}", repeated.text());
    let listed = server.api().listed();
    assert_eq!(listed.len(), 1, "{listed:?}");
    let _ = receiver.wait_for(1);
    assert!(server.sigterm().success());
    // The attempt may have been under way when the process died; the event is one, and so is its delivery.
    let requests = receiver.requests();
    assert!(requests.len() <= 2 && requests.iter().all(|request| request.event_id() == listed[0]));
    let accounting = server.accounting();
    assert_eq!((accounting.accepted, accounting.acknowledged, accounting.pending()), (1, 1, 0));
}

#[test]
fn a_kill_between_commit_and_answer_makes_one_event_of_a_submission_that_is_repeated() {
    if available(&[GCC]) {
        a_client_that_repeats_itself_makes_one_event(&[], &event("opened", "one"));
    }
}

#[test]
fn a_kill_between_commit_and_answer_makes_one_event_without_an_id_by_its_idempotency_key() {
    if available(&[GCC]) {
        let key = [("Idempotency-Key", "the-only-one")];
        let event = r#"{"event":"opened","recipient":"alice@example.net"}"#;
        a_client_that_repeats_itself_makes_one_event(&key, event);
    }
}

#[test]
fn while_no_outcome_can_be_committed_no_more_attempts_begin_than_may_wait_for_it() {
    const EVENTS: usize = 100;
    let mut server = Server::start();
    let receiver = Receiver::start().otherwise(Reply::After(Duration::from_millis(100), 200));
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let lines: Vec<_> = (0..EVENTS).map(|id| event("opened", &format!("e{id}"))).collect();
    let _ = server.api().post(&events(""), "application/x-ndjson", lines.join("\n")).expect(200);
    let _ = receiver.wait_for(20);

    let other = Connection::open(server.data().join("sealpost.db")).expect("a database");
    other.busy_timeout(Duration::from_secs(5)).expect("a timeout");
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let locked = receiver.requests().len();
    thread::sleep(Duration::from_secs(1));
    let begun = receiver.requests().len() - locked;
    server.kill9();
    drop(other);
    server.restart();

    assert!(begun <= UNRECORDED, "{begun} attempts began that could not be recorded");
    let arrived = |requests: &[Request]| BTreeSet::from_iter(requests.iter().map(Request::event_id)).len();
    let mut requests = receiver.wait_for(EVENTS);
    while arrived(&requests) < EVENTS {
        requests = receiver.wait_for(requests.len() + 1);
    }
    assert!(server.sigterm().success());
    let repeated = receiver.requests().len() - EVENTS;
    assert!(repeated <= UNRECORDED, "{repeated} were repeated");
    assert_eq!(server.accounting().acknowledged, EVENTS as u64);
}
