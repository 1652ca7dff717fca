//! The document at `/openapi.json` against the server that it describes, by a program that is not ours: requests
//! of all kinds are made from the document, right ones and wrong ones, and every answer must be one that it names.

use std::fs;
use std::process::Command;

use sealpost_tests::calls::{events, webhooks};
use sealpost_tests::{API_KEY, Api, Receiver, Server, packages, tools};
use serde_json::Value;

const PACKAGE: &str = "schemathesis==4.32.5";
/// Requests made for one operation in one phase: the same ones each time, and less than a minute's in all.
const REQUESTS: &str = "20";

#[test]
fn the_document_needs_no_key_and_names_the_program() {
    let server = Server::start();
    let document = Api::anonymous(&server.url("")).get("/openapi.json").expect(200);
    assert_eq!(document.header("content-type"), Some("application/json; charset=utf-8"));
    let document = document.json();
    assert_eq!((&document["openapi"], &document["info"]["title"]), (&"3.1.0".into(), &"Sealpost".into()));
    assert_eq!(document["servers"], Value::Null, "the server that it comes from");
}

#[test]
fn the_document_names_the_public_address() {
    let server = Server::with(&[("server.public_url", "https://events.example.com/mail/")]);
    let document = server.api().get("/openapi.json").expect(200).json();
    assert_eq!(document["servers"][0]["url"], "https://events.example.com/mail");
}

#[test]
fn no_answer_contradicts_the_document() {
    let Some(directory) = packages::python(PACKAGE) else { return };
    // The key and the domain that this test works with survive it: the key is configured, so that no id leads to
    // it, and what deletes domains is left out below. Nor can a request replace the configured signing key.
    let (server, receiver) = (Server::start(), Receiver::start());
    let api = server.api();
    // Something to list, of every kind, and a webhook to change.
    let samples = fs::read_dir(tools::root().join("host-adapter/src/samples")).expect("samples");
    for sample in samples {
        let sample = fs::read_to_string(sample.expect("a file").path()).expect("text");
        let _ = api.post(&events(""), "application/json", sample).expect(200);
    }
    let _ = api.subscribe("opened", &[receiver.url("/")]).expect(200);

    let output = Command::new("python3")
        .args(["-m", "schemathesis.cli", "run", &server.url("/openapi.json"), "--auth"])
        .arg(format!("api:{API_KEY}"))
        .args(["--seed", "1", "--max-examples", REQUESTS, "--continue-on-failure", "--no-color"])
        .args(["--exclude-operation-id", "deleteDomain"])
        // What has no end, and what takes any method and answers whatever it is told to.
        .args(["--exclude-operation-id", "streamBin", "--exclude-operation-id", "sendToBin"])
        // What the document allows may still be refused, such as a filter that is none; and a client may say
        // `true` for `yes`, or the same URL four times.
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance,negative_data_rejection"])
        .env("PYTHONPATH", &directory)
        .env("SCHEMATHESIS_HOOKS", tools::root().join("tests/tests/openapi/hooks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(server.data())
        .output()
        .expect("python3 starts");

    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{complained}", shortened(&said));
    assert!(said.contains("Tested: "), "{said}");
    let _ = api.get(&webhooks("")).expect(200);
}

/// Addresses can be very long.
fn shortened(report: &str) -> String {
    report.lines().map(|line| line.chars().take(300).chain(['\n']).collect::<String>()).collect()
}
