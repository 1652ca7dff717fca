//! The listening loop: bounded connections, bounded time for a request to arrive.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::arrival;
use crate::config;

/// How long requests that are under way may take to be answered once the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Serves connections until `stop` turns true, then lets those that are under way finish.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    config: config::Server,
    mut stop: watch::Receiver<bool>,
) {
    let within = config.request_timeout;
    let places = Arc::new(Semaphore::new(config.max_connections));
    let connections = GracefulShutdown::new();
    loop {
        // Without a free place nobody is accepted; the kernel's queue holds them.
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to be closed.
                warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Answers are small and written at once; waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let router =
            router.clone().layer(axum::middleware::from_fn(move |mut request: Request, next| async move {
                request.extensions_mut().insert(ConnectInfo(peer));
                arrival::answer(within, request, next).await
            }));
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(within);
        let connection = http.serve_connection(
            TokioIo::new(stream),
            TowerToHyperService::new(router.into_service::<Incoming>()),
        );
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended badly");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(LAST_ANSWERS, connections.shutdown()).await.is_err() {
        warn!("stopped with requests unanswered");
    }
}
