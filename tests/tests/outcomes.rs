//! What each answer of a receiver leads to, on a schedule of milliseconds.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{Nobody, Receiver, Reply, Request, SIGNING_KEY, Server, signature};

/// The waits of the usual test schedule, `50ms,100ms,200ms`.
const STEPS: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(200)];
/// How much later than planned an attempt may be on a busy machine.
const SLACK: Duration = Duration::from_secs(2);
/// Due times are whole milliseconds.
const RESOLUTION: Duration = Duration::from_millis(1);

fn subscribe(server: &Server, kind: &str, receiver: &Receiver) {
    let _ = server.api().subscribe(kind, &[receiver.url("/")]).expect(200);
}

fn always(status: u16) -> Receiver {
    Receiver::start().otherwise(Reply::Status(status))
}

fn gaps(requests: &[Request]) -> Vec<Duration> {
    requests.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}

/// Whether each wait is its step and at most a tenth more, as far as a test can tell.
fn assert_on_schedule(requests: &[Request], attempt: Duration) {
    assert_eq!(requests.len(), STEPS.len() + 1, "{requests:?}");
    for (gap, step) in gaps(requests).into_iter().zip(STEPS) {
        assert!(gap + RESOLUTION >= step, "{gap:?} is earlier than {step:?}");
        assert!(gap <= step * 11 / 10 + attempt + SLACK, "{gap:?} is later than {step:?}");
    }
}

#[test]
fn any_2xx_ends_a_delivery_and_406_stops_it() {
    let mut server = Server::start();
    let receivers = [200, 202, 204, 299, 406].map(always);
    for (kind, receiver) in
        ["accepted", "clicked", "delivered", "opened", "complained"].iter().zip(&receivers)
    {
        subscribe(&server, kind, receiver);
        let _ = server.api().submit(&event(kind, kind)).expect(200);
    }
    receivers.iter().for_each(|receiver| drop(receiver.wait_for(1)));

    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.acknowledged, accounting.refused, accounting.pending()), (4, 1, 0));
    assert!(receivers.iter().all(|receiver| receiver.requests().len() == 1));
}

#[test]
fn every_other_answer_is_retried_on_the_schedule_and_then_exhausted() {
    let mut server = Server::start();
    let receivers = [500, 403, 410, 404].map(always);
    for (kind, receiver) in ["accepted", "clicked", "delivered", "opened"].iter().zip(&receivers) {
        subscribe(&server, kind, receiver);
        let _ = server.api().submit(&event(kind, kind)).expect(200);
    }

    let _ = server.logged("\"exhausted\"", 4);
    for receiver in &receivers {
        assert_on_schedule(&receiver.requests(), Duration::ZERO);
    }
    assert!(server.sigterm().success());
    assert_eq!((server.accounting().exhausted, server.accounting().pending()), (4, 0));
}

#[test]
fn a_redirect_is_retried_and_never_followed() {
    let server = Server::start();
    let target = Receiver::start();
    let statuses = [301, 302, 307, 308];
    let answers = statuses.map(|status| Reply::Headers(status, vec![("Location", target.url("/"))]));
    let receiver = Receiver::start().answering(answers);
    subscribe(&server, "opened", &receiver);
    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let _ = server.logged("\"exhausted\"", 1);

    assert_on_schedule(&receiver.requests(), Duration::ZERO);
    assert_eq!(target.connections(), 0);
}

#[test]
fn a_receiver_that_does_not_answer_in_time_is_tried_again() {
    let deadline = Duration::from_millis(150);
    let server = Server::with(&[("delivery.deadline", "150ms")]);
    let receiver = Receiver::start().otherwise(Reply::Hang);
    subscribe(&server, "opened", &receiver);
    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let _ = server.logged("\"exhausted\"", 1);

    assert_on_schedule(&receiver.requests(), deadline);
}

#[test]
fn a_connection_that_is_closed_or_refused_is_tried_again() {
    let mut server = Server::start();
    let closing = Receiver::start().otherwise(Reply::Close);
    subscribe(&server, "opened", &closing);
    let nobody = Nobody::start();
    let _ = server.api().subscribe("clicked", &[nobody.url("/")]).expect(200);
    let _ =
        server.api().submit(&format!("[{},{}]", event("opened", "one"), event("clicked", "two"))).expect(200);

    let _ = server.logged("\"exhausted\"", 2);

    assert_on_schedule(&closing.requests(), Duration::ZERO);
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().exhausted, 2);
}

#[test]
fn every_attempt_is_signed_anew_over_the_same_event() {
    let server = Server::with(&[("delivery.schedule", "1100ms")]);
    let receiver = Receiver::start().answering([Reply::Status(500)]);
    subscribe(&server, "opened", &receiver);
    let _ = server.api().submit(&event("opened", "one")).expect(200);

    let posts = receiver.wait_for(2);

    let signed = |field: &str| {
        BTreeSet::from_iter(posts.iter().map(|post| post.json()["signature"][field].to_string()))
    };
    for field in ["timestamp", "token", "signature"] {
        assert_eq!(signed(field).len(), 2, "{field}");
    }
    posts.iter().for_each(|post| signature::check(&post.body, SIGNING_KEY));
    assert_eq!(posts[0].event_data(), posts[1].event_data());
    assert_eq!(posts[0].header("webhook-id"), posts[1].header("webhook-id"));
    assert_ne!(posts[0].header("webhook-signature"), posts[1].header("webhook-signature"));
}

#[test]
fn retry_after_is_honoured_for_429_and_503_between_the_step_and_the_longest_step() {
    let server = Server::with(&[("delivery.schedule", "100ms,2s")]);
    let asking = |status, seconds: &str| {
        Receiver::start().answering([Reply::Headers(status, vec![("Retry-After", seconds.to_owned())])])
    };
    let cases = [
        ("accepted", asking(429, "1"), 1000..2000),
        ("clicked", asking(503, "1"), 1000..2000),
        ("delivered", asking(429, "0"), 100..1000),
        ("opened", asking(500, "1"), 100..1000),
        ("complained", asking(503, "3600"), 2000..4000),
    ];
    for (kind, receiver, _) in &cases {
        subscribe(&server, kind, receiver);
        let _ = server.api().submit(&event(kind, kind)).expect(200);
    }

    for (kind, receiver, waits) in cases {
        let wait = gaps(&receiver.wait_for(2))[0];
        assert!(
            (wait + RESOLUTION).as_millis() >= waits.start && wait.as_millis() < waits.end,
            "{kind}: {wait:?}"
        );
    }
}

#[test]
fn gone_stops_a_delivery_where_that_is_configured() {
    let mut server = Server::with(&[("delivery.gone", "stop")]);
    let receiver = always(410);
    subscribe(&server, "opened", &receiver);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let _ = receiver.wait_for(1);

    assert!(server.sigterm().success());
    assert_eq!((server.accounting().refused, server.accounting().pending()), (1, 0));
}

#[test]
fn a_url_that_is_taken_away_gets_nothing_more_and_a_new_one_new_events_alone() {
    let mut server = Server::with(&[("delivery.schedule", "300ms,300ms")]);
    let (leaving, staying, coming) = (always(500), always(500), Receiver::start());
    let _ = server.api().subscribe("opened", &[leaving.url("/"), staying.url("/")]).expect(200);
    let _ = server.api().submit(&event("opened", "old")).expect(200);
    let _ = (leaving.wait_for(1), staying.wait_for(1));

    let fields = [("url", staying.url("/")), ("url", coming.url("/"))];
    let fields = fields.each_ref().map(|(name, url)| (*name, url.as_str()));
    let _ = server.api().multipart("PUT", &webhooks("/opened"), &fields).expect(200);
    let _ = server.api().submit(&event("opened", "new")).expect(200);

    // Both events are tried to the end where the URL stayed: as long as the one that left would have taken.
    let _ = server.logged("\"exhausted\"", 2);
    assert_eq!(staying.requests().len(), 6);
    assert_eq!(leaving.requests().len(), 1);
    assert_eq!(coming.requests().iter().map(Request::event_id).collect::<Vec<_>>(), ["new"]);
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.cancelled, accounting.exhausted, accounting.acknowledged), (1, 2, 1));
}

#[test]
fn a_hanging_endpoint_does_not_delay_a_healthy_one() {
    let server = Server::start();
    let (hanging, healthy) = (Receiver::start().otherwise(Reply::Hang), Receiver::start());
    let _ = server.api().subscribe("opened", &[hanging.url("/"), healthy.url("/")]).expect(200);
    let all: Vec<_> = (0..200).map(|id| event("opened", &format!("e{id}"))).collect();
    let started = Instant::now();
    let _ = server.api().submit(&format!("[{}]", all.join(","))).expect(200);

    let _ = healthy.wait_for(200);

    assert!(started.elapsed() < Duration::from_secs(10), "within the deadline of the first hanging attempt");
    assert_eq!(hanging.requests().len(), 1, "who has never answered gets one attempt at a time");
}
