//! What is said once for all routes: keys, refusals, and both packings of a form.

use utoipa::PartialSchema as _;
use utoipa::ToSchema as _;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::Components;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::Tag;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use super::schema::{choice, text};
use crate::api::error::Refusal;

/// The name of the one security scheme.
const KEY: &str = "key";
const MULTIPART: &str = "multipart/form-data";
const URLENCODED: &str = "application/x-www-form-urlencoded";

/// The documentation of routes that want a key, completed.
pub(super) fn keyed(mut api: OpenApi) -> OpenApi {
    each(&mut api, |path, operation| {
        operation.security = Some(vec![SecurityRequirement::new(KEY, [""; 0])]);
        add(operation, "401");
        add(operation, "429");
        complete(path, operation);
    });
    let components = api.components.get_or_insert_with(Components::new);
    let mut basic = Http::new(HttpAuthScheme::Basic);
    basic.description = Some("The user is `api`, the password an API key.".to_owned());
    components.add_security_scheme(KEY, SecurityScheme::Http(basic));
    let mut refusal = vec![(Refusal::name().into_owned(), Refusal::schema())];
    Refusal::schemas(&mut refusal);
    components.schemas.extend(refusal);
    api
}

/// The documentation of routes that want no key, completed.
pub(super) fn open(mut api: OpenApi) -> OpenApi {
    each(&mut api, |path, operation| {
        // An empty list says that nothing is asked for; without one, nothing is said.
        operation.security = Some(Vec::new());
        complete(path, operation);
    });
    api
}

/// The groups of operations.
pub(super) fn tags() -> Vec<Tag> {
    [
        ("Webhooks", "Which URLs get which events."),
        ("Events", "Events come in, and are listed page by page."),
        (
            "Request bins",
            "What your webhooks look like when they arrive. Whoever knows the id of one sees what is in it.",
        ),
        ("Domains", "The sending domains that events belong to."),
        ("Keys", "What opens this API."),
        ("Account", "What all domains have in common."),
        ("Server", "About this server; no key is needed."),
    ]
    .map(|(name, description)| {
        let mut tag = Tag::new(name);
        tag.description = Some(description.to_owned());
        tag
    })
    .into()
}

fn each(api: &mut OpenApi, mut work: impl FnMut(&str, &mut Operation)) {
    for (path, item) in &mut api.paths.paths {
        let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
        for operation in [get, put, post, delete, options, head, patch, trace].into_iter().flatten() {
            work(path, operation);
        }
    }
}

fn complete(path: &str, operation: &mut Operation) {
    let of_domain = path.contains("{domain}");
    if of_domain {
        add(operation, "404");
    }
    if operation.parameters.as_ref().map_or(0, Vec::len) > usize::from(of_domain) {
        add(operation, "400");
    }
    if operation.parameters.is_some() {
        add(operation, "414");
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        let form = body.content.get(MULTIPART).cloned();
        let statuses: &[_] =
            if form.is_some() { &["400", "408", "413", "415"] } else { &["400", "408", "413"] };
        body.content.extend(form.map(|form| (URLENCODED.to_owned(), form)));
        for status in statuses {
            add(operation, status);
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            describe(status, response);
        }
    }
}

/// Adds an answer, unless the route has described it.
fn add(operation: &mut Operation, status: &str) {
    let response = || RefOr::T(Response::new(""));
    operation.responses.responses.entry(status.to_owned()).or_insert_with(response);
}

/// Says what an answer means and holds, where its route does not.
fn describe(status: &str, response: &mut Response) {
    if response.description.is_empty() {
        meaning(status).clone_into(&mut response.description);
    }
    // An address that long never reaches a route; the HTTP library answers, without a body.
    if status < "400" || status == "414" || !response.content.is_empty() {
        return;
    }
    if matches!(status, "429" | "503") {
        let seconds = text().description(Some("Seconds after which to come back.")).pattern(Some("^[0-9]+$"));
        response.headers.insert("Retry-After".to_owned(), Header::new(seconds.build()).into());
    }
    let (media_type, content) = if status == "401" {
        let realm = choice(["Basic realm=\"MG API\""]);
        response.headers.insert("WWW-Authenticate".to_owned(), Header::new(realm.build()).into());
        ("text/plain", ContentBuilder::new().schema(Some(choice(["Forbidden"]).build())))
    } else {
        ("application/json", ContentBuilder::new().schema(Some(Ref::from_schema_name(Refusal::name()))))
    };
    *response = ResponseBuilder::from(std::mem::take(response)).content(media_type, content.build()).build();
}

/// What an answer with this status means where its route says no more.
fn meaning(status: &str) -> &'static str {
    match status {
        "200" => "Done.",
        "400" => "A parameter is missing or wrong; the message names it.",
        "401" => "No key, or a wrong one.",
        "403" => "The key is good for one domain alone, and this concerns the account.",
        "404" => "The domain is not one of this server, or the key is for another one.",
        "408" => "The body did not arrive in time.",
        "413" => "The body is too large; the message says how large it may be.",
        "414" => "The address is longer than 65 534 bytes; there is no body.",
        "415" => "The body has a media type that is not read here; the message names those that are.",
        "429" => {
            "Too many wrong keys came from this address, or there is no room at the moment: see the message."
        }
        "503" => "The store cannot write or read at the moment.",
        _ => "See the message.",
    }
}
