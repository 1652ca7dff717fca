//! The log of a server without a terminal: a JSON object on each line, and one line for each decision, with the ids of
//! event, delivery and endpoint.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use sealpost_tests::calls::{event, events, webhooks};
use sealpost_tests::tools::{SCRIPT, available};
use sealpost_tests::{API_KEY, Receiver, Reply, SIGNING_KEY, Server, sealpost};

/// The lines that say this, once there are so many.
fn lines(server: &Server, message: &str, count: usize) -> Vec<Value> {
    let _ = server.logged(&format!("\"message\":\"{message}\""), count);
    let log = server.log();
    let objects = log.iter().map(|line| serde_json::from_str::<Value>(line).expect(line));
    objects.map(|line| line["fields"].clone()).filter(|fields| fields["message"] == message).collect()
}

#[test]
fn every_line_is_an_object_with_its_time_and_level() {
    let server = Server::with(&[("log.level", "trace")]);
    let _ = server.api().submit("{").expect(400);
    let _ = server.api().submit(&event("opened", "a\u{1b}[31m")).expect(400);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let _ = server.logged("\"accepted\"", 1);
    for line in server.log() {
        let object: Value = serde_json::from_str(&line).expect(&line);
        let level = object["level"].as_str().expect("a level");
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level), "{line}");
        assert!(object["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert!(object["fields"]["message"].is_string(), "{line}");
    }
}

#[test]
fn on_a_terminal_it_is_text() {
    if !available(&[SCRIPT]) {
        return;
    }
    let data = tempfile::TempDir::new().expect("a directory");
    let program = sealpost();
    let program = program.get_program().to_str().expect("UTF-8");
    // SIGTERM ends it as it would any server, once it has said something.
    let command =
        format!("timeout 5 '{program}' serve --listen 127.0.0.1:0 --data '{}'", data.path().display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--command", &command, "/dev/null"]).stdin(Stdio::null());
    let keys = [("SEALPOST_API_KEY", API_KEY), ("SEALPOST_SIGNING_KEY", SIGNING_KEY)];
    let said = script.envs(keys).output().expect("a terminal").stdout;
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().find(|line| line.contains("INFO")).unwrap_or_else(|| panic!("{said}"));
    assert!(line.contains("listening") && !line.contains('{'), "{line}");
}

#[test]
fn each_decision_about_a_delivery_is_one_line_with_its_ids() {
    let server = Server::with(&[("delivery.schedule", "10ms")]);
    let good = Receiver::start();
    let failing = Receiver::start().otherwise(Reply::Status(500));
    let refusing = Receiver::start().otherwise(Reply::Status(406));
    let urls = [&good, &failing, &refusing].map(|receiver| receiver.url("/"));
    let _ = server.api().subscribe("opened", &urls).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let accepted = lines(&server, "accepted", 1);
    let ids = ["event", "delivery", "domain", "kind", "endpoint", "endpoint_id"];
    for (message, count, receiver, more) in [
        ("acknowledged", 1, &good, &["attempt", "took_ms", "detail"][..]),
        ("failed", 2, &failing, &["attempt", "took_ms", "fault", "detail"]),
        ("retry", 1, &failing, &["attempts", "wait_ms"]),
        ("exhausted", 1, &failing, &["attempts"]),
        ("refused", 1, &refusing, &["attempt", "took_ms", "status"]),
    ] {
        let found = lines(&server, message, count);
        assert_eq!(found.len(), count, "{message}");
        for fields in found {
            assert_eq!((&fields["event"], &fields["domain"]), (&"one".into(), &"example.com".into()));
            assert_eq!(fields["endpoint"], receiver.url("/"), "{message}");
            for name in ids.iter().chain(more) {
                assert!(!fields[name].is_null(), "{message} without {name}: {fields}");
            }
        }
    }
    assert_eq!(lines(&server, "attempt", 4).len(), 4);
    assert_eq!(
        (accepted.len(), &accepted[0]["event"], &accepted[0]["deliveries"]),
        (1, &"one".into(), &3.into())
    );
}

#[test]
fn an_event_that_is_not_accepted_is_one_line_with_its_place() {
    let server = Server::start();
    let batch = format!("[{},{}]", event("opened", "one"), event("sung", "two"));
    let _ = server.api().submit(&batch).expect(400);
    let _ = server.api().post(&events("?partial=yes"), "application/json", &batch).expect(200);
    let found = lines(&server, "not accepted", 2);
    assert_eq!(found.len(), 2);
    for fields in found {
        let said = [&fields["domain"], &fields["field"]].map(|text| text.as_str().expect("a text"));
        assert_eq!((said, &fields["index"]), (["example.com", "event"], &1.into()), "{fields}");
        assert!(fields["reason"].as_str().is_some_and(|reason| reason.contains("delivered")), "{fields}");
    }
}

#[test]
fn a_delivery_that_is_cancelled_and_a_url_that_is_denied_are_told_with_their_names() {
    // The first wait is short enough for memory, the second is not.
    let server = Server::with(&[("delivery.schedule", "5s,1h"), ("delivery.keep", "10s")]);
    let failing = Receiver::start().otherwise(Reply::Status(500));
    let later = Receiver::start().otherwise(Reply::Headers(503, vec![("Retry-After", "1800".to_owned())]));
    let _ = server.api().subscribe("opened", &[failing.url("/")]).expect(200);
    let _ = server.api().subscribe("clicked", &[later.url("/")]).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let _ = server.api().submit(&event("clicked", "two")).expect(200);
    let _ = server.logged("\"retry\"", 2);
    // Until the second has left memory.
    std::thread::sleep(Duration::from_millis(300));
    let _ = server.api().delete(&webhooks("/opened")).expect(200);
    let _ = server.api().delete(&webhooks("/clicked")).expect(200);
    let cancelled = lines(&server, "cancelled", 1);
    assert_eq!((cancelled.len(), &cancelled[0]["event"]), (1, &"one".into()));
    let in_the_store = server.logged(r#""kind":"clicked","deliveries":1"#, 1);
    assert!(in_the_store[0].contains("cancelled in the store"), "{in_the_store:?}");

    let _ = server.api().subscribe("opened", &["http://10.0.0.1/".to_owned()]).expect(400);
    let denied = lines(&server, "refused by the egress guard", 1);
    assert_eq!(denied[0]["endpoint"], "http://10.0.0.1/");
    assert!(denied[0]["reason"].as_str().is_some_and(|why| why.contains("10.0.0.0/8")));
}
