//! The description of the form and of the listing's parameters.

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::LIMITS;
use crate::api::document::schema::{in_query, text, whole};

/// The form that creates a domain.
pub(super) struct NewDomain;

impl PartialSchema for NewDomain {
    fn schema() -> RefOr<Schema> {
        let name =
            text().description(Some("A domain name of at most 253 bytes.")).examples(["mg.example.com"]);
        ObjectBuilder::new().property("name", name).required("name").into()
    }
}

impl ToSchema for NewDomain {}

/// Where a page of the listing lies.
pub(super) struct PageOfDomains;

impl IntoParams for PageOfDomains {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let (default, max) = LIMITS;
        let limit = whole(1..=max as u64).default(Some(default.into()));
        vec![
            in_query("limit", "How many domains at most.", limit),
            in_query(
                "skip",
                "How many to leave out at the start.",
                whole(0..=u64::MAX).default(Some(0.into())),
            ),
        ]
    }
}
