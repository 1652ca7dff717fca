//! `GET` and `POST /v5/accounts/http_signing_key`.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::App;
use super::caller::Scope;
use super::error::Error;
use super::reply;
use crate::entropy;
use crate::secrets::Secret;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/v5/accounts/http_signing_key", get(show).post(regenerate))
}

async fn show(State(app): State<App>, scope: Scope) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Shown<'a> {
        http_signing_key: &'a str,
    }

    scope.require_account()?;
    let directory = app.store().directory();
    let key = directory.signing_key().ok_or(Error::NoSigningKey)?;
    Ok(reply::ok(&Shown { http_signing_key: key.expose() }))
}

/// A new key; attempts that start from now on are signed with it, and the old one is dead. A configured key
/// cannot be replaced here: the next start would bring it back.
async fn regenerate(State(app): State<App>, scope: Scope) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Regenerated<'a> {
        message: &'static str,
        http_signing_key: &'a str,
    }

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
