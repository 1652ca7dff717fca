//! `PUT /v3/domains/{domain}`: whether a domain may have legacy webhooks.

mod schema;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::schema::Changes;
use super::App;
use super::caller::OfDomain;
use super::document::Routes;
use super::error::Error;
use super::form::Form;
use super::reply;
use crate::storage::{WebhookEdit, WebhookError};

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(update))
}

#[derive(Serialize, ToSchema)]
#[schema(as = DomainUpdated)]
struct Updated<'a> {
    message: &'static str,
    domain: Item<'a>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UpdatedDomain)]
struct Item<'a> {
    name: &'a str,
    /// Always `active`.
    state: &'static str,
    /// Whether it may have legacy webhooks.
    legacy: bool,
}

/// Change a domain
#[utoipa::path(
    put, path = "/v3/domains/{domain}", tag = "Domains", operation_id = "updateDomain",
    params(OfDomain),
    request_body(content = inline(Changes), content_type = "multipart/form-data"),
    responses((status = 200, body = Updated), (status = 503)),
)]
async fn update(State(app): State<App>, OfDomain(domain): OfDomain, form: Form) -> Result<Response, Error> {
    let mut legacy = domain.has_legacy();
    if let Some(wanted) = wanted(&form)? {
        allow(&app, domain.name(), wanted).await?;
        legacy = wanted;
    }
    let domain = Item { name: domain.name(), state: "active", legacy };
    Ok(reply::ok(&Updated { message: "Domain has been updated", domain }))
}

/// What the field `legacy` of a form says, if it is there.
pub(super) fn wanted(form: &Form) -> Result<Option<bool>, Error> {
    match form.first("legacy") {
        None => Ok(None),
        Some("yes" | "true") => Ok(Some(true)),
        Some("no" | "false") => Ok(Some(false)),
        Some(_) => Err(Error::invalid("legacy", "must be yes or no")),
    }
}

pub(super) async fn allow(app: &App, domain: &str, allowed: bool) -> Result<(), Error> {
    match app.store().edit_webhooks(domain, WebhookEdit::AllowLegacy(allowed)).await {
        Ok(_) => Ok(()),
        Err(WebhookError::Store(error)) => Err(error.into()),
        Err(WebhookError::UnknownDomain) => Err(Error::UnknownDomain),
        Err(error) => Err(Error::invalid("legacy", error)),
    }
}
