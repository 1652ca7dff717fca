//! The description of the form.

use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::api::document::schema::yes_or_no;

/// The form that changes a domain.
pub(super) struct Changes;

impl PartialSchema for Changes {
    fn schema() -> RefOr<Schema> {
        let legacy = yes_or_no()
            .description(Some("Whether it may have legacy webhooks; `no` only where it has none."));
        ObjectBuilder::new().property("legacy", legacy).into()
    }
}

impl ToSchema for Changes {}
