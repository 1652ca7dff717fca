//! The egress guard on the running server: at saving, at testing, and at every attempt.

use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{Nobody, Receiver, Reply, Response, Server};

/// Creating a webhook and testing one, with this URL.
fn save_and_test(server: &Server, url: &str) -> [Response; 2] {
    let save = server.api().subscribe("opened", &[url.to_owned()]);
    [save, server.api().multipart("PUT", &webhooks("/clicked/test"), &[("url", url)])]
}

/// A running server's port.
fn port(server: &Server) -> String {
    server.url("").rsplit(':').next().expect("a port").to_owned()
}

/// Spellings of an address of loopback, or of a name for it, that a connection would arrive by.
const LOOPBACK: [&str; 42] = [
    "127.0.0.1",
    "127.0.1",
    "127.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "017700000001",
    "0177.1",
    "0177.0.0.01",
    "00000177.0.0.1",
    "0x7f.0.1",
    "0.0.0.0",
    "0",
    "0x",
    "127.0.0.1.",
    "0x7f.1.",
    "１２７.０.０.１",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "127．0．0．1",
    "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
    "127.0.0.\u{ad}1",
    "%31%32%37.%30.0.1",
    "127.0.0%2e1",
    "127.0.0.1%2E",
    "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1",
    "user:password@127.0.0.1",
    "example.com@127.0.0.1",
    "example.com%40@127.1",
    "localhost",
    "LOCALHOST.",
    "lOcAlHoSt",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "loc\u{ad}alhost",
    "%6cocalhost",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
];

/// Spellings that lead there only through a gateway, an old stack, or a reader who is less exact than ours; and names
/// and addresses of the network around.
const AROUND: [&str; 24] = [
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:1::7f00:1]",
    "[2001:0:7f00:1::]",
    "[2001::80ff:fffe]",
    "[fe80::5efe:127.0.0.1]",
    "[::1%lo]",
    "[fe80::1%25eth0]",
    "127.0.0.1%00.example.com",
    "127.0.0.256",
    "127.0.0.0.1",
    "a.localhost",
    "a.localhost.",
    "10.0.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "metadata.google.internal",
    "printer.local",
    "[fd00::1]",
    "[fe80::1]",
];

/// A listener on all addresses of this machine, which nobody may connect to, and its port.
fn trap() -> (Receiver, String) {
    let any = if std::net::TcpListener::bind("[::1]:0").is_ok() { "[::]:0" } else { "0.0.0.0:0" };
    let trap = Receiver::start_at(any.parse().expect("an address"));
    let port = trap.url("").rsplit(':').next().expect("a port").to_owned();
    (trap, port)
}

fn assert_denied(server: &Server, url: &str) {
    for answer in save_and_test(server, url) {
        let answer = answer.expect(400).json();
        let why = answer["message"].as_str().expect("a message");
        assert!(why.contains("is not a valid url: "), "{url}: {why}");
        assert_eq!(answer["Reason"], answer["message"]);
    }
}

#[test]
fn without_leave_nothing_of_this_machine_or_its_network_is_saved_or_tested() {
    let server = Server::with(&[("egress.allow", "")]);
    let (trap, port) = trap();
    for host in LOOPBACK.iter().chain(&AROUND) {
        assert_denied(&server, &format!("http://{host}:{port}/"));
    }
    // What a lenient reader would take another host from.
    for url in [
        format!("http:127.0.0.1:{port}"),
        format!("http:/127.0.0.1:{port}/"),
        format!("http:///127.0.0.1:{port}/"),
        format!("http:\\\\127.0.0.1:{port}\\"),
        format!(" http://127.0.0.1:{port}/ "),
        format!("ht\ttp://127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}#@example.com/"),
        format!("http://127.0.0.1:{port}?@example.com/"),
        format!("http://127.0.0.1:{port}\\@example.com/"),
    ] {
        assert_denied(&server, &url);
    }
    assert_eq!(server.api().get(&webhooks("")).text(), "{\"webhooks\":{}}\n");
    assert_eq!(trap.connections(), 0);
}

#[test]
fn what_was_allowed_once_is_judged_again_at_every_attempt_in_every_spelling() {
    let mut server = Server::with(&[("egress.allow", "0.0.0.0/0,::/0"), ("delivery.schedule", "10ms")]);
    let (trap, port) = trap();
    let url = |host: &str| format!("http://{host}:{port}/");
    // Each of them leads into the trap indeed.
    for host in LOOPBACK.iter().filter(|host| v6_is_there() || !host.contains(':')) {
        let tested = server.api().multipart("PUT", &webhooks("/clicked/test"), &[("url", &url(host))]);
        assert_eq!(tested.expect(200).json()["code"], serde_json::Value::Null, "{host}");
    }
    let kinds = ["opened", "clicked", "complained", "delivered"];
    let hosts =
        ["127.1", "0", "127.255.255.254", "localhost", "[::1]", "[::ffff:7f00:1]", "10.0.0.1", "[::]"];
    for (kind, hosts) in kinds.iter().zip(hosts.chunks(2)) {
        let urls: Vec<_> = hosts.iter().map(|host| url(host)).collect();
        let _ = server.api().subscribe(kind, &urls).expect(200);
    }
    let caught = trap.connections();
    assert!(caught > 0);
    server.set("egress.allow", "");
    server.kill9();
    server.restart();

    for kind in kinds {
        let _ = server.api().submit(&event(kind, kind)).expect(200);
    }

    let _ = server.logged("\"exhausted\"", hosts.len());
    assert_eq!(server.logged("the egress guard denies the address", 2 * hosts.len()).len(), 2 * hosts.len());
    assert_eq!(trap.connections(), caught);
    assert_eq!(server.api().listed().len(), kinds.len());
}

fn v6_is_there() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
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
fn redirects_of_every_code_are_not_followed() {
    let schedule = ["10ms"; 8].join(",");
    let server = Server::with(&[("delivery.schedule", &schedule)]);
    let (trap, port) = trap();
    let codes = 300..=308;
    let places = [server.url("/v4/domains"), format!("http://127.0.0.1:{port}/"), format!("//127.1:{port}/")];
    for (kind, place) in ["opened", "clicked", "complained"].iter().zip(places) {
        let redirect = |code| Reply::Headers(code, vec![("Location", place.clone())]);
        let script: Vec<_> = codes.clone().chain(codes.clone()).map(redirect).collect();
        let receiver = Receiver::start().answering(script);
        for code in codes.clone() {
            let url = receiver.url("/");
            let tested = server.api().multipart("PUT", &webhooks("/opened/test"), &[("url", &url)]);
            assert_eq!(tested.expect(200).json()["code"], code);
        }
        let _ = server.api().subscribe(kind, &[receiver.url("/")]).expect(200);
        let _ = server.api().submit(&event(kind, kind)).expect(200);
        let _ = receiver.wait_for(18);
    }

    let _ = server.logged("\"exhausted\"", 3);
    for code in codes {
        let said = format!("the receiver answered {code}; redirects are not followed, use the final URL");
        assert_eq!(server.logged(&said, 3).len(), 3);
    }
    assert_eq!(trap.connections(), 0);
}

#[test]
fn proxy_variables_of_the_environment_lead_nowhere() {
    let (trap, port) = trap();
    let names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let variables = names.map(|name| (name, format!("http://127.0.0.1:{port}")));
    let server = Server::within(&variables, &[]);
    let receiver = Receiver::start();
    let nobody = Nobody::start();
    let over_tls = format!("https://{}/", nobody.address());
    let _ = server.api().subscribe("opened", &[receiver.url("/"), over_tls.clone()]).expect(200);
    for (url, code) in [(receiver.url("/"), serde_json::Value::Null), (over_tls, 0.into())] {
        let tested = server.api().multipart("PUT", &webhooks("/opened/test"), &[("url", &url)]);
        assert_eq!(tested.expect(200).json()["code"], code);
    }

    let _ = server.api().submit(&event("opened", "one")).expect(200);

    assert_eq!(receiver.wait_for(2).len(), 2);
    let _ = server.logged("\"exhausted\"", 1);
    assert_eq!(trap.connections(), 0);
}
