//! The description of a submission and of its receipt.

use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{Array, ArrayBuilder, OneOfBuilder, Type};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::MAX_KEY;
use crate::api::document::EventData;
use crate::api::document::schema::{in_header, in_query, text, whole, yes_or_no};
use crate::ingest::Fault;

/// How to submit.
pub(super) struct Manner;

impl IntoParams for Manner {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = text().min_length(Some(1)).max_length(Some(MAX_KEY)).pattern(Some("^[!-~]+$"));
        vec![
            in_query(
                "partial",
                "Whether to store the good events of a batch that has bad ones.",
                yes_or_no(),
            ),
            in_header("Idempotency-Key", "Makes a repeat of events without ids harmless.", key),
        ]
    }
}

/// One event or a list of them.
pub(super) struct Events;

impl PartialSchema for Events {
    fn schema() -> RefOr<Schema> {
        let event = || Ref::from_schema_name(EventData::name());
        OneOfBuilder::new().item(event()).item(ArrayBuilder::new().items(event())).into()
    }
}

impl ToSchema for Events {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((EventData::name().into_owned(), EventData::schema()));
    }
}

/// A receipt, as it is written by hand.
pub(super) struct Receipts;

impl PartialSchema for Receipts {
    fn schema() -> RefOr<Schema> {
        let number = || ObjectBuilder::new().schema_type(Type::Number);
        let flag = || ObjectBuilder::new().schema_type(Type::Boolean);
        let item = ObjectBuilder::new()
            .property(
                "index",
                whole(0..=u64::MAX).description(Some("Its place in a submission with `partial=yes`.")),
            )
            .property("id", text())
            .required("id")
            .property(
                "timestamp",
                number().description(Some("As it stands in the event-data, digit for digit.")),
            )
            .required("timestamp")
            .property("deliveries", whole(0..=255).description(Some("How many URLs the event goes to.")))
            .required("deliveries")
            .property("duplicate", flag().description(Some("Whether it was stored before.")))
            .required("duplicate");
        let list = |items: RefOr<Schema>| -> Array { ArrayBuilder::new().items(items).build() };
        ObjectBuilder::new()
            .property("items", list(item.into()))
            .required("items")
            .property("errors", list(Ref::from_schema_name(Fault::name()).into()))
            .property("total", whole(0..=u64::MAX).description(Some("How many events were left out.")))
            .examples([json!({"items": [
                {"id": "MXcc2gEpS-eN8HfkOnmK2w", "timestamp": 1_770_146_431.658_528, "deliveries": 3, "duplicate": false},
            ]})])
            .into()
    }
}

impl ToSchema for Receipts {}
