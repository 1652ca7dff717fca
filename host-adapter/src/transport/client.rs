//! The client: one attempt from the guard to the answer.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use sealpost_core::endpoint::{Host, Scheme};
use sealpost_core::host::Transport;
use sealpost_core::http::{Header, HeaderError, RequestHead};
use sealpost_core::{Body, Gone, Url};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use super::answer::{Answer, Failure, Reply};
use super::config::{ClientConfig, ClientError};
use super::connection::Connection;
use super::egress::{Denied, Guard};
use super::in_process;
use super::pool::{Origin, Pool};
use super::resolve::Resolver;
use super::stream::Stream;
use super::tls;
use crate::bins::Bins;

/// Addresses of one name that are tried, each within its share of the deadline.
const MAX_ADDRESSES: u32 = 4;

/// Names that are being resolved at the same time for deliveries: as many as attempts are in flight by default,
/// and half of the threads that a runtime has for it.
const DELIVERY_LOOKUPS: usize = 256;

/// The same for calls of the API, which neither take places from deliveries nor wait for theirs.
const API_LOOKUPS: usize = 16;

/// Posts payloads. One serves all runtimes of a process; a connection stays with the runtime that made it.
pub struct Client {
    guard: Guard,
    deliveries: Resolver,
    api: Resolver,
    tls: TlsConnector,
    pool: Pool,
    deadline: Duration,
    max_response: usize,
    user_agent: String,
    gone: Gone,
    bins: Option<Bins>,
}

impl Client {
    /// A client with no connections yet.
    ///
    /// # Errors
    /// [`ClientError`] names the setting that cannot work.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        Header::new("User-Agent", &config.user_agent).map_err(ClientError::UserAgent)?;
        let tls = tls::client_config(config.ca_file.as_deref()).map_err(ClientError::Tls)?;
        Ok(Self {
            guard: config.guard,
            deliveries: Resolver::new(DELIVERY_LOOKUPS, config.dns_timeout),
            api: Resolver::new(API_LOOKUPS, config.dns_timeout),
            tls: TlsConnector::from(tls),
            pool: Pool::new(config.idle_connections),
            deadline: config.deadline,
            max_response: config.max_response,
            user_agent: config.user_agent,
            gone: config.gone,
            bins: config.bins,
        })
    }

    /// The same client, whose names a test answers for.
    #[cfg(test)]
    pub(super) fn answered_by(self, answer: fn(&str) -> super::resolve::Found) -> Self {
        Self { deliveries: self.deliveries.answered_by(answer), api: self.api.answered_by(answer), ..self }
    }

    /// Posts a payload of either format once, with `headers` beside those that every request has (`Host`,
    /// `Authorization` from the URL's credentials, `Content-Type`, `User-Agent`, `Accept`, `Content-Length`), and
    /// reads the answer.
    ///
    /// A request on a reused connection that the receiver closed without a byte of answer is sent again on a new
    /// one: most likely the two crossed. A receiver that had read it all the same sees it twice, as it may
    /// see every delivery. Dropping the future gives the attempt up and closes its connection.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn post<B: Body>(&self, to: &Url<'_>, headers: &[Header<'_>], body: &B) -> Answer {
        Answer::new(self.attempt(&self.deliveries, to, headers, body).await, self.gone)
    }

    /// Posts a payload for a call of the API that waits for the answer, as [`post`](Self::post) does; names are
    /// looked up beside those of deliveries.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn test<B: Body>(&self, to: &Url<'_>, headers: &[Header<'_>], body: &B) -> Answer {
        Answer::new(self.attempt(&self.api, to, headers, body).await, self.gone)
    }

    /// Judges an endpoint that is about to be saved: what its URL says, and what its name resolves to. A name
    /// that does not resolve, yet, is good. So is the URL of a request bin of this server, if the bin is there.
    ///
    /// # Errors
    /// The rule of the egress guard that denies it.
    pub async fn check_endpoint(&self, url: &Url<'_>) -> Result<(), Denied> {
        if let Some((bins, id)) = self.bin_of(url) {
            return bins.find(id).map(drop).ok_or(Denied::NoBin);
        }
        match self.vet(&self.api, url).await {
            Err(Failure::Denied(denied)) => Err(denied),
            _ => Ok(()),
        }
    }

    /// The guard that judges every attempt.
    #[must_use]
    pub const fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Closes idle connections that are past their age. Each post does so too, at most once a second; this
    /// is for a host that has had nothing to post.
    pub fn close_expired(&self) {
        self.pool.sweep(Instant::now());
    }

    /// Connections that wait for another request.
    #[must_use]
    pub fn idle_connections(&self) -> usize {
        self.pool.len()
    }

    async fn attempt<B: Body>(
        &self,
        resolver: &Resolver,
        url: &Url<'_>,
        headers: &[Header<'_>],
        body: &B,
    ) -> Result<Reply, Failure> {
        let started = Instant::now();
        let deadline = started + self.deadline;
        let headers = self.headers(body.content_type(), headers)?;
        let head = RequestHead { url, headers: &headers, content_length: body.len() };
        if let Some((bins, id)) = self.bin_of(url) {
            // In a place of its own: few attempts are for a bin, and the others are not to carry room for that.
            return Box::pin(in_process::hand_over(bins, id, &head, body, deadline)).await;
        }
        let origin = Origin::of(url);

        self.guard.check_url(url).map_err(Failure::Denied)?;
        let mut addresses = Vec::new();
        let mut pooled = self.pool.take_recent(&origin, started);
        if pooled.is_none() {
            addresses = within(deadline, self.vet(resolver, url), Failure::ConnectTimeout).await?;
            pooled = self.pool.take_vetted(&origin, &addresses, started);
        }
        if let Some(connection) = pooled {
            match self.exchange(connection, &origin, &head, body, deadline).await {
                Err(Failure::Unanswered) => {}
                answered => return answered,
            }
        }
        if addresses.is_empty() {
            addresses = within(deadline, self.vet(resolver, url), Failure::ConnectTimeout).await?;
        }
        let connection = within(deadline, self.connect(url, &addresses), Failure::ConnectTimeout).await?;
        self.exchange(connection, &origin, &head, body, deadline).await
    }

    /// The id of the bin of this server that a URL is of.
    fn bin_of<'a>(&self, url: &Url<'a>) -> Option<(&Bins, &'a str)> {
        let bins = self.bins.as_ref()?;
        bins.id_in(url.as_str()).map(|id| (bins, id))
    }

    fn headers<'a>(&'a self, content_type: &'a str, more: &[Header<'a>]) -> Result<Vec<Header<'a>>, Failure> {
        let usual = [
            Header::new("Content-Type", content_type),
            Header::new("User-Agent", &self.user_agent),
            Header::new("Accept", "*/*"),
        ];
        usual
            .into_iter()
            .chain(more.iter().copied().map(Ok))
            .collect::<Result<_, HeaderError>>()
            .map_err(|_| Failure::Protocol("the User-Agent is not a header value"))
    }

    /// The addresses of the URL's host, all of which the guard lets pass.
    async fn vet(&self, resolver: &Resolver, url: &Url<'_>) -> Result<Vec<IpAddr>, Failure> {
        self.guard.check_url(url).map_err(Failure::Denied)?;
        let addresses = match url.host() {
            Host::Name(name) => resolver.resolve(name).await.map_err(Failure::Unresolved)?,
            literal => literal.address().into_iter().collect(),
        };
        self.guard.check_addrs(url, &addresses).map_err(Failure::Denied)?;
        Ok(addresses)
    }

    /// A connection to the first of these addresses that takes one.
    async fn connect(&self, url: &Url<'_>, addresses: &[IpAddr]) -> Result<Connection, Failure> {
        let vetted = Instant::now();
        let tried = u32::try_from(addresses.len()).unwrap_or(u32::MAX).clamp(1, MAX_ADDRESSES);
        let mut failure = Failure::Denied(Denied::NoAddress);
        for address in addresses.iter().take(MAX_ADDRESSES as usize) {
            let share = Instant::now() + self.deadline / tried;
            let connect =
                async { TcpStream::connect((*address, url.port())).await.map_err(Failure::NotConnected) };
            match within(share, connect, Failure::ConnectTimeout).await {
                Ok(stream) => {
                    let stream = self.secure(url, stream).await?;
                    return Ok(Connection::new(stream, *address, vetted, self.max_response));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn secure(&self, url: &Url<'_>, stream: TcpStream) -> Result<Stream, Failure> {
        stream.set_nodelay(true).map_err(Failure::NotConnected)?;
        if url.scheme() == Scheme::Http {
            return Ok(Stream::Plain(stream));
        }
        let name = server_name(url).ok_or(Failure::Protocol("TLS cannot name this host"))?;
        let stream = self.tls.connect(name, stream).await.map_err(Failure::Tls)?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    async fn exchange<B: Body>(
        &self,
        mut connection: Connection,
        origin: &Origin,
        head: &RequestHead<'_>,
        body: &B,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let reply = connection.exchange(head, body, deadline).await?;
        if reply.reusable {
            self.pool.put(origin.clone(), connection, Instant::now());
        }
        Ok(reply)
    }
}

impl Transport for Client {
    type Answer = Answer;

    async fn post<B: Body>(&self, to: &Url<'_>, headers: &[Header<'_>], body: &B) -> Answer {
        Self::post(self, to, headers, body).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// The same future, ended with `late` when `deadline` comes first. It has a place of its own: most attempts find a
/// connection, and are not to carry room for what leads to one.
fn within<T>(
    deadline: Instant,
    future: impl Future<Output = Result<T, Failure>>,
    late: Failure,
) -> impl Future<Output = Result<T, Failure>> {
    let future = Box::pin(future);
    async move { timeout_at(deadline.into(), future).await.unwrap_or(Err(late)) }
}

fn server_name(url: &Url<'_>) -> Option<ServerName<'static>> {
    match url.host() {
        Host::Name(name) => ServerName::try_from(name.to_owned()).ok(),
        literal => literal.address().map(ServerName::from),
    }
}
