//! The two formats in which an event is posted.

use std::borrow::Cow;

use bytes::Bytes;
use sealpost_core::legacy::{LegacyForm, LegacyPayload};
use sealpost_core::{Body, Event, Payload, SignatureBlock, json};

use crate::storage::HookKind;

/// A payload in the format of its webhook.
#[allow(
    clippy::large_enum_variant,
    reason = "it is made where it is sent, and never moved into a collection"
)]
pub(crate) enum Format {
    /// Of a webhook of today.
    Json(Payload<Bytes>),
    /// Of a legacy webhook. The form is made for each attempt, and takes at most three times the room of its event.
    Form(LegacyPayload<Vec<u8>>),
}

impl Format {
    /// The payload of one attempt; `None` where a legacy webhook has no form for the event.
    pub(crate) fn new(kind: HookKind, data: Bytes, block: &SignatureBlock) -> Option<Self> {
        match kind {
            HookKind::Current(_) => Some(Self::Json(Payload::new(block, data))),
            HookKind::Legacy(_) => {
                let event = Event::decode(json::check(&data).ok()?).ok()?;
                let form = LegacyForm::new(&event)?;
                let mut fields = vec![0; form.len()];
                form.write(&mut json::SliceSink::new(&mut fields)).ok()?;
                Some(Self::Form(LegacyPayload::new(form.encoding(), fields, block)))
            }
        }
    }

    /// The `webhook-id` of Standard Webhooks: one event is one message in each format, and a receiver that drops what
    /// it has seen must take both.
    pub(crate) fn message_id<'a>(&self, event_id: &'a str) -> Cow<'a, str> {
        match self {
            Self::Json(_) => event_id.into(),
            Self::Form(_) => format!("{event_id}-legacy").into(),
        }
    }
}

impl Body for Format {
    fn content_type(&self) -> &str {
        match self {
            Self::Json(payload) => Body::content_type(payload),
            Self::Form(payload) => payload.content_type(),
        }
    }

    fn chunks(&self) -> [&[u8]; 3] {
        match self {
            Self::Json(payload) => payload.chunks(),
            Self::Form(payload) => payload.chunks(),
        }
    }
}
