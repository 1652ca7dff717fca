//! A connection that ends when its peer takes nothing of what is written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::framing::Scanner;
use crate::hangup::Hangup;

/// A stream whose writes fail once the peer has taken nothing for `patience`, so that an answer that nobody
/// reads holds its memory and its place for so long and no longer.
pub(super) struct Progress<S> {
    stream: S,
    patience: Duration,
    /// Since the stream last took nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// What may be ordered, and what to do to the stream then.
    hangup: Option<(Hangup, Reset<S>)>,
    /// What looks through all that is read.
    scanner: Scanner,
}

/// Makes the peer of a stream see a reset.
type Reset<S> = fn(&S);

impl<S> Progress<S> {
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, stalled: None, hangup: None, scanner: Scanner::default() }
    }

    /// The same, and once the order is there, nothing more is written: `then` is done instead.
    pub(super) fn that_heeds(self, order: Hangup, then: Reset<S>) -> Self {
        Self { hangup: Some((order, then)), ..self }
    }

    /// The same, and `scanner` sees what is read, before the reader does.
    pub(super) fn that_shows(self, scanner: Scanner) -> Self {
        Self { scanner, ..self }
    }

    fn check_order(&self) -> io::Result<()> {
        match &self.hangup {
            Some((order, then)) if order.is_ordered() => {
                then(&self.stream);
                Err(io::ErrorKind::ConnectionReset.into())
            }
            _ => Ok(()),
        }
    }

    /// The result of a write, or of a flush, unless it has been pending for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads nothing")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progress<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.scanner.scan(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progress<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_order()?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_order()?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, closed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn what_nobody_reads_is_given_up() {
        let (ours, _theirs) = duplex(16);
        let mut stream = Progress::new(ours, PATIENCE);
        let written = timeout(LONG, stream.write_all(&[0; 64])).await.expect("an end");
        assert_eq!(written.expect_err("not all was taken").kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_slow_reader_gets_all_of_it() {
        let (ours, mut theirs) = duplex(16);
        let mut stream = Progress::new(ours, PATIENCE);
        let reader = tokio::spawn(async move {
            let mut received = Vec::new();
            while theirs.read_buf(&mut received).await.expect("bytes") > 0 {
                sleep(PATIENCE / 4).await;
            }
            received.len()
        });
        timeout(LONG, stream.write_all(&[0; 160])).await.expect("an end").expect("progress");
        drop(stream);
        assert_eq!(reader.await.expect("a length"), 160);
    }
}
