//! Refusals in the shapes that Mailgun's newer routes have. Each carries a `message` too, which is what mailgun.js shows.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What such a route has to refuse.
#[derive(Debug)]
pub enum Shape {
    /// 400, why the call cannot be carried out.
    Reason(String),
    /// 400, a field that is not as it must be, and what is wrong with it.
    Field(&'static str, String),
    /// 404, what is not there.
    NotThere(String),
    /// 409, what it is in conflict with.
    Conflict(String),
}

/// The fields of a body, beside `message`.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = RefusalFields)]
pub(super) struct Fields<'a> {
    /// The same, where a URL is at fault, and for one URL of many types.
    #[serde(rename = "Reason", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<&'a str>,
    /// What is not there, or in the way.
    #[serde(rename = "Description", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    description: Option<&'a str>,
    /// The field that is at fault.
    #[serde(rename = "Field", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<&'a str>,
    /// What is wrong with it.
    #[serde(rename = "Value", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    value: Option<&'a str>,
}

impl<'a> Fields<'a> {
    pub(super) fn reason(text: &'a str) -> Self {
        Self { reason: Some(text), ..Self::default() }
    }
}

impl Shape {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Reason(_) | Self::Field(..) => StatusCode::BAD_REQUEST,
            Self::NotThere(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Reason(text) | Self::NotThere(text) | Self::Conflict(text) => text.clone(),
            Self::Field(field, value) => format!("{field}: {value}"),
        }
    }

    pub(super) fn fields(&self) -> Fields<'_> {
        let none = Fields::default();
        match self {
            Self::Reason(text) => Fields::reason(text),
            Self::Field(field, value) => Fields { field: Some(field), value: Some(value), ..none },
            Self::NotThere(text) | Self::Conflict(text) => Fields { description: Some(text), ..none },
        }
    }
}
