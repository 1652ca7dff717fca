//! Every refusal of the API: its status, its body, and what to do about it.
//!
//! Bodies have Mailgun's shape, an object with a `message`; a bad URL also has `Reason`, as Mailgun's own
//! answer does. The 401 is the recorded one, which is not JSON.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::TurnedAway;
use super::reply;
use super::shape::{Fields, Shape};
use crate::bins;
use crate::ingest::{Fault, Faults, Rejection};
use crate::memory;
use crate::storage::{BinError, DomainError, HookKind, KeyError, QueryError, StoreError, WebhookError};

/// Why a request was not carried out. Nothing was changed, unless a variant says otherwise.
#[derive(Debug)]
pub enum Error {
    /// No key, or a wrong one.
    Unauthorized,
    /// The key is good for one domain, and this concerns the account.
    Forbidden,
    /// No such route.
    UnknownRoute,
    /// The route exists, but not for this method; axum adds `Allow`.
    MethodNotAllowed,
    /// The domain is not one of this server, or the key is for another domain.
    UnknownDomain,
    /// No webhook of this type is set.
    UnknownWebhook,
    /// A webhook of this type is set already.
    WebhookExists(HookKind),
    /// The domain exists already.
    DomainTaken,
    /// The account has no signing key.
    NoSigningKey,
    /// There is no API key of this id.
    UnknownKey,
    /// There is no request bin of this id, or no more.
    UnknownBin,
    /// The same, told to whoever sends webhooks there.
    BinGone,
    /// Too many listen to request bins.
    TooManyListen,
    /// The only API key of the account was to be revoked.
    LastKey,
    /// Too many wrong keys from one address, for so many more seconds.
    TooManyWrongKeys {
        /// Until they are forgotten.
        seconds: u64,
    },
    /// The signing key is a setting, which no request changes.
    SigningKeyConfigured,
    /// A cursor that this server never gave out for this domain.
    BadCursor,
    /// Too many events had to be looked at, one by one, to fill a page.
    TooManyToFilter,
    /// A parameter that must be there is not.
    Missing(&'static str),
    /// A parameter says something that it cannot say.
    Invalid {
        /// Its name.
        parameter: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A parameter that cannot be read, in Mailgun's words.
    Malformed(String),
    /// In the shape of a newer route.
    Shaped(Shape),
    /// A URL that no webhook may have.
    BadUrl {
        /// The URL without its credentials.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The body has more bytes than the route takes.
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body was not complete in time.
    BodyLate,
    /// The head tells in two ways where the body ends.
    TwoEnds,
    /// More events in one body than are taken at once.
    BatchTooLong {
        /// The limit in events.
        limit: usize,
    },
    /// The body's `Content-Type` is not one that the route reads.
    UnsupportedMedia {
        /// The ones that it reads.
        expected: &'static str,
    },
    /// The body could not be taken apart.
    UnreadableBody(String),
    /// Events that are not what they must be.
    Events(Faults),
    /// Events whose ids are taken by other content.
    Conflicts(Faults),
    /// As many deliveries as the store may hold are pending, or as many bodies or pages as memory may hold are
    /// on their way.
    Full,
    /// The store cannot write or read at the moment. If it failed during this request, only the store that
    /// is opened next knows whether anything was changed.
    Unavailable,
    /// Something that cannot be, was. A fault of this program.
    Internal,
}

/// Seconds after which a client is asked to come back when there was no room.
const RETRY_FULL: u64 = 5;
/// Seconds after which a client is asked to come back when the store was in trouble.
const RETRY_UNAVAILABLE: u64 = 30;

impl Error {
    pub(super) fn invalid(parameter: &'static str, reason: impl fmt::Display) -> Self {
        Self::Invalid { parameter, reason: reason.to_string() }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::UnknownRoute
            | Self::UnknownDomain
            | Self::UnknownWebhook
            | Self::UnknownKey
            | Self::UnknownBin => StatusCode::NOT_FOUND,
            Self::BinGone => StatusCode::NOT_ACCEPTABLE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::WebhookExists(_)
            | Self::DomainTaken
            | Self::NoSigningKey
            | Self::BadCursor
            | Self::TooManyToFilter
            | Self::Missing(_)
            | Self::Invalid { .. }
            | Self::Malformed(_)
            | Self::BadUrl { .. }
            | Self::TwoEnds
            | Self::UnreadableBody(_) => StatusCode::BAD_REQUEST,
            Self::Shaped(shape) => shape.status(),
            Self::BodyLate => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } | Self::BatchTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMedia { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Events(_) => StatusCode::BAD_REQUEST,
            Self::Conflicts(_) | Self::SigningKeyConfigured | Self::LastKey => StatusCode::CONFLICT,
            Self::Full | Self::TooManyListen | Self::TooManyWrongKeys { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Full | Self::TooManyListen => Some(RETRY_FULL),
            Self::Unavailable => Some(RETRY_UNAVAILABLE),
            Self::TooManyWrongKeys { seconds } => Some(*seconds),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized | Self::Forbidden => f.write_str("Forbidden"),
            Self::UnknownRoute => f.write_str("Not found: there is no such route"),
            Self::MethodNotAllowed => {
                f.write_str("Method not allowed: the Allow header names those that are")
            }
            Self::UnknownDomain => f.write_str("Domain not found"),
            Self::UnknownWebhook => f.write_str("Webhook not found"),
            Self::WebhookExists(kind) => {
                write!(f, "Webhook for event type '{kind}' already exists; PUT replaces its urls")
            }
            Self::DomainTaken => f.write_str("This domain name is already taken"),
            Self::NoSigningKey => f.write_str("could not get HSK for account: it has none yet"),
            Self::UnknownKey => f.write_str("Key not found"),
            Self::LastKey => KeyError::Last.fmt(f),
            Self::UnknownBin => f.write_str("Bin not found, or expired"),
            Self::BinGone => f.write_str("This bin is gone: take its URL out of the webhook"),
            Self::TooManyListen => f.write_str(
                "Too many pages of bins are open, and questions waiting: bins.listeners says how many may be",
            ),
            Self::TooManyWrongKeys { seconds } => {
                write!(f, "Too many wrong keys from this address; a right one is heard, wrong ones in {seconds} s")
            }
            Self::SigningKeyConfigured => f.write_str(
                "The signing key is configured, by keys.signing or SEALPOST_SIGNING_KEY: change it there and start \
                 the server again, or take it away there, and then regenerate it here",
            ),
            Self::BadCursor => f.write_str("Invalid page: this link was not given out for this domain"),
            Self::TooManyToFilter => f.write_str(
                "Too many events to filter: no page was full after 5 seconds; ask for a narrower range of 'begin' \
                 and 'end', or for an 'event', 'recipient', 'message-id', 'tags' or 'severity' too",
            ),
            Self::Missing(parameter) => write!(f, "Missing parameter '{parameter}'"),
            Self::Invalid { parameter, reason } => write!(f, "Invalid parameter '{parameter}': {reason}"),
            Self::Malformed(message) => f.write_str(message),
            Self::Shaped(shape) => f.write_str(&shape.message()),
            Self::BadUrl { shown, reason } => write!(f, "{shown} is not a valid url: {reason}"),
            Self::BodyTooLarge { limit } => {
                write!(f, "The body is too large: this route takes at most {limit} bytes")
            }
            Self::BodyLate => f.write_str(
                "The body did not arrive in time: server.request_timeout says how long it may take",
            ),
            Self::TwoEnds => f.write_str(
                "The body's end is told in two ways, by Content-Length and by Transfer-Encoding: send one of them",
            ),
            Self::BatchTooLong { limit } => {
                write!(f, "The body holds too many events: at most {limit} are taken at once")
            }
            Self::UnsupportedMedia { expected } => {
                write!(f, "The Content-Type is not one that this route reads: send {expected}")
            }
            Self::UnreadableBody(reason) => write!(f, "The body could not be read: {reason}"),
            Self::Events(faults) => {
                write!(f, "Invalid events: {}; nothing was stored. {}", faults.total, First(faults))
            }
            Self::Conflicts(faults) => {
                let total = faults.total;
                write!(f, "Events whose id is stored with other content: {total}; nothing was stored")
            }
            Self::Full => f.write_str("No room at the moment; nothing was stored, try again later"),
            Self::Unavailable => f.write_str("The store is not available at the moment; send it again later"),
            Self::Internal => f.write_str("A fault in the server; please report it"),
        }
    }
}

impl std::error::Error for Error {}

/// The first fault in words, for clients that show `message` and nothing else.
struct First<'a>(&'a Faults);

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.first.first() {
            Some(Fault { index, field, reason }) if field.is_empty() => write!(f, "Event {index}: {reason}"),
            Some(Fault { index, field, reason }) => write!(f, "Event {index}: '{field}' {reason}"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// The refusal of a change to the webhook of this type.
    pub(super) fn of_webhook(error: WebhookError, kind: HookKind) -> Self {
        match error {
            WebhookError::UnknownDomain => Self::UnknownDomain,
            WebhookError::AlreadySet => Self::WebhookExists(kind),
            WebhookError::NotSet => Self::UnknownWebhook,
            WebhookError::UnknownUrl
            | WebhookError::TooManyUrls(_)
            | WebhookError::NoLegacy
            | WebhookError::HasUrl(_)
            | WebhookError::LegacyInUse
            | WebhookError::TooManyEndpoints { .. } => Self::invalid("url", error),
            WebhookError::Store(error) => error.into(),
        }
    }
}

impl From<DomainError> for Error {
    fn from(error: DomainError) -> Self {
        match error {
            DomainError::Unknown => Self::UnknownDomain,
            DomainError::TooMany { .. } => Self::invalid("name", error),
            DomainError::Store(error) => error.into(),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unknown => Self::UnknownKey,
            KeyError::UnknownDomain => Self::UnknownDomain,
            KeyError::Last => Self::LastKey,
            KeyError::TooMany { .. } => Self::invalid("kind", error),
            KeyError::Store(error) => error.into(),
        }
    }
}

impl From<BinError> for Error {
    fn from(error: BinError) -> Self {
        match error {
            BinError::Unknown => Self::UnknownBin,
            BinError::UnknownDomain => Self::UnknownDomain,
            BinError::TooMany { .. } | BinError::TooManyInAll { .. } => Self::invalid("domain", error),
            BinError::Store(error) => error.into(),
        }
    }
}

impl From<bins::Full> for Error {
    fn from(_: bins::Full) -> Self {
        Self::TooManyListen
    }
}

impl From<StoreError> for Error {
    fn from(_: StoreError) -> Self {
        Self::Unavailable
    }
}

impl From<memory::Full> for Error {
    fn from(_: memory::Full) -> Self {
        Self::Full
    }
}

impl From<QueryError> for Error {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::TooLong => Self::TooManyToFilter,
            QueryError::Store(error) => error.into(),
        }
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::TooMany { limit } => Self::BatchTooLong { limit },
            Rejection::Invalid(faults) => Self::Events(faults),
            Rejection::Conflicts(faults) => Self::Conflicts(faults),
            Rejection::UnknownDomain => Self::UnknownDomain,
            Rejection::Full => Self::Full,
            Rejection::Unavailable => Self::Unavailable,
        }
    }
}

/// The body of every refusal but the 401.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"message": "Missing parameter 'id'"}))]
pub(super) struct Refusal<'a> {
    /// What is wrong, where, and what would be right.
    message: &'a str,
    #[serde(flatten)]
    fields: Fields<'a>,
    /// The first 100 faults, where events are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Vec<Fault>>)]
    errors: Option<&'a [Fault]>,
    /// How many faults there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    total: Option<usize>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Unauthorized = self {
            return unauthorized();
        }
        let message = self.to_string();
        let faults = match &self {
            Self::Events(faults) | Self::Conflicts(faults) => Some(faults),
            _ => None,
        };
        let body = Refusal {
            message: &message,
            fields: match &self {
                Self::BadUrl { .. } => Fields::reason(&message),
                Self::Shaped(shape) => shape.fields(),
                _ => Fields::default(),
            },
            errors: faults.map(|faults| faults.first.as_slice()),
            total: faults.map(|faults| faults.total),
        };
        let mut response = reply::json(self.status(), &body);
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            let by_anyone = matches!(self, Self::TooManyWrongKeys { .. });
            response.extensions_mut().insert(TurnedAway { reason: message, by_anyone });
        }
        response
    }
}

/// The recorded answer to a missing or wrong key: nine bytes of plain text, no newline.
fn unauthorized() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::WWW_AUTHENTICATE, "Basic realm=\"MG API\""),
    ];
    (StatusCode::UNAUTHORIZED, headers, "Forbidden").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::read;

    #[tokio::test]
    async fn the_401_is_the_recorded_one() {
        let (head, body) = read(Error::Unauthorized.into_response()).await;
        assert_eq!(head.status, 401);
        assert_eq!(head.headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        assert_eq!(head.headers[header::WWW_AUTHENTICATE], "Basic realm=\"MG API\"");
        assert_eq!(body, "Forbidden");
    }

    #[tokio::test]
    async fn a_refusal_is_compact_json_with_a_message_and_a_newline() {
        let (head, body) = read(Error::Missing("id").into_response()).await;
        assert_eq!(head.status, 400);
        assert_eq!(head.headers[header::CONTENT_TYPE], "application/json; charset=utf-8");
        assert_eq!(body, "{\"message\":\"Missing parameter 'id'\"}\n");
    }

    #[tokio::test]
    async fn a_bad_url_says_so_under_both_of_mailguns_names() {
        let error = Error::BadUrl { shown: "ftp://a".into(), reason: "no".into() };
        let (_, body) = read(error.into_response()).await;
        let sentence = "ftp://a is not a valid url: no";
        assert_eq!(body, format!("{{\"message\":\"{sentence}\",\"Reason\":\"{sentence}\"}}\n"));
    }

    #[tokio::test]
    async fn backpressure_and_trouble_say_when_to_come_back() {
        for (error, status) in [(Error::Full, 429), (Error::Unavailable, 503)] {
            let (head, _) = read(error.into_response()).await;
            assert_eq!(head.status, status);
            assert!(head.headers.contains_key(header::RETRY_AFTER));
        }
    }

    #[tokio::test]
    async fn faulty_events_are_listed_with_their_total() {
        let faults = vec![Fault { index: 3, field: "timestamp".into(), reason: "in ms".into() }].into();
        let (head, body) = read(Error::Events(faults).into_response()).await;
        assert_eq!(head.status, 400);
        assert_eq!(
            body,
            "{\"message\":\"Invalid events: 1; nothing was stored. Event 3: 'timestamp' in ms\",\
             \"errors\":[{\"index\":3,\"field\":\"timestamp\",\"reason\":\"in ms\"}],\"total\":1}\n"
        );
    }
}
