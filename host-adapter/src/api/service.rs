//! The API as the server's loop sees it: a request, and its answer.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::answers::{Asked, TwoEnds};
use super::{App, caller, router, submit};
use crate::storage::Domain;

/// Answers requests.
///
/// Nearly all requests to a busy server are submissions, and the layers of the router are a tenth of all that one costs
/// it. So a submission with which nothing is wrong so far goes straight to its handler; everything else, and
/// whatever may have to be refused, goes by the router.
pub struct Service {
    app: App,
    router: TowerToHyperService<Router>,
}

impl Service {
    /// All routes of this API.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { router: TowerToHyperService::new(router(app.clone())), app }
    }

    /// The answer to a request.
    pub async fn answer(&self, request: Request) -> Response {
        let Some(domain) = self.submits_to(&request) else {
            let Ok(response) = self.router.call(request).await;
            return response;
        };
        let asked = Asked::of(&request, Some(submit::ROUTE));
        let submitted = submit::take(&self.app, &domain, request).await;
        asked.see_to(&self.app, submitted.into_response())
    }

    /// The domain that events are submitted to, by somebody who may do so, in a request that the router would hand to
    /// that handler.
    fn submits_to(&self, request: &Request) -> Option<Arc<Domain>> {
        // A name that is written in another way than the store writes it is the router's, and so is one without a dot, which
        // might be a word of another route.
        let name = request.uri().path().strip_prefix("/v3/")?.strip_suffix("/events")?;
        if request.method() != Method::POST
            || !name.contains('.')
            || request.extensions().get::<TwoEnds>().is_some()
        {
            return None;
        }
        // The key comes first: how long it takes is not to tell which domains there are.
        let scope = caller::scope(&self.app, request.headers()).ok()?;
        let directory = self.app.store().directory();
        let domain = directory.domain(name).filter(|domain| scope.covers(domain.name()))?;
        Some(domain.clone())
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header;
    use tower::ServiceExt as _;

    use super::*;
    use crate::api::testing::{Api, read};

    const EVENT: &str = r#"{"event":"opened","id":"one","timestamp":1521472262.908181}"#;

    fn submission(path: &str, key: &str, api: &Api) -> axum::http::request::Builder {
        api.request_with(key, "POST", path).header(header::CONTENT_TYPE, "application/json")
    }

    /// Heads and bodies, by the short way and by the router, of the same request.
    async fn both_ways(path: &str, key: &str, body: &'static str) -> [(Vec<String>, String); 2] {
        let mut answers = Vec::new();
        for is_short in [true, false] {
            let api = Api::new().await;
            api.app.store().create_domain("domains").await.expect("a domain");
            let request = submission(path, key, &api).body(Body::from(body)).expect("a request");
            let response = if is_short {
                api.response(request).await
            } else {
                let Ok(response) = api.router().oneshot(request).await;
                response
            };
            let (mut head, body) = read(response).await;
            // Where it is missing, the HTTP library adds it.
            head.headers.remove(header::CONTENT_LENGTH);
            let mut lines: Vec<_> =
                head.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
            lines.sort_unstable();
            lines.push(head.status.to_string());
            answers.push((lines, body));
        }
        answers.try_into().expect("two answers")
    }

    #[tokio::test]
    async fn the_short_way_and_the_router_give_the_same_answers() {
        for (path, key, body, status) in [
            ("/v3/a.test/events", "key-1", EVENT, "200 OK"),
            ("/v3/a.test/events?partial=yes", "key-1", EVENT, "200 OK"),
            ("/v3/a.test/events?partial=perhaps", "key-1", EVENT, "400 Bad Request"),
            ("/v3/a.test/events", "key-1", r#"{"event":"sung"}"#, "400 Bad Request"),
            ("/v3/A.test/events", "key-1", EVENT, "200 OK"),
            ("/v3/a%2Etest/events", "key-1", EVENT, "200 OK"),
            ("/v3/b.test/events", "key-1", EVENT, "404 Not Found"),
            ("/v3/a.test/events", "key-2", EVENT, "401 Unauthorized"),
            ("/v3/a.test/events/", "key-1", EVENT, "404 Not Found"),
            ("/v3//events", "key-1", EVENT, "404 Not Found"),
            ("/v3/domains/events", "key-1", EVENT, "405 Method Not Allowed"),
        ] {
            let [short, router] = both_ways(path, key, body).await;
            assert_eq!(short, router, "{path}");
            assert_eq!(short.0.last().map(String::as_str), Some(status), "{path}: {}", short.1);
        }
    }

    #[tokio::test]
    async fn only_what_is_in_order_goes_the_short_way() {
        let api = Api::new().await;
        api.app.store().create_domain("b.test").await.expect("a domain");
        let only_b = api.key_for(Some("b.test")).await;
        let service = Service::new(api.app.clone());
        let goes = |path: &str, key: &str| {
            service.submits_to(&submission(path, key, &api).body(Body::empty()).expect("a request")).is_some()
        };
        assert!(goes("/v3/a.test/events", "key-1") && goes("/v3/b.test/events", &only_b));
        assert!(!goes("/v3/a.test/events", &only_b) && !goes("/v3/a.test/events", "key-2"));
        assert!(!goes("/v3/a.test/webhooks", "key-1") && !goes("/v4/a.test/events", "key-1"));
        let mut two_ends =
            submission("/v3/a.test/events", "key-1", &api).body(Body::empty()).expect("a request");
        two_ends.extensions_mut().insert(TwoEnds);
        assert!(service.submits_to(&two_ends).is_none());
        let listing =
            api.request_with("key-1", "GET", "/v3/a.test/events").body(Body::empty()).expect("a request");
        assert!(service.submits_to(&listing).is_none());
    }
}
