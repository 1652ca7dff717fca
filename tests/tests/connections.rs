//! Connections of the API: slow clients, clients with too much to say, and too many of them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sealpost_tests::calls::events;
use sealpost_tests::{API_KEY, Api, Server, basic};

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url("").replace("http://", "")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// Everything that the server sends until it closes the connection.
fn until_closed(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("the server closes the connection");
    String::from_utf8(all).expect("text")
}

/// The head of a submission whose body has this length.
fn head(length: usize, more: &str) -> String {
    format!(
        "POST {} HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{more}\r\n",
        events(""),
        basic("api", API_KEY)
    )
}

#[test]
fn a_client_that_is_refused_before_its_long_body_was_read_hears_why() {
    let server = Server::start();
    let long = " ".repeat(11 << 20);
    let post = |api: &Api, path: &str| api.post(path, "application/json", &long);
    for _ in 0..5 {
        // Over the same connection each time, as clients do.
        let api = server.api();
        assert!(post(&api, &events("")).expect(413).text().contains("at most 10485760 bytes"));
        assert!(post(&api, "/v3/other.example/events").expect(404).text().contains("Domain not found"));
        assert_eq!(post(&Api::anonymous(&server.url("")), &events("")).text(), "Forbidden");
    }
}

#[test]
fn a_client_that_is_slow_with_its_head_or_its_body_loses_its_place() {
    let server = Server::with(&[("server.request_timeout", "200ms")]);
    let head = head(90, "");
    let started = Instant::now();
    let parts = ["", &head[..40], &head, &format!("{head}{{\"event\":\"opened\"")];
    let clients = parts.map(|part| {
        let mut stream = connect(&server);
        stream.write_all(part.as_bytes()).expect("written");
        stream
    });
    let answers = clients.map(until_closed);

    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(answers[0], "");
    for answer in &answers[2..] {
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("did not arrive in time"), "{answer}");
    }
    assert_eq!(server.api().listed(), [""; 0]);
}

#[test]
fn a_client_that_asks_before_it_sends_is_refused_at_once() {
    let server = Server::start();
    let mut stream = connect(&server);
    let head = head(99_999_999, "Expect: 100-continue\r\n");
    stream.write_all(head.as_bytes()).expect("written");

    let answer = until_closed(stream);

    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[test]
fn clients_beyond_the_connection_limit_wait_for_a_place() {
    let server = Server::with(&[("server.max_connections", "2"), ("server.request_timeout", "500ms")]);
    let idle = [connect(&server), connect(&server)];
    let started = Instant::now();

    let health = Api::anonymous(&server.url("")).get("/healthz");

    assert_eq!(health.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(300), "served beyond the limit");
    drop(idle);
}
