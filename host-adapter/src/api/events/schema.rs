//! The description of walks and pages.

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder};
use utoipa::openapi::{ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::cursor::Walk;
use super::{CursorText, LIMITS};
use crate::api::document::EventData;
use crate::api::document::schema::{exactly, in_path, in_query, text, whole, yes_or_no};
use crate::filter::{self, Field};

impl IntoParams for Walk {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        const GRAMMAR: &str = "Terms, `\"phrases\"`, `AND`, `OR`, `NOT` and parentheses.";
        const TIME: &str = "Seconds since 1970, with decimals or without, or a date as in mail (RFC 2822).";
        let time = || text().examples(["1521472262.908181", "Fri, 3 May 2013 09:00:00 -0000"]);
        let (max, default) = LIMITS;
        let limit = whole(1..=max.into()).default(Some(default.into()));
        let mut parameters = vec![
            in_query("begin", &format!("From when on. {TIME}"), time()),
            in_query("end", &format!("Until when. {TIME} Before `begin`: descending."), time()),
            in_query(
                "ascending",
                "Whether the oldest come first; must agree with `begin` and `end`.",
                yes_or_no(),
            ),
            in_query("limit", "How many events a page has at most.", limit),
            in_query("pretty", "Whether pages are laid out for people.", yes_or_no()),
        ];
        parameters.extend(Field::ALL.map(|field| {
            let expression = text().max_length(Some(filter::MAX_TEXT)).examples([example(field)]);
            in_query(field.name(), &format!("{} {GRAMMAR}", field.meaning()), expression)
        }));
        parameters
    }
}

/// An expression that shows what a field can be asked.
const fn example(field: Field) -> &'static str {
    match field {
        Field::Event => "rejected OR failed",
        Field::List => "news@lists.example.com",
        Field::Attachment => "invoice.pdf",
        Field::From => "bob@example.com",
        Field::MessageId => "20260101120000.1.0123@example.com",
        Field::Subject => "(Hello AND NOT Rachel) OR \"Farewell Monica\"",
        Field::To | Field::Recipient | Field::Recipients => "NOT alice@example.net",
        Field::Size => ">10000 <20000",
        Field::Tags => "welcome AND \"big news\"",
        Field::Severity => "permanent",
    }
}

impl IntoParams for CursorText {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path(
            "cursor",
            "The last part of a link of a page.",
            text().pattern(Some("^[A-Za-z0-9_-]+$")),
        )]
    }
}

/// How a page is laid out.
pub(super) struct Layout;

impl IntoParams for Layout {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_query("pretty", "Whether the page is laid out for people.", yes_or_no())]
    }
}

/// A page, as it is written by hand.
pub(super) struct Events;

impl PartialSchema for Events {
    fn schema() -> RefOr<Schema> {
        let link = |to: &str| text().description(Some(format!("The address of {to}.")));
        let paging = exactly([
            ("previous", link("the page before; of the first page, an empty one")),
            ("first", link("the first page")),
            ("last", link("the last page")),
            ("next", link("the page after; of an empty page, itself")),
        ]);
        let items = ArrayBuilder::new().items(Ref::from_schema_name(EventData::name()));
        ObjectBuilder::new()
            .property("items", items)
            .required("items")
            .property("paging", paging)
            .required("paging")
            .into()
    }
}

impl ToSchema for Events {
    fn name() -> std::borrow::Cow<'static, str> {
        "Events".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((EventData::name().into_owned(), EventData::schema()));
    }
}

/// A page of logs, as it is written by hand.
pub(super) struct Logs;

impl PartialSchema for Logs {
    fn schema() -> RefOr<Schema> {
        let token = || text();
        let stamped = ObjectBuilder::new().property("@timestamp", text()).required("@timestamp");
        let item = AllOfBuilder::new().item(Ref::from_schema_name(EventData::name())).item(stamped);
        let pagination = exactly([("previous", token()), ("first", token()), ("last", token())])
            .property("next", token().description(Some("Absent on the last page, which is empty.")));
        exactly::<RefOr<Schema>>([
            ("start", text().into()),
            ("end", text().into()),
            ("items", ArrayBuilder::new().items(item).into()),
            ("pagination", pagination.into()),
            ("aggregates", ObjectBuilder::new().into()),
        ])
        .into()
    }
}

impl ToSchema for Logs {
    fn name() -> std::borrow::Cow<'static, str> {
        "Logs".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((EventData::name().into_owned(), EventData::schema()));
    }
}
