//! `GET /metrics`, for Prometheus and whatever else reads OpenMetrics.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::App;
use super::caller::{self, Scope};
use super::document::Routes;
use super::error::Error;
use crate::metrics::CONTENT_TYPE;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(show))
}

/// What this server does, in numbers
///
/// OpenMetrics text. It concerns all domains, so it takes a key of the account, or an address that
/// `server.metrics_allow` names.
#[utoipa::path(
    get, path = "/metrics", tag = "Server", operation_id = "showMetrics",
    responses(
        (status = 200, description = "The numbers.", body = String, content_type = "application/openmetrics-text"),
        (status = 403),
    ),
)]
async fn show(State(app): State<App>, scope: Scope) -> Result<Response, Error> {
    scope.require_account()?;
    let text = app.metrics().render(app.store()).await.map_err(|_| Error::Internal)?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// Lets a request pass that needs no key, because of where it comes from; all others show one.
pub(super) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let shows_key = request.headers().contains_key(header::AUTHORIZATION);
    if !shows_key && is_near(&app, &request) {
        request.extensions_mut().insert(Scope::of(None));
        return Ok(next.run(request).await);
    }
    caller::authenticate(State(app), request, next).await
}

/// Whether the request comes from an address that needs no key. One that was forwarded by somebody who is no trusted
/// proxy may come from anywhere.
fn is_near(app: &App, request: &Request) -> bool {
    const FORWARDED: [&str; 2] = ["forwarded", "x-forwarded-for"];
    let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else { return false };
    let forwarded = FORWARDED.into_iter().any(|name| request.headers().contains_key(name));
    if forwarded && !app.trusts_proxy(peer.ip()) {
        return false;
    }
    app.gives_metrics_to(caller::client(app, peer.ip(), request.headers()))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::ConnectInfo;
    use axum::http::{Request, header, request};

    use super::*;
    use crate::api::testing::Api;

    fn from(peer: &str) -> request::Builder {
        let peer: SocketAddr = format!("{peer}:4711").parse().expect("an address");
        Request::get("/metrics").extension(ConnectInfo(peer))
    }

    async fn status(api: &Api, request: request::Builder) -> u16 {
        api.send_bare(request, Body::empty()).await.0.status.as_u16()
    }

    #[tokio::test]
    async fn a_key_of_the_account_opens_it_and_one_of_a_domain_does_not() {
        let api = Api::new().await;
        let (head, body) = api.send(Request::get("/metrics"), Body::empty()).await;
        assert_eq!(head.status, 200);
        assert_eq!(head.headers[header::CONTENT_TYPE], CONTENT_TYPE);
        assert!(body.contains("\nsealpost_deliveries_pending 0\n") && body.ends_with("# EOF\n"), "{body}");
        let key = api.key_for(Some("a.test")).await;
        assert_eq!(api.with_key(&key, "GET", "/metrics").await.0, 403);
        assert_eq!(status(&api, from("127.0.0.1")).await, 401);
    }

    #[tokio::test]
    async fn where_addresses_are_named_they_need_no_key_and_all_others_do() {
        let api = Api::giving_metrics_to("198.51.100.0/24").await;
        let forwarded = |peer: &str, address: &str| from(peer).header("x-forwarded-for", address);
        for (request, expected) in [
            (from("198.51.100.7"), 200),
            (from("203.0.113.1"), 401),
            (from("198.51.100.7").header(header::AUTHORIZATION, "Basic YXBpOng="), 401),
            // 192.0.2.1 is a trusted proxy of the fixture.
            (forwarded("192.0.2.1", "198.51.100.7"), 200),
            (forwarded("192.0.2.1", "203.0.113.1"), 401),
            (forwarded("192.0.2.1", "198.51.100.7, 203.0.113.1"), 401),
            (forwarded("198.51.100.7", "198.51.100.8"), 401),
            (from("198.51.100.7").header("forwarded", "for=198.51.100.8"), 401),
        ] {
            let shown = format!("{request:?}");
            assert_eq!(status(&api, request).await, expected, "{shown}");
        }
    }

    #[tokio::test]
    async fn every_answer_is_counted_by_its_route() {
        let api = Api::new().await;
        let _ = api.get("/v3/domains").await;
        let _ = api.get("/v3/nowhere.test/events").await;
        let _ = api.get("/nowhere").await;
        let (_, text) = api.get("/metrics").await;
        for line in [
            "sealpost_answers_total{method=\"GET\",route=\"/v3/domains\",status=\"200\"} 1",
            "sealpost_answers_total{method=\"GET\",route=\"/v3/{domain}/events\",status=\"404\"} 1",
            "sealpost_answers_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
