//! `POST /v1/analytics/logs`: the same events as `GET /v3/{domain}/events`, asked for in JSON.
//!
//! As far as its public description goes: a range of time, a list of events, conditions that must all hold,
//! and pages by token. The events are those of one domain. Totals are not counted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use sealpost_core::host::Clock as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::cursor::{Cursor, Walk};
use super::page::{self, Page};
use super::range::Range;
use super::schema::Logs;
use super::{room, send, time};
use crate::api::App;
use crate::api::caller::Scope;
use crate::api::error::Error;
use crate::api::form;
use crate::filter::{Field, Filter, FilterError};

/// The most events on a page, and how many there are if nobody says.
const LIMITS: (u16, u16) = (1000, 100);
/// How far back a question goes that does not say when it starts: a day.
const USUAL_MICROS: i64 = 86_400_000_000;

/// What is asked for. Members of other names pass.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
#[schema(as = LogsQuestion)]
struct Question {
    /// An RFC 2822 date, or seconds since 1970.
    start: Option<String>,
    /// The same; now, if it is not there.
    end: Option<String>,
    /// How long before the end to start, such as `1d`, `2h` or `5m`.
    duration: Option<String>,
    /// Names of events, any of which will do.
    events: Vec<String>,
    filter: Conditions,
    pagination: Pagination,
}

#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
#[schema(as = LogsConditions)]
struct Conditions {
    /// All of which must hold.
    #[serde(rename = "AND")]
    and: Vec<Condition>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = LogsCondition, example = json!({"attribute": "domain", "comparator": "=", "values": [{"value": "example.com"}]}))]
struct Condition {
    /// `domain`, or a filter of the Events API.
    attribute: String,
    /// `=` or `!=`.
    comparator: String,
    /// Any of which will do.
    values: Vec<Value>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = LogsValue)]
struct Value {
    value: String,
}

#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
#[schema(as = LogsPagination)]
struct Pagination {
    /// `timestamp:asc` or `timestamp:desc`.
    sort: Option<String>,
    /// From the `pagination` of a page.
    token: Option<String>,
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

/// List events as logs
///
/// The events of one domain: the one that a condition names, or the only one that the key is good for.
#[utoipa::path(
    post, path = "/v1/analytics/logs", tag = "Events", operation_id = "listLogs",
    request_body = Question,
    responses(
        (status = 200, body = Logs),
        (status = 404, description = "There is no such domain."),
        (status = 429),
        (status = 503),
    ),
)]
pub(super) async fn list(State(app): State<App>, scope: Scope, request: Request) -> Result<Response, Error> {
    let body = form::read(request, form::MAX_BODY).await?;
    let question: Question =
        serde_json::from_slice(&body).map_err(|error| Error::UnreadableBody(error.to_string()))?;
    let domain = domain(&app, &scope, &question.filter.and)?;
    let cursor = match question.pagination.token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => app.cursor_key().open(&domain, token).ok_or(Error::BadCursor)?,
        None => {
            let now = i64::try_from(app.clock().unix().secs()).unwrap_or(i64::MAX / 1_000_000) * 1_000_000;
            Cursor::first(walk(&question, now)?, app.store().epochs().present(), app.store().snapshot())
        }
    };
    let (room, range) = (room(&app, &domain).await?, cursor.walk.range);
    let page = page::turn_to(app.store(), &domain, cursor).await?;
    send(render(&page, range, |cursor| app.cursor_key().seal(&domain, cursor)), room).await
}

/// The one domain that is asked about: the one that is named, or the only one that the key may see.
fn domain(app: &App, scope: &Scope, conditions: &[Condition]) -> Result<Arc<str>, Error> {
    let directory = app.store().directory();
    let mut named = conditions.iter().filter(|condition| condition.attribute == "domain");
    let Some(condition) = named.next() else {
        let mut visible = directory.domains().filter(|domain| scope.covers(domain.name()));
        return match (visible.next(), visible.next()) {
            (Some(only), None) => Ok(only.name().clone()),
            _ => Err(Error::invalid("filter", "name one domain, by a condition on the attribute 'domain'")),
        };
    };
    let [Value { value }] = condition.values.as_slice() else {
        return Err(Error::invalid("filter", "the condition on 'domain' has one value"));
    };
    if condition.comparator != "=" || named.next().is_some() {
        return Err(Error::invalid("filter", "there is one condition on 'domain', with the comparator '='"));
    }
    let domain = directory.domain(&value.to_ascii_lowercase()).map(|domain| domain.name().clone());
    domain.filter(|domain| scope.covers(domain)).ok_or(Error::UnknownDomain)
}

fn walk(question: &Question, now: i64) -> Result<Walk, Error> {
    let Pagination { sort, limit, .. } = &question.pagination;
    let (max, usual) = LIMITS;
    let limit = limit.unwrap_or(usual);
    if !(1..=max).contains(&limit) {
        return Err(Error::invalid("pagination", format_args!("'limit' must be 1 to {max}")));
    }
    let ascending = match sort.as_deref() {
        None | Some("" | "timestamp:desc") => false,
        Some("timestamp:asc") => true,
        Some(_) => {
            return Err(Error::invalid("pagination", "'sort' is 'timestamp:asc' or 'timestamp:desc'"));
        }
    };
    Ok(Walk { range: range(question, now, ascending)?, filter: filter(question)?, limit, pretty: false })
}

fn range(question: &Question, now: i64, ascending: bool) -> Result<Range, Error> {
    let time = |name, text: &Option<String>| {
        text.as_deref().filter(|text| !text.is_empty()).map(|text| time::parse(name, text)).transpose()
    };
    let to = time("end", &question.end)?.unwrap_or(now);
    let from = match question.duration.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => to.saturating_sub(duration(text)?),
        None => time("start", &question.start)?.unwrap_or(to.saturating_sub(USUAL_MICROS)),
    };
    if from > to {
        return Err(Error::invalid("start", "must not be after 'end'"));
    }
    Ok(Range { from, to, ascending })
}

/// Microseconds of a text such as `1d` or `2h`.
fn duration(text: &str) -> Result<i64, Error> {
    let secs = match text.char_indices().next_back() {
        Some((at, 'd')) => Some((at, 86_400)),
        Some((at, 'h')) => Some((at, 3_600)),
        Some((at, 'm')) => Some((at, 60)),
        _ => None,
    };
    let micros = secs.and_then(|(at, secs)| {
        let count: u32 = text.get(..at)?.parse().ok()?;
        i64::from(count).checked_mul(secs * 1_000_000)
    });
    micros
        .ok_or_else(|| Error::invalid("duration", "must be a number of days, hours or minutes, such as '1d'"))
}

/// The conditions in the language of the Events API.
fn filter(question: &Question) -> Result<Arc<Filter>, Error> {
    let mut expressions = Vec::new();
    if !question.events.is_empty() {
        expressions.push((Field::Event, any_of(question.events.iter())?));
    }
    for condition in question.filter.and.iter().filter(|condition| condition.attribute != "domain") {
        let name = if condition.attribute == "tag" { "tags" } else { &condition.attribute };
        let field = Field::ALL.into_iter().find(|field| field.name() == name).ok_or_else(|| {
            let known = Field::ALL.map(Field::name).join(", ");
            Error::invalid("filter", format_args!("no attribute '{name}'; there are domain, {known}"))
        })?;
        let values = any_of(condition.values.iter().map(|Value { value }| value))?;
        expressions.push(match condition.comparator.as_str() {
            "=" => (field, values),
            "!=" => (field, format!("NOT ({values})")),
            _ => return Err(Error::invalid("filter", "the comparator is '=' or '!='")),
        });
    }
    let filter = Filter::new(expressions.iter().map(|(field, text)| (*field, text.as_str())));
    filter.map(Arc::new).map_err(|FilterError { field, reason }| {
        let name = if field == Field::Event { "events" } else { "filter" };
        Error::invalid(name, reason)
    })
}

fn any_of<'a>(values: impl Iterator<Item = &'a String>) -> Result<String, Error> {
    let quoted = values.map(|value| {
        let plain = !value.trim().is_empty() && !value.contains('"');
        plain
            .then(|| format!("\"{value}\""))
            .ok_or_else(|| Error::invalid("filter", "a value is not empty and holds no quotes"))
    });
    let quoted = quoted.collect::<Result<Vec<_>, _>>()?;
    if quoted.is_empty() {
        return Err(Error::invalid("filter", "a condition has a value or more"));
    }
    Ok(quoted.join(" OR "))
}

/// The page as JSON. Its items are the bytes that were stored, with the time once more as this API has it.
fn render(page: &Page, range: Range, token: impl Fn(&Cursor) -> String) -> Vec<u8> {
    let mut pagination = json!({
        "previous": token(&page.previous), "first": token(&page.first), "last": token(&page.last),
    });
    // Clients go on as long as there is a next page.
    if !page.items.is_empty() {
        pagination["next"] = token(&page.next).into();
    }
    let mut json = format!("{{\"start\":\"{}\",\"end\":\"{}\",\"items\":[", date(range.from), date(range.to));
    for (index, item) in page.items.iter().enumerate() {
        let time = Timestamp::from_microsecond(item.position.timestamp).unwrap_or_default();
        let members = str::from_utf8(&item.data).ok().and_then(|data| data.strip_prefix('{'));
        let comma = if index > 0 { "," } else { "" };
        json += &format!("{comma}{{\"@timestamp\":\"{time:.3}\",{}", members.unwrap_or_default());
    }
    json += &format!("],\"pagination\":{pagination},\"aggregates\":{{}}}}\n");
    json.into_bytes()
}

fn date(micros: i64) -> String {
    let time = Timestamp::from_microsecond(micros).unwrap_or_default();
    DateTimePrinter::new().timestamp_to_string(&time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use serde_json::{Value, json};

    use crate::api::testing::Api;

    async fn ask(api: &Api, question: &Value) -> (u16, Value) {
        let (head, body) = api.send(Request::post("/v1/analytics/logs"), question.to_string()).await;
        (head.status.as_u16(), serde_json::from_str(&body).expect("JSON"))
    }

    async fn api() -> Api {
        let api = Api::new().await;
        for at in 0..5 {
            let kind = if at == 2 { "clicked" } else { "opened" };
            let tag = if at % 4 == 0 { "bulk" } else { "other" };
            let event = json!({"event": kind, "id": format!("e{at}"), "timestamp": 1_500_000_000.25 + f64::from(at),
                "tags": [tag]});
            assert_eq!(api.submit("", "application/json", event.to_string()).await.0, 200);
        }
        api
    }

    fn ids(page: &Value) -> Vec<&str> {
        page["items"].as_array().expect("items").iter().filter_map(|item| item["id"].as_str()).collect()
    }

    fn condition(attribute: &str, comparator: &str, value: &str) -> Value {
        json!({"attribute": attribute, "comparator": comparator, "values": [{"label": value, "value": value}]})
    }

    #[tokio::test]
    async fn conditions_choose_and_tokens_lead_on() {
        let api = api().await;
        let question = |token: &Value| {
            json!({
                "start": "Fri, 14 Jul 2017 00:00:00 -0000",
                "end": "Sat, 15 Jul 2017 00:00:00 -0000",
                "events": ["opened", "failed"],
                "filter": {"AND": [condition("domain", "=", "a.test"), condition("tag", "!=", "none")]},
                "include_subaccounts": true,
                "pagination": {"sort": "timestamp:asc", "limit": 3, "token": token},
            })
        };
        let (status, first) = ask(&api, &question(&Value::Null)).await;
        assert_eq!((status, ids(&first)), (200, vec!["e0", "e1", "e3"]));
        assert_eq!(first["items"][0]["@timestamp"], "2017-07-14T02:40:00.250Z");
        assert_eq!(first["start"], "Fri, 14 Jul 2017 00:00:00 -0000");
        let (_, second) = ask(&api, &question(&first["pagination"]["next"])).await;
        assert_eq!(ids(&second), ["e4"]);
        let (_, end) = ask(&api, &question(&second["pagination"]["next"])).await;
        assert_eq!((ids(&end).len(), &end["pagination"]["next"]), (0, &Value::Null));
        let bulk = json!({"start": "1500000000", "filter": {"AND": [condition("tags", "=", "bulk")]}});
        assert_eq!(ids(&ask(&api, &bulk).await.1), ["e4", "e0"]);
        let recent = json!({"duration": "2h"});
        assert_eq!(ids(&ask(&api, &recent).await.1).len(), 0);
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_refused_by_name() {
        let api = api().await;
        api.app.store().create_domain("b.test").await.expect("a domain");
        for (question, status, told) in [
            (json!({}), 400, "name one domain"),
            (json!({"filter": {"AND": [condition("domain", "=", "c.test")]}}), 404, "Domain not found"),
            (json!({"filter": {"AND": [condition("domain", "!=", "a.test")]}}), 400, "comparator '='"),
            (json!("x"), 400, "could not be read"),
            (json!({"start": 5}), 400, "could not be read"),
        ] {
            let (answered, body) = ask(&api, &question).await;
            assert_eq!(answered, status, "{body}");
            assert!(body["message"].as_str().is_some_and(|message| message.contains(told)), "{body}");
        }
        for (member, value, told) in [
            ("events", json!(["sung"]), "'events'"),
            ("start", json!("soon"), "'start'"),
            ("start", json!("4118839200"), "must not be after 'end'"),
            ("duration", json!("1y"), "'duration'"),
            ("pagination", json!({"limit": 0}), "1 to 1000"),
            ("pagination", json!({"sort": "id:asc"}), "timestamp:asc"),
            ("pagination", json!({"token": "x"}), "Invalid page"),
        ] {
            let mut question = json!({"filter": {"AND": [condition("domain", "=", "a.test")]}});
            question[member] = value;
            let (answered, body) = ask(&api, &question).await;
            assert_eq!(answered, 400, "{body}");
            assert!(body["message"].as_str().is_some_and(|message| message.contains(told)), "{body}");
        }
    }
}
