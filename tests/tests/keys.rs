//! Keys of a running server: made, revoked, replaced; and wrong ones.

use std::process::Output;

use sealpost_tests::calls::event;
use sealpost_tests::{API_KEY, Api, Receiver, SIGNING_KEY, Server, sealpost, signature};

const SIGNING: &str = "/v5/accounts/http_signing_key";

/// What a command of the command line came to: exit code, standard output and standard error.
fn run(server: &Server, key: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = sealpost();
    command.env("SEALPOST_API_KEY", key).args(arguments).args(["--server", &server.url("")]);
    let Output { status, stdout, stderr } = command.output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn done(server: &Server, key: &str, arguments: &[&str]) -> String {
    let (code, said, why) = run(server, key, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {said}{why}");
    said
}

#[test]
fn a_regenerated_signing_key_signs_from_then_on_and_after_a_restart() {
    let mut server = Server::with(&[("keys.signing", "")]);
    let receiver = Receiver::start();
    let _ = server.api().subscribe("opened", &[receiver.url("/hook")]).expect(200);
    let key = |server: &Server| {
        let shown = server.api().get(SIGNING).expect(200).json();
        shown["http_signing_key"].as_str().expect("a key").to_owned()
    };
    let arrives_signed_with = |server: &Server, count: usize, key: &str| {
        let _ = server.api().submit(&event("opened", &format!("e{count}"))).expect(200);
        signature::check(&receiver.wait_for(count)[count - 1].body, key);
    };

    let first = key(&server);
    arrives_signed_with(&server, 1, &first);
    let answer = server.api().send("POST", SIGNING, None, b"").expect(200).json();
    assert_eq!(answer["message"], "regenerated HTTP signing key for account");
    let second = key(&server);
    assert!(answer["http_signing_key"] == second.as_str() && second != first);
    arrives_signed_with(&server, 2, &second);
    server.restart();
    assert_eq!(key(&server), second);
    arrives_signed_with(&server, 3, &second);
}

#[test]
fn a_configured_signing_key_is_not_replaced_by_a_request() {
    let mut server = Server::start();
    let refused = server.api().send("POST", SIGNING, None, b"").expect(409).text();
    assert!(refused.contains("keys.signing or SEALPOST_SIGNING_KEY"), "{refused}");
    server.restart();
    assert!(server.api().get(SIGNING).text().contains(SIGNING_KEY));
}

#[test]
fn keys_are_made_listed_and_revoked_from_the_command_line() {
    let mut server = Server::start();
    let of_domain = done(&server, API_KEY, &["key", "create", "--domain", "example.com", "--label", "ghost"]);
    let of_account = done(&server, API_KEY, &["key", "create"]);
    let (of_domain, of_account) = (of_domain.trim(), of_account.trim());

    let listed = done(&server, of_account, &["key", "list"]);
    let lines: Vec<Vec<_>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    assert!(lines.len() == 2 && !listed.contains(of_domain) && !listed.contains(of_account), "{listed}");
    assert_eq!((lines[0][2], lines[0][3], lines[1][2]), ("example.com", "ghost", "account"));
    let (code, _, why) = run(&server, of_domain, &["key", "list"]);
    assert!(code == Some(1) && why.contains("403: Forbidden"), "{why}");
    assert_eq!(done(&server, of_domain, &["domain", "list"]), "example.com\n");

    server.restart();
    assert_eq!(done(&server, API_KEY, &["key", "list"]), listed);
    assert_eq!(Api::new(&server.url(""), of_domain).get("/v3/example.com/events").status, 200);
    done(&server, API_KEY, &["key", "revoke", lines[0][0]]);
    assert_eq!(Api::new(&server.url(""), of_domain).get("/v3/example.com/events").status, 401);
    server.restart();
    assert_eq!(Api::new(&server.url(""), of_domain).get("/v3/example.com/events").status, 401);
    assert_eq!(done(&server, API_KEY, &["key", "list"]).lines().count(), 1);

    let (code, _, why) = run(&server, API_KEY, &["key", "revoke", lines[0][0]]);
    assert!(code == Some(1) && why.contains("404: Key not found"), "{why}");
    let (code, _, why) = run(&server, API_KEY, &["key", "create", "--domain", "nowhere.test"]);
    assert!(code == Some(1) && why.contains("404: Domain not found"), "{why}");
    let (code, _, why) = run(&server, API_KEY, &["key", "revoke", "../domains"]);
    assert!(code == Some(64) && why.contains("an id such as"), "{why}");
}

#[test]
fn whoever_revoked_all_keys_gets_in_again_by_a_configured_one() {
    let mut server = Server::with(&[("keys.api", "")]);
    let keys = std::fs::read_to_string(server.data().join("first-keys")).expect("a file of keys");
    let first = keys.lines().find_map(|line| line.strip_prefix("SEALPOST_API_KEY=")).expect("a key");
    let id = done(&server, first, &["key", "list"]).split('\t').next().expect("an id").to_owned();
    let (code, _, why) = run(&server, first, &["key", "revoke", &id]);
    assert!(code == Some(1) && why.contains("it is the last key of the account"), "{why}");

    server.set("keys.api", API_KEY);
    server.restart();
    done(&server, API_KEY, &["key", "revoke", &id]);
    let made = done(&server, API_KEY, &["key", "create"]);
    server.set("keys.api", "");
    server.restart();
    assert_eq!(done(&server, made.trim(), &["domain", "list"]), "example.com\n");
    assert_eq!(run(&server, first, &["domain", "list"]).0, Some(1));
}

#[test]
fn an_address_that_shows_too_many_wrong_keys_is_told_to_wait_and_right_keys_are_heard() {
    let server = Server::start();
    let status = |key: &str| Api::new(&server.url(""), key).get("/v4/domains");
    for attempt in 0..10 {
        assert_eq!(status(&format!("key-{attempt}")).status, 401);
    }
    let refused = status("key-10").expect(429);
    let seconds: u64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&seconds) && refused.text().contains("wrong keys"), "{}", refused.text());
    assert_eq!(status(API_KEY).status, 200);
    assert_eq!(status("key-11").status, 429);
    let lies = Api::new(&server.url(""), "key-12").with_header("X-Forwarded-For", "192.0.2.7");
    assert_eq!(lies.get("/v4/domains").status, 429, "the peer is no proxy that is trusted");
}

#[test]
fn behind_a_trusted_proxy_wrong_keys_are_counted_by_client() {
    let server = Server::with(&[("server.trusted_proxies", "127.0.0.1")]);
    let status = |client: &str, key: &str| {
        let api = Api::new(&server.url(""), key).with_header("X-Forwarded-For", client);
        api.get("/v4/domains").status
    };
    let answers: Vec<_> = (0..12).map(|_| status("10.0.0.1, 192.0.2.7", "key-wrong")).collect();
    assert_eq!((&answers[..10], &answers[10..]), (&[401; 10][..], &[429; 2][..]));
    assert_eq!(status("192.0.2.8", "key-wrong"), 401);
    assert_eq!(status("192.0.2.7", API_KEY), 200);
}
