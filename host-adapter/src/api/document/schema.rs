//! Schemas and parameters in few words.

use std::ops::RangeInclusive;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{
    AdditionalProperties, Array, ArrayBuilder, ArrayItems, ObjectBuilder, Schema, Type,
};
use utoipa::openapi::{RefOr, Required};

/// Any text.
pub(in crate::api) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// One of these texts.
pub(in crate::api) fn choice<'a>(names: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    text().enum_values(Some(names))
}

/// `yes` or `no`.
pub(in crate::api) fn yes_or_no() -> ObjectBuilder {
    choice(["yes", "no"])
}

/// A whole number in this range.
pub(in crate::api) fn whole(range: RangeInclusive<u64>) -> ObjectBuilder {
    let (least, most) = range.into_inner();
    // Greater numbers are not exact where the document is read.
    let most = (most < 1 << 53).then_some(most as f64);
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least as f64)).maximum(most)
}

/// An object with all of these members, and no others but those that are added as optional.
pub(in crate::api) fn exactly<S: Into<RefOr<Schema>>>(
    members: impl IntoIterator<Item = (&'static str, S)>,
) -> ObjectBuilder {
    let object = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    members.into_iter().fold(object, |object, (name, schema)| object.property(name, schema).required(name))
}

/// A list of as many items as this range says.
pub(in crate::api) fn list(item: impl Into<ArrayItems>, count: RangeInclusive<usize>) -> Array {
    let (least, most) = count.into_inner();
    ArrayBuilder::new().items(item).min_items(Some(least)).max_items(Some(most)).build()
}

/// A part of the path.
pub(in crate::api) fn in_path(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    parameter(ParameterIn::Path, name, description).required(Required::True).schema(Some(schema)).build()
}

/// A parameter of the query, which may be left out.
pub(in crate::api) fn in_query(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    parameter(ParameterIn::Query, name, description).schema(Some(schema)).build()
}

/// A header field, which may be left out.
pub(in crate::api) fn in_header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    parameter(ParameterIn::Header, name, description).schema(Some(schema)).build()
}

fn parameter(place: ParameterIn, name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .parameter_in(place)
        .name(name)
        .required(Required::False)
        .description(Some(description))
}
