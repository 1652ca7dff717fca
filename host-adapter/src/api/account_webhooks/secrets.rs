//! `/v1/webhooks/{id}/secrets`: what the account signs Standard Webhooks with.

use axum::extract::{Path, State};
use axum::response::Response;

use super::schema::{OfId, Rotation};
use super::{UNKNOWN, find, not_found, refusal};
use crate::api::App;
use crate::api::caller::Scope;
use crate::api::error::Error;
use crate::api::form::Form;
use crate::api::reply;
use crate::api::webhooks::secrets::{Rotated, Secrets, Shown, overlap};
use crate::storage::SecretOf;

/// The secret of a webhook of the account
///
/// A URL that a domain's webhook has too gets one POST, signed with the domain's secret and with this one.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/secrets", tag = "Webhooks", operation_id = "showAccountSecret",
    params(OfId),
    responses((status = 200, body = Secrets), (status = 403), (status = 404, description = UNKNOWN)),
)]
pub(super) async fn show_secret(
    State(app): State<App>,
    scope: Scope,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    scope.require_account()?;
    let webhook = find(&app, &id)?;
    let secrets = app.store().directory().account_secrets(&webhook.endpoint);
    Ok(reply::ok(&Secrets::new([Shown::new(webhook.endpoint.url().shown(), &secrets)])))
}

/// Replace the secret of a webhook of the account
///
/// Holds for all webhooks of the account that have its URL. For the time of the overlap every POST is signed with both
/// secrets.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/secrets", tag = "Webhooks", operation_id = "rotateAccountSecret",
    params(OfId),
    request_body(content = inline(Rotation), content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Rotated), (status = 403), (status = 404, description = UNKNOWN), (status = 503),
    ),
)]
pub(super) async fn rotate_secret(
    State(app): State<App>,
    scope: Scope,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Error> {
    scope.require_account()?;
    let webhook = find(&app, &id)?;
    let secrets = app.store().rotate_secret(SecretOf::Account(webhook.id), overlap(&form)?).await;
    let shown = webhook.endpoint.url().shown();
    let secrets = secrets.map_err(|error| refusal(error, shown, not_found))?;
    Ok(reply::ok(&Rotated::new(Shown::new(shown, &secrets))))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::api::testing::Api;

    async fn made(api: &Api, kind: &str) -> String {
        let fields = format!("url=https://user:pass@8.8.8.8/a&event_types={kind}");
        let (status, body) = api.form("POST", "/v1/webhooks", &fields).await;
        assert_eq!(status, 200, "{body}");
        let made: Value = serde_json::from_str(&body).expect("JSON");
        format!("/v1/webhooks/{}/secrets", made["webhook_id"].as_str().expect("an id"))
    }

    async fn shown(api: &Api, path: &str) -> Value {
        serde_json::from_str(&api.get(path).await.1).expect("JSON")
    }

    #[tokio::test]
    async fn the_secret_is_shown_and_replaced_for_all_webhooks_with_the_url() {
        let api = Api::new().await;
        let (first, second) = (made(&api, "opened").await, made(&api, "clicked").await);
        let before = shown(&api, &first).await;
        assert_eq!(before["secrets"][0]["url"], "https://user:***@8.8.8.8/a");
        assert!(before["secrets"][0]["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));
        assert_eq!(shown(&api, &second).await, before);

        let (status, body) = api.form("POST", &first, "overlap=2h").await;
        let rotated: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!((status, &rotated["message"]), (200, &"Secret has been rotated".into()));
        assert_ne!(rotated["secret"]["secret"], before["secrets"][0]["secret"]);
        assert!(rotated["secret"]["old_secret_until"].is_string());
        assert_eq!(shown(&api, &second).await["secrets"][0], rotated["secret"]);
    }

    #[tokio::test]
    async fn what_cannot_be_is_refused() {
        let api = Api::new().await;
        let path = made(&api, "opened").await;
        let before = shown(&api, &path).await;
        for overlap in ["31d", "-1h", "soon"] {
            let (status, body) = api.form("POST", &path, &format!("overlap={overlap}")).await;
            assert!(status == 400 && body.contains("'overlap'"), "{overlap}: {status} {body}");
        }
        assert_eq!(shown(&api, &path).await, before);
        for id in ["507f1f77bcf86cd799439011", "nonsense"] {
            let path = format!("/v1/webhooks/{id}/secrets");
            assert_eq!(
                api.get(&path).await,
                (404, "{\"message\":\"webhook not found\",\"Description\":\"webhook not found\"}\n".into())
            );
            assert_eq!(api.form("POST", &path, "").await.0, 404);
        }
    }
}
