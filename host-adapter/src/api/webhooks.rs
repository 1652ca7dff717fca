//! `/v3/domains/{domain}/webhooks`: which URLs get which events.

mod url;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use sealpost_core::WebhookKind;
use serde::Serialize;

use super::App;
use super::caller::{OfDomain, path_parameter};
use super::error::Error;
use super::form::Form;
use super::reply;
use crate::storage::{Endpoint, EndpointUrl, MAX_URLS};

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/v3/domains/{domain}/webhooks", get(list).post(create))
        .route("/v3/domains/{domain}/webhooks/{type}", get(show).put(replace).delete(remove))
}

/// The URLs of one webhook, without their credentials.
#[derive(Serialize)]
struct Urls {
    urls: Vec<String>,
}

impl Urls {
    fn of(endpoints: &[Arc<Endpoint>]) -> Self {
        Self { urls: endpoints.iter().map(|endpoint| endpoint.url().shown().to_owned()).collect() }
    }
}

#[derive(Serialize)]
struct Changed {
    message: &'static str,
    webhook: Urls,
}

fn changed(message: &'static str, endpoints: &[Arc<Endpoint>]) -> Response {
    reply::ok(&Changed { message, webhook: Urls::of(endpoints) })
}

async fn list(OfDomain(domain): OfDomain) -> Response {
    #[derive(Serialize)]
    struct List {
        webhooks: BTreeMap<&'static str, Urls>,
    }

    let set = WebhookKind::ALL.into_iter().filter(|kind| !domain.webhook(*kind).is_empty());
    let webhooks = set.map(|kind| (kind.as_str(), Urls::of(domain.webhook(kind)))).collect();
    reply::ok(&List { webhooks })
}

async fn show(OfDomain(domain): OfDomain, OfType(kind): OfType) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Shown {
        webhook: Urls,
    }

    match domain.webhook(kind) {
        [] => Err(Error::UnknownWebhook),
        endpoints => Ok(reply::ok(&Shown { webhook: Urls::of(endpoints) })),
    }
}

async fn create(State(app): State<App>, OfDomain(domain): OfDomain, form: Form) -> Result<Response, Error> {
    let kind = parse_kind("id", form.required("id")?)?;
    if !domain.webhook(kind).is_empty() {
        return Err(Error::WebhookExists(kind));
    }
    let urls = urls(&app, &form).await?;
    let webhook = app.store().create_webhook(domain.name(), kind, urls).await;
    let webhook = webhook.map_err(|error| Error::of_webhook(error, kind))?;
    Ok(changed("Webhook has been created", &webhook))
}

async fn replace(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    OfType(kind): OfType,
    form: Form,
) -> Result<Response, Error> {
    if domain.webhook(kind).is_empty() {
        return Err(Error::UnknownWebhook);
    }
    let urls = urls(&app, &form).await?;
    let webhook = app.store().replace_webhook(domain.name(), kind, urls).await;
    let webhook = webhook.map_err(|error| Error::of_webhook(error, kind))?;
    Ok(changed("Webhook has been updated", &webhook))
}

/// The body, which some clients send empty but in parts, says nothing and is not read.
async fn remove(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    OfType(kind): OfType,
) -> Result<Response, Error> {
    let removed = app.store().delete_webhook(domain.name(), kind).await;
    let removed = removed.map_err(|error| Error::of_webhook(error, kind))?;
    Ok(changed("Webhook has been deleted", &removed))
}

/// The URLs of the form, each once: one to three, in normal form and allowed by the egress guard.
async fn urls(app: &App, form: &Form) -> Result<Vec<EndpointUrl>, Error> {
    let mut texts = Vec::new();
    for text in form.all("url").map(str::trim).filter(|text| !text.is_empty()) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.len() {
        0 => return Err(Error::Missing("url")),
        1..=MAX_URLS => {}
        more => {
            let reason = format_args!("{more} urls were given, and a webhook has at most {MAX_URLS}");
            return Err(Error::invalid("url", reason));
        }
    }
    let mut urls = Vec::with_capacity(texts.len());
    for text in texts {
        urls.push(url::vet(app, text).await?);
    }
    Ok(urls)
}

/// The webhook type in the path.
struct OfType(WebhookKind);

impl FromRequestParts<App> for OfType {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        parse_kind("type", &path_parameter(parts, "type").await.unwrap_or_default()).map(Self)
    }
}

/// The type of this name; `unsubscribe` is what an old client library calls `unsubscribed`.
fn parse_kind(parameter: &'static str, name: &str) -> Result<WebhookKind, Error> {
    let kind = if name == "unsubscribe" { Some(WebhookKind::Unsubscribed) } else { WebhookKind::parse(name) };
    kind.ok_or_else(|| {
        let names = WebhookKind::ALL.map(WebhookKind::as_str).join(", ");
        Error::invalid(parameter, format_args!("must be one of {names}"))
    })
}
