//! `/v3/domains/{domain}/webhooks`: which URLs get which events.

pub(super) mod schema;
pub(super) mod secrets;
mod test_call;
pub(super) mod url;
mod v4;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use sealpost_core::{LegacyKind, WebhookKind};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::schema::{NewUrls, NewWebhook};
use super::App;
use super::caller::{OfDomain, path_parameter};
use super::document::Routes;
use super::error::Error;
use super::form::Form;
use super::reply;
use crate::storage::{Domain, Endpoint, EndpointUrl, HookKind};

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_all, create))
        .routes(routes!(show, replace, remove))
        .routes(routes!(secrets::show, secrets::rotate))
        .routes(routes!(test_call::test))
        .routes(routes!(v4::add, v4::assign, v4::remove))
}

/// The URLs of one webhook, without their credentials.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Webhook, example = json!({"urls": ["https://crm.example.com/hooks"]}))]
enum Urls {
    /// Of a webhook.
    Current {
        #[schema(min_items = 1, max_items = 3)]
        urls: Vec<String>,
    },
    /// Of a legacy webhook, which has one.
    Legacy { url: String },
}

impl Urls {
    fn of(kind: HookKind, endpoints: &[Arc<Endpoint>]) -> Self {
        let mut urls = endpoints.iter().map(|endpoint| endpoint.url().shown().to_owned());
        match kind {
            HookKind::Current(_) => Self::Current { urls: urls.collect() },
            HookKind::Legacy(_) => Self::Legacy { url: urls.next().unwrap_or_default() },
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookChanged)]
struct Changed {
    message: &'static str,
    webhook: Urls,
}

fn changed(message: &'static str, kind: HookKind, endpoints: &[Arc<Endpoint>]) -> Response {
    reply::ok(&Changed { message, webhook: Urls::of(kind, endpoints) })
}

#[derive(Serialize, ToSchema)]
#[schema(as = Webhooks)]
struct List {
    /// By their types. Those that are not set are absent.
    webhooks: BTreeMap<&'static str, Urls>,
}

/// The webhooks of a domain
#[utoipa::path(
    get, path = "/v3/domains/{domain}/webhooks", tag = "Webhooks", operation_id = "listWebhooks",
    params(OfDomain),
    responses((status = 200, body = List)),
)]
async fn list_all(OfDomain(domain): OfDomain) -> Response {
    all(&domain)
}

/// Every webhook of a domain that is set.
fn all(domain: &Domain) -> Response {
    let webhooks =
        domain.webhooks().map(|(kind, endpoints)| (kind.as_str(), Urls::of(kind, endpoints))).collect();
    reply::ok(&List { webhooks })
}

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookShown)]
struct Shown {
    webhook: Urls,
}

/// One webhook
#[utoipa::path(
    get, path = "/v3/domains/{domain}/webhooks/{type}", tag = "Webhooks", operation_id = "showWebhook",
    params(OfDomain, OfWebhook),
    responses((status = 200, body = Shown), (status = 404, description = NOT_SET)),
)]
async fn show(OfWebhook(domain, kind): OfWebhook) -> Result<Response, Error> {
    match domain.webhook(kind) {
        [] => Err(Error::UnknownWebhook),
        endpoints => Ok(reply::ok(&Shown { webhook: Urls::of(kind, endpoints) })),
    }
}

/// Set a webhook
///
/// Its endpoints get every event of this type from now on.
#[utoipa::path(
    post, path = "/v3/domains/{domain}/webhooks", tag = "Webhooks", operation_id = "createWebhook",
    params(OfDomain),
    request_body(content = inline(NewWebhook), content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Changed),
        (status = 400, description = "The form is wrong, or a webhook of this type is set."),
        (status = 503),
    ),
)]
async fn create(State(app): State<App>, OfDomain(domain): OfDomain, form: Form) -> Result<Response, Error> {
    let kind = parse_kind(&domain, "id", form.required("id")?)?;
    if !domain.webhook(kind).is_empty() {
        return Err(Error::WebhookExists(kind));
    }
    let urls = urls(&app, &domain, kind, &form).await?;
    let webhook = app.store().create_webhook(domain.name(), kind, urls).await;
    let webhook = webhook.map_err(|error| Error::of_webhook(error, kind))?;
    Ok(changed("Webhook has been created", kind, &webhook))
}

/// Replace the URLs of a webhook
///
/// Pending deliveries to URLs that are taken out are cancelled. A URL that a listing showed with `***` for its
/// password keeps its password.
#[utoipa::path(
    put, path = "/v3/domains/{domain}/webhooks/{type}", tag = "Webhooks", operation_id = "replaceWebhook",
    params(OfDomain, OfWebhook),
    request_body(content = inline(NewUrls), content_type = "multipart/form-data"),
    responses((status = 200, body = Changed), (status = 404, description = NOT_SET), (status = 503)),
)]
async fn replace(
    State(app): State<App>,
    OfWebhook(domain, kind): OfWebhook,
    form: Form,
) -> Result<Response, Error> {
    if domain.webhook(kind).is_empty() {
        return Err(Error::UnknownWebhook);
    }
    let urls = urls(&app, &domain, kind, &form).await?;
    let webhook = app.store().replace_webhook(domain.name(), kind, urls).await;
    let webhook = webhook.map_err(|error| Error::of_webhook(error, kind))?;
    Ok(changed("Webhook has been updated", kind, &webhook))
}

/// Delete a webhook
///
/// The answer has the URLs that it had; their pending deliveries are cancelled. A body says nothing, and is not
/// read: some clients send an empty form.
#[utoipa::path(
    delete, path = "/v3/domains/{domain}/webhooks/{type}", tag = "Webhooks", operation_id = "deleteWebhook",
    params(OfDomain, OfWebhook),
    responses((status = 200, body = Changed), (status = 404, description = NOT_SET), (status = 503)),
)]
async fn remove(State(app): State<App>, OfWebhook(domain, kind): OfWebhook) -> Result<Response, Error> {
    let removed = app.store().delete_webhook(domain.name(), kind).await;
    let removed = removed.map_err(|error| Error::of_webhook(error, kind))?;
    Ok(changed("Webhook has been deleted", kind, &removed))
}

/// The URLs of the form, each once: one to three, in normal form and allowed by the egress guard.
async fn urls(app: &App, domain: &Domain, kind: HookKind, form: &Form) -> Result<Vec<EndpointUrl>, Error> {
    let mut texts = Vec::new();
    for text in form.all("url").map(str::trim).filter(|text| !text.is_empty()) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.len() {
        0 => return Err(Error::Missing("url")),
        more if more > kind.max_urls() => {
            let most = kind.max_urls();
            let reason = format_args!("{more} urls were given, and the webhook '{kind}' has at most {most}");
            return Err(Error::invalid("url", reason));
        }
        _ => {}
    }
    let mut urls = Vec::with_capacity(texts.len());
    for text in texts {
        urls.push(url::vet(app, domain.endpoints(), text).await?);
    }
    Ok(urls)
}

/// The domain and the webhook type in the path.
struct OfWebhook(Arc<Domain>, HookKind);

impl FromRequestParts<App> for OfWebhook {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let OfDomain(domain) = OfDomain::from_request_parts(parts, app).await?;
        let kind = parse_kind(&domain, "type", &path_parameter(parts, "type").await.unwrap_or_default())?;
        Ok(Self(domain, kind))
    }
}

const NOT_SET: &str = "There is no such domain, or no webhook of this type is set.";

/// The type of this name. Where the domain has no legacy webhooks, `unsubscribe` is what an old client library calls
/// `unsubscribed`.
fn parse_kind(domain: &Domain, parameter: &'static str, name: &str) -> Result<HookKind, Error> {
    let kind = match name {
        "unsubscribe" if !domain.has_legacy() => Some(WebhookKind::Unsubscribed.into()),
        name => {
            HookKind::parse(name).filter(|kind| domain.has_legacy() || matches!(kind, HookKind::Current(_)))
        }
    };
    kind.ok_or_else(|| {
        let mut names = WebhookKind::ALL.map(WebhookKind::as_str).to_vec();
        if domain.has_legacy() {
            names.extend(LegacyKind::ALL.map(LegacyKind::as_str));
        }
        Error::invalid(parameter, format_args!("must be one of {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, header};

    use crate::api::testing::Api;

    const WEBHOOKS: &str = "/v3/domains/a.test/webhooks";
    const CLICKED: &str = "/v3/domains/a.test/webhooks/clicked";

    async fn api_with_clicked() -> Api {
        let api = Api::new().await;
        let fields = "id=clicked&url=https://8.8.8.8/a&url=https://8.8.8.8/b";
        assert_eq!(api.form("POST", WEBHOOKS, fields).await.0, 200);
        api
    }

    #[tokio::test]
    async fn the_whole_life_of_a_webhook_has_mailguns_bodies() {
        let api = Api::new().await;
        assert_eq!(api.get(WEBHOOKS).await, (200, "{\"webhooks\":{}}\n".into()));
        let created =
            api.form("POST", WEBHOOKS, "id=clicked&url=https://8.8.8.8/a&url=https://8.8.8.8/b").await;
        let two = "{\"urls\":[\"https://8.8.8.8/a\",\"https://8.8.8.8/b\"]}";
        assert_eq!(
            created,
            (200, format!("{{\"message\":\"Webhook has been created\",\"webhook\":{two}}}\n"))
        );
        assert_eq!(api.get(WEBHOOKS).await.1, format!("{{\"webhooks\":{{\"clicked\":{two}}}}}\n"));
        assert_eq!(api.get(CLICKED).await.1, format!("{{\"webhook\":{two}}}\n"));
        let updated = api.form("PUT", CLICKED, "id=clicked&url=https://8.8.8.8/c").await;
        let one = "{\"urls\":[\"https://8.8.8.8/c\"]}";
        assert_eq!(
            updated,
            (200, format!("{{\"message\":\"Webhook has been updated\",\"webhook\":{one}}}\n"))
        );
        let deleted = api.form("DELETE", CLICKED, "").await;
        assert_eq!(
            deleted,
            (200, format!("{{\"message\":\"Webhook has been deleted\",\"webhook\":{one}}}\n"))
        );
        assert_eq!(api.get(CLICKED).await, (404, "{\"message\":\"Webhook not found\"}\n".into()));
    }

    #[tokio::test]
    async fn delete_takes_an_empty_multipart_body() {
        let api = api_with_clicked().await;
        let request =
            Request::delete(CLICKED).header(header::CONTENT_TYPE, "multipart/form-data; boundary=\"x\"");
        let (head, _) = api.send(request, "--x--\r\n").await;
        assert_eq!(head.status, 200);
    }

    #[tokio::test]
    async fn put_and_delete_of_a_webhook_that_is_not_set_are_404() {
        let api = Api::new().await;
        assert_eq!(api.form("PUT", CLICKED, "url=https://8.8.8.8/").await.0, 404);
        assert_eq!(api.form("DELETE", CLICKED, "").await.0, 404);
    }

    #[tokio::test]
    async fn a_refused_change_leaves_everything_as_it_was() {
        let api = api_with_clicked().await;
        let before = api.get(WEBHOOKS).await;
        let url = "url=https://8.8.8.8/";
        for (method, path, fields, named) in [
            ("POST", WEBHOOKS, "url=https://8.8.8.8/".to_owned(), "Missing parameter 'id'"),
            ("POST", WEBHOOKS, "id=opened".to_owned(), "Missing parameter 'url'"),
            ("POST", WEBHOOKS, format!("id=failed&{url}"), "permanent_fail"),
            ("POST", WEBHOOKS, format!("id=clicked&{url}"), "'clicked' already exists"),
            ("POST", WEBHOOKS, format!("id=opened&{url}1&{url}2&{url}3&{url}4"), "at most 3"),
            ("POST", WEBHOOKS, "id=opened&url=ftp://8.8.8.8/".to_owned(), "is not a valid url"),
            ("PUT", CLICKED, format!("{url}&url=nonsense"), "is not a valid url"),
            ("PUT", "/v3/domains/a.test/webhooks/stored", url.to_owned(), "'type'"),
        ] {
            let (status, body) = api.form(method, path, &fields).await;
            assert_eq!(status, 400, "{method} {path} {fields}");
            assert!(body.contains(named), "{body}");
        }
        assert_eq!(api.get(WEBHOOKS).await, before);
    }

    #[tokio::test]
    async fn the_same_url_twice_counts_once_and_credentials_stay_hidden() {
        let api = Api::new().await;
        let hidden = "url=https://user:pass@8.8.8.8/";
        let (_, body) = api.form("POST", WEBHOOKS, &format!("id=unsubscribe&{hidden}&{hidden}")).await;
        assert!(body.contains("\"urls\":[\"https://user:***@8.8.8.8/\"]"), "{body}");
        let masked = "url=https://user:***@8.8.8.8/";
        let merged = format!("{masked}&url=https://8.8.8.8/new");
        assert_eq!(api.form("PUT", "/v3/domains/a.test/webhooks/unsubscribed", &merged).await.0, 200);
        let (status, refused) = api.form("POST", WEBHOOKS, "id=opened&url=https://a:***@8.8.8.8/").await;
        assert!(status == 400 && refused.contains("masked"), "{refused}");
        let (_, refused) = api.form("POST", WEBHOOKS, "id=opened&url=ftp://user:pass@8.8.8.8/").await;
        assert!(!refused.contains("pass"), "{refused}");
        let (head, _) = api.send(Request::get(CLICKED), Body::empty()).await;
        assert_eq!(head.status, 404);
    }

    #[tokio::test]
    async fn legacy_webhooks_have_one_url_at_the_same_paths_once_they_are_switched_on() {
        let api = Api::new().await;
        let open = "id=open&url=https://8.8.8.8/old";
        assert_eq!(api.form("POST", WEBHOOKS, open).await.0, 400);
        let (status, body) = api.form("PUT", "/v3/domains/a.test", "legacy=yes").await;
        assert!(status == 200 && body.contains("\"legacy\":true"), "{body}");
        assert_eq!(
            api.form("POST", WEBHOOKS, open).await,
            (
                200,
                "{\"message\":\"Webhook has been created\",\"webhook\":{\"url\":\"https://8.8.8.8/old\"}}\n"
                    .into()
            )
        );
        let unsubscribe = "id=unsubscribe&url=https://8.8.8.8/a&url=https://8.8.8.8/b";
        let (status, body) = api.form("POST", WEBHOOKS, unsubscribe).await;
        assert!(status == 400 && body.contains("at most 1"), "{body}");
        api.form("POST", WEBHOOKS, "id=opened&url=https://8.8.8.8/old").await;
        assert_eq!(
            api.get(WEBHOOKS).await.1,
            "{\"webhooks\":{\"open\":{\"url\":\"https://8.8.8.8/old\"},\"opened\":{\"urls\":[\"https://8.8.8.8/old\"]}}}\n"
        );
        let path = format!("{WEBHOOKS}/open");
        let (_, body) = api.form("PUT", &path, "id=open&url=https://8.8.8.8/new").await;
        assert!(body.contains("\"webhook\":{\"url\":\"https://8.8.8.8/new\"}"), "{body}");
        assert_eq!(api.get(&path).await.1, "{\"webhook\":{\"url\":\"https://8.8.8.8/new\"}}\n");
        assert!(api.get("/healthz").await.1.contains("\"legacy_urls\":1"));
        let (status, body) = api.form("PUT", "/v3/domains/a.test", "legacy=no").await;
        assert!(status == 400 && body.contains("delete them first"), "{body}");
        assert_eq!(api.form("DELETE", &path, "").await.0, 200);
        assert_eq!(api.form("PUT", "/v3/domains/a.test", "legacy=no").await.0, 200);
        assert_eq!(api.form("PUT", "/v3/domains/a.test", "legacy=perhaps").await.0, 400);
        assert_eq!(api.form("POST", "/v3/domains", "name=old.test&legacy=yes").await.0, 200);
        assert_eq!(api.form("POST", "/v3/domains/old.test/webhooks", open).await.0, 200);
    }
}
