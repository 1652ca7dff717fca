//! Names whose owner means harm, on the running server, which gets a resolver of the test's own: whatever they resolve
//! to, nothing that is denied is connected to, at saving, at a test call and at every attempt.

use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::tools::{GCC, available};
use sealpost_tests::{Names, Receiver, Response, Server};

/// Whoever of the world is asked first is never asked anything by these tests: nothing is sent there.
const PUBLIC: &str = "8.8.8.8";

/// Names that lead to this machine: the answers that they are given, and what the guard says of them.
const HARMFUL: [(&str, &str, &str); 10] = [
    ("plain.example", "127.0.0.1", "127.0.0.0/8, loopback"),
    ("first.example", "127.0.0.1,8.8.8.8", "127.0.0.0/8, loopback"),
    ("last.example", "8.8.8.8,2606:4700::1111,127.0.0.1", "127.0.0.0/8, loopback"),
    ("v6.example", "::1", "outside of 2000::/3"),
    ("mapped.example", "::ffff:127.0.0.1", "denied"),
    ("compatible.example", "::127.0.0.1", "outside of 2000::/3"),
    ("nat64.example", "64:ff9b::127.0.0.1", "outside of 2000::/3"),
    ("6to4.example", "2002:7f00:1::1", "2002::/16, 6to4"),
    ("teredo.example", "2001:0:7f00:1::80ff:fffe", "2001::/23"),
    ("unspecified.example", "0.0.0.0", "0.0.0.0/8, this network"),
];

/// A listener on all addresses of this machine, which nobody may connect to, and the URL that a name gives it.
fn trap() -> (Receiver, impl Fn(&str) -> String) {
    let any = if std::net::TcpListener::bind("[::1]:0").is_ok() { "[::]:0" } else { "0.0.0.0:0" };
    let trap = Receiver::start_at(any.parse().expect("an address"));
    let port = trap.url("").rsplit(':').next().expect("a port").to_owned();
    (trap, move |name| format!("http://{name}:{port}/"))
}

fn test_call(server: &Server, url: &str) -> Response {
    server.api().multipart("PUT", &webhooks("/clicked/test"), &[("url", url)])
}

fn said(answer: &Response) -> String {
    answer.json()["message"].as_str().expect("a message").to_owned()
}

#[test]
fn a_name_with_a_denied_address_is_neither_saved_nor_tested() {
    if !available(&[GCC]) {
        return;
    }
    let (trap, url) = trap();
    let names = Names::answering(&HARMFUL.map(|(name, answers, _)| format!("{name} {answers}")));
    for nat64 in ["false", "true"] {
        let settings = [("egress.allow", ""), ("egress.nat64", nat64)];
        let server = Server::within(&names.environment(), &settings);
        for (name, _, why) in HARMFUL {
            let why = if (name, nat64) == ("nat64.example", "true") { "127.0.0.0/8, loopback" } else { why };
            for answer in [server.api().subscribe("opened", &[url(name)]), test_call(&server, &url(name))] {
                let said = said(&answer.expect(400));
                assert!(said.contains(why), "{name}: {said}");
            }
        }
        assert_eq!(server.api().get(&webhooks("")).text(), "{\"webhooks\":{}}\n");
    }
    assert_eq!(trap.connections(), 0);
}

#[test]
fn a_name_that_was_saved_while_it_was_allowed_is_judged_again_at_every_attempt() {
    if !available(&[GCC]) {
        return;
    }
    let (trap, url) = trap();
    let names = Names::answering(&HARMFUL.map(|(name, answers, _)| format!("{name} {answers}")));
    let mut server = Server::within(&names.environment(), &[("egress.allow", "0.0.0.0/0,::/0")]);
    for (kind, names) in ["opened", "clicked", "complained", "delivered"].iter().zip(HARMFUL.chunks(3)) {
        let urls: Vec<_> = names.iter().map(|(name, ..)| url(name)).collect();
        let _ = server.api().subscribe(kind, &urls).expect(200);
    }
    // That the trap would have caught it.
    assert_eq!(test_call(&server, &url("plain.example")).json()["code"], serde_json::Value::Null);
    assert_eq!(trap.connections(), 1);
    server.set("egress.allow", "");
    server.restart();

    for kind in ["opened", "clicked", "complained", "delivered"] {
        let _ = server.api().submit(&event(kind, kind)).expect(200);
    }

    let _ = server.logged("\"exhausted\"", HARMFUL.len());
    assert_eq!(server.logged("the egress guard denies", 4 * HARMFUL.len()).len(), 4 * HARMFUL.len());
    assert_eq!(trap.connections(), 1);
}

#[test]
fn a_name_that_changes_between_two_looks_is_judged_by_the_one_that_counts() {
    if !available(&[GCC]) {
        return;
    }
    let (trap, url) = trap();
    let names = Names::answering(&[
        format!("saved.example {PUBLIC}|127.0.0.1"),
        // Once for whether it may be tested, once for the connection.
        format!("tested.example {PUBLIC}|127.0.0.1"),
        format!("flickering.example {PUBLIC}|127.0.0.1|empty|::1|unknown|127.0.0.1"),
    ]);
    let server = Server::within(&names.environment(), &[("egress.allow", "")]);
    let _ = server.api().subscribe("opened", &[url("saved.example"), url("flickering.example")]).expect(200);

    let tested = said(&test_call(&server, &url("tested.example")).expect(200));
    let _ = server.api().submit(&event("opened", "one")).expect(200);

    assert!(tested.starts_with("not sent: the address 127.0.0.1 is denied"), "{tested}");
    let _ = server.logged("\"exhausted\"", 2);
    assert_eq!(trap.connections(), 0);
}

#[test]
fn a_name_without_an_answer_costs_its_time_and_no_connection() {
    if !available(&[GCC]) {
        return;
    }
    let (trap, url) = trap();
    let names = Names::answering(&["empty.example empty", "unknown.example unknown", "looping.example loop"]);
    let server =
        Server::within(&names.environment(), &[("egress.allow", ""), ("egress.dns_timeout", "100ms")]);
    let api = server.api();
    assert!(said(&api.subscribe("opened", &[url("empty.example")]).expect(400)).contains("has no address"));
    // A name may be saved before it is there.
    let _ = api.subscribe("opened", &[url("unknown.example"), url("looping.example")]).expect(200);

    let _ = api.submit(&event("opened", "one")).expect(200);

    let _ = server.logged("\"exhausted\"", 2);
    let failed = |name: &str, detail: &str| {
        let lines = server.logged("\"failed\"", 8);
        lines.iter().filter(|line| line.contains(name) && line.contains(detail)).count()
    };
    assert_eq!(failed("unknown.example", r#""detail":"the host name does not resolve""#), 4);
    // An attempt that waits for the lookup of the one before hears what that comes to.
    assert!(
        (2..=4).contains(&failed("looping.example", r#""detail":"the host name was not resolved in time""#))
    );
    assert_eq!(trap.connections(), 0);
}
