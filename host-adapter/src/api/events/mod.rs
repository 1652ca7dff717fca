//! `GET /v3/{domain}/events`: the events of a domain, page by page.

mod cursor;
mod filter;
mod page;
mod pretty;
mod range;
mod time;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, RawQuery, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;

use self::cursor::{Cursor, Walk};
use self::filter::Filter;
use self::page::Page;
use self::range::Range;
use super::App;
use super::caller::{BaseUrl, OfDomain, path_parameter};
use super::error::Error;
use super::form::Form;
use super::{reply, submit};

pub(super) use cursor::CursorKey;
pub(super) use range::yes_or_no;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v3/{domain}/events", get(start).post(submit::submit))
        .route("/v3/{domain}/events/{cursor}", get(follow))
}

/// The most events on a page, and how many there are if nobody says.
const LIMITS: (u16, u16) = (300, 100);

impl Walk {
    fn parse(query: &Form) -> Result<Self, Error> {
        let (max, default) = LIMITS;
        let limit = match query.first("limit").map(str::parse) {
            None => default,
            Some(Ok(limit)) if (1..=max).contains(&limit) => limit,
            Some(_) => return Err(Error::invalid("limit", format_args!("must be 1 to {max}"))),
        };
        let (range, filter) = (Range::parse(query)?, Filter::parse(query)?);
        Ok(Self { range, filter, limit, pretty: pretty(query)?.unwrap_or(false) })
    }
}

fn pretty(query: &Form) -> Result<Option<bool>, Error> {
    query.first("pretty").map(yes_or_no("pretty")).transpose()
}

async fn start(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    base: BaseUrl,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let walk = Walk::parse(&Form::from_query(query.as_deref().unwrap_or_default())?)?;
    let cursor = Cursor::first(walk, app.store().identity().epoch, app.store().snapshot());
    show(&app, domain.name(), &base, cursor).await
}

/// A cursor carries all that the walk was asked for; of the query, only how to lay it out still counts.
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
    let laid_out = cursor.walk.pretty;
    let page = page::turn_to(app.store(), domain, cursor).await?;
    let json = render(&page, |cursor| {
        format!("{}/v3/{domain}/events/{}", base.0, app.cursor_key().seal(domain, cursor))
    });
    Ok(reply::raw(StatusCode::OK, if laid_out { pretty::pretty(&json) } else { json }))
}

/// The page as JSON. Its items are the bytes that were stored.
fn render(page: &Page, url: impl Fn(&Cursor) -> String) -> Vec<u8> {
    let size: usize = page.items.iter().map(|item| item.len() + 1).sum();
    let mut json = Vec::with_capacity(size + 2048);
    json.extend(b"{\"items\":[");
    for (index, item) in page.items.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        json.extend(item);
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
