//! The main job: an event goes in, signed webhooks come out, and the same event can be polled.

use std::collections::{BTreeMap, BTreeSet};

use sealpost::samples;
use sealpost_core::WebhookKind;
use sealpost_tests::calls::{event, events, webhooks};
use sealpost_tests::{DOMAIN, Receiver, Request, SIGNING_KEY, Server, signature};

/// A running server, and a receiver whose paths are subscribed to a webhook each.
fn server_with_webhooks(kinds: &[&str]) -> (Server, Receiver) {
    let (server, receiver) = (Server::start(), Receiver::start());
    for kind in kinds {
        let _ = server.api().subscribe(kind, &[receiver.url(&format!("/{kind}"))]).expect(200);
    }
    (server, receiver)
}

/// What was posted, once the server has stopped; exactly `count` deliveries were ever made.
fn all_posted(server: &mut Server, receiver: &Receiver, count: usize) -> Vec<Request> {
    let _ = receiver.wait_for(count);
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().accepted, count as u64);
    let posts = receiver.requests();
    assert_eq!(posts.len(), count);
    posts
}

#[test]
fn one_event_makes_three_signed_posts_of_the_bytes_that_are_polled() {
    let (server, receiver) = (Server::start(), Receiver::start());
    let urls = ["/a", "/b", "/c?d=e"].map(|path| receiver.url(path));
    let created = server.api().subscribe("clicked", &urls).expect(200);
    assert_eq!(
        created.text(),
        format!(
            "{{\"message\":\"Webhook has been created\",\"webhook\":{{\"urls\":[\"{}\"]}}}}\n",
            urls.join("\",\"")
        )
    );

    let answer = server.api().submit(samples::of(WebhookKind::Clicked)).expect(200).json();
    assert_eq!(
        (&answer["items"][0]["deliveries"], &answer["items"][0]["duplicate"]),
        (&3.into(), &false.into())
    );

    let posts = receiver.wait_for(3);
    let polled = server.api().page(&events(""));
    assert_eq!(polled.items.len(), 1);
    assert_eq!(polled.ids()[0], answer["items"][0]["id"]);
    for post in &posts {
        assert_eq!(str::from_utf8(post.event_data()), Ok(polled.items[0].get()));
        signature::check(&post.body, SIGNING_KEY);
    }
    let paths = BTreeSet::from_iter(posts.iter().map(|post| post.path.as_str()));
    assert_eq!(paths, BTreeSet::from(["/a", "/b", "/c?d=e"]));

    let told = server.api().get(&webhooks("/clicked/secrets")).expect(200).json();
    let told = told["secrets"].as_array().expect("secrets").clone();
    let secrets: BTreeMap<&str, String> = ["/a", "/b", "/c?d=e"]
        .into_iter()
        .zip(told.iter().map(|told| told["secret"].as_str().expect("a secret").to_owned()))
        .collect();
    assert_eq!(BTreeSet::from_iter(secrets.values()).len(), 3, "each endpoint has a secret of its own");
    for post in &posts {
        signature::check_standard(post, &secrets[post.path.as_str()]);
    }
}

#[test]
fn a_post_has_the_shape_and_the_headers_of_mailguns() {
    let (server, receiver) = server_with_webhooks(&["delivered"]);
    let _ = server.api().submit(samples::of(WebhookKind::Delivered)).expect(200);
    let post = receiver.wait_for(1).remove(0);

    assert_eq!(post.method, "POST");
    let host = receiver.url("").replace("http://", "");
    let length = post.body.len().to_string();
    for (name, value) in [
        ("Host", host.as_str()),
        ("Content-Type", "application/json"),
        ("User-Agent", concat!("sealpost/", env!("CARGO_PKG_VERSION"))),
        ("Accept", "*/*"),
        ("Content-Length", &length),
        ("webhook-id", &post.event_id()),
    ] {
        let values: Vec<_> =
            post.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).collect();
        assert_eq!(values.len(), 1, "{name}");
        assert_eq!(values[0].1, value);
    }
    assert_eq!(post.header("Transfer-Encoding"), None);

    let body = post.json();
    let names = |value: &serde_json::Value| {
        value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&body), ["event-data", "signature"].map(String::from).into());
    assert_eq!(names(&body["signature"]), ["signature", "timestamp", "token"].map(String::from).into());
    let token = body["signature"]["token"].as_str().expect("a token");
    assert!(
        token.len() == 50 && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
        "{token}"
    );
    let timestamp = body["signature"]["timestamp"].as_str().expect("a text, though of digits");
    assert_eq!(Some(timestamp), post.header("webhook-timestamp"));
    assert_eq!(body["event-data"]["domain"]["name"], DOMAIN);
    assert_eq!(body["event-data"]["id"].as_str().map(str::len), Some(22));
}

#[test]
fn every_type_goes_to_its_webhook_and_all_can_be_polled() {
    let kinds = WebhookKind::ALL.map(WebhookKind::as_str);
    let (server, receiver) = server_with_webhooks(&kinds);
    let all: Vec<_> = samples::ALL.iter().map(|(_, sample)| *sample).collect();

    let answer = server.api().submit(&format!("[{}]", all.join(","))).expect(200).json();

    let deliveries =
        answer["items"].as_array().expect("items").iter().map(|item| item["deliveries"].as_u64());
    let expected =
        samples::ALL.iter().map(|(name, _)| Some(u64::from(!matches!(*name, "rejected" | "stored"))));
    assert!(deliveries.eq(expected), "{answer}");
    let posts = receiver.wait_for(9);
    for post in &posts {
        let event = &post.json()["event-data"];
        let webhook = match event["severity"].as_str() {
            Some("permanent") => "/permanent_fail".to_owned(),
            Some(_) => "/temporary_fail".to_owned(),
            None => format!("/{}", event["event"].as_str().expect("a type")),
        };
        assert_eq!(post.path, webhook, "{event}");
    }
    assert_eq!(BTreeSet::from_iter(posts.iter().map(|post| &post.path)).len(), 8);
    let polled: Vec<_> = server.api().listed();
    let accepted =
        answer["items"].as_array().expect("items").iter().map(|item| item["id"].as_str().expect("an id"));
    assert_eq!(BTreeSet::from_iter(accepted), BTreeSet::from_iter(polled.iter().map(String::as_str)));
    assert_eq!(polled.len(), 11);
}

#[test]
fn domains_know_nothing_of_each_other() {
    let (mut server, receiver) = server_with_webhooks(&["opened"]);
    let api = server.api();
    let created = api.urlencoded("POST", "/v3/domains", &[("name", "other.example")]).expect(200);
    assert_eq!(created.json()["domain"]["name"], "other.example");
    let other = [("id", "opened"), ("url", &receiver.url("/other"))];
    let _ = api.multipart("POST", "/v3/domains/other.example/webhooks", &other).expect(200);

    let same_id = event("opened", "one");
    let _ = api.submit(&same_id).expect(200);
    let theirs = api.post("/v3/other.example/events", "application/json", same_id.replace("alice", "bob"));
    assert_eq!(theirs.expect(200).json()["items"][0]["deliveries"], 1);

    assert_eq!(api.page("/v3/other.example/events").ids(), ["one"]);
    assert_eq!(api.get("/v3/domains/other.example/webhooks/complained").status, 404);
    let names = api.get("/v4/domains").json();
    assert_eq!(names["total_count"], 2);

    let posts = all_posted(&mut server, &receiver, 2);
    let received = BTreeSet::from_iter(posts.iter().map(|post| {
        let recipient = post.json()["event-data"]["recipient"].as_str().expect("a recipient").to_owned();
        (post.path.clone(), recipient)
    }));
    let expected = [("/opened", "alice@example.net"), ("/other", "bob@example.net")];
    assert_eq!(received, expected.map(|(path, recipient)| (path.to_owned(), recipient.to_owned())).into());
}

#[test]
fn the_same_event_again_is_told_and_posted_once() {
    let (mut server, receiver) = server_with_webhooks(&["opened"]);
    let first = server.api().submit(&event("opened", "one")).expect(200).json();
    let again = server.api().submit(&event("opened", "one")).expect(200).json();

    assert_eq!(again["items"][0]["duplicate"], true);
    for field in ["id", "timestamp", "deliveries"] {
        assert_eq!(again["items"][0][field], first["items"][0][field], "{field}");
    }
    assert_eq!(server.api().listed(), ["one"]);
    let posts = all_posted(&mut server, &receiver, 1);
    assert_eq!(posts[0].event_id(), "one");
}

#[test]
fn other_content_under_a_known_id_is_a_conflict_and_stores_nothing() {
    let (mut server, receiver) = server_with_webhooks(&["opened"]);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let batch = format!("[{},{}]", event("opened", "two"), event("opened", "one").replace("alice", "bob"));

    let refused = server.api().submit(&batch).expect(409).json();

    assert_eq!(refused["total"], 1);
    assert_eq!((&refused["errors"][0]["index"], &refused["errors"][0]["field"]), (&1.into(), &"id".into()));
    assert_eq!(server.api().listed(), ["one"]);
    let posts = all_posted(&mut server, &receiver, 1);
    assert_eq!(posts[0].event_id(), "one");
}

#[test]
fn lines_go_in_whole_or_with_partial_as_far_as_they_are_good() {
    let (mut server, receiver) = server_with_webhooks(&["opened"]);
    let lines = format!("{}\n{{\"event\":\"sung\"}}\n{}\n", event("opened", "one"), event("opened", "two"));
    let submit = |query: &str| server.api().post(&events(query), "application/x-ndjson", &lines);

    let refused = submit("").expect(400).json();
    assert_eq!(
        (&refused["errors"][0]["index"], &refused["errors"][0]["field"]),
        (&1.into(), &"event".into())
    );
    assert_eq!(server.api().listed(), [""; 0]);

    let stored = submit("?partial=yes").expect(200).json();
    assert_eq!((&stored["items"][0]["index"], &stored["items"][1]["index"]), (&0.into(), &2.into()));
    assert_eq!((&stored["errors"][0]["index"], &stored["total"]), (&1.into(), &1.into()));
    let posts = all_posted(&mut server, &receiver, 2);
    assert_eq!(
        BTreeSet::from_iter(posts.iter().map(Request::event_id)),
        ["one", "two"].map(String::from).into()
    );
}

#[test]
fn an_idempotency_key_makes_events_without_ids_harmless_to_repeat() {
    let (mut server, receiver) = server_with_webhooks(&["opened"]);
    let api = server.api().with_header("Idempotency-Key", "order-42");
    let batch = r#"[{"event":"opened","tags":["a"]},{"event":"opened","tags":["b"]}]"#;

    let ids = |answer: serde_json::Value| [0, 1].map(|at| answer["items"][at]["id"].clone());
    let first = ids(api.submit(batch).expect(200).json());
    let again = api.submit(batch).expect(200).json();

    assert_eq!(again["items"][1]["duplicate"], true);
    assert_eq!(ids(again), first);
    assert_eq!(api.submit(r#"{"event":"opened","tags":["c"]}"#).status, 409);
    let _ = all_posted(&mut server, &receiver, 2);
}

#[test]
fn a_url_with_credentials_is_authorised_with_them_and_shown_without() {
    let (server, receiver) = (Server::start(), Receiver::start());
    let url = receiver.url("/in").replace("http://", "http://user:p%40ss@");
    let created = server.api().subscribe("opened", &[url]).expect(200).text();
    assert!(created.contains("user:***@") && !created.contains("p%40ss"), "{created}");
    assert!(!server.api().get(&webhooks("")).text().contains("p%40ss"));

    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let post = receiver.wait_for(1).remove(0);
    assert_eq!(post.header("Authorization"), Some(sealpost_tests::basic("user", "p@ss").as_str()));
    assert!(!server.logged("acknowledged", 1).join("\n").contains("p%40ss"));
}
