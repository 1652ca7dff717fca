//! What every route learns from a request before its own work: who calls, and about which domain.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
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
    let key = auth::presented(request.headers()).ok_or(Error::Unauthorized)?;
    let scope = app.scope_of(&key).ok_or(Error::Unauthorized)?;
    request.extensions_mut().insert(scope);
    Ok(next.run(request).await)
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
