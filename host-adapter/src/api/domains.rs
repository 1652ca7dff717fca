//! `POST /v3/domains`, `GET /v4/domains`.

mod schema;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::schema::{NewDomain, PageOfDomains};
use super::App;
use super::caller::Scope;
use super::document::Routes;
use super::error::Error;
use super::form::Form;
use super::reply;
use crate::config::DomainName;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(create)).routes(routes!(list))
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
    let (_, is_new) = app.store().create_domain(name.as_str()).await?;
    if !is_new {
        return Err(Error::DomainTaken);
    }
    Ok(reply::ok(&Created {
        message: "Domain has been created",
        domain: Item::new(name.as_str()),
        receiving_dns_records: [],
        sending_dns_records: [],
    }))
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
