//! From the bytes of a submission to events that the store can keep.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use sealpost_core::event::{self, CompleteError, Completion};
use sealpost_core::json::{InputError, Number, RawJson};
use sealpost_core::{LegacyKind, UnixTime};
use sha2::{Digest, Sha256};
use tokio::task::yield_now;

use super::portable::{self, NotPortable};
use super::split::{SplitError, split};
use super::{Fault, Note, Rejection, Submission};
use crate::config::Limits;
use crate::entropy;
use crate::filter::Facts;
use crate::growing::Growing;
use crate::storage::NewEvent;

/// What every event of a submission has in common.
pub(super) struct Frame {
    pub(super) domain: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) now: UnixTime,
    pub(super) limits: Limits,
}

/// A submission taken apart. `notes` has one entry per event.
pub(super) struct Batch {
    pub(super) events: Vec<NewEvent>,
    pub(super) notes: Vec<Note>,
    pub(super) faults: Vec<Fault>,
}

/// Bytes of a submission that are worked on at a stretch: 64 KiB take about half a millisecond, after which other
/// requests have their turn. A thread of its own for each large body would cost more, most of all memory: what one
/// thread allocates and another frees lies idle until the first allocates again.
const STRETCH: usize = 64 * 1024;

/// The events of a submission, completed and frozen, and what is wrong with the others.
pub(super) async fn prepare(frame: &Frame, submission: &Submission) -> Result<Batch, Rejection> {
    let limit = frame.limits.batch_items;
    let mut batch = Batch { events: Vec::new(), notes: Vec::new(), faults: Vec::new() };
    let mut stretch = 0;
    for (index, item) in split(&submission.body, submission.packing, limit).enumerate() {
        let item = item.map_err(|error| match error {
            SplitError::TooMany => Rejection::TooMany { limit },
            SplitError::Broken { index, offset, reason } => {
                let reason = format!("at byte {offset} of the body: {reason}");
                Rejection::Invalid(vec![Fault { index, field: String::new(), reason }].into())
            }
        })?;
        stretch += item.as_ref().map_or(0, |raw| raw.as_bytes().len());
        let id = || match &submission.idempotency_key {
            Some(key) => Id { id: derived_id(&frame.domain, key, index).into(), assigned: false },
            None => Id { id: entropy::event_id(frame.now).into(), assigned: true },
        };
        match item.map_err(Problem::from).and_then(|raw| complete(frame, raw, id)) {
            Ok((event, timestamp)) => {
                batch.events.push(event);
                batch.notes.push(Note { index, timestamp });
            }
            Err(Problem { field, reason }) => batch.faults.push(Fault { index, field, reason }),
        }
        if stretch >= STRETCH {
            stretch = 0;
            yield_now().await;
        }
    }
    Ok(batch)
}

/// An event's id, and whether it was made at random for this event.
struct Id {
    id: Arc<str>,
    assigned: bool,
}

/// The event that `raw` is, and its timestamp as it was submitted.
fn complete(
    frame: &Frame,
    raw: RawJson<'_>,
    make_id: impl FnOnce() -> Id,
) -> Result<(NewEvent, Option<Box<str>>), Problem> {
    let limit = frame.limits.event_data;
    if raw.as_bytes().len() > limit {
        let reason = format!("the event has {} bytes; at most {limit} are taken", raw.as_bytes().len());
        return Err(Problem { field: String::new(), reason });
    }
    let event = event::accept(raw, frame.now)?;
    portable::check(raw)?;
    let Id { id, assigned } = match event.id {
        Some(id) => {
            Id { id: id.as_plain().map_or_else(|| id.to_string().into(), Into::into), assigned: false }
        }
        None => make_id(),
    };
    let submitted = event.timestamp;
    let time = submitted.and_then(Number::as_unix_time).unwrap_or(frame.now);
    let completion = Completion { id: &id, timestamp: time, domain: &frame.domain, account: &frame.account };
    let mut data = room_for(raw);
    event.complete(raw, &completion, &mut data)?;
    let event = NewEvent {
        timestamp: to_micros(time),
        kind: event.kind,
        webhook: event.webhook(),
        legacy: LegacyKind::of(&event),
        facts: Facts::of(&event),
        data: data.0.into(),
        digest: Sha256::digest(raw.as_bytes()).into(),
        id,
        assigned,
    };
    Ok((event, submitted.and_then(Number::as_str).map(Into::into)))
}

/// The event-data with what it lacks.
pub(crate) fn completed<'a>(
    raw: RawJson<'a>,
    completion: &Completion<'a>,
) -> Result<Bytes, CompleteError<'a>> {
    let mut data = room_for(raw);
    event::complete(raw, completion, &mut data)?;
    Ok(data.0.into())
}

/// Room for the event and for what it may lack.
fn room_for(raw: RawJson<'_>) -> Growing {
    Growing(Vec::with_capacity(raw.as_bytes().len() + 256))
}

/// The id of an event without one that is submitted under an idempotency key: 22 characters, the same
/// for the same key, domain and place.
fn derived_id(domain: &str, key: &str, index: usize) -> String {
    // Neither a domain name nor a header value holds a NUL, so that no other triple gives the same text.
    let digest = Sha256::digest(format!("{domain}\0{key}\0{index}"));
    BASE64_URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or_default())
}

/// Microseconds since the epoch.
fn to_micros(time: UnixTime) -> i64 {
    let secs = i64::try_from(time.secs()).unwrap_or(i64::MAX);
    secs.saturating_mul(1_000_000).saturating_add(time.subsec_micros().into())
}

/// The time so many microseconds after the epoch.
pub(crate) fn from_micros(micros: i64) -> UnixTime {
    let micros = u64::try_from(micros).unwrap_or(0);
    UnixTime::new(micros / 1_000_000, (micros % 1_000_000) as u32)
}

/// What is wrong with an event, its place aside.
struct Problem {
    field: String,
    reason: String,
}

impl From<InputError> for Problem {
    fn from(error: InputError) -> Self {
        if error.path().is_root() {
            return Self { field: String::new(), reason: error.to_string() };
        }
        Self { field: error.path().to_string(), reason: error.reason().to_string() }
    }
}

impl From<NotPortable> for Problem {
    fn from(NotPortable { path, reason }: NotPortable) -> Self {
        Self { field: path, reason }
    }
}

impl From<CompleteError<'_>> for Problem {
    fn from(error: CompleteError<'_>) -> Self {
        let field = if let CompleteError::OtherDomain { .. } = error { "domain.name" } else { "" };
        Self { field: field.to_owned(), reason: error.to_string() }
    }
}
