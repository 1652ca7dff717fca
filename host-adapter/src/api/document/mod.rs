//! `GET /openapi.json`: the API described in OpenAPI 3.1, made from its routes.
//!
//! The documentation of a route stands on its handler, in `#[utoipa::path]`, and [`routes!`] puts both into the
//! router. What follows from the kind of a route (whether it wants a key, has a domain in its path or reads a
//! form) is not written there: [`complete`] adds it to all of them. The parameters and forms of a resource are
//! described beside what parses them, with the same constants.

mod complete;
mod event_data;
pub(super) mod schema;
#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use utoipa::openapi::{Contact, Info, License, OpenApi, Server};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;
use super::reply;

pub(super) use event_data::EventData;

/// Routes together with their documentation. A route that is added by `route` instead of `routes` has none, which
/// the tests do not let pass.
pub(super) type Routes = OpenApiRouter<App>;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(show))
}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", tag = "Server", operation_id = "showDocument",
    responses((status = 200, description = "The API in OpenAPI 3.1.", body = Object)),
)]
async fn show(State(app): State<App>) -> Response {
    reply::raw(StatusCode::OK, app.document().clone())
}

/// The document of all routes: `keyed` are those that want a key, `open` those that do not.
pub(super) fn render(keyed: OpenApi, open: OpenApi, public_url: Option<&str>) -> Bytes {
    let mut document = complete::keyed(keyed).merge_from(complete::open(open));
    document.info = info();
    document.tags = Some(complete::tags());
    document.servers = public_url.map(|url| vec![Server::new(url)]);
    // Writing to memory cannot fail, and every value is text, a number or a list of those.
    let mut json = serde_json::to_vec(&document).unwrap_or_default();
    json.push(b'\n');
    json.into()
}

fn info() -> Info {
    let mut info = Info::new("Sealpost", env!("CARGO_PKG_VERSION"));
    info.description = Some(include_str!("description.md").to_owned());
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    info.license = Some(license);
    let mut contact = Contact::new();
    contact.url = Some(env!("CARGO_PKG_REPOSITORY").to_owned());
    info.contact = Some(contact);
    info
}
