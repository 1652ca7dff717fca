//! The description of the form and of the parameters.

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::{Kind, MAX_DESCRIPTION, OfId};
use crate::api::document::schema::{choice, in_path, in_query, text};

impl IntoParams for OfId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("id", "The id of a key.", text().examples(["1a2b3c4d-5e6f7a8b"]))]
    }
}

/// Which keys to list.
pub(super) struct KeysOf;

impl IntoParams for KeysOf {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            in_query("kind", "Only keys of this kind.", choice(Kind::ALL.map(Kind::as_str))),
            in_query("domain_name", "Only keys of this domain.", text().examples(["example.com"])),
        ]
    }
}

/// The form that makes a key.
pub(super) struct NewKey;

impl PartialSchema for NewKey {
    fn schema() -> RefOr<Schema> {
        let kind = choice(Kind::ALL.map(Kind::as_str))
            .description(Some("`domain` where a `domain_name` is given, else `user`, for the account."));
        let role = choice(Kind::ALL.map(Kind::role)).description(Some("There is one for each kind."));
        let domain = text().description(Some("The one domain it is good for.")).examples(["example.com"]);
        let description =
            text().max_length(Some(MAX_DESCRIPTION)).description(Some("In bytes; no control characters."));
        ObjectBuilder::new()
            .property("kind", kind)
            .property("role", role)
            .property("domain_name", domain)
            .property("description", description)
            .into()
    }
}

impl ToSchema for NewKey {}
