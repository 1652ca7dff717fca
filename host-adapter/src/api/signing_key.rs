//! `GET /v5/accounts/http_signing_key`.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::App;
use super::caller::Scope;
use super::error::Error;
use super::reply;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/v5/accounts/http_signing_key", get(show))
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

#[cfg(test)]
mod tests {
    use crate::api::testing::Api;

    #[tokio::test]
    async fn the_key_that_signs_webhooks_is_shown_to_its_owner() {
        let api = Api::new().await;
        let shown = api.get("/v5/accounts/http_signing_key").await;
        assert_eq!(shown, (200, "{\"http_signing_key\":\"signing-1\"}\n".into()));
    }
}
