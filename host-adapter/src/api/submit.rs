//! `POST /v3/{domain}/events`: events come in.

mod schema;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use self::schema::{Events, Manner, Receipts};
use super::App;
use super::body;
use super::caller::OfDomain;
use super::error::Error;
use super::events::yes_or_no;
use super::form::{self, Form};
use super::reply;
use crate::ingest::{Item, Packing, Receipt, Rejection, Submission};
use crate::metrics::Metrics;
use crate::storage::Domain;

/// Where events are submitted.
pub(super) const ROUTE: &str = "/v3/{domain}/events";
/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY: usize = 255;

/// Submit events
///
/// One event, an array, or one event on each line. The answer comes when the events and a delivery for each matching
/// URL are on the disk. The same event again is answered with `"duplicate": true` and not delivered again.
#[utoipa::path(
    post, path = "/v3/{domain}/events", tag = "Events", operation_id = "submitEvents",
    params(OfDomain, Manner),
    request_body(content(
        (Events = "application/json", example = json!({"event": "opened", "recipient": "alice@example.net"})),
        (String = "application/x-ndjson", example = "{\"event\":\"opened\"}\n{\"event\":\"complained\"}\n"),
    )),
    responses(
        (status = 200, body = Receipts),
        (status = 400, description = "Nothing was stored: events or parameters are wrong; `errors` names the events."),
        (status = 409, description = "Nothing was stored: ids are taken by other content; `errors` names the events."),
        (status = 415),
        (status = 429),
        (status = 503),
    ),
)]
pub(super) async fn submit(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    request: Request,
) -> Result<Response, Error> {
    take(&app, &domain, request).await
}

/// Takes in what is submitted to this domain, by somebody who may do so.
pub(super) async fn take(app: &App, domain: &Arc<Domain>, request: Request) -> Result<Response, Error> {
    let query = Form::from_query(request.uri().query().unwrap_or_default())?;
    let partial = query.first("partial").map(yes_or_no("partial")).transpose()?.unwrap_or(false);
    let packing = packing(request.headers())?;
    let idempotency_key = idempotency_key(request.headers())?;
    let limit = app.ingest().limits().batch_bytes;
    let mut room = app.ingest().room(domain.name());
    let body = body::receive(request, limit, &mut room).await?;
    let submission = Submission { body, packing, idempotency_key, partial };
    let submitted = app.ingest().submit(domain, submission, room).await;
    count(app.metrics(), &submitted);
    let receipt = submitted?;
    Ok(reply::raw(StatusCode::OK, render(&receipt, partial)))
}

/// Counts the events of a submission by what became of each.
fn count(metrics: &Metrics, submitted: &Result<Receipt, Rejection>) {
    match submitted {
        Ok(Receipt { items, faults }) => {
            let duplicates = items.iter().filter(|item| item.duplicate).count();
            metrics.submitted(items.len() - duplicates, duplicates, faults.total);
        }
        Err(Rejection::Invalid(faults) | Rejection::Conflicts(faults)) => {
            metrics.submitted(0, 0, faults.total);
        }
        // How many events there were is not known; the answer itself is counted.
        Err(_) => {}
    }
}

fn packing(headers: &HeaderMap) -> Result<Packing, Error> {
    match form::media_type(headers).as_deref() {
        Some("application/json") => Ok(Packing::Json),
        Some("application/x-ndjson" | "application/ndjson") => Ok(Packing::Ndjson),
        _ => Err(Error::UnsupportedMedia { expected: "application/json or application/x-ndjson" }),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
    let reason = || format!("the header must have 1 to {MAX_KEY} visible ASCII characters");
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Error::invalid("Idempotency-Key", reason()))
}

/// The receipt as JSON. Timestamps are the numbers of the event-data, digit for digit.
fn render(Receipt { items, faults }: &Receipt, partial: bool) -> Vec<u8> {
    let mut json = Vec::with_capacity(items.len() * 96 + 16);
    json.extend(b"{\"items\":[");
    for (at, Item { index, id, timestamp, deliveries, duplicate }) in items.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let place = if partial { format!("\"index\":{index},") } else { String::new() };
        let id = serde_json::Value::from(&**id);
        let item = format!(
            "{comma}{{{place}\"id\":{id},\"timestamp\":{timestamp},\"deliveries\":{deliveries},\
             \"duplicate\":{duplicate}}}"
        );
        json.extend(item.into_bytes());
    }
    json.push(b']');
    if partial {
        let errors = serde_json::to_string(&faults.first).unwrap_or_else(|_| "[]".to_owned());
        json.extend(format!(",\"errors\":{errors},\"total\":{}", faults.total).into_bytes());
    }
    json.extend(b"}\n");
    json
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::mem::take;
    use std::pin::Pin;
    use std::rc::Rc;
    use std::task::{Context, Poll};

    use axum::body::{Body, Bytes};
    use axum::http::Request;
    use axum::http::header;
    use hyper::body::Frame;
    use serde_json::Value;
    use tokio::task::{LocalSet, yield_now};

    use crate::api::testing::Api;
    use crate::config::Limits;
    use crate::storage::Settings;

    const JSON: &str = "application/json";
    const NDJSON: &str = "application/x-ndjson";
    const OPENED: &str = r#"{"event":"opened","id":"one","timestamp":1521472262.9081810}"#;

    fn json(body: &str) -> Value {
        serde_json::from_str(body).expect("JSON")
    }

    async fn stored(api: &Api) -> usize {
        let (_, body) = api.get("/v3/a.test/events").await;
        json(&body)["items"].as_array().map_or(0, Vec::len)
    }

    #[tokio::test]
    async fn an_event_is_answered_with_its_id_its_number_and_its_deliveries() {
        let api = Api::new().await;
        let urls = "id=opened&url=https://8.8.8.8/a&url=https://8.8.8.8/b&url=https://8.8.8.8/c";
        api.form("POST", "/v3/domains/a.test/webhooks", urls).await;
        let answer = |duplicate| {
            format!(
                "{{\"items\":[{{\"id\":\"one\",\"timestamp\":1521472262.9081810,\"deliveries\":3,\
                 \"duplicate\":{duplicate}}}]}}\n"
            )
        };
        assert_eq!(api.submit("", JSON, OPENED).await, (200, answer(false)));
        assert_eq!(api.submit("", JSON, OPENED).await, (200, answer(true)));
        assert_eq!(stored(&api).await, 1);
    }

    #[tokio::test]
    async fn what_an_event_lacks_is_assigned_once() {
        let api = Api::new().await;
        let (status, body) = api.submit("", JSON, r#" {"event":"opened"} "#).await;
        assert_eq!(status, 200);
        let item = &json(&body)["items"][0];
        let (_, listed) = api.get("/v3/a.test/events").await;
        let event = &json(&listed)["items"][0];
        assert_eq!(item["id"].as_str().map(str::len), Some(22));
        assert_eq!(item["id"], event["id"]);
        assert_eq!(item["timestamp"], event["timestamp"]);
        assert_eq!(event["domain"]["name"], "a.test");
        assert_eq!(event["account"]["id"], *api.app.store().identity().account);
    }

    #[tokio::test]
    async fn an_array_and_lines_are_answered_item_by_item() {
        let api = Api::new().await;
        for (media_type, body) in [
            (JSON, r#"[{"event":"opened","id":"1"},{"event":"clicked","id":"2"}]"#),
            (NDJSON, "{\"event\":\"opened\",\"id\":\"1\"}\n{\"event\":\"clicked\",\"id\":\"2\"}\n"),
        ] {
            let (status, body) = api.submit("", media_type, body).await;
            assert_eq!(status, 200, "{body}");
            let ids: Vec<_> =
                json(&body)["items"].as_array().expect("items").iter().map(|i| i["id"].clone()).collect();
            assert_eq!(ids, ["1", "2"]);
        }
        assert_eq!(stored(&api).await, 2);
    }

    #[tokio::test]
    async fn a_batch_is_refused_whole_and_every_fault_is_named() {
        let api = Api::new().await;
        let body = "{\"event\":\"opened\"}\n{\"event\":\"sung\"}\n{\"event\n";
        let (status, body) = api.submit("", NDJSON, body).await;
        assert_eq!(status, 400);
        let body = json(&body);
        assert_eq!(body["total"], 2);
        assert_eq!(body["errors"][0]["index"], 1);
        assert_eq!(body["errors"][0]["field"], "event");
        assert_eq!(body["errors"][1]["index"], 2);
        assert_eq!(stored(&api).await, 0);
    }

    #[tokio::test]
    async fn a_partial_batch_stores_the_good_ones() {
        let api = Api::new().await;
        api.submit("", JSON, OPENED).await;
        let body = "{\"event\":\"opened\",\"id\":\"one\"}\n{\"event\":\"sung\"}\n{\"event\":\"opened\",\"id\":\"two\"}";
        let (status, body) = api.submit("?partial=yes", NDJSON, body).await;
        assert_eq!(status, 200);
        let body = json(&body);
        assert_eq!(body["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(body["items"][0]["index"], 2);
        assert_eq!(body["items"][0]["id"], "two");
        assert_eq!((&body["errors"][0]["index"], &body["errors"][0]["field"]), (&0.into(), &"id".into()));
        assert_eq!(body["errors"][1]["index"], 1);
        assert_eq!(stored(&api).await, 2);
    }

    #[tokio::test]
    async fn other_content_under_a_stored_id_is_a_conflict() {
        let api = Api::new().await;
        api.submit("", JSON, OPENED).await;
        let batch = r#"[{"event":"opened","id":"two"},{"event":"opened","id":"one"}]"#;
        let (status, body) = api.submit("", JSON, batch).await;
        assert_eq!(status, 409);
        let body = json(&body);
        assert_eq!((&body["errors"][0]["index"], &body["errors"][0]["field"]), (&1.into(), &"id".into()));
        assert_eq!(stored(&api).await, 1);
    }

    #[tokio::test]
    async fn an_idempotency_key_makes_a_repeat_harmless() {
        let api = Api::new().await;
        let submit = async |key: &str, body: &'static str| {
            let request = Request::post("/v3/a.test/events").header(header::CONTENT_TYPE, JSON);
            let (head, body) = api.send(request.header("Idempotency-Key", key), body).await;
            (head.status.as_u16(), json(&body))
        };
        let batch = r#"[{"event":"opened"},{"event":"opened"}]"#;
        let (_, first) = submit("k1", batch).await;
        let (_, again) = submit("k1", batch).await;
        let (_, other) = submit("k2", batch).await;
        let ids = |body: &Value| [body["items"][0]["id"].clone(), body["items"][1]["id"].clone()];
        assert_eq!(ids(&first), ids(&again));
        assert_eq!(again["items"][1]["duplicate"], true);
        assert_eq!(again["items"][0]["timestamp"], first["items"][0]["timestamp"]);
        assert_ne!(ids(&first), ids(&other));
        assert_eq!(submit("k1", r#"{"event":"clicked"}"#).await.0, 409);
        assert_eq!(submit(&"k".repeat(256), batch).await.0, 400);
        assert_eq!(stored(&api).await, 4);
    }

    #[tokio::test]
    async fn every_limit_is_named() {
        let api = Api::new().await;
        let long = format!(r#"{{"event":"opened","x":"{}"}}"#, "x".repeat(2048));
        let many = "{\"event\":\"opened\"}\n".repeat(21);
        for (media_type, body, status, named) in [
            (JSON, long, 400, "2048"),
            (NDJSON, many, 413, "20"),
            (JSON, " ".repeat(64 * 1024 + 1), 413, "65536"),
            (JSON, "[{\"event\":\"opened\"},".to_owned(), 400, "at byte 20 of the body"),
            (JSON, String::new(), 400, "at byte 0 of the body"),
            ("application/x-www-form-urlencoded", OPENED.to_owned(), 415, "application/x-ndjson"),
        ] {
            let (answered, body) = api.submit("", media_type, body).await;
            assert_eq!(answered, status, "{body}");
            assert!(body.contains(named), "{body}");
        }
        assert_eq!(stored(&api).await, 0);
    }

    #[tokio::test]
    async fn a_hundred_faults_are_told_and_all_are_counted() {
        let limits = Limits { event_data: 2048, batch_bytes: 64 * 1024, batch_items: 200 };
        let api = Api::with(&Settings::default(), limits).await;
        let (_, body) = api.submit("", NDJSON, "{}\n".repeat(150)).await;
        assert_eq!(json(&body)["errors"].as_array().map(Vec::len), Some(100));
        assert_eq!(json(&body)["total"], 150);
    }

    /// A body of which so many bytes come, and then nothing for as long as anyone waits.
    struct Stalled(usize);

    impl hyper::body::Body for Stalled {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match take(&mut self.0) {
                0 => Poll::Pending,
                bytes => Poll::Ready(Some(Ok(Frame::data(vec![b' '; bytes].into())))),
            }
        }
    }

    #[tokio::test]
    async fn bodies_that_do_not_arrive_keep_nobody_out() {
        let api = Rc::new(Api::new().await);
        api.app.store().create_domain("b.test").await.expect("a domain");
        let limit = api.app.ingest().limits().batch_bytes;
        let stall = |domain: &'static str, bytes: usize| {
            let api = Rc::clone(&api);
            tokio::task::spawn_local(async move {
                let request = Request::post(format!("/v3/{domain}/events"))
                    .header(header::CONTENT_TYPE, JSON)
                    .header(header::CONTENT_LENGTH, limit);
                api.send(request, Body::new(Stalled(bytes))).await
            })
        };
        let slow = async {
            for _ in 0..20 {
                stall("a.test", 1);
            }
            yield_now().await;
            assert_eq!(api.submit("", JSON, OPENED).await.0, 200, "what is announced takes no room");
            for _ in 0..20 {
                stall("b.test", limit);
            }
            yield_now().await;
            assert_eq!(api.submit("", JSON, OPENED).await.0, 200, "a domain has its own share of the room");
        };
        LocalSet::new().run_until(slow).await;
    }

    #[tokio::test]
    async fn a_full_store_asks_to_come_back() {
        let settings = Settings { max_pending: 0, ..Settings::default() };
        let limits = Limits { event_data: 2048, batch_bytes: 64 * 1024, batch_items: 20 };
        let api = Api::with(&settings, limits).await;
        api.form("POST", "/v3/domains/a.test/webhooks", "id=opened&url=https://8.8.8.8/a").await;
        let request = Request::post("/v3/a.test/events").header(header::CONTENT_TYPE, JSON);
        let (head, _) = api.send(request, OPENED).await;
        assert_eq!(head.status, 429);
        assert!(head.headers.contains_key(header::RETRY_AFTER));
        assert_eq!(stored(&api).await, 0);
    }
}
