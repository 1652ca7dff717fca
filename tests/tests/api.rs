//! The API of the real program, over real sockets: what the unit tests of the API cannot see.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use sealpost_tests::{API_KEY, Api, DOMAIN, Response, Server, basic};
use serde_json::Value;

fn events() -> String {
    format!("/v3/{DOMAIN}/events")
}

fn submit(api: &Api, body: &str) -> Response {
    api.post(&events(), "application/json", body)
}

/// One request as these bytes, and everything that comes back.
fn raw(server: &Server, request: &[u8]) -> String {
    let address = server.url("").replace("http://", "");
    let mut socket = TcpStream::connect(address).expect("a connection");
    socket.write_all(request).expect("written");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an answer");
    String::from_utf8(answer).expect("UTF-8")
}

#[test]
fn the_401_is_byte_for_byte_the_recorded_one() {
    let server = Server::start();
    let answer = raw(&server, b"GET /v4/domains HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 401 unauthorized\r\n"), "{head}");
    for line in [
        "content-type: text/plain; charset=utf-8",
        "content-length: 9",
        "www-authenticate: basic realm=\"mg api\"",
    ] {
        assert!(head.lines().any(|found| found == line), "{line}: {head}");
    }
    assert_eq!(body, "Forbidden");
    assert_eq!(Api::anonymous(&server.url("")).get("/healthz").status, 200);
}

#[test]
fn a_walk_goes_on_over_a_restart_and_shows_every_event_once() {
    let mut server = Server::start();
    let api = server.api();
    let mut sent = BTreeSet::new();
    let mut send = |api: &Api, timestamps: &[u64]| {
        for timestamp in timestamps {
            let id = format!("e{}", sent.len());
            let event = format!(r#"{{"event":"opened","id":"{id}","timestamp":{timestamp}}}"#);
            assert_eq!(submit(api, &event).status, 200);
            sent.insert(id);
        }
    };
    send(&api, &[1_700_000_003, 1_700_000_001, 1_700_000_001, 1_700_000_002, 1_700_000_001]);

    let mut seen = Vec::new();
    let mut turn = |api: &Api, path: &str| {
        let page = api.get(path).expect(200).json();
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let next = page["paging"]["next"].as_str().unwrap();
        (items.len(), next[next.find("/v3/").unwrap()..].to_owned())
    };
    let (_, next) = turn(&api, &format!("{}?begin=1700000000&ascending=yes&limit=2", events()));
    send(&api, &[1_700_000_001, 1_700_000_009]);
    server.kill9();
    server.restart();
    let api = server.api();
    let (_, next) = turn(&api, &next);
    send(&api, &[1_700_000_000]);
    let (mut count, mut next) = turn(&api, &next);
    while count > 0 {
        (count, next) = turn(&api, &next);
    }
    let once: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!((once, seen.len()), (sent.clone(), sent.len()));
}

#[test]
fn a_full_batch_is_stored_and_read_back_in_order() {
    let server = Server::start();
    let api = server.api();
    let line = |at: usize| format!("{{\"event\":\"opened\",\"id\":\"b{at}\",\"timestamp\":1700000000}}\n");
    let batch: String = (0..10_000).map(line).collect();
    let answer = api.post(&events(), "application/x-ndjson", &batch).expect(200).json();
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(10_000));
    let page = api.get(&format!("{}?ascending=yes&limit=300", events())).expect(200).json();
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    let expected: Vec<_> = (0..300).map(|at| Value::from(format!("b{at}"))).collect();
    assert_eq!(ids, expected);

    let again = api.post(&events(), "application/x-ndjson", &batch).expect(200).json();
    assert!(again["items"].as_array().unwrap().iter().all(|item| item["duplicate"] == true));
    let more = batch + &line(10_000);
    let refused = api.post(&events(), "application/x-ndjson", &more).expect(413);
    assert!(refused.text().contains("10000"), "{}", refused.text());
}

#[test]
fn a_client_that_goes_away_in_the_middle_of_its_body_stores_nothing() {
    let server = Server::start();
    let address = server.url("").replace("http://", "");
    let mut socket = TcpStream::connect(address).unwrap();
    let line = "{\"event\":\"opened\"}\n";
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\nContent-Type: application/x-ndjson\r\n\
         Content-Length: {}\r\n\r\n{line}",
        events(),
        basic("api", API_KEY),
        2 * line.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    drop(socket);
    let listed = server.api().get(&events()).expect(200).json();
    assert_eq!(listed["items"], serde_json::json!([]));
}

#[test]
fn a_body_of_unknown_length_is_bounded_too() {
    let server = Server::with(&[("limits.batch_bytes", "1KiB"), ("limits.event_data", "1KiB")]);
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n",
        events(),
        basic("api", API_KEY),
    );
    let answer = raw(&server, request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("at most 1024 bytes"), "{answer}");
}

#[test]
fn links_lead_where_the_public_address_says() {
    let server = Server::with(&[("server.public_url", "https://events.example.com/mail/")]);
    let page = server.api().get(&events()).expect(200).json();
    let next = page["paging"]["next"].as_str().unwrap();
    assert!(next.starts_with(&format!("https://events.example.com/mail{}/", events())), "{next}");
}

#[test]
fn no_request_however_broken_ends_the_server_or_makes_it_stumble() {
    let server = Server::start();
    let paths = [
        &events(),
        "/v3/domains/example.com/webhooks",
        "/v3/domains",
        "/v3/%ff/events",
        "/v3/a%2fb/events/%00",
        "/%",
    ];
    let types = [
        "application/json",
        "application/x-ndjson",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        ";;;",
        "a/b; boundary=\"",
        "\u{e9}",
    ];
    let bodies: [&[u8]; 8] = [
        b"",
        b"\xff\xfe\x00",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        b"--x\r\nContent-Disposition: form-data; name=\"\r\n\r\n",
        b"--x\r\n\r\n--x--",
        b"%%%=&&&=%zz&url=%00&id=%ff",
        br#"{"event":"opened","id":"\ud800"}"#,
        br#"{"event":"failed","timestamp":1e999,"id":""}"#,
    ];
    for path in paths {
        for media_type in types {
            for body in bodies {
                let mut request = format!(
                    "POST {path}?limit=%00&partial=%ff HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\n\
                     Content-Type: {media_type}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    basic("api", API_KEY),
                    body.len()
                )
                .into_bytes();
                request.extend(body);
                let answer = raw(&server, &request);
                assert!(answer.starts_with("HTTP/1.1 4"), "{path} {media_type} {body:?}: {answer}");
            }
        }
    }
    assert_eq!(server.api().get(&events()).expect(200).json()["items"], serde_json::json!([]));
}
