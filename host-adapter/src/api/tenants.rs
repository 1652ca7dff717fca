//! Tests: the key of one domain sees, changes and infers nothing of another one.

use axum::body::Body;
use axum::http::header;

use super::testing::{Api, ROUTES};

const FORM: &str = "application/x-www-form-urlencoded";
/// Bodies that other callers would be answered about, each with its media type.
const BODIES: [(&str, &str); 5] = [
    ("", ""),
    (FORM, "id=opened&url=https://8.8.8.8/a"),
    (FORM, "id=opened&url=nonsense"),
    ("application/json", r#"{"event":"opened","id":"one","recipient":"a@b.test"}"#),
    ("image/png", "no form"),
];

/// An API with a domain `a.test` that has a webhook, an event and a key, and another, `b.test`, with the same.
/// The key of `a.test`.
async fn two_tenants() -> (Api, String) {
    let api = Api::new().await;
    api.app.store().create_domain("b.test").await.expect("a domain");
    for domain in ["a.test", "b.test"] {
        let webhooks = format!("/v3/domains/{domain}/webhooks");
        assert_eq!(api.form("POST", &webhooks, "id=opened&url=https://8.8.8.8/a").await.0, 200);
        let event = api.request_with("key-1", "POST", &format!("/v3/{domain}/events"));
        let event = event.header(header::CONTENT_TYPE, "application/json");
        let sent = api.send_bare(event, r#"{"event":"opened","id":"one","recipient":"a@b.test"}"#).await;
        assert_eq!(sent.0.status, 200);
    }
    let key = api.key_for(Some("a.test")).await;
    api.key_for(Some("b.test")).await;
    (api, key)
}

/// Everything about an answer, and the status alone.
async fn answer(api: &Api, key: &str, (method, path): (&str, &str), body: (&str, &str)) -> (String, u16) {
    let mut request = api.request_with(key, method, path);
    if !body.0.is_empty() {
        request = request.header(header::CONTENT_TYPE, body.0);
    }
    let (head, text) = api.send_bare(request, Body::from(body.1.to_owned())).await;
    (format!("{} {:?} {text}", head.status, head.headers), head.status.as_u16())
}

/// What the owner of the account sees of `b.test`.
async fn sight_of_b(api: &Api) -> Vec<String> {
    let mut seen = Vec::new();
    for path in ["/v3/domains/b.test/webhooks", "/v3/domains/b.test/webhooks/opened/secrets", "/v1/keys"] {
        seen.push(api.get(path).await.1);
    }
    let (_, events) = api.get("/v3/b.test/events").await;
    seen.push(events.split("\"paging\"").next().unwrap_or_default().to_owned());
    seen
}

#[tokio::test]
async fn another_domain_is_to_a_key_as_one_that_does_not_exist() {
    let (api, key) = two_tenants().await;
    let before = sight_of_b(&api).await;
    for (method, path) in ROUTES.into_iter().filter(|(_, path)| path.contains("{domain}")) {
        for body in BODIES {
            let ask = async |domain| {
                let path = path.replace("{domain}", domain);
                answer(&api, &key, (method, &path), body).await
            };
            let (there, nowhere) = (ask("b.test").await, ask("c.test").await);
            assert_eq!(there.1, 404, "{method} {path} {body:?}: {}", there.0);
            assert_eq!(there, nowhere, "{method} {path} {body:?}");
            assert_eq!(ask("B.TEST").await, there, "{method} {path} {body:?}");
        }
    }
    let question = |domain: &str| {
        let condition =
            format!(r#"{{"attribute":"domain","comparator":"=","values":[{{"value":"{domain}"}}]}}"#);
        format!(r#"{{"filter":{{"AND":[{condition}]}}}}"#)
    };
    let (there, nowhere) = (question("b.test"), question("c.test"));
    let logs = ("POST", "/v1/analytics/logs");
    let there = answer(&api, &key, logs, ("application/json", &there)).await;
    assert_eq!(there.1, 404, "{}", there.0);
    assert_eq!(there, answer(&api, &key, logs, ("application/json", &nowhere)).await);
    assert_eq!(sight_of_b(&api).await, before);
}

#[tokio::test]
async fn what_concerns_the_account_is_forbidden_to_the_key_of_a_domain() {
    let (api, key) = two_tenants().await;
    let before = sight_of_b(&api).await;
    let of_account =
        |path: &str| ["/v1/keys", "/v1/webhooks", "/v5/"].iter().any(|start| path.starts_with(start));
    let routes: Vec<_> = ROUTES.into_iter().filter(|(_, path)| of_account(path)).collect();
    assert_eq!(routes.len(), 14);
    for (method, path) in
        routes.into_iter().chain([("POST", "/v3/domains"), ("DELETE", "/v3/domains/a.test")])
    {
        let refused = api.with_key(&key, method, path).await;
        assert_eq!(refused, (403, "{\"message\":\"Forbidden\"}\n".into()), "{method} {path}");
    }
    let taken = answer(&api, &key, ("POST", "/v3/domains"), (FORM, "name=b.test")).await;
    assert_eq!(taken, answer(&api, &key, ("POST", "/v3/domains"), (FORM, "name=c.test")).await);
    assert_eq!(sight_of_b(&api).await, before);
}

#[tokio::test]
async fn a_key_of_one_domain_opens_that_domain_and_lists_it_alone() {
    let (api, key) = two_tenants().await;
    for path in ["/v3/a.test/events", "/v3/domains/a.test", "/v3/domains/a.test/webhooks/opened/secrets"] {
        assert_eq!(api.with_key(&key, "GET", path).await.0, 200, "{path}");
    }
    for path in ["/v3/domains", "/v4/domains", "/v4/domains?limit=1000"] {
        let (_, domains) = api.with_key(&key, "GET", path).await;
        assert_eq!(domains, "{\"total_count\":1,\"items\":[{\"name\":\"a.test\",\"state\":\"active\"}]}\n");
    }
    let (_, page) = api.get("/v3/b.test/events").await;
    let link =
        page.split("/v3/b.test/events/").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
    let (status, body) = api.with_key(&key, "GET", &format!("/v3/a.test/events/{link}")).await;
    assert!(status == 400 && !body.contains("b.test"), "{status} {body}");
}

#[tokio::test]
async fn the_key_of_a_deleted_domain_opens_nothing_and_not_the_next_of_that_name() {
    let (api, key) = two_tenants().await;
    assert_eq!(api.form("DELETE", "/v3/domains/a.test", "").await.0, 200);
    assert_eq!(api.with_key(&key, "GET", "/v4/domains").await.0, 401);
    assert_eq!(api.form("POST", "/v3/domains", "name=a.test").await.0, 200);
    assert_eq!(api.with_key(&key, "GET", "/v3/a.test/events").await.0, 401);
}
