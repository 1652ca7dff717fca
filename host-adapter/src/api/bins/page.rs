//! The page of a bin, and the form on it.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use utoipa_axum::routes;

use super::requests::{hold, kinds, room};
use super::schema::{NewAnswers, OfKind};
use super::{Item, OfBin, script};
use crate::api::App;
use crate::api::document::Routes;
use crate::api::error::Error;
use crate::api::form::Form;
use crate::api::reply;
use crate::bins::page::{self, Page};
use crate::storage::CaptureQuery;

/// Requests on one page.
const SHOWN: usize = 50;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(show)).routes(routes!(answer))
}

/// The page of a request bin
///
/// For a browser: what it has kept, the newest first, and what arrives meanwhile.
#[utoipa::path(
    get, path = "/bins/{id}", tag = "Request bins", operation_id = "showBin", params(OfBin, OfKind),
    responses(
        (status = 200, body = String, content_type = "text/html"),
        (status = 404, description = "There is no such bin, or no more."),
        (status = 429, description = "There is no room at the moment."),
        (status = 503),
    ),
)]
async fn show(
    State(app): State<App>,
    OfBin(bin): OfBin,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let query = Form::from_query(query.as_deref().unwrap_or_default())?;
    let event = query.first("event").filter(|event| !event.is_empty());
    let before = query.first("before").and_then(|text| text.parse().ok()).filter(|before| *before > 0);
    let room = room(&app, &bin).await?;
    let asked = CaptureQuery {
        kinds: kinds(event),
        below: before.unwrap_or(u32::MAX),
        limit: SHOWN,
        body: page::SHOWN,
        bytes: 8 * page::SHOWN,
        ..CaptureQuery::ALL
    };
    let requests = app.store().captures(&bin, asked).await?;
    let counts = app.store().capture_counts(&bin).await?;
    let page = Page { bins: app.bins(), bin: &bin, requests: &requests, counts: &counts, event, before };
    let mut response = Html(page.render().into_string()).into_response();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, page::policy()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    hold(room, response).await
}

/// Set what a request bin answers
///
/// From its next request on. No key is needed but the id.
#[utoipa::path(
    post, path = "/bins/{id}/answers", tag = "Request bins", operation_id = "setBinAnswers", params(OfBin),
    request_body(content = inline(NewAnswers), content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Item),
        (status = 303, description = "The same for a browser, which is led back to the page."),
        (status = 404, description = "There is no such bin, or no more."),
        (status = 503),
    ),
)]
async fn answer(
    State(app): State<App>,
    OfBin(bin): OfBin,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Error> {
    let bin = app.store().script_bin(&bin.id, script(&form)?).await?;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        // Relative: the browser knows best under which name it has reached the page.
        let back = HeaderValue::try_from(format!("../{}", bin.id)).map_err(|_| Error::Internal)?;
        return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, back)]).into_response());
    }
    Ok(reply::ok(&Item::new(app.bins(), &bin)))
}
