//! The description of the form and of the parameters.

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::api::document::schema::{choice, in_path, in_query, text};
use crate::api::webhooks::schema::{overlap, url_of_many};

const ID: &str = "507f1f77bcf86cd799439011";

/// Which webhook.
pub(super) struct OfId;

impl IntoParams for OfId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("id", "The id of a webhook of the account.", text().examples([ID]))]
    }
}

/// Which webhooks.
pub(super) struct Named;

impl IntoParams for Named {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_query("webhook_ids", "Only these: ids with commas between them.", text().examples([ID]))]
    }
}

/// Which webhooks, or all of them.
pub(super) struct NamedOrAll;

impl IntoParams for NamedOrAll {
    fn into_params(way: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let all = in_query("all", "Every one, unless ids are named.", choice(["true"]));
        Named::into_params(way).into_iter().chain([all]).collect()
    }
}

/// The form that describes a webhook.
pub(super) struct Draft;

impl PartialSchema for Draft {
    fn schema() -> RefOr<Schema> {
        url_of_many().property("description", text()).into()
    }
}

impl ToSchema for Draft {}

/// The form that replaces a secret.
pub(super) struct Rotation;

impl PartialSchema for Rotation {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().property("overlap", overlap()).into()
    }
}

impl ToSchema for Rotation {}
