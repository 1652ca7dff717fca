//! `/bins`: request bins. Making, listing and deleting them takes a key; what is in one is for whoever knows its id.

mod page;
mod receive;
mod requests;
mod schema;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::schema::NewBin;
use super::App;
use super::caller::{Scope, path_parameter};
use super::document::Routes;
use super::error::Error;
use super::form::Form;
use super::reply;
use crate::bins::Bins;
use crate::config;
use crate::storage::{Bin, Script};

/// Memory for requests to bins that are on their way in, in bytes.
pub(super) const MEMORY: usize = 64 << 20;

/// The longest that a bin may stay.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The routes that want a key.
pub(super) fn keyed() -> Routes {
    Routes::new().routes(routes!(list, create)).routes(routes!(remove))
}

/// The routes that want the id of a bin and nothing else.
pub(super) fn open() -> Routes {
    Routes::new()
        .merge(page::routes())
        .merge(receive::routes())
        .merge(requests::routes())
        .merge(stream::routes())
}

/// A bin as it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Bin, example = json!({
    "id": "hV3qf0x2T0mJ3b9kZc7w2A",
    "url": "https://events.example.com/bins/hV3qf0x2T0mJ3b9kZc7w2A/in",
    "page": "https://events.example.com/bins/hV3qf0x2T0mJ3b9kZc7w2A",
    "expires": "2026-02-04T19:20:31Z",
    "domain": "example.com",
    "answers": "500*2, 200",
}))]
pub(super) struct Item {
    /// Unguessable. Whoever knows it sees what is in the bin, and sets its answers.
    id: String,
    /// Keeps what is sent to it, by any method: a URL for webhooks.
    url: String,
    /// Shows what arrives, in a browser.
    page: String,
    /// When it is gone.
    expires: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    domain: Option<String>,
    /// What it answers, as it was set. Empty: always 200.
    answers: String,
}

impl Item {
    fn new(bins: &Bins, bin: &Bin) -> Self {
        Self {
            id: bin.id.to_string(),
            url: bins.url(bin),
            page: bins.page(bin),
            expires: reply::date(bin.expires_at),
            domain: bin.domain.as_deref().map(str::to_owned),
            answers: bin.script.to_string(),
        }
    }
}

/// Make a request bin
///
/// It belongs to a domain: that of the key, or with a key of the account the one that is named.
#[utoipa::path(
    post, path = "/bins", tag = "Request bins", operation_id = "createBin",
    request_body(content = inline(NewBin), content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Item),
        (status = 400, description = "The form is wrong, or there are as many bins as there can be."),
        (status = 404, description = "There is no such domain, or the key is for another one."),
        (status = 503),
    ),
)]
async fn create(State(app): State<App>, scope: Scope, form: Form) -> Result<Response, Error> {
    let named = form.first("domain").map(str::to_ascii_lowercase);
    let domain = match (named, scope.only()) {
        (Some(named), _) if scope.covers(&named) => named.into(),
        (Some(_), _) => return Err(Error::UnknownDomain),
        (None, Some(only)) => Arc::clone(only),
        (None, None) => return Err(Error::Missing("domain")),
    };
    let lifetime = form.first("lifetime").map(lifetime).transpose()?;
    let bin = app.bins().open(Some(&domain), lifetime, script(&form)?).await?;
    Ok(reply::ok(&Item::new(app.bins(), &bin)))
}

fn lifetime(text: &str) -> Result<Duration, Error> {
    let lifetime = config::duration(text).filter(|lifetime| *lifetime <= MAX_LIFETIME && !lifetime.is_zero());
    lifetime.ok_or_else(|| Error::invalid("lifetime", "is a time such as 30m or 24h, at most 30d"))
}

/// What the form says that a bin is to answer.
fn script(form: &Form) -> Result<Script, Error> {
    Script::parse(form.first("answers").unwrap_or_default()).map_err(|error| Error::invalid("answers", error))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Bins)]
struct List {
    items: Vec<Item>,
}

/// The request bins
///
/// Of the key's domain, or of all domains; the oldest first.
#[utoipa::path(
    get, path = "/bins", tag = "Request bins", operation_id = "listBins",
    responses((status = 200, body = List)),
)]
async fn list(State(app): State<App>, scope: Scope) -> Response {
    let mut bins = app.bins().all();
    bins.retain(|bin| owns(&scope, bin));
    bins.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    reply::ok(&List { items: bins.iter().map(|bin| Item::new(app.bins(), bin)).collect() })
}

#[derive(Serialize, ToSchema)]
#[schema(as = BinDeleted)]
struct Deleted {
    message: &'static str,
}

/// Delete a request bin
///
/// With all that it has kept. Webhooks that have its URL keep it: what is sent there is answered 406 from now on.
#[utoipa::path(
    delete, path = "/bins/{id}", tag = "Request bins", operation_id = "deleteBin", params(OfBin),
    responses((status = 200, body = Deleted), (status = 404, description = "There is no such bin."), (status = 503)),
)]
async fn remove(State(app): State<App>, OfBin(bin): OfBin, scope: Scope) -> Result<Response, Error> {
    if !owns(&scope, &bin) {
        return Err(Error::UnknownBin);
    }
    app.store().delete_bin(&bin.id).await?;
    Ok(reply::ok(&Deleted { message: "Bin has been deleted" }))
}

/// Whether a key may list and delete this bin. Those of nobody are the account's.
fn owns(scope: &Scope, bin: &Bin) -> bool {
    match (scope.only(), &bin.domain) {
        (None, _) => true,
        (Some(only), domain) => domain.as_ref() == Some(only),
    }
}

/// The bin in the path, which exists.
struct OfBin(Arc<Bin>);

impl FromRequestParts<App> for OfBin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let id = path_parameter(parts, "id").await.unwrap_or_default();
        app.bins().find(&id).map(Self).ok_or(Error::UnknownBin)
    }
}
