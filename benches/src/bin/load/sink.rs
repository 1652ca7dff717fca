//! The sink: one thread that takes payloads in, answers 200, and counts.
//!
//! It says when each event arrived, that each came once, and that signatures hold; in a report that is asked for over
//! HTTP too, so that counting needs no lock. The first part of a path, `/0/` to `/3/`, is the *column* that a payload
//! is counted in: the same event may come once in each.

mod connection;
mod tally;

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use sealpost_core::sign::SigningKey;

use self::connection::{Connection, Request};
pub(crate) use self::tally::Report;
use self::tally::Tally;
use crate::clock::now;
use crate::failure::Result;

const LISTENER: Token = Token(usize::MAX);
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Where to listen, and how to answer.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The port; 0 takes a free one
    #[arg(long)]
    pub(crate) port: u16,
    /// Milliseconds that an answer takes
    #[arg(long)]
    pub(crate) delay: u64,
    /// The key that payloads are signed with
    #[arg(long)]
    pub(crate) key: String,
}

/// Serves until it is killed.
pub(crate) fn run(args: &Args) -> Result<()> {
    let key = SigningKey::new(args.key.as_bytes()).map_err(|error| error.to_string())?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], args.port)))?;
    let poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let delay = args.delay * 1_000_000;
    Sink { poll, listener, connections: Vec::new(), delay, delayed: VecDeque::new(), tally: Tally::new(key)? }
        .run()
}

struct Sink {
    poll: Poll,
    listener: TcpListener,
    /// By token. Places of those that have ended are used again.
    connections: Vec<Option<Connection>>,
    /// Nanoseconds that an answer takes.
    delay: u64,
    /// Answers by the time at which they are due, with the place and the serial number of the connection.
    delayed: VecDeque<(u64, usize, u64)>,
    tally: Tally,
}

impl Sink {
    fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = self.delayed.front().map(|&(due, ..)| Duration::from_nanos(due.saturating_sub(now())));
            self.poll.poll(&mut events, wait)?;
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(place) => self.advance(place, event.is_read_closed()),
                }
            }
            self.answer_delayed();
        }
    }

    fn accept(&mut self) -> Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nodelay(true)?;
            let place = self.connections.iter().position(Option::is_none).unwrap_or(self.connections.len());
            if place == self.connections.len() {
                self.connections.push(None);
            }
            let mut connection = Connection::new(stream);
            self.poll.registry().register(connection.stream(), Token(place), Interest::READABLE)?;
            self.connections[place] = Some(connection);
        }
        Ok(())
    }

    /// Takes in what has come on a connection, and answers. One that breaks the rules is closed.
    fn advance(&mut self, place: usize, ending: bool) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return };
        let tally = &mut self.tally;
        let mut good = connection.fill();
        while good {
            let Request { path, body } = match connection.request() {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(_) => {
                    good = false;
                    break;
                }
            };
            good = match connection.bytes(path.clone()) {
                b"/report" => tally.report().is_ok_and(|report| connection.write(&with_body(&report))),
                b"/reset" => {
                    tally.reset();
                    connection.write(ANSWER)
                }
                path => {
                    let time = now();
                    tally.payload(path, connection.bytes(body), time);
                    if self.delay == 0 {
                        connection.write(ANSWER)
                    } else {
                        tally.begin(time);
                        self.delayed.push_back((time + self.delay, place, connection.serial()));
                        true
                    }
                }
            };
        }
        if !good || ending {
            self.connections[place] = None;
        }
    }

    fn answer_delayed(&mut self) {
        while let Some(&(due, place, serial)) = self.delayed.front() {
            if due > now() {
                return;
            }
            self.delayed.pop_front();
            self.tally.end(now());
            // It may have ended meanwhile, and another one may have its place.
            let same = |connection: &&mut Connection| connection.serial() == serial;
            if let Some(connection) = self.connections[place].as_mut().filter(same)
                && !connection.write(ANSWER)
            {
                self.connections[place] = None;
            }
        }
    }
}

fn with_body(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
