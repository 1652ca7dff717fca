//! The description of types and forms.

use sealpost_core::{Url, WebhookKind};
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{Array, ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::OfType;
use crate::api::document::schema::{choice, in_path, list, text};
use crate::storage::MAX_URLS;

impl IntoParams for OfType {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("type", "The type of a webhook.", kinds())]
    }
}

/// The form that sets a webhook.
pub(super) struct NewWebhook;

impl PartialSchema for NewWebhook {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .property("id", kinds())
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
        let overlap = text()
            .description(Some("For how long the old secret stays good: a duration from 0s to 30d."))
            .default(Some("24h".into()))
            .examples(["0s", "1h30m", "7d"]);
        ObjectBuilder::new().property("url", url).required("url").property("overlap", overlap).into()
    }
}

impl ToSchema for Rotation {}

fn kinds() -> ObjectBuilder {
    choice(WebhookKind::ALL.map(WebhookKind::as_str))
}

fn url_list() -> Array {
    list(webhook_url(), 1..=MAX_URLS)
}

fn webhook_url() -> ObjectBuilder {
    text().max_length(Some(Url::MAX_LEN)).examples(["https://crm.example.com/hooks"])
}
