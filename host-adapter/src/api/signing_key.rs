//! `GET` and `POST /v5/accounts/http_signing_key`.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::App;
use super::caller::Scope;
use super::document::Routes;
use super::error::Error;
use super::reply;
use crate::entropy;
use crate::secrets::Secret;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(show, regenerate))
}

#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey, example = json!({"http_signing_key": "key-55c5c5c5c55f55ca5cd5f55d5c555c55"}))]
struct Shown<'a> {
    http_signing_key: &'a str,
}

/// The key that signs payloads
///
/// Receivers verify with it. It is not an API key.
#[utoipa::path(
    get, path = "/v5/accounts/http_signing_key", tag = "Account", operation_id = "showSigningKey",
    responses(
        (status = 200, body = Shown),
        (status = 400, description = "There is none."),
        (status = 403),
    ),
)]
async fn show(State(app): State<App>, scope: Scope) -> Result<Response, Error> {
    scope.require_account()?;
    let directory = app.store().directory();
    let key = directory.signing_key().ok_or(Error::NoSigningKey)?;
    Ok(reply::ok(&Shown { http_signing_key: key.expose() }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = SigningKeyRegenerated)]
struct Regenerated<'a> {
    message: &'static str,
    http_signing_key: &'a str,
}

/// Replace the key that signs payloads
///
/// Attempts that start from now on are signed with the new key, and the old one is dead. A configured key cannot be
/// replaced here: the next start would bring it back.
#[utoipa::path(
    post, path = "/v5/accounts/http_signing_key", tag = "Account", operation_id = "regenerateSigningKey",
    responses(
        (status = 200, body = Regenerated),
        (status = 403),
        (status = 409, description = "The key is configured."),
        (status = 503),
    ),
)]
async fn regenerate(State(app): State<App>, scope: Scope) -> Result<Response, Error> {
    scope.require_account()?;
    if app.signing_key_is_configured() {
        return Err(Error::SigningKeyConfigured);
    }
    let key = Secret::new(entropy::key());
    app.store().set_signing_key(key.clone()).await?;
    let message = "regenerated HTTP signing key for account";
    Ok(reply::ok(&Regenerated { message, http_signing_key: key.expose() }))
}

#[cfg(test)]
mod tests {
    use crate::api::testing::Api;

    const ROUTE: &str = "/v5/accounts/http_signing_key";

    #[tokio::test]
    async fn the_key_that_signs_webhooks_is_shown_to_its_owner() {
        let api = Api::new().await;
        let shown = api.get(ROUTE).await;
        assert_eq!(shown, (200, "{\"http_signing_key\":\"signing-1\"}\n".into()));
    }

    #[tokio::test]
    async fn a_regenerated_key_takes_the_old_ones_place_at_once() {
        let api = Api::new().await;
        let (status, body) = api.form("POST", ROUTE, "").await;
        assert_eq!(status, 200);
        let key =
            body.strip_prefix("{\"message\":\"regenerated HTTP signing key for account\",").expect("it");
        assert!(key.starts_with("\"http_signing_key\":\"key-"), "{body}");
        assert_eq!(api.get(ROUTE).await.1, format!("{{{key}"));
    }

    #[tokio::test]
    async fn a_configured_key_is_changed_where_it_is_configured() {
        let api = Api::with_configured_signing_key().await;
        let (status, body) = api.form("POST", ROUTE, "").await;
        assert!(status == 409 && body.contains("SEALPOST_SIGNING_KEY"), "{status} {body}");
        assert_eq!(api.get(ROUTE).await.1, "{\"http_signing_key\":\"signing-1\"}\n");
    }
}
