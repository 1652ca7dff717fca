//! Filters and walks of the Events API, as applications ask for them.

use std::collections::BTreeSet;

use sealpost_tests::calls::events;
use sealpost_tests::{Api, DOMAIN, Server};
use serde_json::{Value, json};

/// A query string of these pairs.
fn query(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        text.bytes()
            .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    format!("?{}", pairs.join("&"))
}

fn submit(api: &Api, all: &[Value]) {
    for some in all.chunks(500) {
        let _ = api.submit(&Value::from(some.to_vec()).to_string()).expect(200);
    }
}

/// The ids on a page, oldest first, that passes this filter.
fn passing(api: &Api, field: &str, expression: &str) -> Vec<String> {
    api.page(&events(&query(&[("ascending", "yes"), (field, expression)]))).ids()
}

#[test]
fn every_field_filters_by_the_whole_grammar() {
    let server = Server::start();
    let api = server.api();
    let message = |id: &str, from: &str, subject: &str, size: u32| {
        json!({"headers": {"message-id": id, "from": from, "to": "Team <team@y.test>, ops@y.test",
            "subject": subject}, "size": size, "recipients": ["alice@x.test", "bob@x.test"],
            "attachments": [{"filename": format!("{id}.pdf")}]})
    };
    submit(
        &api,
        &[
            json!({"event": "accepted", "id": "1", "timestamp": 1_700_000_001, "recipient": "alice@x.test",
                "tags": ["welcome"], "message": message("m1@x", "Bob <bob@x.test>", "Hello Monica", 5_000)}),
            json!({"event": "failed", "id": "2", "timestamp": 1_700_000_002, "recipient": "bob@x.test",
                "severity": "permanent", "tags": ["welcome", "big news"],
                "message": message("m2@x", "carol@x.test", "Hello, Rachel", 15_000)}),
            json!({"event": "rejected", "id": "3", "timestamp": 1_700_000_003, "tags": [],
                "reject": {"reason": "spam", "description": ""},
                "message": message("m3@x", "Bob <bob@x.test>", "Farewell Monica", 25_000)}),
            json!({"event": "opened", "id": "4", "timestamp": 1_700_000_004, "recipient": "Alice@X.test",
                "mailing-list": {"address": "news@x.test", "list-id": "news.x.test", "sid": "1"}}),
        ],
    );
    for (field, expression, expected) in [
        ("event", "rejected OR failed", &["2", "3"][..]),
        ("event", "NOT opened", &["1", "2", "3"]),
        ("recipient", "alice@x.test", &["1", "4"]),
        ("recipient", "NOT alice@x.test", &["2", "3"]),
        ("recipient", "alice@x.test OR bob@x.test", &["1", "2", "4"]),
        ("recipients", "bob@x.test", &["1", "2", "3"]),
        ("from", "bob@x.test", &["1", "3"]),
        ("from", "ob@x.test", &[]),
        ("from", "carol", &["2"]),
        ("to", "ops@y.test AND team@y.test", &["1", "2", "3"]),
        ("subject", "(Hello AND NOT Rachel) OR (Farewell AND Monica)", &["1", "3"]),
        ("subject", "hello monica", &["1"]),
        ("subject", "\"farewell monica\"", &["3"]),
        ("subject", "\"monica farewell\"", &[]),
        ("subject", "monica farewell", &["3"]),
        ("subject", "hell", &[]),
        ("size", ">10000 <20000", &["2"]),
        ("size", "NOT >10000", &["1", "4"]),
        ("tags", "welcome", &["1", "2"]),
        ("tags", "\"big news\"", &["2"]),
        ("tags", "welcome NOT \"big news\"", &["1"]),
        ("severity", "permanent", &["2"]),
        ("message-id", "<m3@x>", &["3"]),
        ("message-id", "m1@x OR m2@x", &["1", "2"]),
        ("attachment", "m2@x.pdf", &["2"]),
        ("list", "news@x.test", &["4"]),
    ] {
        assert_eq!(passing(&api, field, expression), expected, "{field}={expression}");
    }
    let both = query(&[("tags", "welcome"), ("tags", "\"big news\""), ("event", "failed")]);
    assert_eq!(api.page(&events(&both)).ids(), ["2"]);
}

#[test]
fn what_is_no_filter_is_refused_with_its_place_and_what_would_be_right() {
    let server = Server::start();
    for (field, expression, told) in [
        ("event", "permanent_fail", "not one of accepted, clicked"),
        ("subject", "(a OR b", "at character 7 of '(a OR b': a ')' is missing"),
        ("subject", "a OR", "a term is missing"),
        ("size", "big", "write '>10000'"),
        ("tags", &"(".repeat(100), "nested more than 16 deep"),
        ("tags", &"x".repeat(5000), "longer than 4096 bytes"),
    ] {
        let answer = server.api().get(&events(&query(&[(field, expression)]))).expect(400);
        let message = answer.json()["message"].as_str().expect("a message").to_owned();
        assert!(message.contains(&format!("'{field}'")) && message.contains(told), "{message}");
    }
}

/// Ghost sends the cursor of each page together with the query of the first one.
#[test]
fn ghost_gets_every_event_of_its_question_once() {
    let server = Server::start();
    let api = server.api();
    let kinds = ["delivered", "opened", "failed", "unsubscribed", "complained", "clicked"];
    let all: Vec<_> = (0..1_200)
        .map(|at: usize| {
            let tags = if at.is_multiple_of(2) { json!(["bulk-email", "ghost-email"]) } else { json!(["bulk-email"]) };
            json!({"event": kinds[at % 6], "id": format!("g{at}"), "timestamp": 1_700_000_000.5 + at as f64 / 4.0,
                "severity": "temporary", "recipient": "member@x.test", "tags": tags})
        })
        .collect();
    submit(&api, &all);
    let question = query(&[
        ("limit", "300"),
        ("event", "delivered OR opened OR failed OR unsubscribed OR complained"),
        ("tags", "bulk-email AND ghost-email"),
        ("begin", "1700000000.75"),
        ("end", "1700000299.25"),
        ("ascending", "yes"),
    ]);
    let asked = |at: usize| at.is_multiple_of(2) && kinds[at % 6] != "clicked" && (1..=1_195).contains(&at);
    let expected: Vec<_> = (0..1_200).filter(|at| asked(*at)).map(|at| format!("g{at}")).collect();

    let mut page = api.page(&events(&question));
    let mut seen = Vec::new();
    while !page.items.is_empty() {
        seen.extend(page.ids());
        page = api.page(&format!("{}{question}", page.paging.next));
    }
    assert_eq!(seen, expected);
    let other = query(&[("event", "clicked"), ("limit", "1")]);
    let first = api.page(&events(&question));
    let again = api.page(&format!("{}{other}", first.paging.first));
    assert_eq!(again.ids(), first.ids(), "beside a cursor, a query says nothing");
}

#[test]
fn a_thousand_events_of_one_instant_are_seen_once_each_and_the_late_ones_in_the_next_round() {
    const INSTANT: u64 = 1_700_000_000;
    let server = Server::start();
    let api = server.api();
    let made = |name: &str, at: usize, timestamp: u64| json!({"event": "opened", "id": format!("{name}{at}"), "timestamp": timestamp, "tags": ["t"]});
    submit(&api, &(0..1_000).map(|at| made("e", at, INSTANT)).collect::<Vec<_>>());
    let mut page = api.page(&events("?begin=1600000000&ascending=yes&limit=7&tags=t"));
    let (mut seen, mut late) = (Vec::new(), BTreeSet::new());
    while seen.len() < 1_000 {
        assert!(page.items.len() <= 7);
        seen.extend(page.ids());
        if seen.len() % 70 == 0 {
            // Before the cursor, at it, and behind it.
            let more = [-10, 0, 10].map(|away| INSTANT.saturating_add_signed(away));
            let more: Vec<_> = (late.len()..).zip(more).map(|(at, time)| made("late", at, time)).collect();
            submit(&api, &more);
            late.extend(more.iter().map(|event| event["id"].as_str().expect("an id").to_owned()));
        }
        page = api.page(&page.paging.next);
    }
    let expected: Vec<_> = (0..1_000).map(|at| format!("e{at}")).collect();
    assert_eq!(seen, expected, "the snapshot, in order, once each");

    let mut round = Vec::new();
    while !page.items.is_empty() {
        round.extend(page.ids());
        page = api.page(&page.paging.next);
    }
    assert_eq!(round.len(), late.len(), "none twice");
    assert_eq!(BTreeSet::from_iter(round), late);
    assert!(page.paging.next.contains(DOMAIN));
}
