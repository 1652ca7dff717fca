//! A receiver of webhooks: a small HTTP server in threads that records what it gets and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Connections at the same time; more are closed at once.
const MAX_CONNECTIONS: usize = 512;
/// The longest body that is read.
const MAX_BODY: u64 = 16 << 20;

/// Records every request; answers 200 unless told otherwise. Stops when dropped.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// What was received.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST`, if the sender is right.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The fields in order, names as they were written.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
    /// When the body was complete.
    pub at: Instant,
}

/// How to answer one request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this status code and no body.
    Status(u16),
    /// With this status code and header fields.
    Headers(u16, Vec<(&'static str, String)>),
    /// With this status code, after this time.
    After(Duration, u16),
    /// Not at all; the connection stays open until the sender closes it.
    Hang,
    /// Not at all; the connection is closed.
    Close,
}

struct Shared {
    stopped: AtomicBool,
    connections: AtomicUsize,
    accepted: AtomicUsize,
    state: Mutex<State>,
    arrived: Condvar,
}

struct State {
    requests: Vec<Request>,
    script: VecDeque<Reply>,
    otherwise: Reply,
    decide: Option<Arc<Decide>>,
}

/// Says how to answer a request.
type Decide = dyn Fn(&Request) -> Reply + Send + Sync;

impl Receiver {
    /// On a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// At this address, such as that of a receiver that was stopped.
    ///
    /// # Panics
    /// If the address is taken.
    #[must_use]
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let state = State {
            requests: Vec::new(),
            script: VecDeque::new(),
            otherwise: Reply::Status(200),
            decide: None,
        };
        let shared = Arc::new(Shared {
            stopped: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
            state: Mutex::new(state),
            arrived: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        let accepting = Some(std::thread::spawn(move || theirs.accept(&listener)));
        Self { address, shared, accepting }
    }

    /// Answers the next requests like this, one each, then as before.
    #[must_use]
    pub fn answering(self, script: impl IntoIterator<Item = Reply>) -> Self {
        self.shared.lock().script.extend(script);
        self
    }

    /// Answers every request that no script is for like this.
    #[must_use]
    pub fn otherwise(self, reply: Reply) -> Self {
        self.shared.lock().otherwise = reply;
        self
    }

    /// Answers every request as this function says, which is called when the request is whole, and keeps none: for
    /// tests with more of them than memory should hold.
    #[must_use]
    pub fn deciding(self, decide: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        self.shared.lock().decide = Some(Arc::new(decide));
        self
    }

    /// Waits until every connection has ended: whatever a sender that is gone had sent is seen then.
    ///
    /// # Panics
    /// If one has not after 20 s.
    pub fn wait_until_quiet(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.shared.connections.load(Ordering::SeqCst) > 0 {
            assert!(Instant::now() < until, "connections stay open");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops and gives the address away: nothing is answered and connections are refused from now on.
    #[must_use]
    pub fn stop(mut self) -> SocketAddr {
        self.end();
        self.address
    }

    /// The absolute URL of this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything received so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.clone()
    }

    /// Everything received, as soon as there are at least `count` requests.
    ///
    /// # Panics
    /// If there are not after 20 s.
    #[must_use]
    pub fn wait_for(&self, count: usize) -> Vec<Request> {
        let fewer = |state: &mut State| state.requests.len() < count;
        let patience = Duration::from_secs(20);
        let waited = self.shared.arrived.wait_timeout_while(self.shared.lock(), patience, fewer);
        let requests = waited.expect("no connection panics").0.requests.clone();
        assert!(requests.len() >= count, "{} of {count} requests arrived", requests.len());
        requests
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    fn end(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread out of its accept.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        // A connection that is still open could answer one more request.
        let until = Instant::now() + Duration::from_secs(10);
        while self.shared.connections.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.end();
    }
}

impl Request {
    /// The value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    /// The `id` of the event-data.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn event_id(&self) -> String {
        self.json()["event-data"]["id"].as_str().expect("an id").to_owned()
    }

    /// The raw bytes of the event-data: from its brace to the last but one.
    ///
    /// # Panics
    /// If the body has none.
    #[must_use]
    pub fn event_data(&self) -> &[u8] {
        const KEY: &[u8] = b"\"event-data\":";
        let at = self.body.windows(KEY.len()).position(|window| window == KEY).expect("event-data");
        self.body[at + KEY.len()..].strip_suffix(b"}").expect("a closing brace")
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no connection panics")
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            self.accepted.fetch_add(1, Ordering::SeqCst);
            if self.connections.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
                self.connections.fetch_sub(1, Ordering::SeqCst);
                continue;
            }
            let shared = Arc::clone(self);
            std::thread::spawn(move || {
                shared.serve(stream);
                shared.connections.fetch_sub(1, Ordering::SeqCst);
            });
        }
    }

    /// Requests of one connection, until one side closes it or the receiver stops.
    fn serve(&self, mut stream: TcpStream) {
        // Short, so that a stopped receiver lets go of its connections.
        let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
        let Ok(reading) = stream.try_clone() else { return };
        let mut reader = BufReader::new(reading);
        while self.readable(&mut reader) {
            let Some(request) = read(&mut reader) else { return };
            let decide = self.lock().decide.clone();
            let reply = match decide {
                Some(decide) => decide(&request),
                None => {
                    let mut state = self.lock();
                    state.requests.push(request);
                    let otherwise = state.otherwise.clone();
                    state.script.pop_front().unwrap_or(otherwise)
                }
            };
            self.arrived.notify_all();
            if !self.answer(&mut stream, reply) {
                return;
            }
        }
    }

    /// Waits for the first byte of a request.
    fn readable(&self, reader: &mut BufReader<TcpStream>) -> bool {
        use std::io::ErrorKind::{TimedOut, WouldBlock};
        loop {
            match reader.fill_buf() {
                Ok(bytes) => return !bytes.is_empty() && !self.stopped.load(Ordering::SeqCst),
                Err(error) if matches!(error.kind(), TimedOut | WouldBlock) => {
                    if self.stopped.load(Ordering::SeqCst) {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
    }

    fn answer(&self, stream: &mut TcpStream, reply: Reply) -> bool {
        let (status, fields) = match reply {
            Reply::Status(status) => (status, Vec::new()),
            Reply::Headers(status, fields) => (status, fields),
            Reply::After(time, status) => {
                std::thread::sleep(time);
                (status, Vec::new())
            }
            Reply::Hang => loop {
                // A read ends soon: in time, or because the sender has closed.
                if self.stopped.load(Ordering::SeqCst) || stream.read(&mut [0]).is_ok() {
                    return false;
                }
            },
            Reply::Close => return false,
        };
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("HTTP/1.1 {status} Told So\r\n{fields}Content-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).is_ok()
    }
}

/// One request with a `Content-Length`; `None` if the connection ends in it.
fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    // A slow machine may take its time between two packets of one request.
    let _ = reader.get_ref().set_read_timeout(Some(Duration::from_secs(10)));
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.parse::<u64>().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.by_ref().take(length.min(MAX_BODY)).read_to_end(&mut body).ok()?;
    let _ = reader.get_ref().set_read_timeout(Some(Duration::from_millis(100)));
    (body.len() as u64 == length).then(|| Request { method, path, headers, body, at: Instant::now() })
}
