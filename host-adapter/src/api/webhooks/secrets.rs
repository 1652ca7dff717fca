//! `/v3/domains/{domain}/webhooks/{type}/secrets`: what the domain's Standard Webhooks are signed with. For its
//! owner, who verifies with it; no list of webhooks holds a secret.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::Rotation;
use super::{NOT_SET, OfWebhook};
use crate::api::App;
use crate::api::caller::OfDomain;
use crate::api::error::Error;
use crate::api::form::Form;
use crate::api::reply;
use crate::clock::wall_millis;
use crate::config::duration;
use crate::storage::{EndpointSecrets, EndpointUrl, SecretOf};
use crate::transport::normalise;

/// How long the old secret stays good where a rotation does not say, and at most.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);
const LONGEST_OVERLAP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The secrets for one URL, the old one only by its end.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointSecret, example = json!({
    "url": "https://crm.example.com/hooks",
    "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
    "old_secret_until": "2026-02-04T19:20:31Z",
}))]
pub(in crate::api) struct Shown {
    /// Without its credentials.
    url: String,
    /// `whsec_` and base64.
    secret: String,
    /// Until when every POST is signed with the old secret too, if it still is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    old_secret_until: Option<String>,
}

impl Shown {
    pub(in crate::api) fn new(url: &str, secrets: &EndpointSecrets) -> Self {
        let now = wall_millis();
        let until = secrets.previous(now).map(|previous| reply::date(previous.until));
        Self { url: url.to_owned(), secret: secrets.current().expose().to_owned(), old_secret_until: until }
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Secrets {
    secrets: Vec<Shown>,
}

impl Secrets {
    pub(in crate::api) fn new(secrets: impl IntoIterator<Item = Shown>) -> Self {
        Self { secrets: secrets.into_iter().collect() }
    }
}

/// The secrets of a webhook
///
/// With its secret, the owner of an endpoint verifies the Standard Webhooks signature. Asked for one webhook at a
/// time: no list of webhooks holds a secret.
#[utoipa::path(
    get, path = "/v3/domains/{domain}/webhooks/{type}/secrets", tag = "Webhooks", operation_id = "showSecrets",
    params(OfDomain, OfWebhook),
    responses((status = 200, body = Secrets), (status = 404, description = NOT_SET)),
)]
pub(super) async fn show(OfWebhook(domain, kind): OfWebhook) -> Result<Response, Error> {
    let webhook = domain.webhook(kind);
    if webhook.is_empty() {
        return Err(Error::UnknownWebhook);
    }
    let each = webhook.iter().filter_map(|endpoint| {
        domain.secrets(endpoint.id()).map(|secrets| Shown::new(endpoint.url().shown(), secrets))
    });
    Ok(reply::ok(&Secrets::new(each)))
}

#[derive(Serialize, ToSchema)]
#[schema(as = SecretRotated)]
pub(in crate::api) struct Rotated {
    message: &'static str,
    secret: Shown,
}

impl Rotated {
    pub(in crate::api) fn new(secret: Shown) -> Self {
        Self { message: "Secret has been rotated", secret }
    }
}

/// Replace the secret for one URL
///
/// For the time of the overlap every POST is signed with both secrets.
#[utoipa::path(
    post, path = "/v3/domains/{domain}/webhooks/{type}/secrets", tag = "Webhooks", operation_id = "rotateSecret",
    params(OfDomain, OfWebhook),
    request_body(content = inline(Rotation), content_type = "multipart/form-data"),
    responses((status = 200, body = Rotated), (status = 404, description = NOT_SET), (status = 503)),
)]
pub(super) async fn rotate(
    State(app): State<App>,
    OfWebhook(domain, kind): OfWebhook,
    form: Form,
) -> Result<Response, Error> {
    let text = form.required("url")?.trim();
    // What has no normal form cannot be one of the webhook's either.
    let url = EndpointUrl::new(&normalise(text).unwrap_or_else(|_| text.to_owned()));
    let of = SecretOf::Domain { domain: domain.name().to_string(), kind, url: url.clone() };
    let secrets = app.store().rotate_secret(of, overlap(&form)?).await;
    let secrets = secrets.map_err(|error| Error::of_webhook(error, kind))?;
    Ok(reply::ok(&Rotated::new(Shown::new(url.shown(), &secrets))))
}

/// For how long the form says that the old secret stays good.
pub(in crate::api) fn overlap(form: &Form) -> Result<Duration, Error> {
    let Some(text) = form.first("overlap") else { return Ok(OVERLAP) };
    duration(text)
        .filter(|overlap| *overlap <= LONGEST_OVERLAP)
        .ok_or_else(|| Error::invalid("overlap", "must be a duration from 0s to 30d, such as 24h"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::api::testing::Api;

    const SECRETS: &str = "/v3/domains/a.test/webhooks/opened/secrets";

    async fn api_with_opened() -> Api {
        let api = Api::new().await;
        let fields = "id=opened&url=https://user:pass@8.8.8.8/a&url=https://8.8.8.8/b";
        assert_eq!(api.form("POST", "/v3/domains/a.test/webhooks", fields).await.0, 200);
        api
    }

    async fn shown(api: &Api) -> Value {
        serde_json::from_str(&api.get(SECRETS).await.1).expect("JSON")
    }

    #[tokio::test]
    async fn a_rotated_secret_is_new_and_the_old_one_has_an_end() {
        let api = api_with_opened().await;
        let before = shown(&api).await;
        let (status, body) = api.form("POST", SECRETS, "url=https://user:***@8.8.8.8/a&overlap=2h").await;
        assert!(status == 200 && !body.contains("pass"), "{body}");
        let rotated: Value = serde_json::from_str(&body).expect("JSON");
        let after = shown(&api).await;
        assert_eq!((&after["secrets"][0], &after["secrets"][1]), (&rotated["secret"], &before["secrets"][1]));
        assert_ne!(after["secrets"][0]["secret"], before["secrets"][0]["secret"]);
        let until = after["secrets"][0]["old_secret_until"].as_str().expect("an end");
        assert!(until.len() == 20 && until.ends_with('Z'), "{until}");
    }

    #[tokio::test]
    async fn without_an_overlap_the_old_secret_is_gone_at_once() {
        let api = api_with_opened().await;
        assert_eq!(api.form("POST", SECRETS, "url=https://8.8.8.8/b&overlap=0s").await.0, 200);
        assert_eq!(shown(&api).await["secrets"][1].get("old_secret_until"), None);
    }

    #[tokio::test]
    async fn a_rotation_that_cannot_be_is_refused() {
        let api = api_with_opened().await;
        let before = shown(&api).await;
        for (fields, named) in [
            ("", "Missing parameter 'url'"),
            ("url=https://8.8.8.8/c", "'url'"),
            ("url=nonsense", "'url'"),
            ("url=https://8.8.8.8/b&overlap=31d", "'overlap'"),
            ("url=https://8.8.8.8/b&overlap=-1h", "'overlap'"),
            ("url=https://8.8.8.8/b&overlap=soon", "'overlap'"),
        ] {
            let (status, body) = api.form("POST", SECRETS, fields).await;
            assert!(status == 400 && body.contains(named), "{fields}: {status} {body}");
        }
        assert_eq!(shown(&api).await, before);
        let not_set = SECRETS.replace("opened", "clicked");
        assert_eq!(api.form("POST", &not_set, "url=https://8.8.8.8/b").await.0, 404);
    }

    #[tokio::test]
    async fn another_domain_with_the_same_url_has_a_secret_of_its_own() {
        let api = api_with_opened().await;
        api.app.store().create_domain("b.test").await.expect("a domain");
        let fields = "id=opened&url=https://8.8.8.8/b";
        assert_eq!(api.form("POST", "/v3/domains/b.test/webhooks", fields).await.0, 200);
        let (_, others) = api.get(&SECRETS.replace("a.test", "b.test")).await;
        let others: Value = serde_json::from_str(&others).expect("JSON");
        assert_ne!(others["secrets"][0]["secret"], shown(&api).await["secrets"][1]["secret"]);
    }
}
