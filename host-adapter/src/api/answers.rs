//! Every answer is counted, and one that asks a client to come back later is logged.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{debug, info};

use super::App;

/// The longest part of a path that is logged.
const MAX_PATH: usize = 200;

/// Why a client is asked to come back later: carried by the answer, for the log.
#[derive(Clone)]
pub(super) struct TurnedAway {
    /// The sentence of the answer.
    pub(super) reason: String,
    /// Whether somebody who knows no key can bring it about at will.
    pub(super) by_anyone: bool,
}

/// Counts the answer to a request.
pub(super) async fn watch(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path: String = request.uri().path().chars().take(MAX_PATH).collect();
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    app.metrics().answered(method.as_str(), route.as_ref().map(MatchedPath::as_str), status);
    if let Some(TurnedAway { reason, by_anyone }) = response.extensions().get() {
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
