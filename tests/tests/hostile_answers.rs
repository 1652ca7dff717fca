//! Receivers that mean harm, on the running server: an attempt ends by its deadline, its place is free then, little is
//! read, memory stays where it was, and the log says what whoever runs the receiver can act on.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{Receiver, Server};

const DEADLINE: Duration = Duration::from_secs(1);
/// What kernels hold of a connection that nobody reads, and the 16 KiB that the server does.
const BUFFERS: usize = 16 << 20;

/// What a receiver does: what it sends first, what it repeats as long as anybody takes it, and its pause behind each.
#[derive(Clone, Copy)]
struct Harm {
    path: &'static str,
    first: &'static [u8],
    again: &'static [u8],
    pause: Duration,
    /// What is said of the attempt.
    said: &'static str,
}

const fn harm(path: &'static str, first: &'static [u8], again: &'static [u8], said: &'static str) -> Harm {
    Harm { path, first, again, pause: Duration::ZERO, said }
}

const ANSWERED: &str = "the receiver answered 500";
const TOO_LARGE: &str = "the head of the answer is larger than the limit";
const NO_HTTP: &str = "the answer is not HTTP/1.0 or HTTP/1.1";
const HARMS: [Harm; 15] = [
    harm("/ten-gigabytes", b"HTTP/1.1 500 No\r\nContent-Length: 10737418240\r\n\r\n", b"x", ANSWERED),
    harm("/no-length", b"HTTP/1.0 500 No\r\n\r\n", b"x", ANSWERED),
    harm(
        "/endless-chunks",
        b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
        ANSWERED,
    ),
    harm("/endless-chunk-size", b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x", ANSWERED),
    harm(
        "/bomb",
        b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"\x1f\x8b\x08\0\0\0\0\0",
        ANSWERED,
    ),
    harm("/a-million-headers", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", TOO_LARGE),
    harm("/an-endless-header", b"HTTP/1.1 200 OK\r\nX: ", b"y", TOO_LARGE),
    harm("/endless-hints", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", TOO_LARGE),
    harm("/http-0.9", b"<html>", b"<p>an answer of HTTP/0.9", NO_HTTP),
    harm("/noise", b"\0\x01\x02", b"\x7f", NO_HTTP),
    harm(
        "/cut-off",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"",
        "closed the connection in the middle of its answer",
    ),
    harm("/nothing", b"", b"", "closed the connection without an answer"),
    harm("/cut-off-body", b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nx", b"", ANSWERED),
    Harm {
        pause: Duration::from_millis(50),
        ..harm("/drip", b"HTTP/1.1 200 OK\r\nX: ", b"y", "no answer within the deadline")
    },
    Harm {
        pause: Duration::from_secs(60),
        ..harm("/silence", b"", b"y", "connected, but no answer within the deadline")
    },
];

/// Does what its path says to whoever asks, and counts what it could send.
fn start() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sent = Arc::clone(&counted);
            std::thread::spawn(move || serve(stream, &sent));
        }
    });
    (base, sent)
}

fn serve(mut stream: TcpStream, sent: &AtomicUsize) {
    // Reads the head alone: what is left unread makes the close a reset.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text");
    let Some(harm) = HARMS.iter().find(|harm| head.starts_with(&format!("POST {} ", harm.path))) else {
        return;
    };
    if stream.write_all(harm.first).is_err() {
        return;
    }
    let many = if harm.pause.is_zero() { harm.again.repeat(4096) } else { harm.again.to_vec() };
    while !many.is_empty() {
        std::thread::sleep(harm.pause);
        let Ok(written) = stream.write(&many) else { return };
        sent.fetch_add(written, Ordering::SeqCst);
    }
}

/// The most memory that the server has had so far, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn whatever_a_receiver_answers_the_attempt_ends_in_time_with_a_reason() {
    let server = Server::with(&[
        ("delivery.deadline", "1s"),
        ("delivery.schedule", "10ms"),
        ("delivery.in_flight", "3"),
        ("delivery.in_flight_per_endpoint", "1"),
    ]);
    let (base, sent) = start();
    let good = Receiver::start();
    let kinds = ["accepted", "clicked", "complained", "delivered", "permanent_fail"];
    for (kind, harms) in kinds.iter().zip(HARMS.chunks(3)) {
        let urls: Vec<_> = harms.iter().map(|harm| format!("{base}{}", harm.path)).collect();
        let _ = server.api().subscribe(kind, &urls).expect(200);
    }
    let _ = server.api().subscribe("opened", &[good.url("/")]).expect(200);
    let before = peak_memory(&server);
    let started = Instant::now();
    for kind in kinds {
        let event = match kind {
            "permanent_fail" => r#"{"event":"failed","severity":"permanent","id":"lost"}"#.to_owned(),
            kind => event(kind, kind),
        };
        let _ = server.api().submit(&event).expect(200);
    }
    let _ = server.logged("\"exhausted\"", HARMS.len());

    let failed = server.logged("\"message\":\"failed\"", 2 * HARMS.len());
    assert_eq!(failed.len(), 2 * HARMS.len());
    for line in &failed {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let fields = &line["fields"];
        let endpoint = fields["endpoint"].as_str().expect("a URL");
        let harm = HARMS.iter().find(|harm| endpoint.ends_with(harm.path)).expect("one of them");
        let detail = fields["detail"].as_str().expect("a detail");
        assert!(detail.contains(harm.said), "{}: {detail}", harm.path);
        let took = Duration::from_millis(fields["took_ms"].as_u64().expect("milliseconds"));
        assert!(took < DEADLINE + Duration::from_secs(1), "{}: {took:?}", harm.path);
    }
    assert!(started.elapsed() < DEADLINE * 2 * 15, "one after the other at the very most");
    assert!(sent.load(Ordering::SeqCst) < 2 * HARMS.len() * BUFFERS);
    let grown = peak_memory(&server) - before;
    assert!(grown < 32 << 20, "{grown} bytes more");

    // All places are free, and the same process goes on.
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    assert_eq!(good.wait_for(1).len(), 1);
    let _ = server.logged("\"acknowledged\"", 1);
    let metrics = server.api().get("/metrics").text();
    assert!(metrics.contains("\nsealpost_attempts_in_flight 0\n"), "{metrics}");
    assert!(!server.log().iter().any(|line| line.contains("panicked")), "{:#?}", server.log());
}

#[test]
fn a_test_call_ends_in_time_and_shows_its_user_the_reason() {
    let server = Server::with(&[("delivery.deadline", "1s")]);
    let (base, _) = start();
    for harm in HARMS {
        let url = format!("{base}{}", harm.path);
        let started = Instant::now();
        let tested =
            server.api().multipart("PUT", &webhooks("/opened/test"), &[("url", &url)]).expect(200).json();
        assert!(started.elapsed() < DEADLINE * 4, "{url}");
        assert!(tested["message"].as_str().is_some_and(|said| said.contains(harm.said)), "{url}: {tested}");
    }
}
