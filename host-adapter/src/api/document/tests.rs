//! The document against the routes, both ways.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::Value;

use crate::api::testing::Api;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

async fn document(api: &Api) -> Value {
    let (head, body) = api.send_bare(Request::get("/openapi.json"), Body::empty()).await;
    assert_eq!(head.status, 200);
    serde_json::from_str(&body).expect("JSON")
}

/// The methods of each path that the document describes.
fn described(document: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |item: &Value| METHODS.into_iter().filter(|method| item.get(method).is_some()).collect();
    paths.iter().map(|(path, item)| (path.as_str(), methods(item))).collect()
}

/// The router tells nobody which routes it has, except whoever debugs it.
fn paths(router: &axum::Router) -> Vec<String> {
    let text = format!("{router:?}");
    let routes = text.split("fallback_router").next().unwrap_or_default();
    let quoted = routes.split('"').filter(|text| text.starts_with('/'));
    quoted.map(str::to_owned).collect()
}

/// A path with something in place of its parameters.
fn filled(path: &str) -> String {
    let values =
        [("{domain}", "a.test"), ("{type}", "opened"), ("{cursor}", "x"), ("{id}", "x"), ("{number}", "1")];
    values.into_iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[tokio::test]
async fn every_route_is_described() {
    let api = Api::new().await;
    let document = document(&api).await;
    let described = described(&document);
    let paths = paths(&api.router());
    assert!(paths.len() > 9, "{paths:?}");
    // A bin takes any method; it is described by one of them.
    let any = "/bins/{id}/in";
    assert!(described[any].contains("post"));
    for path in paths.into_iter().filter(|path| path != any) {
        // What no route takes is answered with what the route does take.
        let (head, _) = api.send(Request::trace(filled(&path)), Body::empty()).await;
        assert_eq!(head.status, 405, "{path}");
        let allowed = head.headers[header::ALLOW].to_str().expect("text").to_ascii_lowercase();
        let allowed: BTreeSet<_> = allowed.split(',').filter(|method| *method != "head").collect();
        assert_eq!(described.get(path.as_str()), Some(&allowed), "{path} is not described: use `routes!`");
    }
}

#[tokio::test]
async fn every_operation_is_a_route_and_wants_a_key_if_it_says_so() {
    let api = Api::new().await;
    let document = document(&api).await;
    for (path, methods) in described(&document) {
        for method in methods {
            let operation = &document["paths"][path][method];
            let request = Request::builder().method(method.to_ascii_uppercase().as_str()).uri(filled(path));
            let wrong = Request::builder()
                .method(method.to_ascii_uppercase().as_str())
                .uri(filled(path))
                .header(header::AUTHORIZATION, "Basic YXBpOng=");
            for request in [request, wrong] {
                let (head, body) = api.send_bare(request, Body::empty()).await;
                let keyed = operation["security"] == serde_json::json!([{"key": []}]);
                let forbidden = (head.status.as_u16(), body.as_str()) == (401, "Forbidden");
                assert_eq!(keyed, forbidden, "{method} {path}: {body}");
                assert_eq!(keyed, operation["responses"].get("401").is_some(), "{method} {path}");
            }
            let request = Request::builder().method(method.to_ascii_uppercase().as_str()).uri(filled(path));
            let (head, body) = api.send(request, Body::empty()).await;
            assert!(head.status != 405 && !body.contains("no such route"), "{method} {path}: {body}");
            let status = head.status.as_str();
            assert!(operation["responses"].get(status).is_some(), "{method} {path} answers {status}: {body}");
        }
    }
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_a_group_and_a_summary() {
    let document = document(&Api::new().await).await;
    let groups: Vec<_> = document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    let mut names = BTreeSet::new();
    for (path, methods) in described(&document) {
        for method in methods {
            let operation = &document["paths"][path][method];
            let name = operation["operationId"].as_str().expect(path);
            assert!(names.insert(name), "{name} is twice");
            assert!(groups.contains(&&operation["tags"][0]), "{name} is in no group");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
            let named: Vec<_> = path.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let in_path = parameters.filter(|parameter| parameter["in"] == "path");
            let in_path: Vec<_> = in_path.filter_map(|parameter| parameter["name"].as_str()).collect();
            assert_eq!(in_path, named, "{name}");
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document(&Api::new().await).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
}
