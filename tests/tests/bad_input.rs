//! What the server does not take: a 4xx whose sentence names the field and the limit, and nothing is stored.

use sealpost_tests::calls::{event, events, webhooks};
use sealpost_tests::{Response, Server};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// The answer's sentences: its message, and the field and reason of every fault.
fn sentences(answer: &Response) -> String {
    let body = answer.json();
    let mut all = body["message"].as_str().expect("a message, as Mailgun's refusals have").to_owned();
    for fault in body["errors"].as_array().into_iter().flatten() {
        all += &format!("\n{}: {}: {}", fault["index"], fault["field"], fault["reason"]);
    }
    all
}

fn assert_refused(answer: &Response, status: u16, said: &[&str], context: &str) {
    assert_eq!(answer.status, status, "{context}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"), "{context}");
    let sentences = sentences(answer);
    for said in said {
        assert!(sentences.contains(said), "{context}: `{said}` is not in: {sentences}");
    }
}

/// An array in an array, and so on: an event of this depth.
fn nested(depth: usize) -> String {
    let inner = depth - 1;
    format!(r#"{{"event":"opened","x":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
}

#[test]
fn a_wrong_event_is_refused_by_field_and_rule() {
    let server = Server::start();
    let with = |members: &str| format!(r#"{{"event":"opened",{members}}}"#);
    let failed = |members: &str| format!(r#"{{"event":"failed",{members}}}"#);
    for (event, field, rule) in [
        (with(r#""timestamp":1770146431658"#), "timestamp", "seconds"),
        (with(r#""timestamp":"1770146431""#), "timestamp", "must be a number"),
        (with(r#""timestamp":900000000"#), "timestamp", "between the year 2000 and a day from now"),
        (with(r#""timestamp":9000000000"#), "timestamp", "between the year 2000 and a day from now"),
        (with(r#""id":"two words""#), "id", "1 to 64 printable ASCII characters"),
        (with(r#""id":7"#), "id", "must be a string"),
        (with(&format!(r#""id":"{}""#, "x".repeat(65))), "id", "1 to 64 printable ASCII characters"),
        (with(r#""tags":"welcome""#), "tags", "must be an array"),
        (with(r#""tags":["a",1]"#), "tags[1]", "must be a string"),
        (with(r#""message":{"size":"big"}"#), "message.size", "must be"),
        (with(r#""client-info":[]"#), "client-info", "must be an object"),
        (with(r#""flags":{"is-big":"no"}"#), "flags.is-big", "must be"),
        (with(r#""domain":{"name":"other.example"}"#), "domain.name", "example.com"),
        (
            failed(r#""severity":"permanent","delivery-status":{"code":"550"}"#),
            "delivery-status.code",
            "must be",
        ),
        (failed(r#""severity":"lasting""#), "severity", "temporary"),
        (failed(r#""reason":"bounce""#), "severity", "required"),
        (r#"{"event":"permanent_fail"}"#.to_owned(), "event", "severity"),
        (r#"{"event":"sung"}"#.to_owned(), "event", "delivered"),
        (r#"{"event":7}"#.to_owned(), "event", "must be"),
        (r#"{"recipient":"a@b.test"}"#.to_owned(), "event", "required"),
    ] {
        let answer = server.api().submit(&event);
        assert_refused(&answer, 400, &[&format!("0: \"{field}\": "), rule, "nothing was stored"], &event);
    }
    assert_eq!(server.api().listed(), [""; 0]);
}

#[test]
fn what_is_not_json_is_refused_with_the_byte() {
    let server = Server::start();
    let _ = server.api().submit(&nested(32)).expect(200);
    for (body, said) in [
        (nested(33).into_bytes(), "more than 32 arrays and objects"),
        (br#"{"event":"opened","x":"\ud800"}"#.to_vec(), "half of a surrogate pair"),
        (br#"{"event":"opened","x":"\udc00\ud800"}"#.to_vec(), "half of a surrogate pair"),
        (b"{\"event\":\"opened\",\"x\":\"\xff\"}".to_vec(), "not valid UTF-8"),
        (b"{\"event\":\"opened\",\"x\":\"\n\"}".to_vec(), "control character"),
        (br#"{"event":"opened","event":"clicked"}"#.to_vec(), "twice"),
        (br#"{"event":"opened","x":01}"#.to_vec(), "expected"),
        (br#"{"event":"opened"} {"event":"opened"}"#.to_vec(), "nothing may follow"),
        (br#"{"event":"opened""#.to_vec(), "ends before its value does"),
        (br#"[{"event":"opened"},]"#.to_vec(), "at byte 20 of the body"),
        (b"".to_vec(), "ends before its value does"),
        (b"null".to_vec(), "object"),
        (b"[[]]".to_vec(), "object"),
    ] {
        let context = String::from_utf8_lossy(&body).into_owned();
        let answer = server.api().post(&events(""), JSON, &body);
        assert_refused(&answer, 400, &[said, "nothing was stored"], &context);
    }
    assert_eq!(server.api().listed().len(), 1, "the deepest that is taken");
}

#[test]
fn a_batch_with_one_fault_is_refused_whole() {
    let server = Server::start();
    let batch =
        [event("opened", "a"), r#"{"event":"opened","timestamp":1}"#.to_owned(), event("opened", "c")];
    for (media_type, body) in [(JSON, format!("[{}]", batch.join(","))), (NDJSON, batch.join("\n"))] {
        let answer = server.api().post(&events(""), media_type, body);
        assert_refused(&answer, 400, &["Invalid events: 1", "1: \"timestamp\": "], media_type);
        assert_eq!(answer.json()["total"], 1);
    }
    assert_eq!(server.api().listed(), [""; 0]);
}

#[test]
fn every_limit_is_named() {
    let server = Server::with(&[
        ("limits.event_data", "1KiB"),
        ("limits.batch_bytes", "4KiB"),
        ("limits.batch_items", "3"),
    ]);
    let api = server.api();
    let long = |bytes: usize| {
        let empty = r#"{"event":"opened","x":""}"#;
        empty.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - empty.len())))
    };
    let _ = api.submit(&long(1024)).expect(200);
    assert_refused(
        &api.submit(&long(1025)),
        400,
        &["the event has 1025 bytes; at most 1024 are taken"],
        "event",
    );
    let lines = "{\"event\":\"opened\"}\n".repeat(4);
    assert_refused(&api.post(&events(""), NDJSON, lines), 413, &["at most 3 are taken at once"], "items");
    assert_refused(&api.submit(&" ".repeat(4097)), 413, &["at most 4096 bytes"], "body");
    assert_refused(&api.post(&events(""), "text/plain", "{}"), 415, &["application/x-ndjson"], "type");
    assert_refused(&api.send("POST", &events(""), None, b""), 415, &["application/json"], "no type");
    let long_key = server.api().with_header("Idempotency-Key", &"k".repeat(256));
    assert_refused(&long_key.submit("{}"), 400, &["Idempotency-Key", "1 to 255"], "key");
    assert_eq!(api.listed().len(), 1);
}

#[test]
fn an_unknown_domain_is_not_found() {
    let server = Server::start();
    let api = server.api();
    let event = event("opened", "one");
    for answer in [
        api.post("/v3/other.example/events", JSON, event),
        api.get("/v3/other.example/events"),
        api.get("/v3/domains/other.example/webhooks"),
        api.multipart(
            "POST",
            "/v3/domains/other.example/webhooks",
            &[("id", "opened"), ("url", "https://8.8.8.8/")],
        ),
    ] {
        assert_eq!((answer.status, answer.text().as_str()), (404, "{\"message\":\"Domain not found\"}\n"));
    }
}

#[test]
fn a_wrong_webhook_is_refused_and_changes_nothing() {
    const URL: &str = "https://8.8.8.8/kept";
    let server = Server::start();
    let api = server.api();
    let _ = api.subscribe("clicked", &[URL.into()]).expect(200);
    let long = format!("https://8.8.8.8/{}", "x".repeat(2048));
    let four = ["a", "b", "c", "d"].map(|path| format!("https://8.8.8.8/{path}"));
    let four = four.each_ref().map(|url| ("url", url.as_str()));

    let create = |fields: &[(&str, &str)]| api.multipart("POST", &webhooks(""), fields);
    for (fields, said) in [
        (&[("url", URL)][..], "Missing parameter 'id'"),
        (&[("id", "opened")], "Missing parameter 'url'"),
        (&[("id", "opened"), ("url", " ")], "Missing parameter 'url'"),
        (&[("id", "bounced"), ("url", URL)], "'id'"),
        (&[("id", "failed"), ("url", URL)], "permanent_fail"),
        (&[("id", "clicked"), ("url", URL)], "already exists"),
        (&[("id", "opened"), ("url", &long)], "2048"),
        (&[("id", "opened"), ("url", URL), ("url", "https://bad host/")], "is not a valid url"),
    ] {
        assert_refused(&create(fields), 400, &[said], &format!("{fields:?}"));
    }
    let too_many = [&[("id", "opened")], &four[..]].concat();
    assert_refused(&create(&too_many), 400, &["'url'", "4 urls", "at most 3"], "create");
    assert_refused(&api.multipart("PUT", &webhooks("/clicked"), &four), 400, &["at most 3"], "replace");
    assert_refused(&api.multipart("PUT", &webhooks("/clicked"), &[]), 400, &["'url'"], "replace with none");
    assert_refused(&api.get(&webhooks("/bounced")), 400, &["permanent_fail"], "unknown type");
    assert_refused(&api.post(&webhooks(""), JSON, "{}"), 415, &["multipart/form-data"], "JSON");
    assert_refused(
        &api.post(&webhooks(""), "multipart/form-data; boundary=x", "--x\r\nContent-Dis"),
        400,
        &["could not be read"],
        "half a form",
    );
    assert_refused(
        &api.post(&webhooks(""), "multipart/form-data", "--x--"),
        400,
        &["boundary"],
        "no boundary",
    );
    let padded = [("id", "opened"), ("url", URL), ("padding", &*"x".repeat(70_000))];
    assert_refused(&create(&padded), 413, &["at most 65536 bytes"], "a long form");

    assert_eq!(
        api.get(&webhooks("")).text(),
        format!("{{\"webhooks\":{{\"clicked\":{{\"urls\":[\"{URL}\"]}}}}}}\n")
    );
}

#[test]
fn the_same_url_twice_is_one() {
    let server = Server::start();
    let urls = ["https://8.8.8.8/a", "https://8.8.8.8/a", "HTTPS://8.8.8.8:443/a"].map(String::from);
    let created = server.api().subscribe("opened", &urls).expect(200).json();
    assert_eq!(created["webhook"]["urls"], serde_json::json!(["https://8.8.8.8/a"]));
}

#[test]
fn wrong_queries_are_refused_by_parameter() {
    let server = Server::start();
    for (query, said) in [
        ("?limit=301", "'limit': must be 1 to 300"),
        ("?limit=0", "'limit': must be 1 to 300"),
        ("?begin=yesterday", "'begin'"),
        ("?begin=1770146431658", "milliseconds"),
        ("?begin=1&end=2&ascending=no", "'ascending'"),
        ("?event=sung", "'event'"),
        ("?ascending=maybe", "'ascending': must be 'yes' or 'no'"),
        ("/no-such-page", "Invalid page"),
    ] {
        assert_refused(&server.api().get(&events(query)), 400, &[said], query);
    }
    assert_refused(&server.api().post(&events("?partial=2"), JSON, "{}"), 400, &["'partial'"], "partial");
}
