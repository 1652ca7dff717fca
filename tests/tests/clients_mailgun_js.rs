//! The check of signatures in the older JavaScript client, `mailgun-js`, which refuses a token that it has seen:
//! it takes each attempt, the repeated ones too.

use std::fs;
use std::process::Command;

use sealpost_tests::calls::event;
use sealpost_tests::{Receiver, Reply, SIGNING_KEY, Server, packages, tools};

const PACKAGE: &str = "mailgun-js@0.22.0";

#[test]
fn the_older_client_takes_every_attempt_once() {
    let Some(directory) = packages::node(PACKAGE, &[]) else { return };
    let program = directory.join("mailgun-js.cjs");
    fs::write(&program, include_str!("clients/mailgun-js.cjs")).expect("written");
    let server = Server::start();
    let receiver = Receiver::start().answering([Reply::Status(503)]);
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let requests = receiver.wait_for(2);
    let [first, second] = requests.as_slice() else { panic!("an attempt and its repetition") };
    assert_ne!(first.json()["signature"]["token"], second.json()["signature"]["token"]);
    let body = server.data().join("body.json");
    for request in &requests {
        fs::write(&body, &request.body).expect("written");
        tools::run(Command::new("node").arg(&program).arg(SIGNING_KEY).arg(&body));
    }
}
