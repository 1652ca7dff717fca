//! `/v3/domains` and `/v4/domains`: which domains there are.

mod schema;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::schema::{NewDomain, PageOfDomains};
use super::App;
use super::caller::{OfDomain, Scope};
use super::document::Routes;
use super::error::Error;
use super::form::Form;
use super::legacy;
use super::reply;
use crate::config::DomainName;

pub(super) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list_v3, create))
        .routes(routes!(list))
        .routes(routes!(show_v3, remove))
        .routes(routes!(show))
}

/// A domain as its listings show it. There is nothing to verify about it: it is active at once.
#[derive(Serialize, ToSchema)]
#[schema(as = Domain, example = json!({"name": "example.com", "state": "active"}))]
struct Item<'a> {
    name: &'a str,
    /// Always `active`.
    state: &'static str,
}

impl<'a> Item<'a> {
    const fn new(name: &'a str) -> Self {
        Self { name, state: "active" }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = DomainCreated)]
struct Created<'a> {
    message: &'static str,
    domain: Item<'a>,
    /// None: there is nothing to verify.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    receiving_dns_records: [(); 0],
    /// None.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    sending_dns_records: [(); 0],
}

/// Create a domain
///
/// It is active at once. Fields of Mailgun's that say how mail is handled pass.
#[utoipa::path(
    post, path = "/v3/domains", tag = "Domains", operation_id = "createDomain",
    request_body(content = inline(NewDomain), content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Created),
        (status = 400, description = "The name is missing, is none, or is taken."),
        (status = 403),
        (status = 503),
    ),
)]
async fn create(State(app): State<App>, scope: Scope, form: Form) -> Result<Response, Error> {
    scope.require_account()?;
    let name = form.required("name")?;
    let name = DomainName::parse(name).ok_or_else(|| {
        Error::invalid("name", "must be a domain name such as example.com, of at most 253 bytes")
    })?;
    let legacy = legacy::wanted(&form)?;
    let (_, is_new) = app.store().create_domain(name.as_str()).await?;
    if !is_new {
        return Err(Error::DomainTaken);
    }
    if legacy == Some(true) {
        legacy::allow(&app, name.as_str(), true).await?;
    }
    Ok(reply::ok(&Created {
        message: "Domain has been created",
        domain: Item::new(name.as_str()),
        receiving_dns_records: [],
        sending_dns_records: [],
    }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = DomainShown)]
struct Shown<'a> {
    domain: Item<'a>,
    /// None: there is nothing to verify.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    receiving_dns_records: [(); 0],
    /// None.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    sending_dns_records: [(); 0],
}

/// One domain
#[utoipa::path(
    get, path = "/v4/domains/{domain}", tag = "Domains", operation_id = "showDomain", params(OfDomain),
    responses((status = 200, body = Shown)),
)]
async fn show(OfDomain(domain): OfDomain) -> Response {
    let domain = Item::new(domain.name());
    reply::ok(&Shown { domain, receiving_dns_records: [], sending_dns_records: [] })
}

/// One domain
///
/// The same as in `/v4`.
#[utoipa::path(
    get, path = "/v3/domains/{domain}", tag = "Domains", operation_id = "showDomainV3", params(OfDomain),
    responses((status = 200, body = Shown)),
)]
async fn show_v3(domain: OfDomain) -> Response {
    show(domain).await
}

#[derive(Serialize, ToSchema)]
#[schema(as = DomainDeleted)]
struct Deleted<'a> {
    message: &'static str,
    name: &'a str,
}

/// Delete a domain
///
/// With its webhooks, events and keys. It is gone when this is answered, and its pending deliveries are cancelled;
/// what is removed later is no longer shown to anyone.
#[utoipa::path(
    delete, path = "/v3/domains/{domain}", tag = "Domains", operation_id = "deleteDomain", params(OfDomain),
    responses((status = 200, body = Deleted), (status = 403), (status = 503)),
)]
async fn remove(State(app): State<App>, OfDomain(domain): OfDomain, scope: Scope) -> Result<Response, Error> {
    scope.require_account()?;
    app.store().delete_domain(domain.name()).await?;
    Ok(reply::ok(&Deleted { message: "Domain will be deleted in the background", name: domain.name() }))
}

/// How many domains a page of the listing may have; the first is the default.
const LIMITS: (usize, usize) = (100, 1000);

#[derive(Serialize, ToSchema)]
#[schema(as = Domains)]
struct List<'a> {
    /// Of all that the key may see.
    total_count: usize,
    items: Vec<Item<'a>>,
}

/// The domains that the key is good for
#[utoipa::path(
    get, path = "/v4/domains", tag = "Domains", operation_id = "listDomains", params(PageOfDomains),
    responses((status = 200, body = List)),
)]
async fn list(State(app): State<App>, scope: Scope, RawQuery(query): RawQuery) -> Result<Response, Error> {
    let query = Form::from_query(query.as_deref().unwrap_or_default())?;
    let (default, max) = LIMITS;
    let limit = number(&query, "limit", default)?;
    if !(1..=max).contains(&limit) {
        return Err(Error::invalid("limit", format_args!("must be 1 to {max}")));
    }
    let skip = number(&query, "skip", 0)?;
    let directory = app.store().directory();
    let visible = || directory.domains().map(|domain| &**domain.name()).filter(|name| scope.covers(name));
    let items = visible().skip(skip).take(limit).map(Item::new).collect();
    Ok(reply::ok(&List { total_count: visible().count(), items }))
}

/// The domains that the key is good for
///
/// The same as in `/v4`.
#[utoipa::path(
    get, path = "/v3/domains", tag = "Domains", operation_id = "listDomainsV3", params(PageOfDomains),
    responses((status = 200, body = List)),
)]
async fn list_v3(app: State<App>, scope: Scope, query: RawQuery) -> Result<Response, Error> {
    list(app, scope, query).await
}

fn number(query: &Form, name: &'static str, default: usize) -> Result<usize, Error> {
    let parse = |text: &str| text.parse().map_err(|_| Error::invalid(name, "must be a whole number"));
    query.first(name).map_or(Ok(default), parse)
}

#[cfg(test)]
mod tests {
    use crate::api::testing::Api;

    #[tokio::test]
    async fn a_domain_is_created_once_and_listed() {
        let api = Api::new().await;
        let (status, body) = api.form("POST", "/v3/domains", "name=MG.example.com&spam_action=tag").await;
        assert_eq!(status, 200);
        assert!(body.starts_with(
            "{\"message\":\"Domain has been created\",\"domain\":{\"name\":\"mg.example.com\",\"state\":\"active\"}"
        ));
        assert_eq!(
            api.form("POST", "/v3/domains", "name=mg.example.com").await,
            (400, "{\"message\":\"This domain name is already taken\"}\n".into())
        );
        let (_, body) = api.get("/v4/domains?limit=1&skip=1").await;
        assert_eq!(
            body,
            "{\"total_count\":2,\"items\":[{\"name\":\"mg.example.com\",\"state\":\"active\"}]}\n"
        );
    }

    #[tokio::test]
    async fn a_domain_is_shown_deleted_and_made_anew_without_anything_of_before() {
        let api = Api::new().await;
        for version in ["v3", "v4"] {
            let (status, body) = api.get(&format!("/{version}/domains/A.test")).await;
            assert_eq!(status, 200);
            assert!(body.starts_with("{\"domain\":{\"name\":\"a.test\",\"state\":\"active\"},"), "{body}");
        }
        let webhook = "id=opened&url=https://8.8.8.8/a";
        assert_eq!(api.form("POST", "/v3/domains/a.test/webhooks", webhook).await.0, 200);
        let event = r#"{"event":"opened","recipient":"a@b.test"}"#;
        assert_eq!(api.submit("", "application/json", event).await.0, 200);

        let deleted = api.form("DELETE", "/v3/domains/a.test", "").await;
        let answer = "{\"message\":\"Domain will be deleted in the background\",\"name\":\"a.test\"}\n";
        assert_eq!(deleted, (200, answer.into()));
        for path in ["/v3/domains/a.test", "/v3/a.test/events", "/v3/domains/a.test/webhooks"] {
            assert_eq!(api.get(path).await.0, 404, "{path}");
        }
        assert_eq!(api.form("DELETE", "/v3/domains/a.test", "").await.0, 404);

        assert_eq!(api.form("POST", "/v3/domains", "name=a.test").await.0, 200);
        assert_eq!(api.get("/v3/domains/a.test/webhooks").await.1, "{\"webhooks\":{}}\n");
        assert!(api.get("/v3/a.test/events").await.1.starts_with("{\"items\":[]"));
    }

    #[tokio::test]
    async fn bad_parameters_are_named() {
        let api = Api::new().await;
        for (fields, named) in [("", "Missing parameter 'name'"), ("name=not+a+domain", "'name'")] {
            let (status, body) = api.form("POST", "/v3/domains", fields).await;
            assert_eq!(status, 400);
            assert!(body.contains(named), "{body}");
        }
        for (query, named) in [("limit=0", "1 to 1000"), ("limit=x", "'limit'"), ("skip=-1", "'skip'")] {
            let (status, body) = api.get(&format!("/v4/domains?{query}")).await;
            assert_eq!(status, 400);
            assert!(body.contains(named), "{body}");
        }
    }
}
