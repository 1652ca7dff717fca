//! A connection of the sink: requests in, answers out.

use std::io::{ErrorKind, Read as _, Write as _};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use mio::net::TcpStream;

use crate::failure::Result;
use crate::generator::content_length;

/// Room for one request; a larger one breaks the rules.
const BUFFER: usize = 32 * 1024;
/// Header fields of a request.
const FIELDS: usize = 32;

pub(super) struct Connection {
    stream: TcpStream,
    serial: u64,
    buffer: Box<[u8]>,
    /// What has come and is not taken yet.
    filled: Range<usize>,
}

/// Where the parts of a whole request lie.
pub(super) struct Request {
    pub(super) path: Range<usize>,
    pub(super) body: Range<usize>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT.fetch_add(1, Relaxed);
        Self { stream, serial, buffer: vec![0; BUFFER].into_boxed_slice(), filled: 0..0 }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Which connection it is among all that there ever were.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Reads what has come. False: the connection has ended.
    pub(super) fn fill(&mut self) -> bool {
        self.buffer.copy_within(self.filled.clone(), 0);
        self.filled = 0..self.filled.len();
        loop {
            match self.stream.read(&mut self.buffer[self.filled.end..]) {
                Ok(0) => return false,
                Ok(read) => {
                    self.filled.end += read;
                    // A read that leaves room has taken everything; the next byte brings the next event.
                    if self.filled.end < self.buffer.len() {
                        return true;
                    }
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// Takes the next request, if it is whole.
    pub(super) fn request(&mut self) -> Result<Option<Request>> {
        let bytes = &self.buffer[self.filled.clone()];
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(end) = head.parse(bytes)? else { return Ok(None) };
        let length = content_length(head.headers).unwrap_or(0);
        if bytes.len() < end + length {
            return Ok(None);
        }
        // The method and one blank stand before the path.
        let path = self.filled.start + head.method.map_or(0, str::len) + 1;
        let path = path..path + head.path.map_or(0, str::len);
        let body = self.filled.start + end..self.filled.start + end + length;
        self.filled.start = body.end;
        Ok(Some(Request { path, body }))
    }

    pub(super) fn bytes(&self, part: Range<usize>) -> &[u8] {
        &self.buffer[part]
    }

    /// Sends an answer, which a client that waits for it has room for. False: it has not, or is gone.
    pub(super) fn write(&mut self, answer: &[u8]) -> bool {
        self.stream.write(answer).is_ok_and(|sent| sent == answer.len())
    }
}
