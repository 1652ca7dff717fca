//! The management of webhooks, body for body as Mailgun's own clients know it.

use sealpost_tests::calls::{events, webhooks};
use sealpost_tests::{Nobody, Receiver, Reply, Response, SIGNING_KEY, Server, signature};

const FIRST: &str = "https://8.8.8.8/first";
const SECOND: &str = "https://8.8.8.8/second?a=b";

fn put(server: &Server, rest: &str, fields: &[(&str, &str)]) -> Response {
    server.api().multipart("PUT", &webhooks(rest), fields)
}

fn body(answer: &Response) -> (u16, String) {
    (answer.status, answer.text())
}

#[test]
fn a_webhook_is_created_shown_replaced_and_deleted() {
    let server = Server::start();
    let api = server.api();
    let json = |text: &str| (200, format!("{text}\n"));
    let not_found = (404, "{\"message\":\"Webhook not found\"}\n".to_owned());

    assert_eq!(body(&api.get(&webhooks(""))), json(r#"{"webhooks":{}}"#));
    assert_eq!(body(&api.get(&webhooks("/clicked"))), not_found);
    assert_eq!(body(&put(&server, "/clicked", &[("url", FIRST)])), not_found);
    assert_eq!(body(&api.delete(&webhooks("/clicked"))), not_found);

    assert_eq!(
        body(&api.subscribe("clicked", &[FIRST.into(), SECOND.into()])),
        json(
            r#"{"message":"Webhook has been created","webhook":{"urls":["https://8.8.8.8/first","https://8.8.8.8/second?a=b"]}}"#
        )
    );
    assert_eq!(
        body(&api.subscribe("clicked", &[FIRST.into()])),
        (
            400,
            "{\"message\":\"Webhook for event type 'clicked' already exists; PUT replaces its urls\"}\n"
                .into()
        )
    );
    assert_eq!(
        body(&api.get(&webhooks("/clicked"))),
        json(r#"{"webhook":{"urls":["https://8.8.8.8/first","https://8.8.8.8/second?a=b"]}}"#)
    );
    let _ = api.subscribe("accepted", &[SECOND.into()]).expect(200);
    assert_eq!(
        body(&api.get(&webhooks(""))),
        json(
            r#"{"webhooks":{"accepted":{"urls":["https://8.8.8.8/second?a=b"]},"clicked":{"urls":["https://8.8.8.8/first","https://8.8.8.8/second?a=b"]}}}"#
        )
    );
    assert_eq!(
        body(&put(&server, "/clicked", &[("id", "clicked"), ("url", SECOND)])),
        json(r#"{"message":"Webhook has been updated","webhook":{"urls":["https://8.8.8.8/second?a=b"]}}"#)
    );
    assert_eq!(
        body(&api.delete(&webhooks("/clicked"))),
        json(r#"{"message":"Webhook has been deleted","webhook":{"urls":["https://8.8.8.8/second?a=b"]}}"#)
    );
    assert_eq!(body(&api.get(&webhooks("/clicked"))), not_found);
}

#[test]
fn every_way_in_which_clients_pack_a_form_is_understood() {
    let server = Server::start();
    let api = server.api();
    let quoted = format!(
        "--a b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\nopened\r\n\
         --a b\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\n{FIRST}\r\n--a b--\r\n"
    );
    let created = api.post(&webhooks(""), "multipart/form-data; boundary=\"a b\"", quoted);
    assert_eq!(created.expect(200).json()["webhook"]["urls"], serde_json::json!([FIRST]));

    let listed = api.urlencoded("PUT", &webhooks("/opened"), &[("url[]", FIRST), ("url[]", SECOND)]);
    assert_eq!(listed.expect(200).json()["webhook"]["urls"], serde_json::json!([FIRST, SECOND]));

    let deleted = api.multipart("DELETE", &webhooks("/opened"), &[]);
    assert_eq!(deleted.expect(200).json()["message"], "Webhook has been deleted");
}

#[test]
fn a_webhook_survives_a_restart() {
    let mut server = Server::start();
    let _ = server.api().subscribe("opened", &[FIRST.into(), SECOND.into()]).expect(200);
    let before = server.api().get(&webhooks("")).text();
    server.kill9();
    server.restart();
    assert_eq!(server.api().get(&webhooks("")).text(), before);
}

#[test]
fn a_test_call_tells_the_receivers_answer_and_stores_nothing() {
    let mut server = Server::with(&[("delivery.deadline", "300ms")]);
    let answers =
        [Reply::Status(200), Reply::Status(204), Reply::Status(302), Reply::Status(500), Reply::Hang];
    let receiver = Receiver::start().answering(answers);
    let nobody = Nobody::start();
    let closed = nobody.url("/");
    let test = |url: &str| {
        let tested = put(&server, "/clicked/test", &[("url", url)]).expect(200).json();
        (tested["code"].as_u64(), tested["message"].as_str().expect("a message").to_owned())
    };

    let url = receiver.url("/hook");
    assert_eq!(test(&url), (None, "the receiver answered 200".into()));
    assert_eq!(test(&url), (Some(204), "the receiver answered 204".into()));
    let (code, message) = test(&url);
    assert!(code == Some(302) && message.contains("not followed"), "{message}");
    assert_eq!(test(&url), (Some(500), "the receiver answered 500".into()));
    let (code, message) = test(&url);
    assert!(code == Some(0) && message.contains("within the deadline"), "{message}");
    let (code, message) = test(&closed);
    assert!(code == Some(0) && message.starts_with("no connection"), "{message}");

    let requests = receiver.requests();
    assert_eq!(requests.len(), 5);
    signature::check(&requests[0].body, SIGNING_KEY);
    assert_eq!(requests[0].json()["event-data"]["event"], "clicked");
    assert_eq!(server.api().page(&events("")).items.len(), 0);
    assert_eq!(server.api().get(&webhooks("")).text(), "{\"webhooks\":{}}\n");
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().accepted, 0);
}

#[test]
fn the_signing_key_is_the_one_that_signs() {
    let server = Server::start();
    let shown = server.api().get("/v5/accounts/http_signing_key").expect(200);
    assert_eq!(shown.text(), format!("{{\"http_signing_key\":\"{SIGNING_KEY}\"}}\n"));
}

#[test]
fn health_needs_no_key() {
    let server = Server::start();
    let health = sealpost_tests::Api::anonymous(&server.url("")).get("/healthz").expect(200);
    assert_eq!(health.json()["status"], "ok");
}
