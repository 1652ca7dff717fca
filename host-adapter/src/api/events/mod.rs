//! `GET /v3/{domain}/events` and `POST /v1/analytics/logs`: the events of a domain, page by page.

mod cursor;
mod filter;
#[cfg(fuzzing)]
pub(super) mod fuzzing;
mod logs;
mod page;
mod range;
mod schema;
mod time;
#[cfg(test)]
mod walks;

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawQuery, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use utoipa_axum::routes;

use self::cursor::{Cursor, Walk};
use self::page::Page;
use self::range::Range;
use self::schema::{Events, Layout};
use super::App;
use super::base_url::BaseUrl;
use super::caller::{OfDomain, path_parameter};
use super::document::Routes;
use super::error::Error;
use super::form::Form;
use super::{reply, submit};
use crate::memory::Room;

pub(super) use cursor::CursorKey;
pub(super) use range::yes_or_no;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(start))
        .routes(routes!(submit::submit))
        .routes(routes!(follow))
        .routes(routes!(logs::list))
}

/// Bytes of all pages that are being read or sent, half of which may be of one domain.
pub(super) const MEMORY: usize = 128 << 20;

/// The most events on a page, and how many there are if nobody says.
const LIMITS: (u16, u16) = (300, 100);

impl Walk {
    fn parse(query: &Form) -> Result<Self, Error> {
        let (max, default) = LIMITS;
        let limit = match query.given("limit").map(str::parse) {
            None => default,
            Some(Ok(limit)) if (1..=max).contains(&limit) => limit,
            Some(_) => return Err(Error::invalid("limit", format_args!("must be 1 to {max}"))),
        };
        let (range, filter) = (Range::parse(query)?, filter::parse(query)?);
        Ok(Self { range, filter, limit, pretty: pretty(query)?.unwrap_or(false) })
    }
}

fn pretty(query: &Form) -> Result<Option<bool>, Error> {
    query.given("pretty").map(yes_or_no("pretty")).transpose()
}

/// List events
///
/// Descending unless `ascending=yes` or `begin` lies before `end`; without `begin` and `end`, all that is kept. A
/// walk shows a snapshot. One that is ascending and has no end goes on: the `next` of its empty last page shows what
/// was stored since.
#[utoipa::path(
    get, path = "/v3/{domain}/events", tag = "Events", operation_id = "listEvents",
    params(OfDomain, Walk),
    responses((status = 200, body = Events), (status = 429), (status = 503)),
)]
async fn start(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    base: BaseUrl,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let walk = Walk::parse(&Form::from_query(query.as_deref().unwrap_or_default())?)?;
    let cursor = Cursor::first(walk, app.store().epochs().present(), app.store().snapshot());
    show(&app, domain.name(), &base, cursor).await
}

/// A page of events
///
/// The links of a page lead here. They hold all that the walk was asked for; of a query beside one, only `pretty`
/// counts.
#[utoipa::path(
    get, path = "/v3/{domain}/events/{cursor}", tag = "Events", operation_id = "followEvents",
    params(OfDomain, CursorText, Layout),
    responses((status = 200, body = Events), (status = 429), (status = 503)),
)]
async fn follow(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    CursorText(text): CursorText,
    base: BaseUrl,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let query = Form::from_query(query.as_deref().unwrap_or_default())?;
    let mut cursor = app.cursor_key().open(domain.name(), &text).ok_or(Error::BadCursor)?;
    cursor.walk.pretty = pretty(&query)?.unwrap_or(cursor.walk.pretty);
    show(&app, domain.name(), &base, cursor).await
}

async fn show(app: &App, domain: &Arc<str>, base: &BaseUrl, cursor: Cursor) -> Result<Response, Error> {
    let room = room(app, domain).await?;
    let laid_out = cursor.walk.pretty;
    let page = page::turn_to(app.store(), domain, cursor).await?;
    let json = render(&page, |cursor| {
        format!("{}/v3/{domain}/events/{}", base.0, app.cursor_key().seal(domain, cursor))
    });
    send(if laid_out { crate::pretty::pretty(&json) } else { json }, room).await
}

/// Room in memory for one page of this domain, to be had before it is read.
async fn room(app: &App, domain: &Arc<str>) -> Result<Room, Error> {
    let mut room = app.pages().room(domain);
    room.hold(page::most_bytes(app.ingest().limits().event_data)).await?;
    Ok(room)
}

/// The page as the answer.
async fn send(json: Vec<u8>, mut room: Room) -> Result<Response, Error> {
    room.hold(json.len()).await?;
    Ok(reply::raw(StatusCode::OK, Bytes::from_owner(Sending { json, _room: room })))
}

/// A page on its way out, which holds its room until the last byte is gone.
struct Sending {
    json: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}

/// The page as JSON. Its items are the bytes that were stored.
fn render(page: &Page, url: impl Fn(&Cursor) -> String) -> Vec<u8> {
    let size: usize = page.items.iter().map(|item| item.data.len() + 1).sum();
    let mut json = Vec::with_capacity(size + 2048);
    json.extend(b"{\"items\":[");
    for (index, item) in page.items.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        json.extend_from_slice(&item.data);
    }
    json.extend(b"],\"paging\":{");
    let links =
        [("previous", &page.previous), ("first", &page.first), ("last", &page.last), ("next", &page.next)];
    for (index, (name, cursor)) in links.into_iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        let url = serde_json::Value::from(url(cursor));
        json.extend(format!("\"{name}\":{url}").into_bytes());
    }
    json.extend(b"}}\n");
    json
}

struct CursorText(String);

impl FromRequestParts<App> for CursorText {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        path_parameter(parts, "cursor").await.map(Self).ok_or(Error::BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use serde_json::Value;

    use crate::api::testing::Api;

    const EVENTS: &str = "/v3/a.test/events";

    /// The ids on a page, and its four links as paths.
    async fn page(api: &Api, path: &str) -> (Vec<String>, [String; 4]) {
        let (status, body) = api.get(path).await;
        assert_eq!(status, 200, "{body}");
        let page: Value = serde_json::from_str(&body).expect("JSON");
        let ids = page["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["id"].as_str().unwrap_or("").into());
        let link = |name| {
            let url = page["paging"][name].as_str().expect("a link");
            url.strip_prefix("http://localhost:8925").expect("the server's own").to_owned()
        };
        (ids.collect(), ["previous", "first", "last", "next"].map(link))
    }

    async fn api_with(events: &[(&str, i64)]) -> Api {
        let api = Api::new().await;
        for (id, timestamp) in events {
            add(&api, id, *timestamp).await;
        }
        api
    }

    async fn add(api: &Api, id: &str, timestamp: i64) {
        let kind = if id.starts_with('c') { "clicked" } else { "opened" };
        let event =
            format!(r#"{{"event":"{kind}","id":"{id}","timestamp":{}.5}}"#, 1_500_000_000 + timestamp);
        assert_eq!(api.submit("", "application/json", event).await.0, 200);
    }

    const FIVE: [(&str, i64); 5] = [("a", 3), ("b", 1), ("c", 2), ("d", 2), ("e", 2)];

    #[tokio::test]
    async fn events_come_in_the_order_of_time_and_ties_in_that_of_commit() {
        let api = api_with(&FIVE).await;
        assert_eq!(page(&api, EVENTS).await.0, ["a", "e", "d", "c", "b"]);
        assert_eq!(page(&api, &format!("{EVENTS}?ascending=yes")).await.0, ["b", "c", "d", "e", "a"]);
        assert_eq!(
            page(&api, &format!("{EVENTS}?begin=1500000001&end=1500000003")).await.0,
            ["b", "c", "d", "e"]
        );
        assert_eq!(page(&api, &format!("{EVENTS}?event=clicked")).await.0, ["c"]);
        assert_eq!(page(&api, &format!("{EVENTS}?event=clicked&event=opened")).await.0, [""; 0]);
    }

    #[tokio::test]
    async fn the_links_lead_through_the_walk_in_both_directions() {
        let api = api_with(&FIVE).await;
        for (query, order) in
            [("limit=2", ["a", "e", "d", "c", "b"]), ("limit=2&ascending=yes", ["b", "c", "d", "e", "a"])]
        {
            let (ids, [previous, first, last, next]) = page(&api, &format!("{EVENTS}?{query}")).await;
            assert_eq!(ids, order[..2]);
            assert_eq!(page(&api, &first).await.0, order[..2]);
            assert_eq!(page(&api, &last).await.0, order[3..]);
            let (ids, [back, ..]) = page(&api, &previous).await;
            assert_eq!((ids, back), (vec![], previous));
            let (ids, [previous, .., next]) = page(&api, &next).await;
            assert_eq!(ids, order[2..4]);
            assert_eq!(page(&api, &previous).await.0, order[..2]);
            let (ids, [.., next]) = page(&api, &next).await;
            assert_eq!(ids, order[4..]);
            let (ids, [previous, .., again]) = page(&api, &next).await;
            assert_eq!((ids, again), (vec![], next));
            assert_eq!(page(&api, &previous).await.0, order[3..]);
        }
    }

    #[tokio::test]
    async fn the_next_of_the_last_page_of_an_open_walk_shows_what_comes_later() {
        let api = api_with(&FIVE).await;
        let (_, [.., next]) = page(&api, &format!("{EVENTS}?begin=1500000001&ascending=yes")).await;
        assert_eq!(page(&api, &next).await.0, [""; 0]);
        add(&api, "late", 9).await;
        add(&api, "early", 1).await;
        add(&api, "before", -1).await;
        let (ids, [.., next]) = page(&api, &next).await;
        assert_eq!(ids, ["early", "late"]);
        assert_eq!(page(&api, &next).await.0, [""; 0]);
    }

    #[tokio::test]
    async fn a_closed_walk_keeps_its_snapshot() {
        let api = api_with(&FIVE).await;
        for query in ["limit=3", "limit=3&begin=1500000000&end=1500000009"] {
            let (_, [.., next]) = page(&api, &format!("{EVENTS}?{query}")).await;
            add(&api, &format!("late{}", query.len()), 2).await;
            let (ids, [.., next]) = page(&api, &next).await;
            assert!(!ids.iter().any(|id| id == "late7") || query.len() > 7, "{ids:?}");
            assert!(!ids.contains(&format!("late{}", query.len())), "{ids:?}");
            let (ids, [.., again]) = page(&api, &next).await;
            assert_eq!((ids.len() < 3, again == next), (true, ids.is_empty()));
        }
    }

    #[tokio::test]
    async fn the_same_request_gives_the_same_links() {
        let api = api_with(&FIVE).await;
        let path = format!("{EVENTS}?limit=2");
        assert_eq!(page(&api, &path).await, page(&api, &path).await);
    }

    #[tokio::test]
    async fn items_are_the_stored_bytes_and_pretty_changes_white_space_alone() {
        let api = Api::new().await;
        let event = r#"{ "event":"opened", "id":"x","timestamp":1500000000.10,"domain":{"name":"a.test"},"account":{"id":"1"},"n":1e2 }"#;
        assert_eq!(api.submit("", "application/json", event).await.0, 200);
        let (_, body) = api.get(EVENTS).await;
        assert!(body.starts_with(&format!("{{\"items\":[{event}],\"paging\":{{\"previous\":\"")), "{body}");
        let (_, laid_out) = api.get(&format!("{EVENTS}?pretty=yes")).await;
        assert!(laid_out.contains("\n      \"timestamp\": 1500000000.10,\n"), "{laid_out}");
        assert!(laid_out.contains("\n      \"n\": 1e2\n"), "{laid_out}");
    }

    #[tokio::test]
    async fn a_link_is_good_for_its_domain_and_unaltered_alone() {
        let api = api_with(&FIVE).await;
        api.app.store().create_domain("b.test").await.expect("a domain");
        let (_, [.., next]) = page(&api, EVENTS).await;
        assert_eq!(api.get(&next.replace("a.test", "b.test")).await.0, 400);
        assert_eq!(api.get(&format!("{next}A")).await.0, 400);
        assert_eq!(api.get(&format!("{EVENTS}/x")).await.0, 400);
    }

    #[tokio::test]
    async fn an_empty_parameter_counts_as_not_given() {
        let api = api_with(&FIVE).await;
        let empty = format!("{EVENTS}?limit=&begin=&end=&ascending=&pretty=&event=");
        assert_eq!(page(&api, &empty).await.0, page(&api, EVENTS).await.0);
    }

    #[tokio::test]
    async fn bad_parameters_are_named() {
        let api = Api::new().await;
        for (query, named) in [
            ("limit=301", "1 to 300"),
            ("limit=0", "1 to 300"),
            ("begin=soon", "'begin'"),
            ("begin=1&end=2&ascending=no", "'ascending'"),
            ("event=sung", "'event'"),
            ("tags=(x", "'tags'"),
            ("pretty=2", "'pretty'"),
        ] {
            let (status, body) = api.get(&format!("{EVENTS}?{query}")).await;
            assert_eq!(status, 400, "{query}");
            assert!(body.contains(named), "{body}");
        }
    }

    #[tokio::test]
    async fn a_page_holds_memory_until_it_is_sent() {
        let api = api_with(&FIVE).await;
        let authorized =
            Request::get(EVENTS).header("Authorization", "Basic YXBpOmtleS0x").header("Host", "h");
        let response = api.response(authorized.body(Body::empty()).expect("a request")).await;
        let length: usize =
            response.headers()["content-length"].to_str().expect("text").parse().expect("a number");
        assert_eq!(api.app.pages().free(), super::MEMORY - length.div_ceil(1024) * 1024);
        drop(response);
        assert_eq!(api.app.pages().free(), super::MEMORY);
    }
}
