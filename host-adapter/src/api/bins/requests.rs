//! What a bin has kept, as JSON: for tests that wait for webhooks.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::OfBin;
use super::schema::OfRequest;
use crate::api::App;
use crate::api::caller::path_parameter;
use crate::api::document::Routes;
use crate::api::error::Error;
use crate::api::form::Form;
use crate::api::reply;
use crate::bins::{Details, Verdict};
use crate::config;
use crate::memory::Room;
use crate::storage::{Bin, CaptureQuery, StoredCapture};

/// The longest that a question waits.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The most requests in one answer.
pub(super) const MAX_ITEMS: usize = 100;
/// Bytes of bodies from which on an answer takes no further one.
const ANSWER: usize = 1 << 20;
/// How many bytes one byte of a body may come to in an answer.
const ESCAPED: usize = 6;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(list)).routes(routes!(body))
}

/// Which requests, and how long to wait for how many.
pub(super) struct Question {
    kinds: Option<Vec<String>>,
    only_verified: bool,
    count: usize,
    wait: Duration,
    before: u32,
    limit: usize,
}

impl Question {
    fn parse(query: &str) -> Result<Self, Error> {
        let form = Form::from_query(query)?;
        let wait = match form.first("wait") {
            Some(text) => {
                let wait = config::duration(text).filter(|wait| *wait <= MAX_WAIT);
                wait.ok_or_else(|| Error::invalid("wait", "is a time such as 5s, at most 60s"))?
            }
            None => Duration::ZERO,
        };
        let only_verified = match form.first("verified") {
            None => false,
            Some("yes") => true,
            Some(_) => return Err(Error::invalid("verified", "must be yes, or left out")),
        };
        Ok(Self {
            kinds: kinds(form.first("event")),
            only_verified,
            count: number(&form, "count", 0, 10_000)?.unwrap_or(0),
            wait,
            before: number(&form, "before", 1, u32::MAX)?.unwrap_or(u32::MAX),
            limit: number(&form, "limit", 1, MAX_ITEMS)?.unwrap_or(MAX_ITEMS),
        })
    }
}

/// The names by which requests with events of this type are kept.
pub(super) fn kinds(event: Option<&str>) -> Option<Vec<String>> {
    match event? {
        "failed" => Some(["failed", "permanent_fail", "temporary_fail"].map(str::to_owned).into()),
        event => Some(vec![event.to_owned()]),
    }
}

fn number<T: FromStr + PartialOrd + std::fmt::Display + Copy>(
    form: &Form,
    name: &'static str,
    least: T,
    most: T,
) -> Result<Option<T>, Error> {
    let Some(text) = form.first(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(|| Error::invalid(name, format_args!("is a number from {least} to {most}")))
}

#[derive(Serialize, ToSchema)]
#[schema(as = BinRequests)]
struct List {
    /// How many there are, of those that are asked for.
    count: usize,
    /// How many of them are verified.
    verified: usize,
    /// The newest first, as many as fit.
    items: Vec<Item>,
}

/// A request that a bin has kept.
#[derive(Serialize, ToSchema)]
#[schema(as = BinRequest)]
struct Item {
    /// Its number in the bin, counted from 1.
    number: u32,
    received: String,
    /// The type of the event, by the name of its webhook.
    event: Option<String>,
    recipient: Option<String>,
    /// The `webhook-id`, or the event's id.
    id: Option<String>,
    /// How often the same `id` had come by then.
    attempt: u32,
    /// Milliseconds after the event.
    latency: Option<i64>,
    /// Whether all signatures are as they should be.
    verified: bool,
    signatures: Signatures,
    method: String,
    /// Path and query.
    target: String,
    /// Names and values in their order; credentials are masked.
    #[schema(value_type = Vec<Vec<String>>)]
    headers: Vec<(String, String)>,
    /// How it was answered.
    answer: String,
    /// Bytes of the body.
    size: usize,
    /// The body; what is no UTF-8 is replaced.
    body: String,
}

/// What each signature comes to.
#[derive(Serialize, ToSchema)]
#[schema(as = BinSignatures)]
struct Signatures {
    /// The signature block in the body.
    mailgun: Judgement,
    /// The headers.
    standard_webhooks: Judgement,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BinSignature)]
struct Judgement {
    verified: bool,
    why: String,
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { verified: verdict.is_verified(), why: verdict.why().to_owned() }
    }
}

impl From<StoredCapture> for Item {
    fn from(kept: StoredCapture) -> Self {
        let details: Details = serde_json::from_str(&kept.details).unwrap_or_default();
        Self {
            number: kept.number,
            received: jiff::Timestamp::from_millisecond(kept.received_at).unwrap_or_default().to_string(),
            event: kept.kind,
            id: kept.message,
            attempt: kept.attempt,
            latency: details.latency(kept.received_at),
            recipient: details.recipient,
            verified: kept.verified,
            signatures: Signatures {
                mailgun: details.mailgun.into(),
                standard_webhooks: details.standard_webhooks.into(),
            },
            method: details.method,
            target: details.target,
            headers: details.headers,
            answer: kept.answer,
            size: kept.size,
            body: String::from_utf8_lossy(&kept.body).into_owned(),
        }
    }
}

/// What a request bin has kept
///
/// With `count` and `wait` the answer comes when there are as many, or when the time is over: 200, or 417 with the same
/// body. `verified` says how many of them are.
#[utoipa::path(
    get, path = "/bins/{id}/requests", tag = "Request bins", operation_id = "listBinRequests",
    params(OfBin, Question),
    responses(
        (status = 200, body = List),
        (status = 404, description = "There is no such bin, or no more."),
        (status = 417, description = "There are fewer than `count`, and the time is over.", body = List),
        (status = 429, description = "Too many wait already, or there is no room at the moment."),
        (status = 503),
    ),
)]
async fn list(State(app): State<App>, OfBin(bin): OfBin, parts: Parts) -> Result<Response, Error> {
    let question = Question::parse(parts.uri.query().unwrap_or_default())?;
    let (count, verified) = wait(&app, &bin, &question).await?;
    let enough = if question.only_verified { verified } else { count } >= question.count;
    let room = room(&app, &bin).await?;
    let query = CaptureQuery {
        kinds: question.kinds,
        below: question.before,
        limit: question.limit,
        bytes: ANSWER,
        ..CaptureQuery::ALL
    };
    let mut kept = app.store().captures(&bin, query).await?;
    kept.retain(|kept| kept.verified || !question.only_verified);
    let items = kept.into_iter().map(Item::from).collect();
    let status = if enough { StatusCode::OK } else { StatusCode::EXPECTATION_FAILED };
    hold(room, reply::json(status, &List { count, verified, items })).await
}

/// How many there are, and how many of them verified: when they are enough, or the time is over.
async fn wait(app: &App, bin: &Arc<Bin>, question: &Question) -> Result<(usize, usize), Error> {
    let deadline = Instant::now() + question.wait;
    let mut listener = match question.wait {
        Duration::ZERO => None,
        _ => Some(app.bins().listen(bin)?),
    };
    loop {
        let counts = app.store().capture_counts(bin).await?;
        let asked = |kind: Option<&str>| {
            question.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|one| Some(one.as_str()) == kind))
        };
        let counts = counts.iter().filter(|one| asked(one.kind.as_deref()));
        let (count, verified) =
            counts.fold((0, 0), |(count, verified), one| (count + one.count, verified + one.verified));
        let there = if question.only_verified { verified } else { count };
        let Some(listener) = listener.as_mut().filter(|_| there < question.count) else {
            return Ok((count, verified));
        };
        let news = async {
            tokio::select! {
                () = listener.next() => true,
                () = app.bins().closed() => false,
            }
        };
        if !timeout_at(deadline, news).await.unwrap_or(false) {
            return Ok((count, verified));
        }
    }
}

/// Room in memory for one answer about this bin.
pub(super) async fn room(app: &App, bin: &Bin) -> Result<Room, Error> {
    let mut room = app.pages().room(&bin.domain.clone().unwrap_or_default());
    room.hold(ESCAPED * (ANSWER + app.bins().max_body())).await?;
    Ok(room)
}

/// The answer, which holds its room until the last byte is gone.
pub(super) async fn hold(mut room: Room, response: Response) -> Result<Response, Error> {
    let (head, body) = response.into_parts();
    // It is in memory, whole.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| Error::Internal)?;
    room.hold(bytes.len()).await?;
    let body = Bytes::from_owner(Sending { bytes, _room: room });
    Ok(Response::from_parts(head, body.into()))
}

struct Sending {
    bytes: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body of one request to a bin
///
/// As it came, shown as text.
#[utoipa::path(
    get, path = "/bins/{id}/requests/{number}/body", tag = "Request bins", operation_id = "showBinRequestBody",
    params(OfRequest),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such bin, or no such request in it."),
        (status = 503),
    ),
)]
async fn body(State(app): State<App>, OfBin(bin): OfBin, mut parts: Parts) -> Result<Response, Error> {
    let number = path_parameter(&mut parts, "number").await.and_then(|number| number.parse::<u32>().ok());
    let number = number.filter(|number| (1..u32::MAX).contains(number)).ok_or(Error::UnknownBin)?;
    let room = room(&app, &bin).await?;
    let query = CaptureQuery { above: number - 1, below: number + 1, ..CaptureQuery::ALL };
    let kept = app.store().captures(&bin, query).await?.pop().ok_or(Error::UnknownBin)?;
    let mut response = kept.body.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    hold(room, response).await
}

impl FromRequestParts<App> for Question {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}
