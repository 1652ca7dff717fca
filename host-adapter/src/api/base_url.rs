//! The address under which a client reaches this server: what absolute links begin with.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};

use super::App;
use super::error::Error;

/// A scheme and an authority, such as `https://events.example.com`, without a slash at the end.
pub(super) struct BaseUrl(pub(super) String);

impl FromRequestParts<App> for BaseUrl {
    type Rejection = Error;

    /// The configured address; else what a trusted proxy says that it was asked for; else what this server
    /// was asked for.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        if let Some(url) = app.public_url() {
            return Ok(Self(url.to_owned()));
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let proxied = peer.is_some_and(|ConnectInfo(peer)| app.trusts_proxy(peer.ip()));
        let forwarded = |name| if proxied { first(&parts.headers, name) } else { None };
        let scheme = if forwarded("x-forwarded-proto") == Some("https") { "https" } else { "http" };
        let asked = forwarded("x-forwarded-host").or_else(|| first(&parts.headers, header::HOST.as_str()));
        let authority = parts.uri.authority().cloned().or_else(|| asked?.parse::<Authority>().ok());
        match authority.filter(|authority| !authority.as_str().contains('@')) {
            Some(authority) => Ok(Self(format!("{scheme}://{authority}"))),
            None => Err(Error::invalid("Host", "the header must name the server, such as localhost:8925")),
        }
    }
}

/// The first of the values of a header, which proxies join by commas.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.split(',').next()?.trim())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::api::testing::Api;

    async fn base(peer: &str, headers: &[(&str, &str)]) -> Result<String, Error> {
        let mut request = Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        parts.extensions.insert(ConnectInfo(peer.parse::<SocketAddr>().expect("a peer")));
        let app = Api::new().await.app;
        BaseUrl::from_request_parts(&mut parts, &app).await.map(|base| base.0)
    }

    const FORWARDED: [(&str, &str); 3] = [
        ("Host", "inner:8925"),
        ("X-Forwarded-Host", "events.example.com, other"),
        ("X-Forwarded-Proto", "https"),
    ];

    #[tokio::test]
    async fn a_trusted_proxy_is_believed_and_nobody_else() {
        assert_eq!(
            base("192.0.2.1:99", &FORWARDED).await.ok().as_deref(),
            Some("https://events.example.com")
        );
        assert_eq!(base("192.0.2.2:99", &FORWARDED).await.ok().as_deref(), Some("http://inner:8925"));
    }

    #[tokio::test]
    async fn a_host_that_is_none_is_refused() {
        for headers in [&[][..], &[("Host", "a\"b")], &[("Host", "user@host")]] {
            assert!(matches!(base("192.0.2.2:99", headers).await, Err(Error::Invalid { .. })), "{headers:?}");
        }
    }
}
