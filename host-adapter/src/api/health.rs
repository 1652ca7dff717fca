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
        status: &'static str,
        version: &'static str,
    }

    let broken = tokio::select! {
        biased;
        _ = app.store().broken() => true,
        () = ready(()) => false,
    };
    let (code, status) = match (broken, app.is_draining()) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "storage failed"),
        (false, true) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, false) => (StatusCode::OK, "ok"),
    };
    reply::json(code, &Health { status, version: env!("CARGO_PKG_VERSION") })
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
}
