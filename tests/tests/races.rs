//! Clients at the same moment, and changes while deliveries are under way.

use std::collections::BTreeSet;
use std::thread;

use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{Api, Receiver, Reply, Request, Response, SIGNING_KEY, Server, signature};

const CLIENTS: usize = 8;

/// The answers to all clients, each of which does this with a connection of its own.
fn at_once(server: &Server, call: impl Fn(&Api, usize) -> Response + Sync) -> Vec<Response> {
    thread::scope(|scope| {
        let call = &call;
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || call(&server.api(), client))).collect();
        clients.into_iter().map(|client| client.join().expect("an answer")).collect()
    })
}

fn with_status(answers: &[Response], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[test]
fn the_same_event_from_many_clients_is_one() {
    let mut server = Server::start();
    let receiver = Receiver::start();
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);

    let answers = at_once(&server, |api, _| api.submit(&event("opened", "one")).expect(200));

    let news = answers.iter().filter(|answer| answer.json()["items"][0]["duplicate"] == false);
    assert_eq!(news.count(), 1);
    let _ = receiver.wait_for(1);
    assert!(server.sigterm().success());
    assert_eq!((server.accounting().accepted, receiver.requests().len()), (1, 1));
}

#[test]
fn of_different_events_under_one_id_the_first_stays() {
    let server = Server::start();
    let of = |client: usize| event("opened", "one").replace("alice", &format!("client-{client}"));

    let answers = at_once(&server, |api, client| api.submit(&of(client)));

    assert_eq!((with_status(&answers, 200), with_status(&answers, 409)), (1, CLIENTS - 1));
    let first = answers.iter().position(|answer| answer.status == 200).expect("one");
    let listed = server.api().page(&sealpost_tests::calls::events(""));
    assert!(listed.items.len() == 1 && listed.items[0].get().contains(&format!("client-{first}@")));
}

#[test]
fn of_many_who_create_a_webhook_one_does() {
    let server = Server::start();
    let url = |client: usize| format!("https://8.8.8.8/{client}");

    let answers = at_once(&server, |api, client| api.subscribe("opened", &[url(client)]));

    assert_eq!((with_status(&answers, 200), with_status(&answers, 400)), (1, CLIENTS - 1));
    let first = answers.iter().position(|answer| answer.status == 200).expect("one");
    let shown = server.api().get(&webhooks("/opened")).json();
    assert_eq!(shown["webhook"]["urls"], serde_json::json!([url(first)]));
}

#[test]
fn a_webhook_that_is_deleted_and_set_again_gets_new_events_alone() {
    let mut server = Server::with(&[("delivery.schedule", "200ms")]);
    let receiver = Receiver::start().answering([Reply::Status(500)]);
    let url = [receiver.url("/")];
    let _ = server.api().subscribe("opened", &url).expect(200);
    let _ = server.api().submit(&event("opened", "old")).expect(200);
    let _ = receiver.wait_for(1);
    let _ = server.api().delete(&webhooks("/opened")).expect(200);
    let _ = server.api().subscribe("opened", &url).expect(200);

    let _ = server.api().submit(&event("opened", "new")).expect(200);

    let _ = receiver.wait_for(2);
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.cancelled, accounting.acknowledged, accounting.pending()), (1, 1, 0));
    assert_eq!(receiver.requests().iter().map(Request::event_id).collect::<Vec<_>>(), ["old", "new"]);
}

#[test]
fn taking_a_url_from_one_type_leaves_its_deliveries_of_another() {
    let mut server = Server::with(&[("delivery.schedule", "200ms")]);
    let receiver = Receiver::start().answering([Reply::Status(500), Reply::Status(500)]);
    for kind in ["opened", "clicked"] {
        let _ = server.api().subscribe(kind, &[receiver.url("/")]).expect(200);
        let _ = server.api().submit(&event(kind, kind)).expect(200);
    }
    let _ = receiver.wait_for(2);

    let _ = server.api().delete(&webhooks("/opened")).expect(200);

    let third = receiver.wait_for(3);
    assert_eq!(third[2].event_id(), "clicked");
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.cancelled, accounting.acknowledged, accounting.pending()), (1, 1, 0));
}

#[test]
fn an_attempt_in_flight_still_counts_when_its_webhook_is_deleted() {
    let mut server = Server::start();
    let slow = std::time::Duration::from_millis(300);
    let receiver = Receiver::start().answering([Reply::After(slow, 200)]);
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let events = [event("opened", "flying"), event("opened", "waiting")];
    let _ = server.api().submit(&format!("[{}]", events.join(","))).expect(200);
    let _ = receiver.wait_for(1);

    let _ = server.api().delete(&webhooks("/opened")).expect(200);

    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(accounting.pending(), 0);
    assert_eq!(accounting.acknowledged + accounting.cancelled, 2);
}

#[test]
fn a_new_signing_key_signs_what_is_still_to_be_tried() {
    let mut server = Server::with(&[("delivery.schedule", "300ms")]);
    let receiver = Receiver::start().answering([Reply::Status(500)]);
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let _ = receiver.wait_for(1);
    assert!(server.sigterm().success());
    server.set("keys.signing", "key-of-tomorrow");
    server.restart();

    let posts = receiver.wait_for(2);

    signature::check(&posts[0].body, SIGNING_KEY);
    signature::check(&posts[1].body, "key-of-tomorrow");
    let ids = BTreeSet::from_iter(posts.iter().map(Request::event_id));
    assert_eq!(ids.len(), 1);
}
