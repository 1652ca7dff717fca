//! What is done about every answer: it gets the headers that all have, it is counted, and if it asks a client to come
//! back later, it is logged.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::{debug, info};

use super::{App, Error, reply};

/// The longest part of a path that is logged.
const MAX_PATH: usize = 200;

/// Stands among the extensions of a request whose head tells in two ways where its body ends: it is refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TwoEnds;

/// Why a client is asked to come back later: carried by the answer, for the log.
#[derive(Clone)]
pub(super) struct TurnedAway {
    /// The sentence of the answer.
    pub(super) reason: String,
    /// Whether somebody who knows no key can bring it about at will.
    pub(super) by_anyone: bool,
}

/// Answers a request by the router, and sees to its answer. One layer for all of it: each costs a request some
/// allocations.
pub(super) async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let asked = Asked::of(&request, route.as_ref().map(MatchedPath::as_str));
    let response = match request.extensions().get() {
        Some(TwoEnds) => Error::TwoEnds.into_response(),
        None => next.run(request).await,
    };
    asked.see_to(&app, response)
}

/// What is remembered of a request while it is answered.
pub(super) struct Asked<'r> {
    method: Method,
    route: Option<&'r str>,
    uri: Uri,
    peer: Option<IpAddr>,
}

impl<'r> Asked<'r> {
    /// A request that this route takes, if one does.
    pub(super) fn of(request: &Request, route: Option<&'r str>) -> Self {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        Self { method: request.method().clone(), route, uri: request.uri().clone(), peer }
    }

    /// Its answer with the headers that all have, counted and, where need be, logged.
    pub(super) fn see_to(self, app: &App, mut response: Response) -> Response {
        let Self { method, route, uri, peer } = self;
        reply::add_headers(response.headers_mut());
        let status = response.status().as_u16();
        app.metrics().answered(method.as_str(), route, status);
        if let Some(TurnedAway { reason, by_anyone }) = response.extensions().get() {
            let path: String = uri.path().chars().take(MAX_PATH).collect();
            let peer = peer.map(tracing::field::display);
            // Whoever could fill the log at will is not to.
            if *by_anyone {
                debug!(%method, path, status, peer, reason, "turned away");
            } else {
                info!(%method, path, status, peer, reason, "turned away");
            }
        }
        response
    }
}
