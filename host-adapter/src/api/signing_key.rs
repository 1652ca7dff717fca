//! `GET /v5/accounts/http_signing_key`.

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

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(show))
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
