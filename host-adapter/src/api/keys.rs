//! `/v1/keys`: the API keys of the account and of its domains, in the shape of Mailgun's own.

mod schema;

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawQuery, State};
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::schema::{KeysOf, NewKey};
use super::App;
use super::caller::{Scope, path_parameter};
use super::document::Routes;
use super::error::Error;
use super::form::Form;
use super::reply;
use crate::entropy;
use crate::secrets::hash_api_key;
use crate::storage::ApiKey;

/// The longest description, in bytes.
const MAX_DESCRIPTION: usize = 256;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// What a key is good for, in Mailgun's words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The whole account.
    User,
    /// One domain.
    Domain,
}

impl Kind {
    const ALL: [Self; 2] = [Self::User, Self::Domain];

    fn of(key: &ApiKey) -> Self {
        if key.domain.is_some() { Self::Domain } else { Self::User }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Domain => "domain",
        }
    }

    /// There is one for each kind.
    const fn role(self) -> &'static str {
        match self {
            Self::User => "admin",
            Self::Domain => "sending",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let kind = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.ok_or_else(|| Error::invalid("kind", "must be 'user', for the account, or 'domain'"))
    }
}

/// A key as it is shown: without the key, but once.
#[derive(Serialize, ToSchema)]
#[schema(as = Key, example = json!({
    "id": "1a2b3c4d-5e6f7a8b",
    "description": "newsletter",
    "kind": "domain",
    "role": "sending",
    "created_at": "2026-02-03T19:20:31",
    "updated_at": "2026-02-03T19:20:31",
    "domain_name": "example.com",
    "is_disabled": false,
}))]
struct Item<'a> {
    id: &'a str,
    description: &'a str,
    /// `user` for the account, `domain` for one domain.
    kind: &'static str,
    /// `admin` for the account, `sending` for one domain.
    role: &'static str,
    /// Universal time, without a zone.
    created_at: String,
    /// The same: keys do not change.
    updated_at: String,
    /// Empty for a key of the account.
    domain_name: &'a str,
    /// Always `false`.
    is_disabled: bool,
    /// The key itself, in the answer that it is made with and nowhere else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<&'a str>,
}

impl<'a> Item<'a> {
    fn new(key: &'a ApiKey) -> Self {
        let kind = Kind::of(key);
        // In this place Mailgun writes dates without a zone.
        let date = reply::date(key.created_at).trim_end_matches('Z').to_owned();
        Self {
            id: &key.id,
            description: &key.label,
            kind: kind.as_str(),
            role: kind.role(),
            created_at: date.clone(),
            updated_at: date,
            domain_name: key.domain.as_deref().unwrap_or_default(),
            is_disabled: false,
            secret: None,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Keys)]
struct List<'a> {
    total_count: usize,
    items: Vec<Item<'a>>,
}

/// The keys
///
/// The oldest first, without the keys themselves. One that is configured is not among them.
#[utoipa::path(
    get, path = "/v1/keys", tag = "Keys", operation_id = "listKeys", params(KeysOf),
    responses((status = 200, body = List), (status = 403)),
)]
async fn list(State(app): State<App>, scope: Scope, RawQuery(query): RawQuery) -> Result<Response, Error> {
    scope.require_account()?;
    let query = Form::from_query(query.as_deref().unwrap_or_default())?;
    let kind = query.first("kind").map(Kind::parse).transpose()?;
    let domain = query.first("domain_name").map(str::to_ascii_lowercase);
    let directory = app.store().directory();
    let asked_for = |key: &&ApiKey| {
        kind.is_none_or(|kind| kind == Kind::of(key))
            && domain.as_ref().is_none_or(|domain| key.domain.as_deref() == Some(domain))
    };
    let mut keys: Vec<_> = directory.api_keys().filter(asked_for).collect();
    keys.sort_unstable_by_key(|key| (key.created_at, &key.id));
    Ok(reply::ok(&List { total_count: keys.len(), items: keys.into_iter().map(Item::new).collect() }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeyCreated)]
struct Created<'a> {
    message: &'static str,
    key: Item<'a>,
}

/// Make a key
///
/// For the account, or with `domain_name` for one domain. This answer is the only place that ever shows it.
#[utoipa::path(
    post, path = "/v1/keys", tag = "Keys", operation_id = "createKey",
    request_body(content = inline(NewKey), content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Created),
        (status = 400, description = "The form is wrong, or the account has as many keys as it can have."),
        (status = 403),
        (status = 404, description = "There is no such domain."),
        (status = 503),
    ),
)]
async fn create(State(app): State<App>, scope: Scope, form: Form) -> Result<Response, Error> {
    scope.require_account()?;
    let domain = form.first("domain_name").filter(|name| !name.is_empty()).map(str::to_ascii_lowercase);
    let kind = match form.first("kind") {
        Some(text) => Kind::parse(text)?,
        None if domain.is_some() => Kind::Domain,
        None => Kind::User,
    };
    match (kind, &domain) {
        (Kind::Domain, None) => return Err(Error::Missing("domain_name")),
        (Kind::User, Some(_)) => {
            return Err(Error::invalid(
                "domain_name",
                "a key of the kind 'user' is good for the whole account",
            ));
        }
        (Kind::Domain, Some(_)) | (Kind::User, None) => {}
    }
    // A key that can do more than was asked for, or for longer, would be no kindness.
    if form.first("role").is_some_and(|role| role != kind.role()) {
        let reason = format_args!("a key of the kind '{}' has the role '{}'", kind.as_str(), kind.role());
        return Err(Error::invalid("role", reason));
    }
    if form.first("expiration").is_some() {
        return Err(Error::invalid("expiration", "keys do not expire; revoke them"));
    }
    let description = form.first("description").unwrap_or_default();
    if description.len() > MAX_DESCRIPTION || description.chars().any(char::is_control) {
        let reason = format_args!("has at most {MAX_DESCRIPTION} bytes, and no control characters");
        return Err(Error::invalid("description", reason));
    }
    let secret = entropy::key();
    let key = ApiKey::new(hash_api_key(&secret), domain.as_deref(), description);
    app.store().add_api_key(key.clone()).await?;
    let item = Item { secret: Some(&secret), ..Item::new(&key) };
    Ok(reply::ok(&Created { message: "API key has been created", key: item }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeyRevoked)]
struct Revoked {
    message: &'static str,
}

/// Revoke a key
///
/// It opens nothing from now on.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "Keys", operation_id = "revokeKey", params(OfId),
    responses(
        (status = 200, body = Revoked),
        (status = 403),
        (status = 404, description = "There is no such key."),
        (status = 409, description = "It is the last key of the account, and none is configured."),
        (status = 503),
    ),
)]
async fn revoke(State(app): State<App>, scope: Scope, OfId(id): OfId) -> Result<Response, Error> {
    scope.require_account()?;
    app.store().revoke_api_key(&id, app.has_configured_key()).await?;
    Ok(reply::ok(&Revoked { message: "API key has been revoked" }))
}

/// The id in the path.
struct OfId(Arc<str>);

impl FromRequestParts<App> for OfId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Error> {
        Ok(Self(path_parameter(parts, "id").await.unwrap_or_default().into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::api::testing::Api;

    async fn create(api: &Api, fields: &str) -> Value {
        let (status, body) = api.form("POST", "/v1/keys", fields).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    #[tokio::test]
    async fn a_key_is_shown_once_opens_the_api_and_is_revoked() {
        let api = Api::new().await;
        let made = create(&api, "kind=domain&domain_name=A.test&role=sending&description=ghost").await;
        let (id, key) =
            (made["key"]["id"].as_str().expect("an id"), made["key"]["secret"].as_str().expect("it"));
        assert_eq!(api.with_key(key, "GET", "/v3/a.test/events").await.0, 200);

        let (_, listed) = api.get("/v1/keys").await;
        assert!(!listed.contains(key) && !listed.contains("secret"), "{listed}");
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        let mut item = made["key"].clone();
        item.as_object_mut().expect("an object").remove("secret");
        assert_eq!(listed["items"][0], item);
        assert_eq!((&item["domain_name"], &item["kind"]), (&"a.test".into(), &"domain".into()));

        assert_eq!(api.form("DELETE", &format!("/v1/keys/{id}"), "").await.0, 200);
        assert_eq!(api.with_key(key, "GET", "/v3/a.test/events").await.0, 401);
        assert_eq!(api.form("DELETE", &format!("/v1/keys/{id}"), "").await.0, 404);
    }

    #[tokio::test]
    async fn keys_are_listed_by_kind_and_domain() {
        let api = Api::new().await;
        create(&api, "role=admin").await;
        create(&api, "domain_name=a.test").await;
        for (query, count) in [
            ("", 2),
            ("?kind=user", 1),
            ("?kind=domain", 1),
            ("?domain_name=a.test", 1),
            ("?domain_name=a.test&kind=user", 0),
            ("?domain_name=b.test", 0),
        ] {
            let (_, body) = api.get(&format!("/v1/keys{query}")).await;
            assert!(body.starts_with(&format!("{{\"total_count\":{count},")), "{query}: {body}");
        }
    }

    #[tokio::test]
    async fn the_last_key_of_the_account_stays_unless_one_is_configured() {
        let api = Api::without_configured_key().await;
        let first = api.first_key().await;
        let first = first.as_str();
        let id = api.app.store().directory().api_keys().map(|key| key.id.to_string()).next().expect("an id");
        let (status, body) = api.with_key(first, "DELETE", &format!("/v1/keys/{id}")).await;
        assert!(status == 409 && body.contains("last key"), "{status} {body}");
        let (status, _) = api.with_key(first, "POST", "/v1/keys").await;
        assert_eq!(status, 200);
        assert_eq!(api.with_key(first, "DELETE", &format!("/v1/keys/{id}")).await.0, 200);

        let api = Api::new().await;
        let made = create(&api, "").await;
        let id = made["key"]["id"].as_str().expect("an id");
        assert_eq!(api.form("DELETE", &format!("/v1/keys/{id}"), "").await.0, 200);
    }

    #[tokio::test]
    async fn what_cannot_be_a_key_is_refused() {
        let api = Api::new().await;
        let long = format!("description={}", "x".repeat(257));
        for (fields, status, named) in [
            ("kind=web", 400, "'kind'"),
            ("kind=domain", 400, "Missing parameter 'domain_name'"),
            ("kind=user&domain_name=a.test", 400, "'domain_name'"),
            ("role=basic", 400, "'role'"),
            ("domain_name=a.test&role=admin", 400, "'role'"),
            ("expiration=60", 400, "'expiration'"),
            (long.as_str(), 400, "'description'"),
            ("description=a%0Ab", 400, "'description'"),
            ("domain_name=b.test", 404, "Domain not found"),
        ] {
            let (got, body) = api.form("POST", "/v1/keys", fields).await;
            assert!(got == status && body.contains(named), "{fields}: {got} {body}");
        }
        assert!(api.get("/v1/keys").await.1.starts_with("{\"total_count\":0,"));
    }
}
