//! The Events API as the way to catch up: what no webhook brought can be polled, each event once.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sealpost_tests::calls::{event, events};
use sealpost_tests::{Api, DOMAIN, Receiver, Request, Server};

/// An opened event with a timestamp of its own.
fn event_at(id: &str, timestamp: u64) -> String {
    format!(r#"{{"event":"opened","id":"{id}","timestamp":{timestamp}}}"#)
}

fn submit(api: &Api, ids: std::ops::Range<usize>) -> Vec<String> {
    let ids: Vec<_> = ids.map(|id| format!("e{id}")).collect();
    let all: Vec<_> = ids.iter().map(|id| event("opened", id)).collect();
    let _ = api.submit(&format!("[{}]", all.join(","))).expect(200);
    ids
}

/// Follows `next` from this page to the first empty one; what was seen, and that page's `next`.
fn walk(api: &Api, from: &str) -> (Vec<String>, String) {
    let (mut seen, mut page) = (Vec::new(), api.page(from));
    while !page.items.is_empty() {
        seen.extend(page.ids());
        page = api.page(&page.paging.next);
    }
    (seen, page.paging.next)
}

#[test]
fn a_receiver_that_was_down_for_the_whole_schedule_catches_up_by_polling() {
    let mut server = Server::with(&[("delivery.schedule", "20ms,20ms")]);
    let api = server.api();
    let receiver = Receiver::start();
    let _ = api.subscribe("opened", &[receiver.url("/")]).expect(200);
    let before = submit(&api, 0..20);
    let mut received = Vec::from_iter(receiver.wait_for(20).iter().map(Request::event_id));

    let address = receiver.stop();
    let missed = submit(&api, 20..40);
    let _ = server.logged("\"exhausted\"", 20);
    let receiver = Receiver::start_at(address);
    let after = submit(&api, 40..60);
    received.extend(receiver.wait_for(20).iter().map(Request::event_id));

    let polled = api.listed();
    let accepted = BTreeSet::from_iter([before, missed.clone(), after].concat());
    assert_eq!(BTreeSet::from_iter(polled.clone()), accepted);
    assert_eq!(polled.len(), accepted.len(), "each is listed once");
    let received = BTreeSet::from_iter(received);
    assert_eq!(BTreeSet::from_iter(accepted.difference(&received).cloned()), BTreeSet::from_iter(missed));
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.acknowledged, accounting.exhausted, accounting.pending()), (40, 20, 0));
}

#[test]
fn a_walk_shows_each_event_once_while_events_with_equal_timestamps_are_added() {
    let server = Server::start();
    let api = server.api();
    let done = AtomicBool::new(false);

    let (sent, seen) = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = BTreeSet::new();
            for batch in 0..40 {
                // Five timestamps for everything: ties throughout, and most events come late.
                let ids = (0..5).map(|at| (format!("e{batch}-{at}"), 1_700_000_000 + (batch + at) % 5));
                let (ids, all): (Vec<_>, Vec<_>) =
                    ids.map(|(id, at)| (id.clone(), event_at(&id, at))).unzip();
                let _ = server.api().submit(&format!("[{}]", all.join(","))).expect(200);
                sent.extend(ids);
            }
            done.store(true, Ordering::SeqCst);
            sent
        });
        let (mut seen, mut next) = (Vec::new(), events("?begin=1700000000&ascending=yes&limit=3"));
        loop {
            let last_round = done.load(Ordering::SeqCst);
            let (more, then) = walk(&api, &next);
            seen.extend(more);
            next = then;
            if last_round {
                return (sender.join().expect("every answer is a 200"), seen);
            }
        }
    });

    assert_eq!(seen.len(), sent.len(), "none is repeated");
    assert_eq!(BTreeSet::from_iter(seen), sent, "and none is skipped");
}

#[test]
fn what_comes_late_is_the_next_round_whatever_its_timestamp() {
    let mut server = Server::start();
    let first = [("b", 2), ("a", 1), ("c", 2)].map(|(id, at)| event_at(id, 1_700_000_000 + at));
    let _ = server.api().submit(&format!("[{}]", first.join(","))).expect(200);
    let (seen, next) = walk(&server.api(), &events("?begin=1700000000&ascending=yes&limit=2"));
    assert_eq!(seen, ["a", "b", "c"]);

    let _ = server.api().submit(&event_at("late", 1_700_000_000)).expect(200);
    server.kill9();
    let port_before = next[..next.find("/v3/").expect("a path")].to_owned();
    server.restart();

    let (seen, _) = walk(&server.api(), next.strip_prefix(&port_before).expect("the path of the link"));
    assert_eq!(seen, ["late"]);
}

#[test]
fn the_four_links_lead_where_they_say() {
    let server = Server::start();
    let api = server.api();
    let all: Vec<_> = (0..7).map(|id| event_at(&format!("e{id}"), 1_700_000_000)).collect();
    let _ = api.submit(&format!("[{}]", all.join(","))).expect(200);

    let first = api.page(&events("?ascending=yes&limit=3"));
    let base = server.url(&events("/"));
    for link in [&first.paging.previous, &first.paging.first, &first.paging.last, &first.paging.next] {
        let token = link.strip_prefix(&base).unwrap_or_else(|| panic!("{link} is not below {base}"));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
        assert_eq!(Api::anonymous(&server.url("")).get(link).status, 401);
    }
    let ids = |link: &str| api.page(link).ids();
    assert_eq!(first.ids(), ["e0", "e1", "e2"]);
    assert_eq!(ids(&first.paging.previous), [""; 0]);
    let second = api.page(&first.paging.next);
    assert_eq!(second.ids(), ["e3", "e4", "e5"]);
    assert_eq!(ids(&second.paging.previous), first.ids());
    assert_eq!(ids(&second.paging.first), first.ids());
    assert_eq!(ids(&second.paging.next), ["e6"]);
    let last = api.page(&second.paging.last);
    assert_eq!(last.ids(), ["e4", "e5", "e6"]);
    assert_eq!(ids(&last.paging.next), [""; 0]);
    assert_eq!(ids(&last.paging.previous), ["e1", "e2", "e3"]);
}

#[test]
fn a_link_of_another_domain_is_refused() {
    let server = Server::start();
    let api = server.api();
    let _ = api.urlencoded("POST", "/v3/domains", &[("name", "other.example")]).expect(200);
    let _ = api.submit(&event_at("one", 1_700_000_000)).expect(200);
    let link = api.page(&events("?limit=1")).paging.next;

    let refused = api.get(&link.replace(DOMAIN, "other.example")).expect(400).json();

    assert_eq!(refused["message"], "Invalid page: this link was not given out for this domain");
}

#[test]
fn a_poller_finds_the_failures_of_a_span_of_time() {
    let server = Server::start();
    let api = server.api();
    let failed = |id: &str, at: u64| {
        let failed = r#""event":"failed","severity":"permanent""#;
        event_at(id, at).replace(r#""event":"opened""#, failed)
    };
    let all = [
        event_at("o1", 1_700_000_001),
        failed("f1", 1_700_000_001),
        failed("f2", 1_700_000_002),
        failed("f3", 1_700_000_009),
    ];
    let _ = api.submit(&format!("[{}]", all.join(","))).expect(200);

    let date = "Tue,%2014%20Nov%202023%2022:13:";
    for span in
        ["begin=1700000001&end=1700000005".to_owned(), format!("begin={date}21%20%2B0000&end={date}25%20GMT")]
    {
        assert_eq!(api.page(&events(&format!("?event=failed&{span}"))).ids(), ["f1", "f2"], "{span}");
    }
    assert_eq!(api.page(&events("?event=failed&begin=1700000005&end=1700000001")).ids(), ["f2", "f1"]);
    assert_eq!(api.page(&events("?event=opened%20OR%20failed&limit=1")).ids(), ["f3"]);
}

#[test]
fn after_a_restore_from_an_older_copy_a_poller_reads_again_rather_than_skip() {
    let mut server = Server::start();
    let all = events("?begin=1700000000&ascending=yes&limit=4");
    let kept = submit(&server.api(), 0..5);
    assert!(server.sigterm().success());
    let copy = tempfile::tempdir().expect("a directory");
    let names = ["sealpost.db", "master.key"];
    for name in names {
        fs::copy(server.data().join(name), copy.path().join(name)).expect("a copy");
    }

    server.restart();
    submit(&server.api(), 10..15);
    let (seen, next) = walk(&server.api(), &all);
    assert_eq!(seen.len(), 10);
    server.kill9();
    for entry in fs::read_dir(server.data()).expect("a directory") {
        fs::remove_file(entry.expect("a file").path()).expect("removed");
    }
    for name in names {
        fs::copy(copy.path().join(name), server.data().join(name)).expect("restored");
    }

    server.restart();
    // More than were lost, so that the new numbers go beyond those that the poller has seen.
    let new = submit(&server.api(), 20..30);
    let path = &next[next.find("/v3/").expect("a path")..];
    let (again, _) = walk(&server.api(), path);
    assert_eq!(BTreeSet::from_iter(again), BTreeSet::from_iter([kept, new].concat()));
}
