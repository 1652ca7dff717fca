//! The endpoints: each an address of its own, with a behaviour that can change at any moment.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::client::{find, is_whole};
use crate::generator::{histogram, micros};

/// What an endpoint does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Answers 200.
    Healthy,
    /// The same, and is not measured: it will fail in a while.
    Unmeasured,
    /// Answers nothing, and keeps the connection.
    BlackHole,
    /// Closes the connection.
    Dead,
    /// Answers 200 after 5 ms.
    Slow,
}

/// All endpoints.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Shared>);

struct Shared {
    port: u16,
    behaviours: Vec<AtomicU8>,
    /// Events due before this moment are not measured.
    since: AtomicU64,
    measured: Mutex<Histogram<u64>>,
    in_flight: Peak,
    sockets: Peak,
    /// For each request to an endpoint that is slow: how many it had answered before, and how many were under way.
    slow: Mutex<Vec<(usize, usize)>>,
    slow_under_way: AtomicUsize,
    slow_answered: AtomicUsize,
}

/// How many there are, and were at most.
#[derive(Default)]
struct Peak {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Peak {
    fn enter(&self) -> Inside<'_> {
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        Inside(self)
    }
}

struct Inside<'a>(&'a Peak);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

impl Sink {
    /// So many endpoints, all healthy.
    pub(crate) async fn start(endpoints: usize) -> io::Result<Self> {
        let listener = TcpListener::bind("0.0.0.0:0").await?;
        let port = listener.local_addr()?.port();
        let sink = Self(Arc::new(Shared {
            port,
            behaviours: (0..endpoints).map(|_| AtomicU8::new(Behaviour::Healthy as u8)).collect(),
            since: AtomicU64::new(0),
            measured: Mutex::new(histogram()),
            in_flight: Peak::default(),
            sockets: Peak::default(),
            slow: Mutex::default(),
            slow_under_way: AtomicUsize::new(0),
            slow_answered: AtomicUsize::new(0),
        }));
        let shared = Arc::clone(&sink.0);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                // A connection that breaks is the sender's affair.
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        Ok(sink)
    }

    /// Their URLs, in order.
    pub(crate) fn urls(&self) -> impl Iterator<Item = String> {
        let port = self.0.port;
        (0..self.0.behaviours.len()).map(move |number| {
            format!("http://127.0.{}.{}:{port}/{number}", 1 + number / 250, 1 + number % 250)
        })
    }

    /// Lets an endpoint behave like this from now on.
    pub(crate) fn set(&self, endpoint: usize, behaviour: Behaviour) {
        self.0.behaviours[endpoint].store(behaviour as u8, SeqCst);
    }

    /// Measures anew: the healthy endpoints alone, and events that are due from now on.
    pub(crate) fn begin(&self) {
        self.0.since.store(micros(), SeqCst);
        self.0.measured().reset();
        for peak in [&self.0.in_flight, &self.0.sockets] {
            peak.most.store(peak.now.load(SeqCst), SeqCst);
        }
    }

    /// How long events took to healthy endpoints, in microseconds, once so many have come or the time has passed.
    pub(crate) async fn once(&self, count: u64, patience: Duration) -> Histogram<u64> {
        let until = Instant::now() + patience;
        while self.0.measured().len() < count && Instant::now() < until {
            sleep(Duration::from_millis(20)).await;
        }
        self.0.measured().clone()
    }

    /// Attempts that were under way, and connections that were open, at the same time at most.
    pub(crate) fn peaks(&self) -> (usize, usize) {
        (self.0.in_flight.most.load(SeqCst), self.0.sockets.most.load(SeqCst))
    }

    /// For each request to an endpoint that was slow: how many it had answered before, and how many were under way.
    pub(crate) fn slow(&self) -> Vec<(usize, usize)> {
        self.0.slow.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn measured(&self) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let _socket = self.sockets.enter();
        stream.set_nodelay(true).ok()?;
        let mut request = Vec::with_capacity(4096);
        loop {
            request.clear();
            while !is_whole(&request) {
                if stream.read_buf(&mut request).await.ok()? == 0 {
                    return None;
                }
            }
            let _attempt = self.in_flight.enter();
            let behaviour = self.behaviours.get(endpoint(&request)?)?.load(SeqCst);
            if behaviour == Behaviour::Healthy as u8 {
                self.measure(due(&request)?);
            } else if behaviour == Behaviour::BlackHole as u8 {
                while stream.read_buf(&mut request).await.ok()? > 0 {}
                return None;
            } else if behaviour == Behaviour::Dead as u8 {
                return None;
            } else if behaviour == Behaviour::Slow as u8 {
                self.be_slow().await;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.ok()?;
        }
    }

    fn measure(&self, due: u64) {
        if due >= self.since.load(SeqCst) {
            // Longer than its bounds is as good as their end.
            self.measured().saturating_record(micros().saturating_sub(due));
        }
    }

    async fn be_slow(&self) {
        let under_way = self.slow_under_way.fetch_add(1, SeqCst) + 1;
        let answered = self.slow_answered.load(SeqCst);
        self.slow.lock().unwrap_or_else(PoisonError::into_inner).push((answered, under_way));
        sleep(Duration::from_millis(5)).await;
        self.slow_under_way.fetch_sub(1, SeqCst);
        self.slow_answered.fetch_add(1, SeqCst);
    }
}

/// The number of an endpoint, which its path is.
fn endpoint(request: &[u8]) -> Option<usize> {
    let path = request.strip_prefix(b"POST /")?;
    let end = find(path, b" ")?;
    std::str::from_utf8(&path[..end]).ok()?.parse().ok()
}

/// When the event was due to be sent, which it tells.
fn due(request: &[u8]) -> Option<u64> {
    const DUE: &[u8] = b"\"due\":\"";
    let due = &request[find(request, DUE)? + DUE.len()..];
    let end = find(due, b"\"")?;
    std::str::from_utf8(&due[..end]).ok()?.parse().ok()
}
