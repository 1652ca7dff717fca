//! Bins over the API, with deliveries handed over inside the process.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use sealpost_core::host::Clock as _;
use sealpost_core::sign::{SigningKey, Token};
use sealpost_core::{Fault, Gone, Outcome, Payload, Url};
use serde_json::Value;

use crate::api::testing::Api;
use crate::storage::Settings;
use crate::transport::Denied;

struct Made {
    id: String,
    url: String,
}

async fn make(api: &Api, fields: &str) -> Made {
    let (status, body) = api.form("POST", "/bins", &format!("domain=a.test&{fields}")).await;
    assert_eq!(status, 200, "{body}");
    let made: Value = serde_json::from_str(&body).expect("JSON");
    let text = |name: &str| made[name].as_str().expect(name).to_owned();
    let (id, url) = (text("id"), text("url"));
    assert_eq!(text("page"), format!("http://localhost:8925/bins/{id}"));
    assert_eq!(url, format!("http://localhost:8925/bins/{id}/in"));
    assert!(text("expires").ends_with('Z'));
    Made { id, url }
}

/// What the API shows of a bin.
async fn requests(api: &Api, bin: &Made, query: &str) -> (u16, Value) {
    let request = Request::get(format!("/bins/{}/requests{query}", bin.id));
    let (head, body) = api.send_bare(request, Body::empty()).await;
    (head.status.as_u16(), serde_json::from_str(&body).expect("JSON"))
}

/// The body of a delivery, signed now.
fn payload(api: &Api, event: &str) -> Payload<Vec<u8>> {
    let key = SigningKey::new(b"signing-1").expect("a key");
    let block = key.sign(api.app.clock().unix(), Token::from_entropy([7; 25]));
    Payload::new(&block, event.as_bytes().to_vec())
}

/// What a delivery to this URL comes to.
async fn deliver(api: &Api, url: &str) -> Outcome {
    let payload = payload(api, r#"{"event":"clicked","id":"e1","recipient":"alice@example.net"}"#);
    api.app.client().post(&Url::parse(url).expect("a URL"), &[], &payload).await.outcome
}

async fn send(api: &Api, bin: &Made, method: &str, body: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(format!("/bins/{}/in?a=1", bin.id));
    let request = request.header(header::CONTENT_TYPE, "application/json").header("X-Odd", "<script>");
    let (head, body) = api.send_bare(request, body.to_owned()).await;
    (head.status.as_u16(), body)
}

#[tokio::test]
async fn whatever_is_sent_by_any_method_is_kept_and_answered_200() {
    let api = Api::new().await;
    let bin = make(&api, "").await;
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        assert_eq!(send(&api, &bin, method, "").await.0, 200, "{method}");
    }
    let authorized = Request::post(format!("/bins/{}/in", bin.id)).header("Authorization", "Basic c2VjcmV0");
    api.send_bare(authorized, "hello").await;
    let (status, list) = requests(&api, &bin, "").await;
    assert_eq!((status, &list["count"], &list["verified"]), (200, &9.into(), &0.into()));
    let (newest, before) = (&list["items"][0], &list["items"][1]);
    assert_eq!(
        (&newest["method"], &newest["body"], &newest["number"]),
        (&"POST".into(), &"hello".into(), &9.into())
    );
    assert!(!newest.to_string().contains("c2VjcmV0"), "{newest}");
    assert_eq!((&before["method"], &before["headers"][1][1]), (&"PROPFIND".into(), &"<script>".into()));
    assert_eq!(before["target"], format!("/bins/{}/in?a=1", bin.id));
}

#[tokio::test]
async fn a_delivery_to_a_bin_is_handed_over_without_a_socket_and_told_verified() {
    let api = Api::new().await;
    let bin = make(&api, "").await;
    assert_eq!(deliver(&api, &bin.url).await, Outcome::Acknowledged);
    let (_, list) = requests(&api, &bin, "?event=clicked").await;
    let item = &list["items"][0];
    assert_eq!(
        (&item["verified"], &item["attempt"], &item["event"]),
        (&true.into(), &1.into(), &"clicked".into())
    );
    assert_eq!((&item["recipient"], &item["id"]), (&"alice@example.net".into(), &"e1".into()));
    assert_eq!(item["headers"][0], serde_json::json!(["Host", "localhost:8925"]));
    assert_eq!(item["signatures"]["mailgun"]["verified"], true);
    let absent = item["signatures"]["standard_webhooks"]["why"].as_str();
    assert!(absent.is_some_and(|why| why.contains("no webhook-signature")), "{item}");
}

#[tokio::test]
async fn the_url_of_a_bin_may_be_saved_and_no_other_of_this_server() {
    let api = Api::new().await;
    let bin = make(&api, "").await;
    let check = async |url: &str| api.app.client().check_endpoint(&Url::parse(url).expect("a URL")).await;
    assert_eq!(check(&bin.url).await, Ok(()));
    assert_eq!(check(&format!("{}?tag=1", bin.url)).await, Ok(()));
    let unknown = bin.url.replace(&bin.id, "AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(check(&unknown).await, Err(Denied::NoBin));
    assert_eq!(api.form("DELETE", &format!("/bins/{}", bin.id), "").await.0, 200);
    assert_eq!(check(&bin.url).await, Err(Denied::NoBin));
    assert_eq!(deliver(&api, &bin.url).await, Outcome::Refused { status: 406 });
}

#[tokio::test]
async fn faults_look_to_a_delivery_as_they_would_over_a_connection() {
    let api = Api::new().await;
    let retry = |status| Outcome::from_status(status, None, Gone::Retry);
    for (answers, outcome) in [
        ("500", retry(500)),
        ("302", retry(302)),
        ("410", retry(410)),
        ("406", Outcome::Refused { status: 406 }),
        ("reset", Outcome::retry(Fault::Closed)),
        ("200 delay=5s", Outcome::retry(Fault::Timeout)),
        ("200 delay=50ms drip=5s", Outcome::Acknowledged),
        (
            "503 retry-after=7",
            Outcome::from_status(503, Some(sealpost_core::Duration::from_secs(7)), Gone::Retry),
        ),
    ] {
        let bin = make(&api, &format!("answers={}", answers.replace(' ', "+"))).await;
        let before = tokio::time::Instant::now();
        assert_eq!(deliver(&api, &bin.url).await, outcome, "{answers}");
        assert!(before.elapsed() < Duration::from_secs(3), "{answers}: not beyond the deadline");
        let (_, list) = requests(&api, &bin, "").await;
        assert_eq!(list["items"][0]["answer"], answers);
        assert_eq!(deliver(&api, &bin.url).await, Outcome::Acknowledged, "after {answers}");
        assert_eq!(api.form("DELETE", &format!("/bins/{}", bin.id), "").await.0, 200);
    }
}

#[tokio::test]
async fn faults_by_http_have_their_headers_and_can_be_changed_without_a_key() {
    let api = Api::new().await;
    let bin = make(&api, "answers=503+retry-after%3D9,302").await;
    let ask = async || {
        let request = Request::post(format!("/bins/{}/in", bin.id));
        api.send_bare(request, Body::empty()).await.0
    };
    let head = ask().await;
    assert_eq!(
        (head.status.as_u16(), &head.headers[header::RETRY_AFTER]),
        (503, &"9".parse().expect("a value"))
    );
    let head = ask().await;
    assert_eq!(head.headers[header::LOCATION], format!("{}?redirected", bin.url));
    let set = |accept: &str, answers: &str| {
        let request = Request::post(format!("/bins/{}/answers", bin.id))
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        api.send_bare(request, format!("answers={answers}"))
    };
    let (head, body) = set("*/*", "410*").await;
    assert!(head.status == 200 && body.contains("\"answers\":\"410*\""), "{body}");
    assert_eq!(ask().await.status, 410);
    let (head, _) = set("text/html", "").await;
    assert_eq!(
        (head.status.as_u16(), &head.headers[header::LOCATION]),
        (303, &format!("../{}", bin.id).parse().expect("a value"))
    );
    assert_eq!(ask().await.status, 200);
    let (head, body) = set("*/*", "teapot").await;
    assert!(head.status == 400 && body.contains("step 1"), "{body}");
}

#[tokio::test]
async fn a_question_waits_until_there_are_as_many_as_it_asks_for() {
    let api = Api::new().await;
    let bin = make(&api, "").await;
    let late = async {
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(30)).await;
            deliver(&api, &bin.url).await;
        }
    };
    let question = "?event=clicked&count=3&verified=yes&wait=30s";
    let ((status, list), ()) = tokio::join!(requests(&api, &bin, question), late);
    assert_eq!((status, &list["count"], &list["verified"]), (200, &3.into(), &3.into()));
    send(&api, &bin, "POST", r#"{"event-data":{"event":"clicked"}}"#).await;
    let (status, list) = requests(&api, &bin, "?event=clicked&count=4&verified=yes&wait=20ms").await;
    assert_eq!((status, &list["count"], &list["verified"]), (417, &4.into(), &3.into()));
    assert_eq!(requests(&api, &bin, "?event=clicked&count=4").await.0, 200);
    assert_eq!(requests(&api, &bin, "?event=opened&count=1").await.0, 417);
}

#[tokio::test]
async fn waiting_is_bounded_and_ends_when_the_server_stops() {
    let api = Api::new().await;
    let bin = make(&api, "").await;
    assert_eq!(requests(&api, &bin, "?wait=61s").await.0, 400);
    let found = api.app.bins().find(&bin.id).expect("a bin");
    let listeners: Vec<_> = (0..64).map(|_| api.app.bins().listen(&found).expect("a place")).collect();
    assert_eq!(requests(&api, &bin, "?count=1&wait=5s").await.0, 429);
    let stream = Request::get(format!("/bins/{}/stream", bin.id)).body(Body::empty()).expect("a request");
    assert_eq!(api.response(stream).await.status(), 429);
    drop(listeners);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        api.app.drain();
    };
    let before = tokio::time::Instant::now();
    let stream = Request::get(format!("/bins/{}/stream", bin.id));
    let (asked, streamed, ()) =
        tokio::join!(requests(&api, &bin, "?count=1&wait=60s"), api.send_bare(stream, Body::empty()), stop);
    assert_eq!((asked.0, streamed.1.as_str()), (417, "retry: 1000\n\n"));
    assert!(before.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn the_stream_goes_on_behind_the_last_that_was_seen() {
    let api = Api::new().await;
    let bin = make(&api, "").await;
    for _ in 0..25 {
        send(&api, &bin, "POST", "x").await;
    }
    let ids = async |request: axum::http::request::Builder| {
        let stop = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let response = api.response(request.body(Body::empty()).expect("a request")).await;
        let mut body = response.into_body().into_data_stream();
        let mut text = String::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                piece = futures_util::StreamExt::next(&mut body) => match piece {
                    Some(piece) => text += &String::from_utf8_lossy(&piece.expect("a piece")),
                    None => break,
                }
            }
        }
        text.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect::<Vec<u32>>()
    };
    let stream = || Request::get(format!("/bins/{}/stream?after=20", bin.id));
    assert_eq!(ids(stream()).await, [21, 22, 23, 24, 25]);
    assert_eq!(ids(stream().header("Last-Event-ID", "23")).await, [24, 25], "the header counts");
    assert_eq!(ids(Request::get(format!("/bins/{}/stream", bin.id))).await, (1..=25).collect::<Vec<_>>());
}

#[tokio::test]
async fn hostile_text_stays_text() {
    const HOSTILE: &str = r#"</pre><script>alert(1)</script><img src=x onerror=alert(1)>'\"&"#;
    let api = Api::new().await;
    let bin = make(&api, "").await;
    let event = serde_json::json!({"event-data": {"event": HOSTILE, "id": HOSTILE, "recipient": HOSTILE}});
    send(&api, &bin, "POST", &event.to_string()).await;
    send(&api, &bin, "POST", HOSTILE).await;
    send(&api, &bin, "POST", &"<b>".repeat(340_000)).await;
    let (head, page) = api.send_bare(Request::get(format!("/bins/{}", bin.id)), Body::empty()).await;
    assert_eq!(head.status, 200);
    let policy = head.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert_eq!(head.headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
    assert_eq!(
        (page.matches("<script").count(), page.matches("<img").count(), page.matches("<b>").count()),
        (1, 0, 0)
    );
    assert!(page.contains("This is the beginning.") && page.len() < 2 << 20, "{}", page.len());
    let raw = Request::get(format!("/bins/{}/requests/2/body", bin.id));
    let (head, body) = api.send_bare(raw, Body::empty()).await;
    assert_eq!(
        (body.as_str(), &head.headers[header::CONTENT_TYPE]),
        (HOSTILE, &"text/plain; charset=utf-8".parse().expect("a value"))
    );
    assert_eq!(head.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
}

#[tokio::test]
async fn a_bin_is_listed_and_deleted_by_the_keys_of_its_domain_alone() {
    let api = Api::new().await;
    api.app.store().create_domain("b.test").await.expect("a domain");
    let (a, b) = (api.key_for(Some("a.test")).await, api.key_for(Some("b.test")).await);
    let bin = make(&api, "").await;
    let path = format!("/bins/{}", bin.id);
    assert!(api.with_key(&a, "GET", "/bins").await.1.contains(&bin.id));
    assert_eq!(api.with_key(&b, "GET", "/bins").await, (200, "{\"items\":[]}\n".into()));
    let unknown = api.with_key(&b, "DELETE", "/bins/AAAAAAAAAAAAAAAAAAAAAA").await;
    assert_eq!((unknown.0, api.with_key(&b, "DELETE", &path).await), (404, unknown.clone()));
    let request = api
        .request_with(&b, "POST", "/bins")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(api.send_bare(request, "domain=a.test").await.0.status, 404);
    let (status, own) = api.with_key(&b, "POST", "/bins").await;
    assert!(status == 200 && own.contains("\"domain\":\"b.test\""), "{own}");
    assert_eq!(api.form("POST", "/bins", "").await.0, 400, "a key of the account names a domain");
    assert_eq!(api.with_key(&a, "DELETE", &path).await.0, 200);
    assert_eq!(api.send_bare(Request::get(path), Body::empty()).await.0.status, 404);
}

#[tokio::test]
async fn bins_expire_are_bounded_and_take_bodies_up_to_a_limit() {
    let api = Api::with(
        &Settings {
            bins: crate::storage::BinLimits { per_domain: 1, ..Default::default() },
            ..Settings::default()
        },
        crate::config::Limits { event_data: 2048, batch_bytes: 2048, batch_items: 20 },
    )
    .await;
    for lifetime in ["0s", "31d", "soon"] {
        assert_eq!(api.form("POST", "/bins", &format!("domain=a.test&lifetime={lifetime}")).await.0, 400);
    }
    let bin = make(&api, "lifetime=300ms").await;
    let (status, body) = api.form("POST", "/bins", "domain=a.test").await;
    assert!(status == 400 && body.contains("1 bins, which is the limit"), "{body}");
    assert_eq!(send(&api, &bin, "POST", &"x".repeat((1 << 20) + 1)).await.0, 413);
    tokio::time::sleep(Duration::from_millis(320)).await;
    assert_eq!(send(&api, &bin, "POST", "x").await.0, 406);
    assert_eq!(api.send_bare(Request::get(format!("/bins/{}", bin.id)), Body::empty()).await.0.status, 404);
}
