//! A connection with one request at a time.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

use crate::failure::Result;

/// Room for the head of an answer, and for its body piece by piece.
const BUFFER: usize = 16 * 1024;
/// Header fields of an answer.
const FIELDS: usize = 32;

pub(super) struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    /// How much of the request is on its way.
    sent: usize,
    buffer: Box<[u8]>,
    answer: Answer,
    begun: u64,
}

/// How much of an answer has come.
#[derive(Clone, Copy)]
enum Answer {
    /// So many bytes of its head.
    Head(usize),
    /// Its status, and how many bytes of its body are still to come.
    Body(u16, usize),
}

/// What a connection has come to.
pub(super) enum Progress {
    Under,
    Answered { status: u16, begun: u64 },
}

impl Connection {
    pub(super) fn open(to: SocketAddr, poll: &Poll, token: Token) -> Result<Self> {
        let stream = std::net::TcpStream::connect(to).map_err(|error| format!("{to}: {error}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Ok(Self { stream, request: Vec::new(), sent: 0, buffer, answer: Answer::Head(0), begun: 0 })
    }

    /// Starts a request that was submitted at `begun`, with this head.
    pub(super) fn begin(&mut self, begun: u64, head: &[u8]) {
        self.request.clear();
        self.request.extend_from_slice(head);
        (self.sent, self.begun, self.answer) = (0, begun, Answer::Head(0));
    }

    /// The request, to append the body to.
    pub(super) fn request(&mut self) -> &mut Vec<u8> {
        &mut self.request
    }

    /// Sends what the socket takes.
    pub(super) fn send(&mut self) -> Result<()> {
        while self.sent < self.request.len() {
            match self.stream.write(&self.request[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends and reads on, as far as the socket lets it.
    pub(super) fn advance(&mut self) -> Result<Progress> {
        self.send()?;
        loop {
            let from = if let Answer::Head(filled) = self.answer { filled } else { 0 };
            let read = match self.stream.read(&mut self.buffer[from..]) {
                Ok(0) => return Err("the connection was closed before its answer".into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Progress::Under),
                Err(error) => return Err(error.into()),
            };
            let full = from + read == self.buffer.len();
            self.answer = self.received(read)?;
            if let Answer::Body(status, 0) = self.answer {
                return Ok(Progress::Answered { status, begun: self.begun });
            }
            // A read that leaves room has taken everything; the next byte brings the next event.
            if !full {
                return Ok(Progress::Under);
            }
        }
    }

    fn received(&self, read: usize) -> Result<Answer> {
        match self.answer {
            Answer::Body(status, left) => Ok(Answer::Body(
                status,
                left.checked_sub(read).ok_or("more came than the answer should have")?,
            )),
            Answer::Head(filled) => {
                let filled = filled + read;
                let mut fields = [httparse::EMPTY_HEADER; FIELDS];
                let mut head = httparse::Response::new(&mut fields);
                let httparse::Status::Complete(end) = head.parse(&self.buffer[..filled])? else {
                    return Ok(Answer::Head(filled));
                };
                let status = head.code.unwrap_or_default();
                let length = content_length(head.headers).ok_or("an answer without Content-Length")?;
                let left =
                    (end + length).checked_sub(filled).ok_or("more came than the answer should have")?;
                Ok(Answer::Body(status, left))
            }
        }
    }
}

/// The value of `Content-Length`.
pub(crate) fn content_length(fields: &[httparse::Header<'_>]) -> Option<usize> {
    let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(field.value).ok()?.parse().ok()
}
