//! `POST /v3/{domain}/events`: events come in.

use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::App;
use super::caller::OfDomain;
use super::error::Error;
use super::events::yes_or_no;
use super::form::{self, Form};
use super::reply;
use crate::ingest::{Item, Packing, Receipt, Submission};

/// The longest `Idempotency-Key`, in bytes.
const MAX_KEY: usize = 255;

pub(super) async fn submit(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Error> {
    let query = Form::from_query(query.as_deref().unwrap_or_default())?;
    let partial = query.first("partial").map(yes_or_no("partial")).transpose()?.unwrap_or(false);
    let packing = packing(request.headers())?;
    let idempotency_key = idempotency_key(request.headers())?;
    let limit = app.ingest().limits().batch_bytes;
    // Until the answer: what the body became is in memory as long.
    let _room = app.ingest().room(form::content_length(request.headers())).await?;
    let body = form::read(request, limit).await?;
    let submission = Submission { body, packing, idempotency_key, partial };
    let receipt = app.ingest().submit(domain.name(), submission).await?;
    Ok(reply::raw(StatusCode::OK, render(&receipt, partial)))
}

fn packing(headers: &HeaderMap) -> Result<Packing, Error> {
    match form::media_type(headers).as_deref() {
        Some("application/json") => Ok(Packing::Json),
        Some("application/x-ndjson" | "application/ndjson") => Ok(Packing::Ndjson),
        _ => Err(Error::UnsupportedMedia { expected: "application/json or application/x-ndjson" }),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()));
    let reason = || format!("the header must have 1 to {MAX_KEY} visible ASCII characters");
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Error::invalid("Idempotency-Key", reason()))
}

/// The receipt as JSON. Timestamps are the numbers of the event-data, digit for digit.
fn render(Receipt { items, faults }: &Receipt, partial: bool) -> Vec<u8> {
    let mut json = Vec::with_capacity(items.len() * 96 + 16);
    json.extend(b"{\"items\":[");
    for (at, Item { index, id, timestamp, deliveries, duplicate }) in items.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let place = if partial { format!("\"index\":{index},") } else { String::new() };
        let id = serde_json::Value::from(&**id);
        let item = format!(
            "{comma}{{{place}\"id\":{id},\"timestamp\":{timestamp},\"deliveries\":{deliveries},\
             \"duplicate\":{duplicate}}}"
        );
        json.extend(item.into_bytes());
    }
    json.push(b']');
    if partial {
        let errors = serde_json::to_string(&faults.first).unwrap_or_else(|_| "[]".to_owned());
        json.extend(format!(",\"errors\":{errors},\"total\":{}", faults.total).into_bytes());
    }
    json.extend(b"}\n");
    json
}
