//! Webhooks of all scopes and both formats, against the real program: what is delivered where, and how often.

use std::collections::BTreeMap;
use std::convert::Infallible;

use sealpost_core::UnixTime;
use sealpost_core::sign::{DEFAULT_WINDOW, EndpointSecret, ReplayGuard, StandardHeaders};
use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{DOMAIN, Receiver, Request, SIGNING_KEY, Server, signature};

/// The fields of a form, the last value of each name.
fn fields(request: &Request) -> BTreeMap<String, String> {
    let content_type = request.header("content-type").expect("a type");
    if content_type == "application/x-www-form-urlencoded" {
        return url::form_urlencoded::parse(&request.body).into_owned().collect();
    }
    let boundary = multer::parse_boundary(content_type).expect("a boundary");
    let body = futures_util::stream::iter([Ok::<_, Infallible>(request.body.clone())]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut parts = multer::Multipart::new(body, boundary);
        let mut fields = BTreeMap::new();
        while let Some(part) = parts.next_field().await.expect("a part") {
            let name = part.name().expect("a name").to_owned();
            fields.insert(name, part.text().await.expect("text"));
        }
        fields
    })
}

/// Checks the signature that is in the fields of a form.
fn check_form(request: &Request) {
    let fields = fields(request);
    let block: BTreeMap<_, _> =
        ["timestamp", "token", "signature"].into_iter().map(|name| (name, &fields[name])).collect();
    signature::check(serde_json::json!({ "signature": block }).to_string().as_bytes(), SIGNING_KEY);
}

#[test]
fn one_url_of_domain_and_account_gets_one_post_until_both_let_go() {
    let mut server = Server::start();
    let api = server.api();
    let receiver = Receiver::start();
    let (both, account) = (receiver.url("/both"), receiver.url("/account"));
    let types = [("event_types", "clicked"), ("event_types", "opened")];
    let v4 = format!("/v4/domains/{DOMAIN}/webhooks");
    let _ = api.urlencoded("POST", &v4, &[&[("url", both.as_str())], &types[..]].concat()).expect(200);
    let made = api.multipart("POST", "/v1/webhooks", &[&[("url", both.as_str())], &types[..]].concat());
    let made = made.expect(200).json()["webhook_id"].as_str().expect("an id").to_owned();
    let _ =
        api.multipart("POST", "/v1/webhooks", &[("url", &account), ("event_types", "clicked")]).expect(200);

    let answer = api.submit(&event("clicked", "first")).expect(200);
    let mut paths: Vec<_> = receiver.wait_for(2).into_iter().map(|request| request.path).collect();
    paths.sort();
    assert_eq!(paths, ["/account", "/both"], "{}", answer.text());

    let _ = api.delete(&format!("/v1/webhooks/{made}")).expect(204);
    let _ = api.submit(&event("opened", "second")).expect(200);
    assert_eq!(receiver.wait_for(3)[2].path, "/both", "the domain still has it");
    let _ = api.delete(&format!("{v4}?url={both}")).expect(200);
    let _ = api.submit(&event("opened", "third")).expect(200);
    assert!(server.sigterm().success());
    assert_eq!(receiver.requests().len(), 3);
    assert_eq!((server.accounting().accepted, server.accounting().acknowledged), (3, 3));
}

#[test]
fn a_legacy_webhook_gets_a_signed_form_beside_the_new_one_on_the_same_url() {
    let mut server = Server::start();
    let api = server.api();
    let receiver = Receiver::start();
    let _ = api.multipart("PUT", &format!("/v3/domains/{DOMAIN}"), &[("legacy", "yes")]).expect(200);
    for kind in ["click", "clicked", "bounce", "drop"] {
        let path = if kind == "drop" { "/drop" } else { "/hook" };
        let _ = api.subscribe(kind, &[receiver.url(path)]).expect(200);
    }
    assert_eq!(api.get(&webhooks("/click")).json()["webhook"]["url"], receiver.url("/hook"));
    assert_eq!(api.get("/healthz").json()["legacy_urls"], 3);

    let clicked =
        r#"{"event":"clicked","id":"one","recipient":"alice@example.net","url":"https://example.com/?a=1"}"#;
    let _ = api.submit(clicked).expect(200);
    let requests = receiver.wait_for(2);
    let is_form =
        |request: &&Request| request.header("content-type") == Some("application/x-www-form-urlencoded");
    let (form, json): (Vec<_>, Vec<_>) = requests.iter().partition(is_form);
    signature::check(&json[0].body, SIGNING_KEY);
    check_form(form[0]);
    let fields = fields(form[0]);
    assert_eq!(fields["event"], "clicked");
    assert_eq!((&*fields["recipient"], &*fields["domain"]), ("alice@example.net", DOMAIN));
    assert_eq!(fields["url"], "https://example.com/?a=1");
    assert_ne!(form[0].header("webhook-id"), json[0].header("webhook-id"), "two messages");

    for (id, reason, path) in [("two", "bounce", "/hook"), ("three", "generic", "/drop")] {
        let failed = format!(
            r#"{{"event":"failed","severity":"permanent","id":"{id}","reason":"{reason}","recipient":"a@b.test"}}"#
        );
        let count = receiver.requests().len() + 1;
        let _ = api.submit(&failed).expect(200);
        let last = receiver.wait_for(count).pop().expect("a request");
        assert_eq!(last.path, path);
        assert!(last.header("content-type").is_some_and(|value| value.starts_with("multipart/form-data")));
        check_form(&last);
        assert_eq!(self::fields(&last)["recipient"], "a@b.test");
    }
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().acknowledged, 4);
}

/// Whether one of the signatures in the headers is the secret's.
fn is_signed_with(secret: &str, request: &Request) -> bool {
    let header = |name| request.header(name).expect("a header");
    let headers = StandardHeaders {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
    };
    let now = UnixTime::new(header("webhook-timestamp").parse().expect("seconds"), 0);
    let secret = EndpointSecret::parse(secret).expect("a secret");
    secret.verify(headers, &[&request.body], now, DEFAULT_WINDOW, &mut ReplayGuard::<1>::new()).is_ok()
}

#[test]
fn the_account_verifies_with_its_own_secret_also_where_a_domain_has_the_url_too() {
    let server = Server::start();
    let api = server.api();
    let receiver = Receiver::start();
    let (both, account) = (receiver.url("/both"), receiver.url("/account"));
    let _ = api.subscribe("clicked", std::slice::from_ref(&both)).expect(200);
    let secrets = [&both, &account].map(|url| {
        let made = api.multipart("POST", "/v1/webhooks", &[("url", url), ("event_types", "clicked")]);
        let id = made.expect(200).json()["webhook_id"].as_str().expect("an id").to_owned();
        format!("/v1/webhooks/{id}/secrets")
    });
    let shown = |path: &str| {
        let secret = &api.get(path).expect(200).json()["secrets"][0]["secret"];
        secret.as_str().expect("a secret").to_owned()
    };
    let of_domain = shown(&webhooks("/clicked/secrets"));
    let old = shown(&secrets[1]);
    let _ = api.multipart("POST", &secrets[1], &[("overlap", "1h")]).expect(200);
    let new = shown(&secrets[1]);

    let _ = api.submit(&event("clicked", "one")).expect(200);
    let requests = receiver.wait_for(2);
    let at = |path: &str| requests.iter().find(|request| request.path == path).expect("a request");
    assert!(is_signed_with(&of_domain, at("/both")) && is_signed_with(&shown(&secrets[0]), at("/both")));
    assert!(is_signed_with(&old, at("/account")) && is_signed_with(&new, at("/account")));
    assert!(!is_signed_with(&of_domain, at("/account")) && !is_signed_with(&new, at("/both")));
}
