//! Receivers that mean harm: no more of an answer is read than the limit, the attempt ends by its deadline, and the
//! sentence says what whoever runs the receiver can act on.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;

const DEADLINE: Duration = Duration::from_millis(500);
const LIMIT: usize = 16 * 1024;
/// What kernel and receiver hold between them, that nobody has read.
const BUFFERS: usize = 16 << 20;

/// What an attempt came to at a receiver that sends `first`, then `again` for as long as anybody takes it, and how
/// many bytes those were.
async fn flood(first: &'static str, again: &'static str) -> (Answer, Duration, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (told, sent) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let mut sent = 0;
        let many = again.repeat(8192 / again.len().max(1) + 1);
        if stream.write_all(first.as_bytes()).await.is_ok() && !again.is_empty() {
            while let Ok(written) = stream.write(many.as_bytes()).await {
                sent += written;
            }
        }
        let _ = told.send(sent);
    });
    let client = Client::new(ClientConfig { deadline: DEADLINE, max_response: LIMIT, ..config() }).unwrap();
    let started = Instant::now();
    let answer = post(&client, &url).await;
    let took = started.elapsed();
    assert_eq!(client.idle_connections(), 0);
    drop(client);
    (answer, took, sent.await.unwrap())
}

#[tokio::test]
async fn an_endless_answer_is_read_up_to_the_limit_and_its_slot_is_free_by_the_deadline() {
    let retried = retry(Fault::Protocol);
    let too_large = "the head of the answer is larger than the limit";
    for (first, again, outcome, said) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", "x", Outcome::Acknowledged, "200"),
        (
            "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n",
            "1\r\nx\r\n",
            retry(Fault::Status(500)),
            "500",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1073741824\r\n\r\n",
            "\x1f\x08\0\0",
            Outcome::Acknowledged,
            "200",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", Outcome::Acknowledged, "200"),
        ("HTTP/1.1 200 OK\r\n", "X: y\r\n", retried, too_large),
        ("HTTP/1.1 200 OK\r\nX: ", "y", retried, too_large),
        ("", "HTTP/1.1 103 Early Hints\r\n\r\n", retried, too_large),
        ("", "HTTP/1.1 100 Continue\r\n\r\n", retried, too_large),
        ("<html>an answer of HTTP/0.9", "x", retried, "not HTTP/1.0 or HTTP/1.1"),
        ("\0\u{1}\u{2}", "\u{7f}", retried, "not HTTP/1.0 or HTTP/1.1"),
    ] {
        let (answer, took, sent) = flood(first, again).await;
        assert_eq!(answer.outcome, outcome, "{first:?}{again:?}: {}", answer.detail);
        assert!(answer.detail.contains(said), "{first:?}{again:?}: {}", answer.detail);
        assert!(took < DEADLINE * 4, "{first:?}{again:?} took {took:?}");
        assert!(sent < BUFFERS, "{first:?}{again:?} sent {sent} bytes");
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_in_the_middle_says_where() {
    for (first, outcome, said) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", Outcome::Acknowledged, "200"),
        ("HTTP/1.1 200 OK\r\nContent-Le", retry(Fault::Closed), "in the middle of its answer"),
        ("", retry(Fault::Closed), "without an answer"),
    ] {
        let (answer, _, _) = flood(first, "").await;
        assert_eq!(answer.outcome, outcome, "{first:?}");
        assert!(answer.detail.contains(said), "{first:?}: {}", answer.detail);
    }
}

#[tokio::test]
async fn a_bad_certificate_is_told_in_words_that_name_the_remedy() {
    let certificate = |name: &str| rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    let mut expired = certificate("localhost");
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let mut early = certificate("localhost");
    early.not_before = rcgen::date_time_ymd(2999, 1, 1);
    early.not_after = rcgen::date_time_ymd(3000, 1, 1);
    for (certificate, trusted, said) in [
        (expired, true, "has expired; renew it"),
        (early, true, "is not valid yet"),
        (certificate("other.example"), true, "for another name than the URL's host"),
        (certificate("localhost"), false, "name the authority in egress.ca_file"),
    ] {
        let (receiver, ca) = Receiver::start_tls_with(certificate, |_| Reply::text(OK)).await;
        let ca_file = trusted.then(|| ca.path().to_owned());
        let client = Client::new(ClientConfig { ca_file, ..config() }).unwrap();
        let answer = post(&client, &format!("https://localhost:{}/", receiver.address.port())).await;
        assert_eq!(answer.outcome, retry(Fault::Tls), "{said}");
        assert!(answer.detail.contains(said), "{}", answer.detail);
        assert_eq!(receiver.requests().len(), 0);
    }
}

#[tokio::test]
async fn clear_text_behind_https_is_told_as_such() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    receiver.answer_at_once();
    let url = receiver.url("/").replace("http://", "https://");
    let answer = post(&Client::new(config()).unwrap(), &url).await;
    assert!(answer.detail.contains("does not speak TLS on this port"), "{}", answer.detail);
}
