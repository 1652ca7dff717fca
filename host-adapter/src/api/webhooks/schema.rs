//! The description of types and forms.

use sealpost_core::{LegacyKind, Url, WebhookKind};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{Array, ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::OfWebhook;
use crate::api::document::schema::{choice, in_path, in_query, list, text};
use crate::storage::MAX_URLS;

impl IntoParams for OfWebhook {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("type", "The type of a webhook; a legacy one where the domain may have those.", names())]
    }
}

/// The form that sets a webhook.
pub(super) struct NewWebhook;

impl PartialSchema for NewWebhook {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .property("id", names())
            .property("url", url_list())
            .required("id")
            .required("url")
            .into()
    }
}

impl ToSchema for NewWebhook {}

/// The form that changes the URLs of a webhook.
pub(super) struct NewUrls;

impl PartialSchema for NewUrls {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().property("url", url_list()).required("url").into()
    }
}

impl ToSchema for NewUrls {}

/// The form of a test call.
pub(super) struct Target;

impl PartialSchema for Target {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().property("url", webhook_url()).required("url").into()
    }
}

impl ToSchema for Target {}

/// The form that rotates a secret.
pub(super) struct Rotation;

impl PartialSchema for Rotation {
    fn schema() -> RefOr<Schema> {
        let url = webhook_url().description(Some("One of the webhook's, with or without its password."));
        ObjectBuilder::new().property("url", url).required("url").property("overlap", overlap()).into()
    }
}

/// How long a secret that is replaced stays good.
pub(in crate::api) fn overlap() -> ObjectBuilder {
    text()
        .description(Some("For how long the old secret stays good: a duration from 0s to 30d."))
        .default(Some("24h".into()))
        .examples(["0s", "1h30m", "7d"])
}

impl ToSchema for Rotation {}

/// The form that gives a URL to several webhooks.
pub(super) struct UrlOfMany;

impl PartialSchema for UrlOfMany {
    fn schema() -> RefOr<Schema> {
        url_of_many().into()
    }
}

impl ToSchema for UrlOfMany {}

/// A URL and the types of its webhooks.
pub(in crate::api) fn url_of_many() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("url", webhook_url())
        .required("url")
        .property(
            "event_types",
            list(choice(WebhookKind::ALL.map(WebhookKind::as_str)), 1..=WebhookKind::ALL.len()),
        )
        .required("event_types")
}

/// The URLs to take out of all webhooks.
pub(super) struct UrlList;

impl IntoParams for UrlList {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let urls = text().examples(["https://crm.example.com/a,https://crm.example.com/b"]);
        vec![in_query("url", "URLs with commas between them.", urls)]
    }
}

fn names() -> ObjectBuilder {
    let current = WebhookKind::ALL.into_iter().map(WebhookKind::as_str);
    choice(current.chain(LegacyKind::ALL.into_iter().map(LegacyKind::as_str)))
}

fn url_list() -> Array {
    list(webhook_url(), 1..=MAX_URLS)
}

fn webhook_url() -> ObjectBuilder {
    text().max_length(Some(Url::MAX_LEN)).examples(["https://crm.example.com/hooks"])
}
