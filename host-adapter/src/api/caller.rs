//! What every route learns from a request before its own work: who calls, and about which domain.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::App;
use super::auth;
use super::document::schema::{in_path, text};
use super::error::Error;
use crate::storage::Domain;

/// What the key of the request is good for: one domain, or with `None` the whole account.
#[derive(Clone)]
pub(super) struct Scope(Option<Arc<str>>);

impl Scope {
    pub(super) fn of(domain: Option<Arc<str>>) -> Self {
        Self(domain)
    }

    /// Whether the key may see this domain.
    pub(super) fn covers(&self, domain: &str) -> bool {
        self.0.as_deref().is_none_or(|only| only == domain)
    }

    /// The one domain that the key is good for; `None`: the account.
    pub(super) fn only(&self) -> Option<&Arc<str>> {
        self.0.as_ref()
    }

    /// Refuses a key that is good for one domain alone.
    pub(super) fn require_account(&self) -> Result<(), Error> {
        if self.0.is_none() { Ok(()) } else { Err(Error::Forbidden) }
    }
}

impl<S: Sync> FromRequestParts<S> for Scope {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get().cloned().ok_or(Error::Unauthorized)
    }
}

/// Lets a request with a known key pass, and tells what follows what that key is good for.
pub(super) async fn authenticate(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let scope = match scope(&app, request.headers()) {
        Ok(scope) => scope,
        Err(Stranger::NoKey) => return Err(Error::Unauthorized),
        Err(Stranger::WrongKey) => return Err(refuse(&app, &request)),
    };
    request.extensions_mut().insert(scope);
    Ok(next.run(request).await)
}

/// Somebody who may do nothing.
pub(super) enum Stranger {
    NoKey,
    WrongKey,
}

/// What the key in these headers is good for.
pub(super) fn scope(app: &App, headers: &HeaderMap) -> Result<Scope, Stranger> {
    let key = auth::presented(headers).ok_or(Stranger::NoKey)?;
    app.scope_of(&key).ok_or(Stranger::WrongKey)
}

/// The refusal of a wrong key, which counts against the address that it came from.
fn refuse(app: &App, request: &Request) -> Error {
    let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else {
        return Error::Unauthorized;
    };
    match app.wrong_keys().count(client(app, peer.ip(), request.headers()), Instant::now()) {
        Ok(()) => Error::Unauthorized,
        Err(left) => Error::TooManyWrongKeys { seconds: left.as_secs() + 1 },
    }
}

/// Where a request comes from: the peer, or behind trusted proxies the nearest address that is none. Each of
/// them appends the address that it heard from; what stands further left anybody can have written.
pub(super) fn client(app: &App, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let lists = headers.get_all("x-forwarded-for").iter().rev().map_while(|list| list.to_str().ok());
    let mut told = lists.flat_map(|list| list.rsplit(',')).map_while(|text| text.trim().parse().ok());
    let mut address = peer;
    while app.trusts_proxy(address)
        && let Some(further) = told.next()
    {
        address = further;
    }
    address
}

/// The domain in the path, which exists and which the key may see.
pub(super) struct OfDomain(pub(super) Arc<Domain>);

impl FromRequestParts<App> for OfDomain {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let scope = Scope::from_request_parts(parts, app).await?;
        let name = path_parameter(parts, "domain").await.unwrap_or_default().to_ascii_lowercase();
        let domain = app.store().directory().domain(&name).cloned();
        domain.filter(|domain| scope.covers(domain.name())).map(Self).ok_or(Error::UnknownDomain)
    }
}

impl IntoParams for OfDomain {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let name = text().examples(["example.com"]);
        vec![in_path("domain", "The name of a domain that the key is good for.", name)]
    }
}

/// The percent-decoded part of the path with this name; `None` if it is not UTF-8.
pub(super) async fn path_parameter(parts: &mut Parts, name: &str) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::testing::Api;

    /// The proxy that the tests trust.
    const PROXY: &str = "192.0.2.1";

    #[tokio::test]
    async fn the_client_is_the_peer_or_what_trusted_proxies_say_of_it() {
        let app = Api::new().await.app;
        for (peer, forwarded, expected) in [
            (PROXY, &["198.51.100.7"][..], "198.51.100.7"),
            (PROXY, &["10.9.9.9, 198.51.100.7"], "198.51.100.7"),
            (PROXY, &["10.9.9.9", "198.51.100.7, 192.0.2.1"], "198.51.100.7"),
            (PROXY, &["nonsense"], PROXY),
            (PROXY, &[], PROXY),
            ("203.0.113.5", &["198.51.100.7"], "203.0.113.5"),
        ] {
            let named = |value: &&str| ("x-forwarded-for".parse().ok(), value.parse().expect("a value"));
            let headers = HeaderMap::from_iter(
                forwarded.iter().map(named).filter_map(|(name, value)| Some((name?, value))),
            );
            let client = client(&app, peer.parse().expect("an address"), &headers);
            assert_eq!(client.to_string(), expected, "{peer} {forwarded:?}");
        }
    }
}
