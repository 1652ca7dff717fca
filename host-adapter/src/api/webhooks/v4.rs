//! `/v4/domains/{domain}/webhooks`: one URL, many types. Each call is carried out for all of them or for none.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use sealpost_core::WebhookKind;

use super::schema::{UrlList, UrlOfMany};
use super::{List, all, url};
use crate::api::App;
use crate::api::caller::OfDomain;
use crate::api::error::Error;
use crate::api::form::Form;
use crate::api::shape::Shape;
use crate::storage::{Domain, EndpointUrl, WebhookEdit, WebhookError};
use crate::transport::normalise;

/// Give a URL to several webhooks
///
/// To each of these types, none of which has it yet; or to none of them.
#[utoipa::path(
    post, path = "/v4/domains/{domain}/webhooks", tag = "Webhooks", operation_id = "addWebhookUrl",
    params(OfDomain),
    request_body(content = inline(UrlOfMany), content_type = "multipart/form-data"),
    responses((status = 200, description = "All webhooks of the domain.", body = List), (status = 503)),
)]
pub(super) async fn add(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    form: Form,
) -> Result<Response, Error> {
    let (url, kinds) = asked(&app, &domain, &form).await?;
    edit(&app, &domain, WebhookEdit::Add(url.clone(), kinds), url.shown()).await
}

/// Have a URL in exactly these webhooks
#[utoipa::path(
    put, path = "/v4/domains/{domain}/webhooks", tag = "Webhooks", operation_id = "assignWebhookUrl",
    params(OfDomain),
    request_body(content = inline(UrlOfMany), content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "All webhooks of the domain.", body = List),
        (status = 404, description = "There is no such domain, or none of its webhooks has this URL."),
        (status = 503),
    ),
)]
pub(super) async fn assign(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    form: Form,
) -> Result<Response, Error> {
    let (url, kinds) = asked(&app, &domain, &form).await?;
    edit(&app, &domain, WebhookEdit::Assign(url.clone(), kinds), url.shown()).await
}

/// Take URLs out of all webhooks
///
/// Their pending deliveries are cancelled.
#[utoipa::path(
    delete, path = "/v4/domains/{domain}/webhooks", tag = "Webhooks", operation_id = "removeWebhookUrls",
    params(OfDomain, UrlList),
    responses(
        (status = 200, description = "All webhooks of the domain.", body = List),
        (status = 404, description = "There is no such domain, or none of its webhooks has one of these URLs."),
        (status = 503),
    ),
)]
pub(super) async fn remove(
    State(app): State<App>,
    OfDomain(domain): OfDomain,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    // Not vetted: what the guard denies today can be taken away all the same.
    let query = Form::from_query(query.as_deref().unwrap_or_default())?;
    let texts: Vec<_> = query.all("url").flat_map(split).collect();
    let urls = texts.iter().map(|text| normalise(text).map(|normal| EndpointUrl::new(&normal)));
    let urls: Result<Vec<_>, _> = urls.collect();
    match urls {
        Ok(urls) if !urls.is_empty() => edit(&app, &domain, WebhookEdit::Remove(urls), "").await,
        _ => Err(Error::Shaped(Shape::Field("url", "missing or invalid url parameter".to_owned()))),
    }
}

async fn edit(app: &App, domain: &Domain, edit: WebhookEdit, shown: &str) -> Result<Response, Error> {
    match app.store().edit_webhooks(domain.name(), edit).await {
        Ok(domain) => Ok(all(&domain)),
        Err(WebhookError::HasUrl(kind)) => Err(Error::Shaped(Shape::Reason(format!(
            "Webhook for event type '{kind}' with URL '{shown}' already exists"
        )))),
        Err(WebhookError::NotSet) => Err(Error::Shaped(Shape::NotThere("Webhook not found".to_owned()))),
        Err(error @ (WebhookError::TooManyUrls(_) | WebhookError::TooManyEndpoints { .. })) => {
            Err(invalid(error))
        }
        Err(WebhookError::Store(error)) => Err(error.into()),
        Err(_) => Err(Error::UnknownDomain),
    }
}

/// The URL and the types of the form.
async fn asked(app: &App, domain: &Domain, form: &Form) -> Result<(EndpointUrl, Vec<WebhookKind>), Error> {
    let mut kinds = Vec::new();
    for name in form.all("event_types") {
        let kind = WebhookKind::parse(name);
        let kind = kind.ok_or_else(|| invalid(format_args!("event_type '{name}' is invalid")))?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let text = form.first("url").map_or("", str::trim);
    if text.is_empty() || kinds.is_empty() {
        let missing = if text.is_empty() { "url" } else { "event_types" };
        return Err(invalid(Error::Missing(missing)));
    }
    let url = url::vet(app, domain.endpoints(), text).await.map_err(invalid)?;
    Ok((url, kinds))
}

fn invalid(reason: impl std::fmt::Display) -> Error {
    Error::Shaped(Shape::Reason(format!("invalid parameters: {reason}")))
}

/// The URLs of a list with commas, which a URL may have too: one ends where the next begins.
fn split(list: &str) -> Vec<String> {
    let mut urls = Vec::<String>::new();
    for part in list.split(',') {
        let begins = part.trim_start().to_ascii_lowercase().starts_with("http");
        match urls.last_mut() {
            Some(last) if !begins => *last = format!("{last},{part}"),
            _ => urls.push(part.to_owned()),
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::split;
    use crate::api::testing::Api;

    const V3: &str = "/v3/domains/a.test/webhooks";
    const V4: &str = "/v4/domains/a.test/webhooks";
    const A: &str = "https://8.8.8.8/a";
    const B: &str = "https://8.8.8.8/b";

    #[tokio::test]
    async fn one_url_gets_many_types_and_every_answer_is_the_whole_map() {
        let api = Api::new().await;
        assert_eq!(api.form("POST", V3, &format!("id=opened&url={A}")).await.0, 200);
        let add = format!("url={B}&event_types=opened&event_types=clicked&event_types=clicked&unknown=1");
        let (status, body) = api.form("POST", V4, &add).await;
        let map = format!("{{\"clicked\":{{\"urls\":[\"{B}\"]}},\"opened\":{{\"urls\":[\"{A}\",\"{B}\"]}}}}");
        assert_eq!((status, body.as_str()), (200, format!("{{\"webhooks\":{map}}}\n").as_str()));
        assert_eq!(api.get(V3).await.1, body);

        let set = format!("url={B}&event_types[]=accepted&event_types[]=clicked");
        let (status, body) = api.form("PUT", V4, &set).await;
        let map = format!(
            "{{\"accepted\":{{\"urls\":[\"{B}\"]}},\"clicked\":{{\"urls\":[\"{B}\"]}},\"opened\":{{\"urls\":[\"{A}\"]}}}}"
        );
        assert_eq!((status, body), (200, format!("{{\"webhooks\":{map}}}\n")));
        let (status, body) = api.form("DELETE", &format!("{V4}?url={A},{B}"), "").await;
        assert_eq!((status, body.as_str()), (200, "{\"webhooks\":{}}\n"));
    }

    #[tokio::test]
    async fn refusals_have_mailguns_shapes_and_change_nothing() {
        let api = Api::new().await;
        api.form("POST", V4, &format!("url={A}&event_types=clicked")).await;
        let before = api.get(V3).await;
        let taken = format!("Webhook for event type 'clicked' with URL '{A}' already exists");
        for (method, path, fields, status, part) in [
            (
                "POST",
                V4.to_owned(),
                format!("url={A}&event_types=opened&event_types=clicked"),
                400,
                format!("\"Reason\":\"{taken}\"}}"),
            ),
            (
                "POST",
                V4.to_owned(),
                "event_types=opened".into(),
                400,
                "\"Reason\":\"invalid parameters: Missing parameter 'url'\"".into(),
            ),
            ("POST", V4.to_owned(), format!("url={A}"), 400, "Missing parameter 'event_types'".into()),
            ("POST", V4.to_owned(), format!("url={A}&event_types=failed"), 400, "'failed' is invalid".into()),
            (
                "POST",
                V4.to_owned(),
                "url=https://10.0.0.1/&event_types=opened".into(),
                400,
                "\"Reason\":\"invalid parameters: https://10.0.0.1/ is not a valid url: ".into(),
            ),
            (
                "PUT",
                V4.to_owned(),
                format!("url={B}&event_types=opened"),
                404,
                "{\"message\":\"Webhook not found\",\"Description\":\"Webhook not found\"}".into(),
            ),
            ("DELETE", V4.to_owned(), String::new(), 400, "\"Field\":\"url\"".into()),
            (
                "DELETE",
                format!("{V4}?url={B}"),
                String::new(),
                404,
                "\"Description\":\"Webhook not found\"".into(),
            ),
            (
                "POST",
                "/v4/domains/b.test/webhooks".into(),
                String::new(),
                404,
                "{\"message\":\"Domain not found\"}".into(),
            ),
        ] {
            let (got, body) = api.form(method, &path, &fields).await;
            assert_eq!(got, status, "{method} {path} {fields}: {body}");
            assert!(body.contains(&part), "{body}");
        }
        assert_eq!(api.get(V3).await, before);
    }

    #[test]
    fn a_list_of_urls_is_split_where_the_next_one_begins() {
        assert_eq!(
            split("https://a/,HTTP://b/?x=1,2,https://c/"),
            ["https://a/", "HTTP://b/?x=1,2", "https://c/"]
        );
        assert_eq!(split("https://a/"), ["https://a/"]);
    }
}
