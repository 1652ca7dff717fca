//! The listening loop: bounded connections, bounded time for a request to arrive and for its answer to be taken.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::header;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::arrival;
use super::framing::{Scanner, Suspicion};
use super::progress::Progress;
use crate::config;
use crate::hangup::Hangup;

/// Connections that the kernel holds until they are accepted, if its own limit allows so many. From one that finds no
/// room it takes nothing: its client tries again after a second, or waits for an answer to nothing.
const QUEUE: u32 = 4096;

/// Listens on this address.
pub(super) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a server that starts again need not wait for the connections of the one before.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(QUEUE)
}

/// Serves connections, their requests answered by `answer`, until `stop` turns true; then lets those that are under way
/// finish, for at most half of the drain deadline: the other half belongs to deliveries.
pub(super) async fn serve<A, F>(
    listener: TcpListener,
    answer: A,
    config: config::Server,
    mut stop: watch::Receiver<bool>,
) where
    A: Fn(axum::extract::Request) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send,
{
    let (within, last_answers) = (config.request_timeout, config.drain_deadline / 2);
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
        let hangup = Hangup::default();
        let order = hangup.clone();
        let suspicion = Suspicion::default();
        let scanner = Scanner::new(suspicion.clone());
        let answer = answer.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let answer = answer.clone();
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(order.clone());
            let two_ends = suspicion.is_raised() && request.headers().contains_key(header::TRANSFER_ENCODING);
            async move { arrival::answer(within, request, two_ends, answer).await }
        });
        let mut http = hyper::server::conn::http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(within);
        let stream = Progress::new(stream, within).that_heeds(hangup, reset).that_shows(scanner);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "a connection ended badly");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(last_answers, connections.shutdown()).await.is_err() {
        warn!("stopped with requests unanswered");
    }
}

/// Sees to it that the peer is told of a broken connection, not of an end.
fn reset(stream: &TcpStream) {
    // Where that cannot be had, it is an end without an answer.
    let _ = stream.set_zero_linger();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::response::IntoResponse as _;
    use bytes::Bytes;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;

    use super::*;
    use crate::config::{Config, Sources};

    /// An answer of many bytes that tells when it is let go.
    struct Large(Vec<u8>, Arc<AtomicBool>);

    impl AsRef<[u8]> for Large {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Drop for Large {
        fn drop(&mut self) {
            self.1.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_reads_is_let_go() {
        let gone = Arc::new(AtomicBool::new(false));
        let answer = Bytes::from_owner(Large(vec![0; 64 << 20], Arc::clone(&gone)));
        let answer = move |_| {
            let answer = answer.clone();
            async move { answer.into_response() }
        };
        let defaults = Config::load(&Sources::default()).expect("defaults").server;
        let config = config::Server { request_timeout: Duration::from_millis(100), ..defaults };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let mut client =
            TcpStream::connect(listener.local_addr().expect("its address")).await.expect("a client");
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, answer, config, stopped));
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.expect("a request");
        sleep(Duration::from_millis(20)).await;
        stop.send(true).expect("a listener");
        timeout(Duration::from_secs(5), serving).await.expect("all connections end").expect("no panic");
        assert!(gone.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_thousand_clients_that_come_at_once_find_room_in_the_queue() {
        let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("a listener");
        let address = listener.local_addr().expect("its address");
        let mut clients = Vec::new();
        for _ in 0..1000 {
            let client = timeout(Duration::from_millis(500), TcpStream::connect(address)).await;
            clients.push(client.expect("room").expect("a connection"));
        }
    }
}
