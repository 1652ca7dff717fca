//! The load generator: one thread that posts events over many connections at once.
//!
//! It has to be lean, since what it costs is taken from the server on the same machine: `mio` tells which sockets have
//! an answer, `httparse` reads it, and a request is one copy, one write and one read. It posts to a server and, for the
//! bound, straight to the sink, by the same code.

mod connection;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use mio::{Events, Poll, Token};
use serde::{Deserialize, Serialize};

pub(crate) use self::connection::content_length;
use self::connection::{Connection, Progress};
use crate::clock::now;
use crate::event::Event;
use crate::failure::Result;
use crate::latency::{Latencies, Percentiles};
use crate::process::own_cpu;

/// How long the last answers may take.
const PATIENCE: u64 = 60_000_000_000;

/// What to post, and how.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// Address of the receiver of the posts
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// Path to post to; `*` in it is replaced by a number below `--paths`
    #[arg(long)]
    pub(crate) path: String,
    /// Among how many paths the posts go round
    #[arg(long)]
    pub(crate) paths: u64,
    /// The value of the header Authorization
    #[arg(long)]
    pub(crate) authorization: String,
    /// The type of the events
    #[arg(long)]
    pub(crate) kind: String,
    /// Connections, each with one request at a time
    #[arg(long)]
    pub(crate) connections: usize,
    /// Events in one request; more than one go as NDJSON
    #[arg(long)]
    pub(crate) batch: u64,
    /// Requests a second; 0 posts whenever a connection is free
    #[arg(long)]
    pub(crate) rate: f64,
    /// The number of the first event
    #[arg(long)]
    pub(crate) first: u64,
    /// Events after which it ends
    #[arg(long)]
    pub(crate) events: u64,
    /// Seconds after which it ends
    #[arg(long)]
    pub(crate) seconds: f64,
}

/// What was posted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Events in requests that were answered with 200.
    pub(crate) accepted: u64,
    /// Requests that were answered otherwise, and the last such status.
    pub(crate) refused: (u64, u16),
    /// When the first request was made, by [`crate::clock`].
    pub(crate) began: u64,
    /// When the last answer came.
    pub(crate) ended: u64,
    /// From submission to answer.
    pub(crate) answers: Percentiles,
    /// Seconds on a processor.
    pub(crate) cpu: f64,
}

impl Report {
    /// Events a second, from the first request to the last answer.
    pub(crate) fn rate(&self) -> f64 {
        self.accepted as f64 * 1e9 / (self.ended - self.began).max(1) as f64
    }

    /// Fails if there was another answer than 200.
    pub(crate) fn expect_all_accepted(&self) -> Result<()> {
        match self.refused {
            (0, _) => Ok(()),
            (requests, status) => {
                Err(format!("{requests} requests were refused, with {status} and others").into())
            }
        }
    }
}

/// Posts until the end of time or events, whichever comes first; prints the report.
pub(crate) fn run(load: &Load) -> Result<()> {
    let report = Generator::new(load)?.run(load)?;
    println!("report {}", serde_json::to_string(&report)?);
    Ok(())
}

struct Generator {
    poll: Poll,
    connections: Vec<Connection>,
    /// Those without a request.
    free: Vec<usize>,
    /// Submissions that wait for a connection: when they were due.
    waiting: VecDeque<u64>,
    heads: Vec<Vec<u8>>,
    event: Event,
    /// Number of the next event, and the one at which it ends.
    next: u64,
    end: u64,
    accepted: u64,
    refused: (u64, u16),
    answers: Latencies,
}

impl Generator {
    fn new(load: &Load) -> Result<Self> {
        let poll = Poll::new()?;
        let connections = (0..load.connections)
            .map(|place| Connection::open(load.to, &poll, Token(place)))
            .collect::<Result<Vec<_>>>()?;
        let event = Event::of(&load.kind);
        // A batch has a line's end after each event.
        let length = if load.batch == 1 { event.len() } else { (event.len() + 1) * load.batch as usize };
        Ok(Self {
            poll,
            free: (0..connections.len()).rev().collect(),
            connections,
            waiting: VecDeque::new(),
            heads: (0..load.paths).map(|path| head(load, path, length)).collect(),
            event,
            next: load.first,
            end: load.first.saturating_add(load.events),
            accepted: 0,
            refused: (0, 0),
            answers: Latencies::new()?,
        })
    }

    fn run(mut self, load: &Load) -> Result<Report> {
        let began = now();
        let until = began.saturating_add((load.seconds * 1e9) as u64);
        let mut schedule = Schedule::new(load.rate, began);
        let mut events = Events::with_capacity(1024);
        let mut ended = began;
        loop {
            let time = now();
            let open = time < until && self.next < self.end;
            if open {
                self.submit(load, &mut schedule, time)?;
            } else {
                self.waiting.clear();
                if self.free.len() == self.connections.len() {
                    break;
                }
                if time > until.saturating_add(PATIENCE) {
                    return Err("answers are missing after a minute".into());
                }
            }
            // Rounded up to a whole millisecond by the system call.
            let wait = if open { schedule.wait(time) } else { Duration::from_millis(100) };
            self.poll.poll(&mut events, Some(wait))?;
            for event in &events {
                ended = self.advance(event.token().0, load.batch)?.unwrap_or(ended);
            }
        }
        let cpu = own_cpu()?.as_secs_f64();
        let answers = self.answers.percentiles();
        Ok(Report { accepted: self.accepted, refused: self.refused, began, ended, answers, cpu })
    }

    /// Submits what is due on the connections that are free.
    fn submit(&mut self, load: &Load, schedule: &mut Schedule, time: u64) -> Result<()> {
        if schedule.is_paced() {
            // The latency of what finds no free connection counts from here, whenever it can be sent.
            (0..schedule.due(time)).for_each(|_| self.waiting.push_back(time));
        }
        while let Some(&place) = self.free.last()
            && self.next < self.end
        {
            let since = if schedule.is_paced() { self.waiting.pop_front() } else { Some(now()) };
            let Some(since) = since else { break };
            self.free.pop();
            let heads = self.heads.len() as u64;
            let connection = &mut self.connections[place];
            connection.begin(since, &self.heads[(self.next / load.batch % heads) as usize]);
            for _ in 0..load.batch {
                self.event.write(self.next, since, connection.request());
                if load.batch > 1 {
                    connection.request().push(b'\n');
                }
                self.next += 1;
            }
            connection.send()?;
        }
        Ok(())
    }

    /// Goes on with a connection; when its answer came, if it has.
    fn advance(&mut self, place: usize, batch: u64) -> Result<Option<u64>> {
        let Progress::Answered { status, begun } = self.connections[place].advance()? else {
            return Ok(None);
        };
        let time = now();
        self.answers.record(time - begun);
        match status {
            200 => self.accepted += batch,
            other => self.refused = (self.refused.0 + 1, other),
        }
        self.free.push(place);
        Ok(Some(time))
    }
}

/// When requests are due.
struct Schedule {
    /// Nanoseconds between two, unless they are made as fast as they are answered.
    every: Option<f64>,
    began: u64,
    made: u64,
}

impl Schedule {
    fn new(rate: f64, began: u64) -> Self {
        Self { every: (rate > 0.0).then(|| 1e9 / rate), began, made: 0 }
    }

    fn is_paced(&self) -> bool {
        self.every.is_some()
    }

    /// How many have become due.
    fn due(&mut self, time: u64) -> u64 {
        let Some(every) = self.every else { return 0 };
        let all = ((time - self.began) as f64 / every) as u64 + 1;
        let due = all - self.made;
        self.made = all;
        due
    }

    fn wait(&self, time: u64) -> Duration {
        let Some(every) = self.every else { return Duration::from_millis(100) };
        let next = self.began + (self.made as f64 * every) as u64;
        Duration::from_nanos(next.saturating_sub(time))
    }
}

fn head(load: &Load, path: u64, length: usize) -> Vec<u8> {
    let Load { to, authorization, batch, .. } = load;
    let path = load.path.replace('*', &path.to_string());
    let media_type = if *batch == 1 { "application/json" } else { "application/x-ndjson" };
    format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nAuthorization: {authorization}\r\n\
         Content-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_says_what_is_due_once_and_makes_up_for_lost_time() {
        let mut schedule = Schedule::new(1000.0, 0);
        assert_eq!(schedule.due(0), 1);
        assert_eq!((schedule.due(999_999), schedule.wait(0)), (0, Duration::from_millis(1)));
        assert_eq!(schedule.due(3_500_000), 3);
        assert_eq!(schedule.wait(3_500_000), Duration::from_micros(500));
    }
}
