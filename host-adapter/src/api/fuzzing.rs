//! A body of fields, for the fuzzer.

use axum::body::Body;
use axum::extract::{FromRequest as _, Request};
use axum::http::header;
use bytes::Bytes;
use futures_util::FutureExt as _;
use url::form_urlencoded;

use super::error::Error;
use super::form::{Form, MAX_BODY};

pub use super::events::fuzzing::{cursor, time};

/// A form of this type: it is refused, or has the same fields when they are packed anew.
pub fn form(content_type: &str, body: &[u8]) {
    let request = Request::post("/").header(header::CONTENT_TYPE, content_type);
    let Ok(request) = request.body(Body::from(Bytes::copy_from_slice(body))) else { return };
    let form = Form::from_request(request, &()).now_or_never().expect("a body in memory waits for nothing");
    let form = match form {
        Ok(form) => form,
        Err(Error::UnreadableBody(_) | Error::UnsupportedMedia { .. }) => return,
        Err(Error::BodyTooLarge { .. }) => return assert!(body.len() > MAX_BODY),
        Err(error) => panic!("{error}"),
    };
    let mut packed = form_urlencoded::Serializer::new(String::new());
    packed.extend_pairs(form.fields());
    let again = Form::from_query(&packed.finish()).expect("as many fields");
    assert!(again.fields().eq(form.fields()));
    let bytes: usize = form.fields().map(|(name, value)| name.len() + value.len()).sum();
    assert!(bytes <= 3 * body.len(), "at most one U+FFFD for a byte");
}
