//! What clients of Mailgun's Events API rely on when they poll: how they write times, which way a range is read,
//! and what the links of a page are like.

use sealpost_tests::calls::{Page, events};
use sealpost_tests::{API_KEY, Api, DOMAIN, Server};

/// Ten events, `e0` to `e9`, a second apart from 3 May 2013, 09:00:00 UTC on.
const FIRST: u64 = 1_367_571_600;

fn server_with_ten() -> Server {
    let server = Server::start();
    let ten: Vec<_> = (0..10)
        .map(|at| format!(r#"{{"event":"opened","id":"e{at}","timestamp":{}.5}}"#, FIRST + at))
        .collect();
    let _ = server.api().submit(&format!("[{}]", ten.join(","))).expect(200);
    server
}

fn page(server: &Server, query: &str) -> Page {
    server.api().page(&events(&format!("?{query}")))
}

/// The last segment of the path, which is all that some clients keep of a link.
fn token(link: &str) -> &str {
    link.rsplit('/').next().expect("a segment")
}

#[test]
fn a_time_is_written_in_many_ways() {
    let server = server_with_ten();
    for begin in [
        "1367571607",
        "1367571607.0",
        "1367571607.499999",
        "Fri%2C%203%20May%202013%2009%3A00%3A07%20-0000",
        "Fri%2C+03+May+2013+09%3A00%3A07+GMT",
        "Fri,%203%20May%202013%2009:00:07%20UT",
        "Fri,+3+May+2013+11:00:07+%2B0200",
        "Fri,+3+May+2013+02:00:07+-0700",
        "3+May+2013+09:00:07+%2B0000",
    ] {
        assert_eq!(
            page(&server, &format!("begin={begin}&ascending=yes")).ids(),
            ["e7", "e8", "e9"],
            "{begin}"
        );
    }
}

#[test]
fn begin_end_and_ascending_say_which_way_a_range_is_read() {
    let server = server_with_ten();
    let at = |second: u64| FIRST + second;
    for (query, expected) in [
        (format!("begin={}&end={}", at(2), at(4)), &["e2", "e3"][..]),
        (format!("begin={}&end={}", at(4), at(2)), &["e3", "e2"]),
        (format!("begin={}&end={}&ascending=no", at(4), at(2)), &["e3", "e2"]),
        (format!("begin={}&end={}&ascending=true", at(2), at(4)), &["e2", "e3"]),
        (format!("begin={}&ascending=yes", at(8)), &["e8", "e9"]),
        (format!("begin={}&ascending=no", at(2)), &["e1", "e0"]),
        (format!("begin={}", at(2)), &["e1", "e0"]),
        (format!("end={}", at(8)), &["e9", "e8"]),
        (format!("end={}&ascending=yes", at(2)), &["e0", "e1"]),
        ("limit=2".to_owned(), &["e9", "e8"]),
        ("limit=2&ascending=yes".to_owned(), &["e0", "e1"]),
    ] {
        assert_eq!(page(&server, &query).ids(), expected, "{query}");
    }
    for query in ["begin=1&end=2&ascending=no", "begin=2&end=1&ascending=yes"] {
        let refused = server.api().get(&events(&format!("?{query}"))).expect(400).json();
        assert!(
            refused["message"].as_str().is_some_and(|message| message.contains("'ascending'")),
            "{query}"
        );
    }
}

#[test]
fn a_page_has_a_hundred_events_unless_it_is_told_otherwise() {
    let server = Server::start();
    let many: Vec<_> = (0..400).map(|_| r#"{"event":"opened"}"#).collect();
    let _ = server.api().submit(&format!("[{}]", many.join(","))).expect(200);
    for (query, expected) in [("", 100), ("limit=1", 1), ("limit=300", 300)] {
        assert_eq!(page(&server, query).items.len(), expected, "{query}");
    }
    for limit in ["0", "301", "-1", "ten"] {
        let _ = server.api().get(&events(&format!("?limit={limit}"))).expect(400);
    }
}

#[test]
fn links_are_absolute_end_in_a_token_and_are_always_the_same() {
    let server = server_with_ten();
    for query in ["", "limit=3&ascending=yes", "begin=1&end=2", "event=clicked+OR+failed&pretty=yes"] {
        let links = |page: Page| {
            let paging = page.paging;
            [paging.previous, paging.first, paging.last, paging.next]
        };
        let first = links(page(&server, query));
        for link in &first {
            let prefix = server.url(&format!("/v3/{DOMAIN}/events/"));
            assert_eq!(link.strip_prefix(&prefix), Some(token(link)), "{query}");
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(token(link).bytes().all(plain), "{link}");
        }
        assert_eq!(links(page(&server, query)), first, "{query}");
    }
    let anonymous = Api::anonymous(&server.url(""));
    assert_eq!(anonymous.get(&page(&server, "").paging.next).status, 401, "a link is no key");
}

#[test]
fn the_page_before_the_first_and_the_one_after_the_last_are_empty_and_stay() {
    let server = server_with_ten();
    let first = page(&server, "limit=4&ascending=yes");
    let before = server.api().page(&first.paging.previous);
    assert_eq!(before.ids(), [""; 0]);
    assert_eq!(server.api().page(&before.paging.next).ids(), first.ids());

    let mut seen = first.ids();
    let mut next = first.paging.next;
    let end = loop {
        let page = server.api().page(&next);
        if page.items.is_empty() {
            break page;
        }
        seen.extend(page.ids());
        next = page.paging.next;
    };
    assert_eq!(seen, (0..10).map(|at| format!("e{at}")).collect::<Vec<_>>());
    assert_eq!(end.paging.next, next);
    assert_eq!(server.api().page(&end.paging.previous).ids(), ["e6", "e7", "e8", "e9"]);
    assert_eq!(server.api().page(&end.paging.last).ids(), ["e6", "e7", "e8", "e9"]);

    let _ = server.api().submit(r#"{"event":"opened","id":"late"}"#).expect(200);
    assert_eq!(server.api().page(&next).ids(), ["late"], "the range has no end");
}

#[test]
fn a_page_for_people_holds_the_same() {
    let server = server_with_ten();
    let api = server.api();
    let laid_out = api.get(&events("?pretty=yes&limit=3")).expect(200);
    assert!(laid_out.text().starts_with("{\n  \"items\": [\n    {\n"), "{}", laid_out.text());
    let compact = api.get(&events("?pretty=no&limit=3")).expect(200);
    assert_eq!(compact.text().lines().count(), 1);
    assert_eq!(laid_out.json()["items"], compact.json()["items"]);
    assert_eq!(laid_out.header("content-type"), compact.header("content-type"));
}

#[test]
fn only_a_trusted_proxy_says_what_the_client_asked_for() {
    for (trusted, expected) in [("127.0.0.1", "https://events.example.com"), ("192.0.2.1", "")] {
        let server = Server::with(&[("server.trusted_proxies", trusted)]);
        let proxied = Api::new(&server.url(""), API_KEY)
            .with_header("X-Forwarded-Proto", "https")
            .with_header("X-Forwarded-Host", "events.example.com");
        let page = proxied.page(&events(""));
        let own = server.url("");
        let base = if expected.is_empty() { own.as_str() } else { expected };
        assert!(page.paging.next.starts_with(&format!("{base}{}/", events(""))), "{}", page.paging.next);
    }
}

#[test]
fn who_asks_for_what_is_not_there_is_told_as_by_mailgun() {
    let server = Server::start();
    let api = server.api();
    let unknown = api.get("/v3/not-our-doma.in/events").expect(404);
    assert_eq!(unknown.text(), "{\"message\":\"Domain not found\"}\n");
    let anonymous = Api::anonymous(&server.url("")).get(&events(""));
    assert_eq!((anonymous.status, anonymous.text().as_str()), (401, "Forbidden"));
    for query in ["event=sung", "begin=soon", "subject=(a", "size=%3Ex"] {
        let refused = api.get(&events(&format!("?{query}"))).expect(400);
        assert!(refused.json()["message"].is_string(), "{query}");
    }
}
