//! Django with Anymail as the receiver: its own view checks every POST and tells its application what happened.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use sealpost::samples;
use sealpost_core::WebhookKind;
use sealpost_tests::calls::webhooks;
use sealpost_tests::{SIGNING_KEY, Server, packages, tools};
use serde_json::Value;

const PACKAGE: &str = "django-anymail==15.2";

#[test]
fn anymail_understands_every_webhook() {
    let Some(mut django) = Django::start(WebhookKind::ALL.len()) else { return };
    let server = Server::start();
    let api = server.api();
    // Anymail wants a password of its own besides the signature.
    let url = django.url("user:hunter2", "/anymail/mailgun/tracking/");
    for kind in WebhookKind::ALL {
        let _ = api.subscribe(kind.as_str(), std::slice::from_ref(&url)).expect(200);
        let _ = api.submit(samples::of(kind)).expect(200);
    }

    let events = django.told();
    let mut kinds: Vec<_> =
        events.iter().map(|event| event["event_type"].as_str().expect("a type")).collect();
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["bounced", "clicked", "complained", "deferred", "delivered", "opened", "queued", "unsubscribed"]
    );
    for event in &events {
        let sample: Value = serde_json::from_str(samples::of(kind_of(event))).expect("JSON");
        assert_eq!(event["recipient"], sample["recipient"], "{event}");
        assert_eq!(event["tags"], sample["tags"], "{event}");
        assert_eq!(event["metadata"], sample["user-variables"], "{event}");
        assert_eq!(event["click_url"], sample["url"], "{event}");
        let message_id = sample["message"]["headers"]["message-id"].as_str().expect("an id");
        assert_eq!(event["message_id"], format!("<{message_id}>"), "{event}");
        assert_eq!(event["event_id"].as_str().map(str::len), Some(50), "{event}");
    }
}

#[test]
fn anymail_refuses_another_key_and_the_test_call_tells() {
    let Some(mut django) = Django::start(3) else { return };
    let server = Server::start();
    let test = |url: String| {
        let answer = server.api().multipart("PUT", &webhooks("/clicked/test"), &[("url", &url)]);
        answer.expect(200).json()["code"].clone()
    };
    assert_eq!(test(django.url("user:hunter2", "/anymail/mailgun/tracking/")), Value::Null);
    assert_eq!(test(django.url("user:wrong", "/anymail/mailgun/tracking/")), 400);
    assert_eq!(test(django.url("user:hunter2", "/other/")), 400);
    assert_eq!(django.told().len(), 1);
}

/// Which webhook Anymail's name of an event stands for.
fn kind_of(event: &Value) -> WebhookKind {
    match event["event_type"].as_str().expect("a type") {
        "queued" => WebhookKind::Accepted,
        "bounced" => WebhookKind::PermanentFail,
        "deferred" => WebhookKind::TemporaryFail,
        name => WebhookKind::parse(name).expect(name),
    }
}

/// A process that answers so many requests, and ends.
struct Django {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Django {
    fn start(requests: usize) -> Option<Self> {
        let packages = packages::python(PACKAGE)?;
        let mut process = Command::new("python3")
            .arg(tools::root().join("tests/tests/clients/django_receiver.py"))
            .args([SIGNING_KEY, &requests.to_string()])
            .env("PYTHONPATH", packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let first = lines.next().expect("a line").expect("text");
        Some(Self { process, lines, port: first.parse().expect("a port") })
    }

    fn url(&self, userinfo: &str, path: &str) -> String {
        format!("http://{userinfo}@127.0.0.1:{}{path}", self.port)
    }

    /// What the application was told, once all requests are answered or none came for long.
    fn told(&mut self) -> Vec<Value> {
        let lines = self.lines.by_ref().map(|line| line.expect("text"));
        lines.map(|line| serde_json::from_str(&line).expect("JSON")).collect()
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
