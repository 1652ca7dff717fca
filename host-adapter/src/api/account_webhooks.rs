//! `/v1/webhooks`: webhooks of the account, which the events of every domain fire.

mod schema;
mod secrets;

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sealpost_core::WebhookKind;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::schema::{Draft, Named, NamedOrAll, OfId};
use super::App;
use super::caller::Scope;
use super::document::Routes;
use super::error::Error;
use super::form::Form;
use super::reply;
use super::shape::Shape;
use super::webhooks::url;
use crate::storage::{AccountDraft, AccountEdit, AccountWebhook, AccountWebhookId, WebhookError};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list, create, remove_many))
        .routes(routes!(show, replace, remove))
        .routes(routes!(secrets::show_secret, secrets::rotate_secret))
}

const UNKNOWN: &str = "There is no such webhook.";

/// A webhook as it is shown, without the credentials of its URL.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountWebhook, example = json!({
    "webhook_id": "507f1f77bcf86cd799439011",
    "description": "all clicks",
    "url": "https://crm.example.com/hooks",
    "event_types": ["clicked"],
    "created_at": "2026-02-16T19:06:01Z",
}))]
struct Shown<'a> {
    /// 24 hexadecimal digits.
    webhook_id: String,
    description: &'a str,
    url: &'a str,
    event_types: Vec<&'static str>,
    /// Universal time.
    created_at: String,
}

impl<'a> Shown<'a> {
    fn of(webhook: &'a AccountWebhook) -> Self {
        let created = jiff::Timestamp::from_second(webhook.created_at / 1000).unwrap_or_default();
        Self {
            webhook_id: webhook.id.to_string(),
            description: &webhook.description,
            url: webhook.endpoint.url().shown(),
            event_types: webhook.kinds.iter().map(|kind| kind.as_str()).collect(),
            created_at: created.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = AccountWebhooks)]
struct List<'a> {
    webhooks: Vec<Shown<'a>>,
}

/// The webhooks of the account
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "Webhooks", operation_id = "listAccountWebhooks",
    params(Named),
    responses((status = 200, body = List), (status = 403)),
)]
async fn list(State(app): State<App>, scope: Scope, RawQuery(query): RawQuery) -> Result<Response, Error> {
    scope.require_account()?;
    let wanted = ids(&Form::from_query(query.as_deref().unwrap_or_default())?)?;
    let is_wanted =
        |webhook: &&Arc<AccountWebhook>| wanted.as_ref().is_none_or(|ids| ids.contains(&webhook.id));
    let directory = app.store().directory();
    let webhooks = directory.account_webhooks().filter(is_wanted).map(|webhook| Shown::of(webhook)).collect();
    Ok(reply::ok(&List { webhooks }))
}

/// One webhook of the account
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "showAccountWebhook",
    params(OfId),
    responses((status = 200, body = Shown), (status = 403), (status = 404, description = UNKNOWN)),
)]
async fn show(State(app): State<App>, scope: Scope, Path(id): Path<String>) -> Result<Response, Error> {
    scope.require_account()?;
    Ok(reply::ok(&Shown::of(&*find(&app, &id)?)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = AccountWebhookCreated, example = json!({"webhook_id": "507f1f77bcf86cd799439011"}))]
struct Created {
    webhook_id: String,
}

/// Make a webhook of the account
///
/// The events of every domain fire it. A URL that a domain's webhook has too gets one POST for an event.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "Webhooks", operation_id = "createAccountWebhook",
    request_body(content = inline(Draft), content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Created),
        (status = 403),
        (status = 404, description = "There is no such type."),
        (status = 409, description = "The type has this URL, or as many as it can have."),
        (status = 503),
    ),
)]
async fn create(State(app): State<App>, scope: Scope, form: Form) -> Result<Response, Error> {
    scope.require_account()?;
    let draft = draft(&app, &form).await?;
    let shown = draft.url.shown().to_owned();
    let made = app.store().edit_account_webhooks(AccountEdit::Create(draft)).await;
    let made = made.map_err(|error| refusal(error, &shown, not_found))?.ok_or(Error::Internal)?;
    Ok(reply::ok(&Created { webhook_id: made.id.to_string() }))
}

/// Replace a webhook of the account
#[utoipa::path(
    put, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "replaceAccountWebhook",
    params(OfId),
    request_body(content = inline(Draft), content_type = "multipart/form-data"),
    responses(
        (status = 204, description = "Done."),
        (status = 403),
        (status = 404, description = "There is no such webhook, or no such type."),
        (status = 409, description = "The type has this URL, or as many as it can have."),
        (status = 503),
    ),
)]
async fn replace(
    State(app): State<App>,
    scope: Scope,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Error> {
    scope.require_account()?;
    let unknown = || Error::Shaped(Shape::NotThere(format!("webhook_id not found: {id}")));
    let parsed =
        AccountWebhookId::parse(&id).filter(|id| app.store().directory().account_webhook(*id).is_some());
    let parsed = parsed.ok_or_else(unknown)?;
    let draft = draft(&app, &form).await?;
    let shown = draft.url.shown().to_owned();
    let made = app.store().edit_account_webhooks(AccountEdit::Replace(parsed, draft)).await;
    made.map_err(|error| refusal(error, &shown, unknown))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Delete a webhook of the account
///
/// Its pending deliveries are cancelled, but for those to a URL that the event's domain has too.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "deleteAccountWebhook",
    params(OfId),
    responses(
        (status = 204, description = "Done."), (status = 403), (status = 404, description = UNKNOWN), (status = 503),
    ),
)]
async fn remove(State(app): State<App>, scope: Scope, Path(id): Path<String>) -> Result<Response, Error> {
    scope.require_account()?;
    let invalid = || Error::Shaped(Shape::Field("webhook_id", "is not valid".to_owned()));
    let id = AccountWebhookId::parse(&id).ok_or_else(invalid)?;
    let removed = app.store().edit_account_webhooks(AccountEdit::Delete(vec![id])).await;
    removed.map_err(|error| refusal(error, "", not_found))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Delete webhooks of the account
///
/// Those that are named, of which those that are there go; or all.
#[utoipa::path(
    delete, path = "/v1/webhooks", tag = "Webhooks", operation_id = "deleteAccountWebhooks",
    params(NamedOrAll),
    responses(
        (status = 204, description = "Done."),
        (status = 403),
        (status = 404, description = "There is none of these."),
        (status = 503),
    ),
)]
async fn remove_many(
    State(app): State<App>,
    scope: Scope,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    scope.require_account()?;
    let query = Form::from_query(query.as_deref().unwrap_or_default())?;
    let edit = match ids(&query)? {
        Some(ids) => AccountEdit::Delete(ids),
        None if query.first("all") == Some("true") => AccountEdit::DeleteAll,
        None => return Err(Error::invalid("webhook_ids", "name webhooks, or send all=true")),
    };
    let none = || Error::Shaped(Shape::NotThere("no webhooks found for account".to_owned()));
    let removed = app.store().edit_account_webhooks(edit).await;
    removed.map_err(|error| refusal(error, "", none))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn find(app: &App, id: &str) -> Result<Arc<AccountWebhook>, Error> {
    let directory = app.store().directory();
    let webhook = AccountWebhookId::parse(id).and_then(|id| directory.account_webhook(id));
    webhook.cloned().ok_or_else(not_found)
}

/// The `webhook_ids` of a query: a list with commas; `None` if it is not there.
fn ids(query: &Form) -> Result<Option<Vec<AccountWebhookId>>, Error> {
    let malformed = |reason: &str| {
        Error::Malformed(format!("Invalid parameter: webhook_ids malformed webhook_ids parameter: {reason}"))
    };
    let mut ids = Vec::new();
    for text in query.all("webhook_ids").flat_map(|list| list.split(',')).map(str::trim) {
        if text.is_empty() {
            return Err(malformed("empty values not allowed"));
        }
        ids.push(
            AccountWebhookId::parse(text).ok_or_else(|| malformed("each value has 24 hexadecimal digits"))?,
        );
    }
    Ok((query.first("webhook_ids").is_some()).then_some(ids))
}

/// The webhook that the form describes.
async fn draft(app: &App, form: &Form) -> Result<AccountDraft, Error> {
    let mut kinds = Vec::new();
    for name in form.all("event_types") {
        let unknown = || Error::Shaped(Shape::NotThere(format!("event_type '{name}' is invalid")));
        let kind = WebhookKind::parse(name).ok_or_else(unknown)?;
        if kinds.contains(&kind) {
            return Err(Error::Shaped(Shape::Field(
                "event_types",
                format!("duplicate event types: '{kind}'"),
            )));
        }
        kinds.push(kind);
    }
    if kinds.is_empty() {
        return Err(Error::Shaped(Shape::Field(
            "event_types",
            "missing or invalid event_types parameter".to_owned(),
        )));
    }
    const NO_URL: &str = "missing or invalid url parameter";
    let bad_url = |reason: String| Error::Shaped(Shape::Field("url", reason));
    let text = form.first("url").map_or("", str::trim);
    if text.is_empty() {
        return Err(bad_url(NO_URL.to_owned()));
    }
    let own: Vec<_> =
        app.store().directory().account_webhooks().map(|webhook| webhook.endpoint.clone()).collect();
    let url = url::vet(app, &own, text).await.map_err(|error| bad_url(format!("{NO_URL}: {error}")))?;
    Ok(AccountDraft { description: form.first("description").unwrap_or_default().into(), url, kinds })
}

fn not_found() -> Error {
    Error::Shaped(Shape::NotThere("webhook not found".to_owned()))
}

fn refusal(error: WebhookError, shown: &str, not_set: impl FnOnce() -> Error) -> Error {
    match error {
        WebhookError::NotSet => not_set(),
        WebhookError::HasUrl(kind) => {
            Error::Shaped(Shape::Conflict(format!("url {shown} already exists for event type {kind}")))
        }
        WebhookError::TooManyUrls(kind) => Error::Shaped(Shape::Conflict(format!(
            "unable to add more than {} urls for event type {kind}",
            kind.max_urls()
        ))),
        WebhookError::Store(error) => error.into(),
        other => Error::Shaped(Shape::Field("url", other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use crate::api::testing::Api;
    use crate::secrets::hash_api_key;
    use crate::storage::ApiKey;

    const A: &str = "https://8.8.8.8/a";

    async fn made(api: &Api, fields: &str) -> String {
        let (status, body) = api.form("POST", "/v1/webhooks", fields).await;
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        body["webhook_id"].as_str().expect("an id").to_owned()
    }

    #[tokio::test]
    async fn a_webhook_is_made_shown_replaced_and_deleted() {
        let api = Api::new().await;
        assert_eq!(api.get("/v1/webhooks").await, (200, "{\"webhooks\":[]}\n".into()));
        let id = made(&api, &format!("description=all+of+it&url={A}&event_types=opened&event_types=clicked"))
            .await;
        assert!(id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        let (_, shown) = api.get(&format!("/v1/webhooks/{id}")).await;
        let start = format!(
            "{{\"webhook_id\":\"{id}\",\"description\":\"all of it\",\"url\":\"{A}\",\
             \"event_types\":[\"opened\",\"clicked\"],\"created_at\":\"20"
        );
        assert!(shown.starts_with(&start) && shown.ends_with("Z\"}\n"), "{shown}");
        assert_eq!(shown.len(), start.len() + "26-02-16T19:06:01Z\"}\n".len(), "{shown}");
        let listed = format!("{{\"webhooks\":[{}]}}\n", shown.trim_end());
        assert_eq!(api.get("/v1/webhooks").await.1, listed);
        assert_eq!(
            api.get(&format!("/v1/webhooks?webhook_ids={id},000000000000000000000000")).await.1,
            listed
        );

        let path = format!("/v1/webhooks/{id}");
        assert_eq!(
            api.form("PUT", &path, &format!("url={A}&event_types=accepted")).await,
            (204, String::new())
        );
        let (_, shown) = api.get(&path).await;
        assert!(shown.contains("\"description\":\"\"") && shown.contains("[\"accepted\"]"), "{shown}");
        assert_eq!(api.form("DELETE", &path, "").await, (204, String::new()));
        assert_eq!(api.get(&path).await.0, 404);
    }

    #[tokio::test]
    async fn many_are_deleted_at_once_and_named_ones_win() {
        let api = Api::new().await;
        let first = made(&api, &format!("url={A}&event_types=opened")).await;
        let second = made(&api, &format!("url={A}&event_types=clicked")).await;
        let delete = async |query: &str| api.form("DELETE", &format!("/v1/webhooks?{query}"), "").await;
        assert_eq!(delete("").await.0, 400);
        assert_eq!(delete(&format!("all=true&webhook_ids={first}")).await.0, 204);
        assert_eq!(api.get(&format!("/v1/webhooks/{second}")).await.0, 200);
        assert_eq!(delete("all=true").await, (204, String::new()));
        let (status, body) = delete("all=true").await;
        assert!(
            status == 404 && body.contains("\"Description\":\"no webhooks found for account\""),
            "{body}"
        );
    }

    #[tokio::test]
    async fn refusals_have_mailguns_shapes() {
        let api = Api::new().await;
        let id = made(&api, &format!("url={A}&event_types=delivered")).await;
        for path in ["b", "c"] {
            made(&api, &format!("url=https://8.8.8.8/{path}&event_types=delivered")).await;
        }
        let path = format!("/v1/webhooks/{id}");
        let unknown = "/v1/webhooks/507f1f77bcf86cd799439011";
        for (method, path, fields, status, part) in [
            (
                "POST",
                "/v1/webhooks",
                format!("url={A}&event_types=accepted&event_types=accepted"),
                400,
                "\"Field\":\"event_types\",\"Value\":\"duplicate event types: 'accepted'\"}",
            ),
            (
                "POST",
                "/v1/webhooks",
                format!("url={A}&event_types=invalid_type"),
                404,
                "\"Description\":\"event_type 'invalid_type' is invalid\"}",
            ),
            (
                "POST",
                "/v1/webhooks",
                "url=https://8.8.8.8/d&event_types=delivered".into(),
                409,
                "\"Description\":\"unable to add more than 3 urls for event type delivered\"}",
            ),
            ("POST", "/v1/webhooks", format!("url={A}"), 400, "\"Field\":\"event_types\""),
            (
                "POST",
                "/v1/webhooks",
                "url=https://10.0.0.1/&event_types=opened".into(),
                400,
                "\"Field\":\"url\"",
            ),
            (
                "PUT",
                &path,
                "event_types=delivered".into(),
                400,
                "\"Field\":\"url\",\"Value\":\"missing or invalid url parameter\"}",
            ),
            (
                "PUT",
                &path,
                "url=https://8.8.8.8/b&event_types=delivered".into(),
                409,
                "\"Description\":\"url https://8.8.8.8/b already exists for event type delivered\"}",
            ),
            (
                "PUT",
                unknown,
                format!("url={A}&event_types=opened"),
                404,
                "\"Description\":\"webhook_id not found: 507f1f77bcf86cd799439011\"}",
            ),
            ("GET", unknown, String::new(), 404, "\"Description\":\"webhook not found\"}"),
            ("DELETE", unknown, String::new(), 404, "\"Description\":\"webhook not found\"}"),
            (
                "DELETE",
                "/v1/webhooks/x",
                String::new(),
                400,
                "\"Field\":\"webhook_id\",\"Value\":\"is not valid\"}",
            ),
            (
                "DELETE",
                "/v1/webhooks?webhook_ids=a,,b",
                String::new(),
                400,
                "{\"message\":\"Invalid parameter: webhook_ids",
            ),
            (
                "DELETE",
                "/v1/webhooks?webhook_ids=",
                String::new(),
                400,
                "webhook_ids malformed webhook_ids parameter: empty values not allowed\"}",
            ),
        ] {
            let (got, body) = api.form(method, path, &fields).await;
            assert_eq!(got, status, "{method} {path} {fields}: {body}");
            assert!(body.contains(part), "{body}");
        }
    }

    #[tokio::test]
    async fn a_key_of_one_domain_is_forbidden_and_credentials_stay_hidden() {
        let api = Api::new().await;
        let id = made(&api, "url=https://user:pass@8.8.8.8/&event_types=opened").await;
        let (_, shown) = api.get(&format!("/v1/webhooks/{id}")).await;
        assert!(shown.contains("https://user:***@8.8.8.8/"), "{shown}");
        let masked = "url=https://user:***@8.8.8.8/&event_types=clicked";
        assert_eq!(api.form("PUT", &format!("/v1/webhooks/{id}"), masked).await.0, 204);
        let key = ApiKey::new(hash_api_key("x"), Some("a.test"), "one");
        api.app.store().add_api_key(key).await.expect("a key");
        for (method, path) in [("GET", "/v1/webhooks".to_owned()), ("DELETE", format!("/v1/webhooks/{id}"))] {
            let request =
                Request::builder().method(method).uri(path).header("Authorization", "Basic YXBpOng=");
            let (head, body) = api.send_bare(request, "").await;
            assert_eq!((head.status.as_u16(), body.as_str()), (403, "{\"message\":\"Forbidden\"}\n"));
        }
    }
}
