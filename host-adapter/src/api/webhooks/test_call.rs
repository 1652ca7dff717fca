//! `PUT /v3/domains/{domain}/webhooks/{type}/test`: a sample event to a URL, now, and what it answered.
//!
//! The event has fake ids, is signed with the real key, and is stored nowhere.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use sealpost_core::event::Completion;
use sealpost_core::host::Clock as _;
use sealpost_core::json;
use sealpost_core::sign::{SigningKey, Token};
use sealpost_core::{LegacyKind, Url};
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::Target;
use super::{OfWebhook, url};
use crate::api::App;
use crate::api::caller::OfDomain;
use crate::api::error::Error;
use crate::api::form::Form;
use crate::api::reply;
use crate::entropy;
use crate::format::Format;
use crate::ingest;
use crate::samples;
use crate::standard_webhooks::StandardHeaders;
use crate::storage::HookKind;

#[derive(Serialize, ToSchema)]
#[schema(as = WebhookTested, example = json!({"code": 500, "message": "the receiver answered 500"}))]
struct Tested {
    /// `null` for 200, the receiver's status otherwise, 0 where there was no answer.
    code: Option<u16>,
    /// The same in words.
    message: String,
}

/// Send a sample event
///
/// To this URL, which need not be an endpoint. The event has made-up ids, is signed with the real key, and is stored
/// nowhere.
#[utoipa::path(
    put, path = "/v3/domains/{domain}/webhooks/{type}/test", tag = "Webhooks", operation_id = "testWebhook",
    params(OfDomain, OfWebhook),
    request_body(content = inline(Target), content_type = "multipart/form-data"),
    responses((status = 200, description = "What the receiver answered.", body = Tested)),
)]
pub(super) async fn test(
    State(app): State<App>,
    OfWebhook(domain, kind): OfWebhook,
    form: Form,
) -> Result<Response, Error> {
    let vetted = url::vet(&app, domain.endpoints(), form.required("url")?.trim()).await?;
    let endpoint = url::known(domain.endpoints(), &vetted);
    let target = endpoint.as_ref().map_or(&vetted, |endpoint| endpoint.url());
    let parsed = Url::parse(target.expose()).map_err(|_| Error::Internal)?;

    let now = app.clock().unix();
    let id = entropy::event_id(now);
    let completion = Completion {
        id: &id,
        timestamp: now,
        domain: domain.name(),
        account: &app.store().identity().account,
    };
    let data = sample(kind, &completion).ok_or(Error::Internal)?;
    let directory = app.store().directory();
    let key = directory.signing_key().and_then(|key| SigningKey::new(key.expose().as_bytes()).ok());
    let block = key.ok_or(Error::NoSigningKey)?.sign(now, Token::from_entropy(entropy::bytes()));
    let payload = Format::new(kind, data, &block).ok_or(Error::Internal)?;
    let own = endpoint.as_ref().filter(|_| app.standard_webhooks());
    let secrets = own.map(|endpoint| directory.secrets_for(domain.name(), kind, endpoint));
    let message = payload.message_id(&id);
    let standard = secrets.and_then(|secrets| StandardHeaders::sign(&secrets, &message, now, &payload));
    let headers = standard.as_ref().map(StandardHeaders::headers).unwrap_or_default();

    let answer = app.client().test(&parsed, &headers, &payload).await;
    let code = match answer.status {
        Some(200) => None,
        status => Some(status.unwrap_or(0)),
    };
    Ok(reply::ok(&Tested { code, message: answer.detail }))
}

/// The sample event of this type, completed; there is one for each.
fn sample(kind: HookKind, completion: &Completion<'_>) -> Option<Bytes> {
    let sample = match kind {
        HookKind::Current(kind) => samples::of(kind),
        HookKind::Legacy(LegacyKind::Drop) => samples::named("suppressed")?,
        HookKind::Legacy(kind) => samples::of(kind.webhook()),
    };
    let raw = json::check(sample.as_bytes()).ok()?;
    ingest::completed(raw, completion).ok()
}

#[cfg(test)]
mod tests {
    use sealpost_core::WebhookKind;
    use sealpost_core::sign::{DEFAULT_WINDOW, ReplayGuard, SigningKey, verify};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::api::testing::Api;

    /// A receiver that answers one request with this status, and hands over what it got.
    async fn receiver(status: u16) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("http://127.0.0.1:{}/hook", listener.local_addr().expect("an address").port());
        let got = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let mut got = Vec::new();
            while !got.ends_with(b"}}") {
                assert_ne!(socket.read_buf(&mut got).await.expect("bytes"), 0, "the whole request");
            }
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.expect("written");
            String::from_utf8(got).expect("UTF-8")
        });
        (url, got)
    }

    async fn test(api: &Api, kind: &str, url: &str) -> (u16, String) {
        api.form("PUT", &format!("/v3/domains/a.test/webhooks/{kind}/test"), &format!("url={url}")).await
    }

    #[tokio::test]
    async fn every_type_sends_its_sample_signed_with_the_real_key_and_stores_nothing() {
        let api = Api::new().await;
        for kind in WebhookKind::ALL {
            let (url, got) = receiver(200).await;
            let answer = test(&api, kind.as_str(), &url).await;
            assert_eq!(answer, (200, "{\"code\":null,\"message\":\"the receiver answered 200\"}\n".into()));
            let got = got.await.expect("a request");
            let (head, body) = got.split_once("\r\n\r\n").expect("a body");
            assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
            assert!(!head.contains("webhook-signature"), "not an endpoint, so without a secret: {head}");
            let key = SigningKey::new(b"signing-1").expect("a key");
            let now = api.app.clock().unix();
            verify(body.as_bytes(), &key, now, DEFAULT_WINDOW, &mut ReplayGuard::<1>::new()).expect("signed");
        }
        assert!(api.get("/v3/a.test/events").await.1.starts_with("{\"items\":[],"));
    }

    #[tokio::test]
    async fn an_endpoint_is_tested_with_its_own_secret() {
        let api = Api::new().await;
        let (url, got) = receiver(200).await;
        let fields = format!("id=opened&url={url}");
        assert_eq!(api.form("POST", "/v3/domains/a.test/webhooks", &fields).await.0, 200);
        assert_eq!(test(&api, "clicked", &url).await.0, 200);
        assert!(got.await.expect("a request").contains("\r\nwebhook-signature: v1,"));
    }

    #[tokio::test]
    async fn without_standard_webhooks_a_test_has_no_such_headers_either() {
        let api = Api::without_standard_webhooks().await;
        let (url, got) = receiver(200).await;
        let fields = format!("id=opened&url={url}");
        assert_eq!(api.form("POST", "/v3/domains/a.test/webhooks", &fields).await.0, 200);
        assert_eq!(test(&api, "opened", &url).await.0, 200);
        assert!(!got.await.expect("a request").contains("webhook-signature"));
    }

    #[tokio::test]
    async fn any_other_answer_is_told_by_its_number_and_none_by_zero() {
        let api = Api::new().await;
        let (url, _got) = receiver(406).await;
        let answer = test(&api, "opened", &url).await;
        assert_eq!(answer, (200, "{\"code\":406,\"message\":\"the receiver answered 406\"}\n".into()));
        let (url, _got) = receiver(204).await;
        assert!(test(&api, "opened", &url).await.1.starts_with("{\"code\":204,"));
        let (_, body) = test(&api, "opened", "http://127.0.0.1:1024/").await;
        assert!(body.starts_with("{\"code\":0,\"message\":\"no connection"), "{body}");
    }

    #[tokio::test]
    async fn a_url_that_the_guard_denies_is_refused_unsent() {
        let api = Api::new().await;
        let (status, body) = test(&api, "opened", "http://10.0.0.1/").await;
        assert_eq!(status, 400);
        assert!(body.contains("http://10.0.0.1/ is not a valid url"), "{body}");
        assert_eq!(test(&api, "sung", "https://8.8.8.8/").await.0, 400);
        assert_eq!(api.form("PUT", "/v3/domains/a.test/webhooks/opened/test", "").await.0, 400);
    }
}
