//! Successful answers, in Mailgun's conventions: compact JSON, one newline at the end.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// `body` as the answer of a request that was carried out.
pub(super) fn ok(body: &impl Serialize) -> Response {
    json(StatusCode::OK, body)
}

/// `body` as an answer with this status.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(128);
    // Writing to memory cannot fail, and the bodies are structs of strings and numbers; were one ever
    // to refuse, an answer without a body is still an answer.
    if serde_json::to_writer(&mut bytes, body).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    bytes.push(b'\n');
    raw(status, bytes)
}

/// JSON that is written already, newline included.
pub(super) fn raw(status: StatusCode, json: impl Into<Body>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, content_type, json.into()).into_response()
}

/// A wall-clock millisecond since the Unix epoch as a date: `2026-02-16T19:06:01Z`.
pub(super) fn date(millis: i64) -> String {
    jiff::Timestamp::from_second(millis.div_euclid(1000)).unwrap_or_default().to_string()
}

/// Adds the headers that every answer of Mailgun's API has, refusals included.
pub(super) fn add_headers(headers: &mut HeaderMap) {
    const HEADERS: [(header::HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
        (header::X_XSS_PROTECTION, "1; mode=block"),
    ];
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
