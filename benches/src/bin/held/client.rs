//! One connection to the API, and one request at a time on it.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::AUTHORIZATION;

pub(crate) struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::new() })
    }

    /// Posts a body.
    ///
    /// # Errors
    /// The connection is broken, or the answer is not 200.
    pub(crate) async fn post(&mut self, path: &str, content_type: &str, body: &str) -> io::Result<()> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: held\r\n{AUTHORIZATION}\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.answer.clear();
        while !is_whole(&self.answer) {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if self.answer.starts_with(b"HTTP/1.1 200 ") {
            return Ok(());
        }
        Err(io::Error::other(format!("{path}: {}", String::from_utf8_lossy(&self.answer))))
    }

    pub(crate) async fn form(&mut self, path: &str, form: &str) -> io::Result<()> {
        self.post(path, "application/x-www-form-urlencoded", form).await
    }
}

/// Whether these bytes are a message with a `Content-Length`.
pub(crate) fn is_whole(message: &[u8]) -> bool {
    let Some(end) = find(message, b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&message[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    message.len() >= end + 4 + length.unwrap_or(0)
}

/// Where the needle is.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
