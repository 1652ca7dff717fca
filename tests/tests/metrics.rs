//! What can be seen of a running server from outside, at `GET /metrics`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, events, webhooks};
use sealpost_tests::tools::{GCC, available};
use sealpost_tests::{API_KEY, Api, Nobody, Receiver, Reply, Server, WallClock};

/// The series of a scrape, by name and labels.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    fn of(server: &Server) -> Self {
        let answer = server.api().get("/metrics").expect(200);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(answer.header("content-type"), Some(kind));
        let text = answer.text();
        assert!(text.ends_with("# EOF\n"));
        let series = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        Self(series.collect())
    }

    /// The value of a series, without its prefix `sealpost_`.
    fn get(&self, name: &str) -> f64 {
        let found = self.0.get(&format!("sealpost_{name}"));
        *found.unwrap_or_else(|| panic!("{name} is not among {:#?}", self.0.keys()))
    }
}

/// The scrape that this is true of, which comes within 20 s.
fn once(server: &Server, is_so: impl Fn(&Scrape) -> bool) -> Scrape {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let scrape = Scrape::of(server);
        if is_so(&scrape) {
            return scrape;
        }
        assert!(Instant::now() < until, "{:#?}", scrape.0);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn events_deliveries_and_endpoints_are_counted_by_what_became_of_them() {
    let server = Server::with(&[("delivery.schedule", "10ms")]);
    let (good, bad, gone) = (
        Receiver::start(),
        Receiver::start().otherwise(Reply::Status(500)),
        Receiver::start().otherwise(Reply::Status(406)),
    );
    let urls = [&good, &bad, &gone].map(|receiver| receiver.url("/"));
    let _ = server.api().subscribe("opened", &urls).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let _ = server.api().submit(&event("sung", "two")).expect(400);
    let _ = server.api().submit(&event("clicked", "three")).expect(200);

    let scrape = once(&server, |scrape| scrape.get("deliveries_pending") == 0.0);

    for (name, expected) in [
        (r#"submitted_events_total{answer="stored"}"#, 2.0),
        (r#"submitted_events_total{answer="duplicate"}"#, 1.0),
        (r#"submitted_events_total{answer="refused"}"#, 1.0),
        (r#"answers_total{method="POST",route="/v3/{domain}/events",status="200"}"#, 3.0),
        (r#"answers_total{method="POST",route="/v3/{domain}/events",status="400"}"#, 1.0),
        ("stored_events_total", 2.0),
        ("deliveries_accepted_total", 3.0),
        (r#"deliveries_ended_total{end="acknowledged"}"#, 1.0),
        (r#"deliveries_ended_total{end="refused"}"#, 1.0),
        (r#"deliveries_ended_total{end="exhausted"}"#, 1.0),
        (r#"deliveries_ended_total{end="cancelled"}"#, 0.0),
        ("attempts_in_flight", 0.0),
        (r#"attempts_total{outcome="acknowledged",fault="none"}"#, 1.0),
        (r#"attempts_total{outcome="refused",fault="status"}"#, 1.0),
        (r#"attempts_total{outcome="retry",fault="status"}"#, 2.0),
        ("attempt_seconds_count", 4.0),
        (r#"oldest_due_seconds{endpoints="up"}"#, 0.0),
        (r#"oldest_due_seconds{endpoints="others"}"#, 0.0),
    ] {
        assert_eq!(scrape.get(name), expected, "{name}");
    }
    assert_eq!(scrape.get("attempt_seconds_bucket{le=\"+Inf\"}"), 4.0);
    assert!(scrape.get("attempt_seconds_sum") > 0.0);
    assert!(scrape.get("commit_seconds_count") >= 2.0 && scrape.get("commit_seconds_sum") > 0.0);
    assert!(scrape.get("commit_rows_sum") >= scrape.get("commit_rows_count"));
    assert!(scrape.get("disk_free_bytes") > 0.0);

    let endpoint = |receiver: &Receiver, name: &str, more: &str| {
        let host = receiver.url("").replace("http://", "");
        let series = |(known, value): (&String, &f64)| {
            let is_it = known.starts_with(&format!("sealpost_{name}{{"))
                && known.contains(&format!("host=\"{host}\""))
                && known.contains(more);
            is_it.then_some(*value)
        };
        scrape.0.iter().find_map(series).unwrap_or_else(|| panic!("{name} of {host}: {:#?}", scrape.0))
    };
    for (receiver, state, outcome, attempts) in
        [(&good, "up", "acknowledged", 1.0), (&bad, "suspect", "retry", 2.0), (&gone, "up", "refused", 1.0)]
    {
        assert_eq!(endpoint(receiver, "endpoint_state", &format!("state=\"{state}\"")), 1.0);
        assert_eq!(endpoint(receiver, "endpoint_attempts_total", &format!("\"{outcome}\"")), attempts);
        assert_eq!(endpoint(receiver, "endpoint_pending", ""), 0.0);
        assert_eq!(endpoint(receiver, "endpoint_in_flight", ""), 0.0);
    }
}

#[test]
fn refusals_for_want_of_room_are_counted_by_status() {
    let full = Server::with(&[("storage.max_pending", "1"), ("delivery.schedule", "1h")]);
    let nobody = Nobody::start();
    let _ = full.api().subscribe("opened", &[nobody.url("/")]).expect(200);
    let _ = full.api().submit(&event("opened", "one")).expect(200);
    let _ = full.api().submit(&event("opened", "two")).expect(429);
    let no_disk = Server::with(&[("storage.min_free_disk", "1024TiB")]);
    let _ = no_disk.api().submit(&event("opened", "one")).expect(503);
    for (server, status) in [(&full, "429"), (&no_disk, "503")] {
        let name =
            format!(r#"answers_total{{method="POST",route="/v3/{{domain}}/events",status="{status}"}}"#);
        assert_eq!(Scrape::of(server).get(&name), 1.0);
    }
}

#[test]
fn the_oldest_due_delivery_is_one_that_waits_for_a_place_and_not_for_its_time() {
    let one_at_a_time =
        [("delivery.in_flight_per_endpoint", "1"), ("delivery.deadline", "10m"), ("delivery.schedule", "1h")];
    let clock = available(&[GCC]).then(WallClock::new);
    let environment = clock.as_ref().map(WallClock::environment).unwrap_or_default();
    let server = Server::within(&environment, &one_at_a_time);
    let others = r#"oldest_due_seconds{endpoints="others"}"#;

    // Its next attempt comes in an hour.
    let failing = Receiver::start().otherwise(Reply::Status(500));
    let _ = server.api().subscribe("opened", &[failing.url("/")]).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let _ = server.logged("\"retry\"", 1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(once(&server, |scrape| scrape.get("attempts_in_flight") == 0.0).get(others), 0.0);

    // The second waits until the first is answered.
    let hanging = Receiver::start().otherwise(Reply::Hang);
    let _ = server.api().subscribe("clicked", &[hanging.url("/")]).expect(200);
    let batch = [event("clicked", "two"), event("clicked", "three")].join("\n");
    let _ = server.api().post(&events(""), "application/x-ndjson", batch).expect(200);
    let _ = hanging.wait_for(1);
    let scrape = once(&server, |scrape| scrape.get(others) >= 0.3);
    assert_eq!(scrape.get("attempts_in_flight"), 1.0);
    assert_eq!(scrape.get("deliveries_pending"), 3.0);
    assert_eq!(scrape.get(r#"oldest_due_seconds{endpoints="up"}"#), 0.0);

    // However the wall clock is set.
    for ahead in [9 * 3600, -9 * 3600] {
        let Some(clock) = &clock else { return };
        let before = Scrape::of(&server).get(others);
        clock.set_ahead(ahead);
        let after = Scrape::of(&server).get(others);
        assert!((before..before + 30.0).contains(&after), "{before} became {after}");
    }
}

#[test]
fn a_key_of_the_account_or_an_address_that_is_named_may_look() {
    let shut = Server::start();
    let open = Server::with(&[("server.metrics_allow", "127.0.0.1")]);
    let status = |server: &Server, api: &dyn Fn(Api) -> Api| {
        api(Api::anonymous(&server.url(""))).get("/metrics").status
    };
    assert_eq!(status(&shut, &|api| api), 401);
    assert_eq!(status(&open, &|api| api), 200);
    assert_eq!(status(&open, &|api| api.with_header("X-Forwarded-For", "127.0.0.1")), 401);
    assert_eq!(Api::new(&open.url(""), "key-wrong").get("/metrics").status, 401);
    let made =
        open.api().urlencoded("POST", "/v1/keys", &[("domain_name", "example.com"), ("kind", "domain")]);
    let key = made.expect(200).json()["key"]["secret"].as_str().expect("a key").to_owned();
    assert_eq!(Api::new(&open.url(""), &key).get("/metrics").status, 403);
    assert_eq!(Api::new(&shut.url(""), API_KEY).get("/metrics").status, 200);
}

#[test]
fn no_series_is_made_by_a_stranger_and_none_shows_what_a_url_hides() {
    let server = Server::start();
    let receiver = Receiver::start();
    let url = receiver.url("/hidden-path?hidden-query").replace("//", "//hidden-user:hidden-password@");
    let _ = server.api().subscribe("opened", &[url]).expect(200);
    let _ = server.api().submit(&event("opened", "hidden-id")).expect(200);
    let _ = receiver.wait_for(1);
    let stranger = Api::anonymous(&server.url(""));
    for at in 0..50 {
        let _ = stranger.get(&format!("/hidden-{at}"));
        let _ = stranger.send(&format!("HIDDEN{at}"), &webhooks("/hidden"), None, b"");
        let _ = server.api().get(&format!("/v3/hidden-{at}.example/events"));
    }
    let series = Scrape::of(&server).0;
    let answers = series.keys().filter(|name| name.starts_with("sealpost_answers_total"));
    assert!(answers.count() < 12, "{series:#?}");
    assert!(!series.keys().any(|name| name.to_lowercase().contains("hidden")), "{series:#?}");
}
