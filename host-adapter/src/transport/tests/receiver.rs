//! A receiver that does what a test tells it to, and remembers what came.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What is sent back for one request.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    bytes: Vec<u8>,
    close: bool,
    drip: Option<(usize, Duration)>,
}

impl Reply {
    pub(super) fn text(text: &str) -> Self {
        Self { bytes: text.as_bytes().to_vec(), close: false, drip: None }
    }

    pub(super) fn nothing() -> Self {
        Self::text("")
    }

    /// Closes the connection behind it.
    pub(super) fn close(self) -> Self {
        Self { close: true, ..self }
    }

    /// Sends so many bytes at once and the rest a byte at a time, with this pause behind each.
    pub(super) fn drip(self, at_once: usize, pause: Duration) -> Self {
        Self { drip: Some((at_once, pause)), ..self }
    }
}

pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    accepted: AtomicUsize,
    requests: Mutex<Vec<Vec<u8>>>,
    answer_at_once: AtomicBool,
}

impl Receiver {
    /// Answers the n-th request, counted from 0, with `reply(n)`.
    pub(super) async fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, reply).await
    }

    /// The same through TLS, with a certificate of this name by an authority of its own, whose file comes along.
    pub(super) async fn start_tls(
        name: &str,
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> (Self, NamedTempFile) {
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        Self::start_tls_with(params, reply).await
    }

    /// The same with this certificate.
    pub(super) async fn start_tls_with(
        certificate: rcgen::CertificateParams,
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> (Self, NamedTempFile) {
        let (config, authority) = certified(certificate);
        (Self::listen(Some(TlsAcceptor::from(Arc::new(config))), reply).await, authority)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The connections so far.
    pub(super) fn accepted(&self) -> usize {
        self.seen.accepted.load(Ordering::SeqCst)
    }

    /// The requests so far, heads and bodies.
    pub(super) fn requests(&self) -> Vec<Vec<u8>> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// From now on answers before it reads.
    pub(super) fn answer_at_once(&self) {
        self.seen.answer_at_once.store(true, Ordering::SeqCst);
    }

    async fn listen(
        tls: Option<TlsAcceptor>,
        reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, reply) = (Arc::new(Seen::default()), Arc::new(reply));
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                let (seen, reply, tls) = (Arc::clone(&shared), Arc::clone(&reply), tls.clone());
                tokio::spawn(async move {
                    let Some(tls) = tls else { return serve(stream, &seen, &*reply).await };
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, &seen, &*reply).await;
                    }
                });
            }
        });
        Self { address, seen }
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    seen: &Seen,
    reply: &(dyn Fn(usize) -> Reply + Send + Sync),
) {
    loop {
        let nth = if seen.answer_at_once.load(Ordering::SeqCst) {
            0
        } else {
            let Some(request) = read_request(&mut stream).await else { return };
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let reply = reply(nth);
        let (at_once, pause) = reply.drip.unwrap_or((reply.bytes.len(), Duration::ZERO));
        let (first, rest) = reply.bytes.split_at(at_once);
        for piece in std::iter::once(first).chain(rest.chunks(1)) {
            if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
        if reply.close || seen.answer_at_once.load(Ordering::SeqCst) {
            let _ = stream.shutdown().await;
            // Reads on, so that what is still under way does not reset the connection.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            return;
        }
    }
}

/// The next request, or `None` when the connection has ended.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let end = loop {
        if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(request[..end].to_vec()).unwrap();
    let length: usize = head.split("Content-Length: ").nth(1)?.split("\r\n").next()?.parse().unwrap();
    while request.len() < end + length {
        if stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    assert_eq!(request.len(), end + length, "nothing follows a request before its answer");
    Some(request)
}

fn certified(certificate: rcgen::CertificateParams) -> (ServerConfig, NamedTempFile) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);

    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority_certificate.pem()).unwrap();
    (config, file)
}
