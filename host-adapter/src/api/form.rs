//! The fields of a management call, however the client packed them.
//!
//! Both forms that Mailgun documents are read: `multipart/form-data`, with its boundary quoted or not, and
//! `application/x-www-form-urlencoded`. Names may carry the `[]` that some clients append to lists.

use std::io::{self, ErrorKind};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use url::form_urlencoded;

use super::error::Error;

/// The most bytes that a management call may carry.
pub(super) const MAX_BODY: usize = 64 * 1024;
/// The most fields that a management call may carry.
const MAX_FIELDS: usize = 100;

/// Fields in the order in which they came; a name may occur more than once.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The fields of a query string.
    pub(super) fn from_query(query: &str) -> Result<Self, Error> {
        Self::collect(form_urlencoded::parse(query.as_bytes()).into_owned())
    }

    /// The first field of this name.
    pub(super) fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The first field of this name, unless it is empty: clients send `limit=` for what they do not set.
    pub(super) fn given<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.first(name).filter(|value| !value.trim().is_empty())
    }

    /// The first field of this name, which must be there.
    pub(super) fn required<'a>(&'a self, name: &'static str) -> Result<&'a str, Error> {
        self.first(name).ok_or(Error::Missing(name))
    }

    /// Every field of this name, in order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |key: &str| key.strip_suffix("[]").unwrap_or(key) == name;
        self.0.iter().filter(move |(key, _)| named(key)).map(|(_, value)| value.as_str())
    }

    /// All fields, in order.
    #[cfg(fuzzing)]
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn collect(fields: impl Iterator<Item = (String, String)>) -> Result<Self, Error> {
        let fields: Vec<_> = fields.take(MAX_FIELDS + 1).collect();
        if fields.len() > MAX_FIELDS { Err(too_many_fields()) } else { Ok(Self(fields)) }
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let headers = request.headers().clone();
        let body = read(request, MAX_BODY).await?;
        if body.is_empty() {
            return Ok(Self::default());
        }
        match media_type(&headers).as_deref() {
            None | Some("application/x-www-form-urlencoded") => {
                Self::collect(form_urlencoded::parse(&body).into_owned())
            }
            Some("multipart/form-data") => {
                let mut request = Request::new(Body::from(body));
                *request.headers_mut() = headers;
                multipart(Multipart::from_request(request, &()).await.map_err(unreadable)?).await
            }
            Some(_) => Err(Error::UnsupportedMedia {
                expected: "multipart/form-data or application/x-www-form-urlencoded",
            }),
        }
    }
}

/// The `Content-Type` without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

/// The whole body, which may have `limit` bytes. One that announces more is refused unread.
pub(super) async fn read(mut request: Request, limit: usize) -> Result<Bytes, Error> {
    if content_length(request.headers()).is_some_and(|length| length > limit as u64) {
        return Err(Error::BodyTooLarge { limit });
    }
    DefaultBodyLimit::max(limit).apply(&mut request);
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge { limit },
        _ => broken_off(&rejection),
    })
}

/// The refusal of a body that ended before it was complete, for this reason.
pub(super) fn broken_off(reason: &(dyn std::error::Error + 'static)) -> Error {
    if is_late(reason) { Error::BodyLate } else { unreadable("it ended before it was complete") }
}

/// Whether the body ended because its time was up.
fn is_late(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::TimedOut)
    })
}

/// What the request announces as the length of its body.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn multipart(mut parts: Multipart) -> Result<Form, Error> {
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        if fields.len() == MAX_FIELDS {
            return Err(too_many_fields());
        }
        let name = part.name().unwrap_or_default().to_owned();
        fields.push((name, part.text().await.map_err(unreadable)?));
    }
    Ok(Form(fields))
}

fn unreadable(reason: impl std::fmt::Display) -> Error {
    Error::UnreadableBody(reason.to_string())
}

fn too_many_fields() -> Error {
    unreadable(format_args!("it has more than {MAX_FIELDS} fields"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parse(content_type: &str, body: &'static str) -> Result<Form, Error> {
        let request = Request::post("/").header(header::CONTENT_TYPE, content_type);
        Form::from_request(request.body(Body::from(body)).expect("a request"), &()).await
    }

    const PARTS: &str = "--x-1\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\nclicked\r\n\
        --x-1\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttps://a.test/\r\n\
        --x-1\r\nContent-Disposition: form-data; name=\"url\"\r\n\r\nhttps://b.test/\r\n--x-1--\r\n";

    #[tokio::test]
    async fn every_packing_gives_the_same_fields() {
        let urlencoded = "application/x-www-form-urlencoded";
        for (content_type, body) in [
            ("multipart/form-data; boundary=x-1", PARTS),
            ("Multipart/Form-Data; boundary=\"x-1\"", PARTS),
            (urlencoded, "id=clicked&url=https%3A%2F%2Fa.test%2F&url=https%3A%2F%2Fb.test%2F"),
            (urlencoded, "id=clicked&url[]=https%3A%2F%2Fa.test%2F&url%5B%5D=https%3A%2F%2Fb.test%2F"),
        ] {
            let form = parse(content_type, body).await.expect("a form");
            assert_eq!(form.first("id"), Some("clicked"), "{content_type}");
            let urls: Vec<_> = form.all("url").collect();
            assert_eq!(urls, ["https://a.test/", "https://b.test/"], "{content_type}");
        }
    }

    #[tokio::test]
    async fn a_body_without_parts_has_no_fields() {
        for body in ["", "--x--\r\n"] {
            let form = parse("multipart/form-data; boundary=x", body).await.expect("an empty form");
            assert!(matches!(form.required("id"), Err(Error::Missing("id"))), "{body:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_a_form_is_refused() {
        let broken = parse("multipart/form-data; boundary=x", "--x\r\nContent-Dis").await;
        assert!(matches!(broken, Err(Error::UnreadableBody(_))));
        let json = parse("application/json", "{}").await;
        assert!(matches!(json, Err(Error::UnsupportedMedia { .. })));
    }

    #[tokio::test]
    async fn size_and_number_of_fields_are_bounded() {
        let urlencoded = "application/x-www-form-urlencoded";
        let long = parse(urlencoded, "a".repeat(MAX_BODY + 1).leak()).await;
        assert!(matches!(long, Err(Error::BodyTooLarge { limit: MAX_BODY })));
        let many = parse(urlencoded, "a=1&".repeat(MAX_FIELDS + 1).leak()).await;
        assert!(matches!(many, Err(Error::UnreadableBody(_))));
    }
}
