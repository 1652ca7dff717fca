//! The description of forms and parameters.

use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::OfBin;
use super::requests::{MAX_ITEMS, Question};
use crate::api::document::schema::{choice, in_path, in_query, text, whole};
use crate::storage::Script;

impl IntoParams for OfBin {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_path("id", "The id of a request bin.", text().examples(["hV3qf0x2T0mJ3b9kZc7w2A"]))]
    }
}

/// The number of a request, in the path.
pub(super) struct OfRequest;

impl IntoParams for OfRequest {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut all = OfBin::into_params(|| None);
        all.push(in_path("number", "The number of a request.", whole(1..=u32::MAX.into())));
        all
    }
}

impl IntoParams for Question {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let wait = "How long to wait until there are `count` of them, such as `5s`; at most `60s`.";
        vec![
            in_query("event", KIND, text().examples(["clicked", "failed"])),
            in_query(
                "verified",
                "`yes`: count and list only those whose signatures are good.",
                choice(["yes"]),
            ),
            in_query("count", "How many there have to be, for a 200.", whole(0..=10_000)),
            in_query("wait", wait, text().examples(["5s"])),
            in_query("before", "Only those with a smaller number.", whole(1..=u32::MAX.into())),
            in_query("limit", "How many to list at most.", whole(1..=MAX_ITEMS as u64)),
        ]
    }
}

/// What narrows the page and the stream.
pub(super) struct OfKind;

impl IntoParams for OfKind {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![in_query("event", KIND, text().examples(["clicked", "failed"]))]
    }
}

const KIND: &str = "Only requests with an event of this type; `failed` stands for both kinds of failure.";

/// The form that makes a bin.
pub(super) struct NewBin;

impl PartialSchema for NewBin {
    fn schema() -> RefOr<Schema> {
        let domain = text().description(Some("Needed with a key of the account.")).examples(["example.com"]);
        let lifetime = text().description(Some("How long it stays, at most `30d`.")).examples(["24h"]);
        ObjectBuilder::new()
            .property("domain", domain)
            .property("lifetime", lifetime)
            .property("answers", answers())
            .into()
    }
}

impl ToSchema for NewBin {}

/// The form that sets what a bin answers.
pub(super) struct NewAnswers;

impl PartialSchema for NewAnswers {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().property("answers", answers()).into()
    }
}

impl ToSchema for NewAnswers {}

fn answers() -> ObjectBuilder {
    let what = "What it answers to its next requests, one after the other; 200 when all are given. Steps with commas between \
                them: a status code, or `reset`, with `*3` behind it for three times and `*` for ever, then perhaps \
                `delay=2s`, `drip=5s`, `retry-after=30`.";
    text()
        .description(Some(what))
        .max_length(Some(Script::MAX_LEN))
        .examples(["500*2, 503 retry-after=1, 200"])
}
