//! Domains that come and go.

use sealpost_tests::calls::{event, events, webhooks};
use sealpost_tests::{API_KEY, Api, DOMAIN, Receiver, Reply, Server, sealpost};

fn domain(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = sealpost();
    command.env("SEALPOST_API_KEY", API_KEY).arg("domain").args(arguments);
    let output = command.args(["--server", &server.url("")]).output().expect("the program ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

#[test]
fn domains_are_made_listed_and_deleted_from_the_command_line() {
    let mut server = Server::start();
    assert_eq!(domain(&server, &["create", "Two.example"]), (Some(0), "created two.example\n".into()));
    assert_eq!(domain(&server, &["list"]), (Some(0), format!("{DOMAIN}\ntwo.example\n")));
    let (code, said) = domain(&server, &["create", "two.example"]);
    assert!(code == Some(1) && said.contains("400: This domain name is already taken"), "{said}");
    assert_eq!(domain(&server, &["delete", "two.example"]), (Some(0), "deleted two.example\n".into()));
    let (code, said) = domain(&server, &["delete", "two.example"]);
    assert!(code == Some(1) && said.contains("404: Domain not found"), "{said}");
    server.restart();
    assert_eq!(domain(&server, &["list"]), (Some(0), format!("{DOMAIN}\n")));
}

#[test]
fn of_a_deleted_domain_nothing_is_delivered_or_shown_and_the_accounts_balance_after_a_kill() {
    let mut server = Server::with(&[("delivery.schedule", "1h")]);
    let receiver = Receiver::start().otherwise(Reply::Status(500));
    let urls = ["/a", "/b"].map(|path| receiver.url(path));
    let _ = server.api().subscribe("opened", &urls).expect(200);
    let lines: Vec<_> = (0..500).map(|number| event("opened", &number.to_string())).collect();
    let _ = server.api().post(&events(""), "application/x-ndjson", lines.join("\n")).expect(200);
    let made = server.api().multipart("POST", "/v1/keys", &[("domain_name", DOMAIN)]).expect(200).json();
    let key = made["key"]["secret"].as_str().expect("a key").to_owned();
    let _ = receiver.wait_for(2);

    assert_eq!(domain(&server, &["delete", DOMAIN]).0, Some(0));
    let api = server.api();
    for path in [events(""), webhooks(""), format!("/v3/domains/{DOMAIN}")] {
        assert_eq!(api.get(&path).text(), "{\"message\":\"Domain not found\"}\n", "{path}");
    }
    assert_eq!(Api::new(&server.url(""), &key).get("/v4/domains").status, 401);
    server.kill9();

    // The configuration names the domain: the start makes it again.
    server.restart();
    assert!(server.api().listed().is_empty());
    assert_eq!(server.api().get(&webhooks("")).text(), "{\"webhooks\":{}}\n");
    assert_eq!(Api::new(&server.url(""), &key).get("/v4/domains").status, 401);
    let _ = server.api().subscribe("opened", &[receiver.url("/new")]).expect(200);
    let _ = server.api().submit(&event("opened", "0")).expect(200);
    let arrived = || receiver.requests().iter().filter(|request| request.path == "/new").count();
    while arrived() == 0 {
        let _ = receiver.wait_for(receiver.requests().len() + 1);
    }
    assert_eq!(server.api().listed(), ["0"]);

    assert!(server.sigterm().success());
    let balance = server.accounting();
    assert_eq!((balance.accepted, balance.cancelled, balance.pending()), (1001, 1000, 1));
}
