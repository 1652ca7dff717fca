//! Connections between requests.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sealpost_core::Url;
use sealpost_core::endpoint::Scheme;
use tokio::runtime;

use super::connection::Connection;

/// How long a connection may stay idle, and how long the verdict on its address holds. After it the name is
/// resolved and judged anew.
pub(super) const MAX_AGE: Duration = Duration::from_secs(60);

/// How often those past their age are looked for, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Idle connections: at most so many in all, none older than [`MAX_AGE`].
pub(super) struct Pool {
    capacity: usize,
    idle: Mutex<Idle>,
}

impl Pool {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, idle: Mutex::new(Idle::new(Instant::now())) }
    }

    /// The connection used last among those whose address was vetted lately, so that the name need not be
    /// resolved again.
    pub(super) fn take_recent(&self, origin: &Origin, now: Instant) -> Option<Connection> {
        self.lock().take(origin, |connection| now.duration_since(connection.vetted) < MAX_AGE)
    }

    /// A connection to one of these addresses, which have been vetted just now. Those to other addresses are
    /// closed: the name does not lead there any more.
    pub(super) fn take_vetted(
        &self,
        origin: &Origin,
        addresses: &[IpAddr],
        now: Instant,
    ) -> Option<Connection> {
        let mut idle = self.lock();
        idle.retain(origin, |connection| addresses.contains(&connection.address));
        let mut connection = idle.take(origin, |_| true)?;
        connection.vetted = now;
        Some(connection)
    }

    /// Keeps a connection for the next request, if there is room.
    pub(super) fn put(&self, origin: Origin, connection: Connection, now: Instant) {
        let mut idle = self.lock();
        if now.duration_since(idle.swept) >= SWEEP_EVERY || idle.len >= self.capacity {
            idle.sweep(now);
        }
        if idle.len < self.capacity {
            idle.len += 1;
            idle.by_origin.entry(origin).or_default().push((now, connection));
        }
    }

    /// Closes the connections that are past their age.
    pub(super) fn sweep(&self, now: Instant) {
        self.lock().sweep(now);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Every method leaves the map in order, so a panic of another thread has not harmed it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What connections are kept by. A connection belongs to the runtime that drives its socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    runtime: runtime::Id,
    scheme: Scheme,
    port: u16,
    authority: String,
}

impl Origin {
    /// The origin of a URL, on the runtime that this is called from.
    pub(super) fn of(url: &Url<'_>) -> Self {
        Self {
            runtime: runtime::Handle::current().id(),
            scheme: url.scheme(),
            port: url.port(),
            authority: url.authority().to_ascii_lowercase(),
        }
    }
}

struct Idle {
    by_origin: HashMap<Origin, Vec<(Instant, Connection)>>,
    len: usize,
    swept: Instant,
}

impl Idle {
    fn new(now: Instant) -> Self {
        Self { by_origin: HashMap::new(), len: 0, swept: now }
    }

    /// The connection used last among the `good` ones; closes those that the peer has closed.
    fn take(&mut self, origin: &Origin, good: impl Fn(&Connection) -> bool) -> Option<Connection> {
        let connections = self.by_origin.get_mut(origin)?;
        loop {
            let last = connections.iter().rposition(|(_, connection)| good(connection))?;
            let (_, mut connection) = connections.remove(last);
            self.len -= 1;
            if connection.is_usable() {
                return Some(connection);
            }
        }
    }

    fn retain(&mut self, origin: &Origin, good: impl Fn(&Connection) -> bool) {
        if let Some(connections) = self.by_origin.get_mut(origin) {
            let before = connections.len();
            connections.retain(|(_, connection)| good(connection));
            self.len -= before - connections.len();
        }
    }

    fn sweep(&mut self, now: Instant) {
        self.swept = now;
        self.by_origin.retain(|_, connections| {
            connections.retain(|(since, _)| now.duration_since(*since) < MAX_AGE);
            !connections.is_empty()
        });
        self.len = self.by_origin.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::super::stream::Stream;
    use super::*;

    /// A connection vetted at this time, and the receiver's end of it.
    async fn connection(vetted: Instant) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, peer) = listener.accept().await.unwrap();
        (Connection::new(Stream::Plain(ours), peer.ip(), vetted, 1024), theirs)
    }

    fn origin() -> Origin {
        Origin::of(&Url::parse("http://example.com/").unwrap())
    }

    #[tokio::test]
    async fn an_address_is_vetted_anew_after_a_minute() {
        let (pool, start) = (Pool::new(8), Instant::now());
        let (connection, peer) = connection(start).await;
        let here = [connection.address];
        pool.put(origin(), connection, start);

        let later = start + MAX_AGE;
        assert!(pool.take_recent(&origin(), later).is_none());
        let vetted = pool.take_vetted(&origin(), &here, later).unwrap();
        pool.put(origin(), vetted, later);
        assert!(pool.take_recent(&origin(), later).is_some());
        drop(peer);
    }

    #[tokio::test]
    async fn connections_to_where_the_name_led_before_are_closed() {
        let (pool, now) = (Pool::new(8), Instant::now());
        let (connection, _peer) = connection(now).await;
        pool.put(origin(), connection, now);
        assert!(pool.take_vetted(&origin(), &["192.0.2.1".parse().unwrap()], now).is_none());
        assert_eq!(pool.len(), 0);
    }

    #[tokio::test]
    async fn connections_past_their_age_are_closed() {
        let (pool, start) = (Pool::new(8), Instant::now());
        let (older, _peer) = connection(start).await;
        let (younger, _peer) = connection(start).await;
        pool.put(origin(), older, start);
        pool.put(origin(), younger, start + MAX_AGE / 2);
        pool.sweep(start + MAX_AGE);
        assert_eq!(pool.len(), 1);
        pool.sweep(start + MAX_AGE * 2);
        assert_eq!(pool.len(), 0);
    }

    #[tokio::test]
    async fn what_the_receiver_has_closed_is_not_handed_out() {
        let (pool, now) = (Pool::new(8), Instant::now());
        let (open, _peer) = connection(now).await;
        let (closed, peer) = connection(now).await;
        let address = open.address;
        pool.put(origin(), open, now);
        pool.put(origin(), closed, now);
        drop(peer);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(pool.take_vetted(&origin(), &[address], now).is_some());
        assert_eq!(pool.len(), 0);
        assert!(pool.take_vetted(&origin(), &[address], now).is_none());
    }

    #[tokio::test]
    async fn a_full_pool_closes_what_comes() {
        let (pool, now) = (Pool::new(1), Instant::now());
        for _ in 0..3 {
            let (connection, _peer) = connection(now).await;
            pool.put(origin(), connection, now);
            assert_eq!(pool.len(), 1);
        }
    }
}
