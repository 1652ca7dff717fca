//! The egress guard on the running server: at saving, at testing, and at every attempt.

use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{Receiver, Reply, Response, Server};

/// Creating a webhook and testing one, with this URL.
fn save_and_test(server: &Server, url: &str) -> [Response; 2] {
    let save = server.api().subscribe("opened", &[url.to_owned()]);
    [save, server.api().multipart("PUT", &webhooks("/clicked/test"), &[("url", url)])]
}

/// A running server's port.
fn port(server: &Server) -> String {
    server.url("").rsplit(':').next().expect("a port").to_owned()
}

#[test]
fn without_leave_nothing_of_this_machine_or_its_network_is_saved_or_tested() {
    let server = Server::with(&[("egress.allow", "")]);
    let trap = Receiver::start();
    let port = trap.url("").rsplit(':').next().expect("a port").to_owned();
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0.0.0.0",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "metadata.google.internal",
        "[fd00::1]",
        "[fe80::1]",
    ] {
        for answer in save_and_test(&server, &format!("http://{host}:{port}/")) {
            let answer = answer.expect(400).json();
            let why = answer["message"].as_str().expect("a message");
            assert!(why.contains("is not a valid url: "), "{host}: {why}");
            assert_eq!(answer["Reason"], answer["message"]);
        }
    }
    assert_eq!(server.api().get(&webhooks("")).text(), "{\"webhooks\":{}}\n");
    assert_eq!(trap.connections(), 0);
}

#[test]
fn schemes_and_ports_that_are_no_webhooks_are_refused_with_the_rule() {
    let server = Server::start();
    for (url, rule) in [
        ("ftp://8.8.8.8/", "http"),
        ("file:///etc/passwd", "http"),
        ("http://8.8.8.8:22/", "port 22 is denied; use 80, 443 or one from 1024 on"),
        ("https://", "host"),
        ("example.com/hook", "http"),
    ] {
        for answer in save_and_test(&server, url) {
            let why = answer.expect(400).json()["message"].as_str().expect("a message").to_owned();
            assert!(why.contains(rule), "{url}: {why}");
        }
    }
    let server = Server::with(&[("egress.https_only", "true")]);
    for answer in save_and_test(&server, "http://8.8.8.8/") {
        assert!(answer.expect(400).text().contains("use https"));
    }
}

#[test]
fn an_endpoint_that_was_allowed_once_is_judged_again_at_every_attempt() {
    let mut server = Server::start();
    let trap = Receiver::start();
    let _ = server.api().subscribe("opened", &[trap.url("/")]).expect(200);
    server.set("egress.allow", "");
    server.kill9();
    server.restart();

    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let _ = server.logged("the egress guard denies the address", 4);
    let _ = server.logged("\"exhausted\"", 1);
    assert_eq!(trap.connections(), 0);
    assert_eq!(server.api().listed(), ["one"]);
}

#[test]
fn the_servers_own_listener_is_refused_whatever_is_allowed() {
    let server = Server::with(&[("egress.allow", "0.0.0.0/0,::/0")]);
    let port = port(&server);
    for host in ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]"] {
        for answer in save_and_test(&server, &format!("http://{host}:{port}/healthz")) {
            let why = answer.expect(400).text();
            assert!(why.contains("the address is this server's own"), "{host}: {why}");
        }
    }
}

#[test]
fn a_listener_on_all_addresses_is_the_servers_own_under_each_of_them() {
    let server = Server::with(&[("server.listen", "0.0.0.0:0"), ("egress.allow", "0.0.0.0/0")]);
    let port = port(&server);
    for host in ["127.0.0.1", "127.0.0.2", "localhost", "0.0.0.0"] {
        for answer in save_and_test(&server, &format!("http://{host}:{port}/healthz")) {
            assert!(answer.expect(400).text().contains("the address is this server's own"), "{host}");
        }
    }
}

#[test]
fn a_port_that_has_become_the_servers_own_is_not_called() {
    let mut server = Server::start();
    let receiver = Receiver::start();
    let _ = server.api().subscribe("opened", &[receiver.url("/healthz")]).expect(200);
    let address = receiver.stop();
    server.set("server.listen", &address.to_string());
    server.kill9();
    server.restart();
    assert_eq!(server.url(""), format!("http://{address}"));

    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let _ = server.logged("the egress guard denies the address", 4);
}

#[test]
fn a_redirect_to_the_server_is_not_followed() {
    let server = Server::start();
    let to_itself = vec![("Location", server.url("/v4/domains"))];
    let receiver = Receiver::start().otherwise(Reply::Headers(307, to_itself));
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let _ = server.logged("\"exhausted\"", 1);

    assert_eq!(server.logged("the receiver answered 307", 4).len(), 4);
}
