//! Submissions and forms of somebody who means harm: each is refused with a 4xx that names the fault, soon, and nothing
//! of it is stored.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, events, webhooks};
use sealpost_tests::{API_KEY, Response, Server, basic};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
/// So long may a refusal take, of ten megabytes in a build for development.
const SOON: Duration = Duration::from_secs(2);

/// Asks up to three times, since other programs may have the machine: one answer must come [`SOON`].
fn assert_refused_soon(ask: impl Fn() -> Response, status: u16, said: &str, context: &str) {
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let started = Instant::now();
        let answer = ask();
        fastest = fastest.min(started.elapsed());
        assert_eq!(answer.status, status, "{context}: {}", answer.text());
        assert!(answer.text().contains(said), "{context}: `{said}` is not in {}", answer.text());
        if fastest < SOON {
            return;
        }
    }
    panic!("{context}: {fastest:?}");
}

fn assert_nothing_stored(server: &Server) {
    assert_eq!(server.api().listed(), [""; 0]);
    assert_eq!(server.api().get(&webhooks("")).text(), "{\"webhooks\":{}}\n");
}

/// An event with this behind its type.
fn opened(members: &str) -> String {
    format!(r#"{{"event":"opened",{members}}}"#)
}

#[test]
fn what_is_too_large_too_deep_or_too_many_is_refused() {
    let server = Server::start();
    let mebibyte = 1 << 20;
    let names = |count: usize| (0..count).map(|at| format!(r#""{at:x}":0"#)).collect::<Vec<_>>().join(",");
    for (context, media_type, body, status, said) in [
        (
            "a large event",
            JSON,
            opened(&format!(r#""x":"{}""#, "x".repeat(256 * 1024))),
            400,
            "at most 262144 are taken",
        ),
        ("a large body", JSON, " ".repeat(10 * mebibyte + 1), 413, "at most 10485760 bytes"),
        (
            "many events",
            JSON,
            format!("[{}]", vec![event("opened", "x"); 10_001].join(",")),
            413,
            "at most 10000",
        ),
        ("many lines", NDJSON, "{}\n".repeat(3 * mebibyte), 413, "at most 10000"),
        ("a million names", JSON, opened(&names(1_000_000)), 400, "at most 262144 are taken"),
        ("deep", JSON, "[".repeat(10 * mebibyte), 400, "more than 32 arrays and objects"),
        ("deep objects", JSON, r#"{"a":"#.repeat(2 * mebibyte), 400, "more than 32 arrays and objects"),
        (
            "deep in its middle",
            NDJSON,
            opened(&format!(r#""x":{}{}"#, "[".repeat(40), "]".repeat(40))),
            400,
            "more than 32",
        ),
        ("digits", JSON, opened(&format!(r#""x":{}"#, "9".repeat(250_000))), 400, "\"field\":\"x\""),
        (
            "escapes",
            JSON,
            format!(r#"{{"event":"{}"}}"#, r"\u0000".repeat(mebibyte)),
            400,
            "at most 262144 are taken",
        ),
    ] {
        assert_refused_soon(|| server.api().post(&events(""), media_type, &body), status, said, context);
    }
    assert_nothing_stored(&server);
}

#[test]
fn a_million_names_are_looked_through_soon_where_so_large_an_event_may_come() {
    let server = Server::with(&[("limits.event_data", "4MiB"), ("limits.batch_bytes", "16MiB")]);
    let names = |last: &str| {
        let names: String = (0..330_000).map(|at| format!(r#""{at:x}":0,"#)).collect();
        opened(&format!(r#""user-variables":{{{names}"{last}":1}}"#))
    };
    let refused = |body: String, said: &str| {
        assert_refused_soon(|| server.api().submit(&body), 400, said, said);
    };
    refused(names("abc"), r#""field":"user-variables.abc","reason":"stands twice in one object""#);
    refused(
        opened(&vec![r#""":0"#; 400_000].join(",")),
        r#""field":"","reason":"stands twice in one object""#,
    );
    assert_nothing_stored(&server);
    let _ = server.api().submit(&names("last")).expect(200);
}

#[test]
fn what_readers_of_json_would_take_for_different_things_is_refused() {
    let server = Server::start();
    for (body, said) in [
        (opened(r#""x":1,"x":1"#), r#""field":"x","reason":"stands twice"#),
        (opened(r#""event":"clicked""#), r#""field":"event","reason":"stands twice"#),
        (opened(r#""ev\u0065nt":"clicked""#), r#""field":"event","reason":"stands twice"#),
        (opened(r#""user-variables":{"a":{"b":1,"b":2}}"#), r#""field":"user-variables.a.b""#),
        (opened(r#""tags":[],"message":{"headers":{"to":"a","to":"b"}}"#), r#""field":"message.headers.to""#),
        (opened(r#""x":1e400"#), r#""field":"x","reason":"must be less than 1.8e308"#),
        (opened(r#""user-variables":{"a":[0,-1e400]}"#), r#""field":"user-variables.a[1]""#),
        (opened(r#""timestamp":1e400"#), r#""field":"timestamp""#),
        (opened(r#""message":{"size":1e400}"#), r#""field":"message.size""#),
        (opened(r#""x":NaN"#), "expected a value"),
        (opened(r#""x":Infinity"#), "expected a value"),
        (opened(r#""x":"\ud83d""#), "half of a surrogate pair"),
        (opened(r#""x":"\ude00\ud83d""#), "half of a surrogate pair"),
        (opened(r#""\ud83d":1"#), "half of a surrogate pair"),
        (opened(r#""x":"\ud83d\ud83d""#), "half of a surrogate pair"),
        ("\u{feff}{\"event\":\"opened\"}".to_owned(), "at byte 0 of the body"),
    ] {
        assert_refused_soon(|| server.api().submit(&body), 400, said, &body);
    }
    // Overlong, a surrogate, beyond Unicode, cut off, a tail without a head, UTF-16: in a value and in a name.
    for bytes in [&b"\xc0\xaf"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"\xff\xfe"] {
        for (before, behind) in
            [("{\"event\":\"opened\",\"x\":\"", "\"}"), ("{\"event\":\"opened\",\"", "\":1}")]
        {
            let body = [before.as_bytes(), bytes, behind.as_bytes()].concat();
            let ask = || server.api().post(&events(""), JSON, &body);
            assert_refused_soon(ask, 400, "not valid UTF-8", &format!("{bytes:x?}"));
        }
    }
    assert_nothing_stored(&server);
}

#[test]
fn a_control_character_is_refused_in_every_field() {
    let server = Server::start();
    let members = [
        "event",
        "id",
        "recipient",
        "recipient-domain",
        "url",
        "ip",
        "reason",
        "severity",
        "log-level",
        "method",
        "message.headers.to",
        "message.headers.subject",
        "message.headers.message-id",
        "mailing-list.address",
        "delivery-status.message",
        "client-info.user-agent",
        "geolocation.city",
        "user-variables.a",
        "domain.name",
        "envelope.sender",
        "storage.key",
        "x",
    ];
    for control in ["\r", "\n", "\0", "\r\n", "\u{1b}"] {
        for member in members {
            let (mut open, mut close) = (String::new(), String::new());
            for name in member.split('.') {
                open += &format!("{{\"{name}\":");
                close.push('}');
            }
            let body = format!("{open}\"a{control}b\"{close}");
            assert_refused_soon(|| server.api().submit(&body), 400, "control character", &body);
            let name = format!("{{\"a{control}b\":1}}");
            assert_refused_soon(|| server.api().submit(&name), 400, "control character", &name);
        }
        let escaped: String = control.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
        for (field, members) in [
            ("id", format!(r#""id":"a{escaped}b""#)),
            ("domain.name", format!(r#""domain":{{"name":"a{escaped}b"}}"#)),
            ("severity", format!(r#""severity":"permanent{escaped}""#)),
        ] {
            let body =
                opened(&members).replace("opened", if field == "severity" { "failed" } else { "opened" });
            assert_refused_soon(|| server.api().submit(&body), 400, &format!("\"field\":\"{field}\""), &body);
        }
        let kind = format!(r#"{{"event":"opened{escaped}"}}"#);
        assert_refused_soon(|| server.api().submit(&kind), 400, "\"field\":\"event\"", &kind);
    }
    assert_nothing_stored(&server);
}

#[test]
fn a_control_character_is_refused_in_the_fields_of_forms() {
    let server = Server::start();
    let api = server.api();
    for control in ["\r", "\n", "\0", "\r\nX: y\r\n"] {
        let with = |text: &str| text.replace('|', control);
        for (path, fields, said) in [
            (webhooks(""), [("id", with("ope|ned")), ("url", "https://8.8.8.8/".to_owned())], "'id'"),
            (
                webhooks(""),
                [("id", "opened".into()), ("url", with("https://8.8.8.8/a|b"))],
                "control character",
            ),
            (
                webhooks(""),
                [("id", "opened".into()), ("url", with("https://8.8.|8.8/"))],
                "control character",
            ),
            (
                webhooks(""),
                [("id", "opened".into()), ("url", with("https://u:p|w@8.8.8.8/"))],
                "control character",
            ),
            ("/v3/domains".into(), [("name", with("a|.example")), ("x", String::new())], "'name'"),
        ] {
            let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
            for ask in [&|| api.multipart("POST", &path, &fields), &|| api.urlencoded("POST", &path, &fields)]
                as [&dyn Fn() -> Response; 2]
            {
                assert_refused_soon(ask, 400, said, &format!("{fields:?}"));
            }
        }
        let name: String = control.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(api.get(&format!("/v3/example.com{name}/events")).status, 404);
        assert_eq!(api.get(&events(&format!("?begin=1{name}2"))).status, 400);
        assert_eq!(api.get(&events(&format!("?event=opened{name}x"))).status, 400);
    }
    assert_eq!(api.get(&webhooks("")).text(), "{\"webhooks\":{}}\n");
    assert_eq!(api.get("/v4/domains").json()["items"].as_array().map(Vec::len), Some(1));
}

#[test]
fn forms_of_ten_thousand_parts_are_refused() {
    let server = Server::start();
    for (count, status, said) in [(10_000, 413, "at most 65536 bytes"), (700, 400, "more than 100 fields")] {
        let parts = "--x\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttps://8.8.8.8/\r\n";
        let body = parts.repeat(count) + "--x--\r\n";
        let multipart = "multipart/form-data; boundary=x";
        assert_refused_soon(|| server.api().post(&webhooks(""), multipart, &body), status, said, "multipart");
        let pairs = "url=x&".repeat(count + 1000);
        let form = "application/x-www-form-urlencoded";
        let said = if pairs.len() > 65_536 { "at most 65536 bytes" } else { said };
        let status = if pairs.len() > 65_536 { 413 } else { status };
        assert_refused_soon(|| server.api().post(&webhooks(""), form, &pairs), status, said, "urlencoded");
    }
    assert_nothing_stored(&server);
}

/// Everything that the server answers to these bytes until it closes the connection.
fn exchange(server: &Server, request: &[u8]) -> String {
    exchange_parts(server, &[request])
}

/// The same, with a pause between the parts of what is sent.
fn exchange_parts(server: &Server, parts: &[impl AsRef<[u8]>]) -> String {
    let mut stream = TcpStream::connect(server.url("").replace("http://", "")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let mut answers = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        // A reset says no less than an end.
        let _ = stream.write_all(part.as_ref());
    }
    let _ = stream.read_to_end(&mut answers);
    String::from_utf8_lossy(&answers).into_owned()
}

#[test]
fn a_body_that_ends_in_two_places_is_refused_and_the_last_on_its_connection() {
    let server = Server::start();
    let head =
        format!("POST {} HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\n", events(""), basic("api", API_KEY));
    let smuggled =
        format!("{head}Content-Type: {JSON}\r\nContent-Length: 20\r\n\r\n{{\"event\":\"clicked\"}}\r\n");
    let broken = "0\r\n\r\n";
    for (fields, body, answers) in [
        (format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", smuggled.len() + 5), broken, 1),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", smuggled.len() + 5), broken, 1),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n".to_owned(), broken, 1),
        ("Content-Length: 5\r\nContent-Length: 6\r\n".to_owned(), broken, 1),
        ("Content-Length: 5, 6\r\n".to_owned(), broken, 1),
        ("Content-Length: +5\r\n".to_owned(), broken, 1),
        ("Content-Length: -1\r\n".to_owned(), broken, 1),
        ("Content-Length: 99999999999999999999\r\n".to_owned(), broken, 1),
        ("Transfer-Encoding: chunked, identity\r\n".to_owned(), broken, 1),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), broken, 1),
        ("Transfer-Encoding: chunked\r\n".to_owned(), "fffffffffffffffff\r\n", 1),
        ("Transfer-Encoding: chunked\r\n".to_owned(), "-1\r\n", 1),
    ] {
        let request = format!("{head}Content-Type: {JSON}\r\n{fields}\r\n{body}{smuggled}");
        let said = exchange(&server, request.as_bytes());
        assert_eq!(said.matches("HTTP/1.1 ").count(), answers, "{fields}: {said}");
        assert!(said.starts_with("HTTP/1.1 400 "), "{fields}: {said}");
    }
    assert_nothing_stored(&server);
}

#[test]
fn a_good_event_in_a_body_whose_end_is_told_in_two_ways_is_refused() {
    let server = Server::start();
    let head =
        format!("POST {} HTTP/1.1\r\nHost: h\r\nAuthorization: {}\r\n", events(""), basic("api", API_KEY));
    let good = event("opened", "x");
    let chunks = format!("{:x}\r\n{good}\r\n0\r\n\r\n", good.len());
    for fields in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", chunks.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", chunks.len()),
        "transfer-ENCODING:chunked\r\nX: y\r\ncONTENT-lENGTH:5\r\n".to_owned(),
        "Content-length: 5\nTransfer-encoding: Chunked\n".to_owned(),
        "Transfer-Encoding: chunked\r\nContent-Length: no number\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nX: HTTP/1.1\r\nContent-Length:\r\n".to_owned(),
        "X: HTTP/1.1\r\nContent-Length: 5\r\nX: HTTP/1.1\r\nTransfer-Encoding: chunked\r\n".to_owned(),
    ] {
        let request = format!("{head}Content-Type: {JSON}\r\n{fields}\r\n{chunks}");
        let twice = request.repeat(2);
        let (before, behind) = twice.split_at(request.find("ncoding").unwrap_or(request.len() / 2));
        for parts in [&[twice.as_str()][..], &[before, behind]] {
            let started = Instant::now();
            let said = exchange_parts(&server, parts);
            assert!(started.elapsed() < SOON, "{fields}");
            assert!(said.starts_with("HTTP/1.1 400 "), "{fields}: {said}");
            assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{fields}: {said}");
            assert!(said.contains("\r\nconnection: close\r\n"), "{fields}: {said}");
            assert!(said.contains("{\"message\":\"The body's end is told in two ways"), "{fields}: {said}");
        }
    }
    // Where the chunks do not end, nobody waits for them long.
    let endless = format!("{head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[");
    let started = Instant::now();
    assert!(exchange(&server, endless.as_bytes()).contains("told in two ways"));
    assert!(started.elapsed() < 2 * SOON);
    assert_nothing_stored(&server);
}

#[test]
fn lines_of_a_body_are_not_taken_for_a_second_end_of_it() {
    let server = Server::start();
    let call = |path: &str, fields: &str| {
        let key = basic("api", API_KEY);
        format!("POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: {key}\r\n{fields}\r\n")
    };
    let parts = "--x\r\nContent-Length: 6\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\nopened\r\n\
        --x\r\nContent-Disposition: form-data; name=\"url\"\r\nContent-Length: 16\r\n\
        content-transfer-encoding: 8bit\r\nTransfer-Encoding: 8bit\r\n\r\nhttps://8.8.8.8/\r\n--x--\r\n";
    let form = "Content-Type: multipart/form-data; boundary=x\r\n";
    // Behind a body whose last line looks like a field of a head, which the next head follows without a line's end.
    let lines = "{\"event\":\"opened\"}\ncontent-length:5";
    let ndjson = format!("Content-Type: {NDJSON}\r\nContent-Length: {}\r\n", lines.len());
    let chunks = format!("{:x}\r\n{parts}\r\n0\r\n\r\n", parts.len());
    let chunked = format!("{form}Transfer-Encoding: chunked\r\n");
    let last = format!("{chunked}Connection: close\r\n");
    let request = call(&events(""), &ndjson) + lines + &call(&webhooks(""), &chunked) + &chunks;
    let said = exchange(&server, (request + &call(&webhooks(""), &last) + &chunks).as_bytes());
    let statuses: Vec<&str> = said.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["400", "200", "400"], "{said}");
    assert!(!said.contains("two ways") && said.contains("already exists"), "{said}");
}

#[test]
fn a_head_that_is_none_is_refused_and_the_connection_ends() {
    let server = Server::start();
    let head = |line: &str, fields: &str| format!("{line}\r\nHost: h\r\n{fields}\r\n");
    let many: String = (0..20_000).map(|at| format!("X-{at}: y\r\n")).collect();
    for (request, status) in [
        (head("GET /healthz HTTP/1.1", "X: a\0b\r\n"), "400"),
        (head("GET /healthz HTTP/1.1", "X: a\rb\r\n"), "400"),
        (head("GET /healthz HTTP/1.1", "X : y\r\n"), "400"),
        (head("GET /healthz HTTP/1.1", ": y\r\n"), "400"),
        (head("GET /hea\0lthz HTTP/1.1", ""), "400"),
        (head("GET /healthz HTTP/9.9", ""), "400"),
        (head("G\0T /healthz HTTP/1.1", ""), "400"),
        (head("GET /healthz HTTP/1.1", &many), "431"),
        (head("GET /healthz HTTP/1.1", &format!("X: {}\r\n", "y".repeat(1 << 20))), "431"),
        (head(&format!("GET /{} HTTP/1.1", "y".repeat(70_000)), ""), "414"),
    ] {
        let said = exchange(&server, request.as_bytes());
        // Whoever still writes may see a reset instead of the answer.
        let is_lost = said.is_empty() && status == "431";
        assert!(is_lost || said.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {said}");
        assert!(said.matches("HTTP/1.1 ").count() <= 1, "{said}");
    }
    assert_eq!(server.api().get("/healthz").status, 200);
}
