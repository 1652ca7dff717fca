//! `GET /healthz`, for load balancers and supervisors: no key, no secrets.

use std::future::ready;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::App;
use super::reply;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/healthz", get(show))
}

async fn show(State(app): State<App>) -> Response {
    #[derive(Serialize)]
    struct Health {
        status: String,
        version: &'static str,
        /// URLs of legacy webhooks, which nobody should need for ever.
        legacy_urls: usize,
    }

    let failed = tokio::select! {
        biased;
        _ = app.store().broken() => Some("storage"),
        part = app.failed() => Some(part),
        () = ready(()) => None,
    };
    let legacy_urls = app.store().directory().legacy_urls();
    let (code, status) = match failed {
        Some(part) => (StatusCode::SERVICE_UNAVAILABLE, format!("{part} failed")),
        None if app.is_draining() => (StatusCode::SERVICE_UNAVAILABLE, "draining".to_owned()),
        None => (StatusCode::OK, "ok".to_owned()),
    };
    reply::json(code, &Health { status, version: env!("CARGO_PKG_VERSION"), legacy_urls })
}

#[cfg(test)]
mod tests {
    use crate::api::testing::Api;

    #[tokio::test]
    async fn a_server_that_drains_says_so() {
        let api = Api::new().await;
        let (status, body) = api.get("/healthz").await;
        assert_eq!(status, 200);
        assert!(body.starts_with("{\"status\":\"ok\""), "{body}");
        api.app.drain();
        let (status, body) = api.get("/healthz").await;
        assert_eq!(status, 503);
        assert!(body.starts_with("{\"status\":\"draining\""), "{body}");
    }

    #[tokio::test]
    async fn a_server_that_lost_a_part_names_the_first_one() {
        let api = Api::new().await;
        api.app.fail("delivery");
        api.app.fail("upkeep");
        api.app.drain();
        let (status, body) = api.get("/healthz").await;
        assert_eq!(status, 503);
        assert!(body.starts_with("{\"status\":\"delivery failed\""), "{body}");
        assert_eq!(api.app.failed().await, "delivery");
    }
}
