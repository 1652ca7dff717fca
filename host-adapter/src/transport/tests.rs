//! The client against receivers on the loopback interface.

mod hostile;
mod names;
mod receiver;

use std::time::{Duration, Instant};

use bytes::Bytes;
use sealpost_core::http::Header;
use sealpost_core::{Duration as Millis, Fault, Outcome, Payload, SigningKey, Token, UnixTime, Url};

use super::*;
use receiver::{Receiver, Reply};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn loopback() -> EgressRules {
    let allow = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    EgressRules { allow, ..EgressRules::default() }
}

fn config() -> ClientConfig {
    ClientConfig {
        guard: Guard::new(loopback()),
        deadline: Duration::from_secs(5),
        ..ClientConfig::default()
    }
}

fn payload() -> Payload<Bytes> {
    let block = SigningKey::new(b"key").unwrap().sign(UnixTime::new(7, 0), Token::from_entropy([7; 25]));
    Payload::new(&block, Bytes::from_static(br#"{"event":"opened"}"#))
}

async fn post(client: &Client, url: &str) -> Answer {
    client.post(&Url::parse(url).unwrap(), &[], &payload()).await
}

async fn answer_to(reply: Reply) -> Answer {
    let receiver = Receiver::start(move |_| reply.clone()).await;
    post(&Client::new(config()).unwrap(), &receiver.url("/")).await
}

fn retry(fault: Fault) -> Outcome {
    Outcome::retry(fault)
}

#[tokio::test]
async fn the_request_is_byte_for_byte_what_it_should_be() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    let url = receiver.url("/hook?k=v").replace("http://", "http://user:p%40ss@");
    let headers = [Header::new("webhook-id", "abc").unwrap()];
    let client = Client::new(ClientConfig { user_agent: "test/1".to_owned(), ..config() }).unwrap();
    let answer = client.post(&Url::parse(&url).unwrap(), &headers, &payload()).await;

    let body = payload().chunks().concat();
    let expected = format!(
        "POST /hook?k=v HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic dXNlcjpwQHNz\r\n\
         Content-Type: application/json\r\nUser-Agent: test/1\r\nAccept: */*\r\nwebhook-id: abc\r\n\
         Content-Length: {}\r\n\r\n{}",
        receiver.address,
        body.len(),
        String::from_utf8(body).unwrap()
    );
    assert_eq!(String::from_utf8(receiver.requests().remove(0)).unwrap(), expected);
    assert_eq!((answer.outcome, answer.status), (Outcome::Acknowledged, Some(200)));
}

#[tokio::test]
async fn a_large_event_arrives_whole() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    let event_data: Vec<u8> = (0..3_000_000u32).map(|i| i as u8).collect();
    let block = SigningKey::new(b"key").unwrap().sign(UnixTime::new(7, 0), Token::from_entropy([7; 25]));
    let payload = Payload::new(&block, event_data.as_slice());
    let url = receiver.url("/");
    let client = Client::new(config()).unwrap();
    let answer = client.post(&Url::parse(&url).unwrap(), &[], &payload).await;
    assert_eq!(answer.outcome, Outcome::Acknowledged);
    assert!(receiver.requests()[0].ends_with(&payload.chunks().concat()));
}

#[tokio::test]
async fn a_connection_is_reused_as_long_as_it_may_be() {
    let chunked = "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let interim = format!("HTTP/1.1 103 Early Hints\r\n\r\n{OK}");
    for (reply, connections) in [
        (Reply::text(OK), 1),
        (Reply::text(chunked), 1),
        (Reply::text(&interim), 1),
        (Reply::text("HTTP/1.1 204 No Content\r\n\r\n"), 1),
        (Reply::text("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), 1),
        (Reply::text("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), 3),
        (Reply::text("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), 3),
        (Reply::text("HTTP/1.1 200 OK\r\n\r\nto the end").close(), 3),
        (Reply::text(&format!("{OK}surplus")), 3),
    ] {
        let scripted = reply.clone();
        let receiver = Receiver::start(move |_| scripted.clone()).await;
        let client = Client::new(config()).unwrap();
        for _ in 0..3 {
            let answer = post(&client, &receiver.url("/")).await;
            assert!(answer.status.is_some(), "{reply:?}: {answer:?}");
        }
        assert_eq!((receiver.accepted(), receiver.requests().len()), (connections, 3), "{reply:?}");
    }
}

#[tokio::test]
async fn a_request_that_crosses_with_the_end_of_its_connection_is_sent_once_more() {
    // The second request on a connection is read and gets no answer.
    let receiver =
        Receiver::start(|nth| if nth == 1 { Reply::nothing().close() } else { Reply::text(OK) }).await;
    let client = Client::new(config()).unwrap();
    for _ in 0..2 {
        assert_eq!(post(&client, &receiver.url("/")).await.outcome, Outcome::Acknowledged);
    }
    assert_eq!((receiver.accepted(), receiver.requests().len()), (2, 3));
}

#[tokio::test]
async fn a_new_connection_that_ends_without_an_answer_is_not_tried_again() {
    let receiver = Receiver::start(|_| Reply::nothing().close()).await;
    let answer = post(&Client::new(config()).unwrap(), &receiver.url("/")).await;
    assert_eq!(answer.outcome, retry(Fault::Closed));
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_whose_head_ends_too_early_does_not_count() {
    let answer = answer_to(Reply::text("HTTP/1.1 200 OK\r\nContent-Le").close()).await;
    assert_eq!(answer.outcome, retry(Fault::Closed));
}

#[tokio::test]
async fn a_status_counts_whatever_becomes_of_the_body_behind_it() {
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort";
    let broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size";
    let refused = "HTTP/1.1 406 No\r\nContent-Length: 9\r\n\r\nshort";
    for (reply, outcome) in [
        (Reply::text(short).close(), Outcome::Acknowledged),
        (Reply::text(short), Outcome::Acknowledged),
        (Reply::text(broken), Outcome::Acknowledged),
        (Reply::text(refused).close(), Outcome::Refused { status: 406 }),
    ] {
        let scripted = reply.clone();
        let receiver = Receiver::start(move |_| scripted.clone()).await;
        let client = Client::new(ClientConfig { deadline: Duration::from_millis(200), ..config() }).unwrap();
        let answer = post(&client, &receiver.url("/")).await;
        assert_eq!(answer.outcome, outcome, "{reply:?}");
        assert_eq!(client.idle_connections(), 0, "{reply:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_told_from_what_is() {
    for text in ["SSH-2.0-OpenSSH_9\r\n", "HTTP/2 200\r\n\r\n", "\0\0\0\0\0\0\0\0"] {
        assert_eq!(answer_to(Reply::text(text)).await.outcome, retry(Fault::Protocol), "{text:?}");
    }
}

#[tokio::test]
async fn no_more_is_read_than_the_limit() {
    let endless_head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(100_000));
    assert_eq!(answer_to(Reply::text(&endless_head)).await.outcome, retry(Fault::Protocol));
    let hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10_000);
    assert_eq!(answer_to(Reply::text(&hints)).await.outcome, retry(Fault::Protocol));

    let long_body = format!("HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n{}", "x".repeat(100_000));
    let receiver = Receiver::start(move |_| Reply::text(&long_body)).await;
    let client = Client::new(config()).unwrap();
    assert_eq!(post(&client, &receiver.url("/")).await.outcome, Outcome::Acknowledged);
    assert_eq!(client.idle_connections(), 0);
}

#[tokio::test]
async fn a_drip_ends_at_the_deadline() {
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n";
    for (text, dripped, outcome) in [
        (OK.to_owned(), 0, retry(Fault::Timeout)),
        (format!("{body}{}", "x".repeat(99)), body.len(), Outcome::Acknowledged),
    ] {
        let drip = Reply::text(&text).drip(dripped, Duration::from_millis(20));
        let receiver = Receiver::start(move |_| drip.clone()).await;
        let config = ClientConfig { deadline: Duration::from_millis(200), ..config() };
        let started = Instant::now();
        let answer = post(&Client::new(config).unwrap(), &receiver.url("/")).await;
        assert_eq!(answer.outcome, outcome);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let trap = Receiver::start(|_| Reply::text(OK)).await;
    let location = trap.url("/");
    let text = format!("HTTP/1.1 307 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let answer = answer_to(Reply::text(&text)).await;
    assert_eq!(answer.outcome, retry(Fault::Status(307)));
    assert!(answer.detail.contains("redirect"), "{}", answer.detail);
    assert_eq!(trap.accepted(), 0);
}

#[tokio::test]
async fn retry_after_reaches_the_outcome() {
    let text = "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n";
    let after = Some(Millis::from_secs(120));
    let outcome = Outcome::Retry { fault: Fault::Status(503), after };
    assert_eq!(answer_to(Reply::text(text)).await.outcome, outcome);
}

#[tokio::test]
async fn an_answer_before_the_request_is_read_counts() {
    let receiver =
        Receiver::start(|_| Reply::text("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")).await;
    receiver.answer_at_once();
    let client = Client::new(config()).unwrap();
    let answer = post(&client, &receiver.url("/")).await;
    assert_eq!(answer.outcome, retry(Fault::Status(413)));
}

#[tokio::test]
async fn a_denied_endpoint_is_never_connected_to() {
    let trap = Receiver::start(|_| Reply::text(OK)).await;
    let client = Client::new(ClientConfig::default()).unwrap();
    for host in ["127.0.0.1", "[::1]", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let answer = post(&client, &format!("http://{host}:{}/", trap.address.port())).await;
        assert_eq!(answer.outcome, retry(Fault::Egress), "{host}");
    }
    let own = Guard::new(EgressRules { own_listeners: vec![trap.address], ..loopback() });
    let client = Client::new(ClientConfig { guard: own, ..config() }).unwrap();
    assert_eq!(post(&client, &trap.url("/")).await.outcome, retry(Fault::Egress));
    assert_eq!(trap.accepted(), 0);
}

#[tokio::test]
async fn nobody_listening_is_a_connection_fault() {
    let port = Receiver::start(|_| Reply::nothing()).await.address.port();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_ne!(closed.port(), port);
    let answer = post(&Client::new(config()).unwrap(), &format!("http://{closed}/")).await;
    assert_eq!(answer.outcome, retry(Fault::Connect));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_dns_fault_and_may_be_saved() {
    let client = Client::new(config()).unwrap();
    let url = "http://no-such-host.invalid/";
    assert_eq!(post(&client, url).await.outcome, retry(Fault::Dns));
    assert_eq!(client.check_endpoint(&Url::parse(url).unwrap()).await, Ok(()));
    let denied = client.check_endpoint(&Url::parse("http://10.0.0.1/").unwrap()).await;
    assert!(matches!(denied, Err(Denied::Address { .. })), "{denied:?}");
}

#[tokio::test]
async fn idle_connections_are_bounded_in_number() {
    let client = Client::new(ClientConfig { idle_connections: 2, ..config() }).unwrap();
    for _ in 0..4 {
        let receiver = Receiver::start(|_| Reply::text(OK)).await;
        assert_eq!(post(&client, &receiver.url("/")).await.outcome, Outcome::Acknowledged);
        assert!(client.idle_connections() <= 2);
    }
}

#[test]
fn one_client_serves_several_runtimes_and_keeps_their_connections_apart() {
    let server = tokio::runtime::Runtime::new().unwrap();
    let receiver = server.block_on(Receiver::start(|_| Reply::text(OK)));
    let client = Client::new(config()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                for _ in 0..5 {
                    let answer = runtime.block_on(post(&client, &receiver.url("/")));
                    assert_eq!(answer.outcome, Outcome::Acknowledged);
                }
            });
        }
    });
    assert_eq!((receiver.accepted(), receiver.requests().len()), (3, 15));
}

#[tokio::test]
async fn tls_trusts_the_operators_authority_and_reuses_the_connection() {
    let (receiver, ca) = Receiver::start_tls("localhost", |_| Reply::text(OK)).await;
    let client = Client::new(ClientConfig { ca_file: Some(ca.path().to_owned()), ..config() }).unwrap();
    let url = format!("https://localhost:{}/", receiver.address.port());
    for _ in 0..2 {
        let answer = post(&client, &url).await;
        assert_eq!(answer.outcome, Outcome::Acknowledged, "{}", answer.detail);
    }
    assert_eq!(receiver.accepted(), 1);
    assert!(receiver.requests()[1].ends_with(&payload().chunks().concat()));
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_not_of_this_name_gets_nothing() {
    let (unknown, _) = Receiver::start_tls("localhost", |_| Reply::text(OK)).await;
    let (other_name, ca) = Receiver::start_tls("example.com", |_| Reply::text(OK)).await;
    let client = Client::new(ClientConfig { ca_file: Some(ca.path().to_owned()), ..config() }).unwrap();
    for receiver in [unknown, other_name] {
        let answer = post(&client, &format!("https://localhost:{}/", receiver.address.port())).await;
        assert_eq!(answer.outcome, retry(Fault::Tls), "{}", answer.detail);
        assert_eq!(receiver.requests().len(), 0);
    }
}

#[tokio::test]
async fn clear_text_behind_https_is_a_tls_fault() {
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    receiver.answer_at_once();
    let url = receiver.url("/").replace("http://", "https://");
    assert_eq!(post(&Client::new(config()).unwrap(), &url).await.outcome, retry(Fault::Tls));
}

#[test]
fn a_user_agent_that_would_break_the_head_is_refused() {
    let config = ClientConfig { user_agent: "a\r\nb".to_owned(), ..config() };
    assert!(matches!(Client::new(config), Err(ClientError::UserAgent(_))));
}
