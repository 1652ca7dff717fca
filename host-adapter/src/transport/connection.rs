//! One connection, and one request and answer at a time on it.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use sealpost_core::http::{Body as Response, RequestHead, ResponseHead, RetryAfter};
use sealpost_core::{Body, Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::answer::{Failure, Reply};
use super::deadline::Deadline;
use super::stream::Stream;

/// Room for the head of a request: the longest URL, all of it credentials, and a dozen headers.
const MIN_BUFFER: usize = 8 * 1024;

/// A connection to a vetted address.
pub(super) struct Connection {
    wire: Wire,
    deadline: Deadline,
    /// Where it leads.
    pub(super) address: IpAddr,
    /// When the guard last saw the name resolve to that address.
    pub(super) vetted: Instant,
}

impl Connection {
    /// Must be used by the runtime that made it.
    pub(super) fn new(stream: Stream, address: IpAddr, vetted: Instant, max_response: usize) -> Self {
        let buffer = vec![0; max_response.max(MIN_BUFFER)].into_boxed_slice();
        let wire = Wire { stream, buffer, max_response };
        Self { wire, deadline: Deadline::new(vetted), address, vetted }
    }

    /// Whether it looks good for another request. The peer may still close it in the next moment.
    pub(super) fn is_usable(&mut self) -> bool {
        self.wire.stream.is_quiet()
    }

    /// Sends a request and reads the answer. Its head has to come before `deadline`, and decides. The body
    /// decides no more than whether the connection can be used again: not when it is longer than
    /// `max_response`, broken, cut off, or late.
    pub(super) async fn exchange<B: Body>(
        &mut self,
        head: &RequestHead<'_>,
        body: &B,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let answered = async {
            let sent = self.wire.send(head, body).await?;
            // A receiver may refuse before it has read everything: its answer counts, whether or not all was sent.
            Ok((sent.is_ok(), self.wire.receive().await?))
        };
        let late = Err(Failure::AnswerTimeout);
        let (sent, received) = self.deadline.before(deadline, answered).await.unwrap_or(late)?;
        let (status, retry_after) = (received.head.status, received.head.retry_after);
        let drained = self.deadline.before(deadline, self.wire.drain(received)).await.unwrap_or(false);
        Ok(Reply { status, retry_after, reusable: sent && drained })
    }
}

/// What goes over it.
struct Wire {
    stream: Stream,
    /// Holds the head of the request, then what comes back.
    buffer: Box<[u8]>,
    /// How many bytes of one answer are read.
    max_response: usize,
}

impl Wire {
    /// Head and body, of a payload its signed part and the event, in as few writes as the socket allows: one.
    async fn send<B: Body>(&mut self, head: &RequestHead<'_>, body: &B) -> Result<io::Result<()>, Failure> {
        let head = head
            .write(&mut self.buffer)
            .map_err(|_| Failure::Protocol("the URL and the headers are too long for a request"))?;
        let [first, second, third] = body.chunks();
        let mut slices = [head, first, second, third].map(IoSlice::new);
        Ok(write_all(&mut self.stream, &mut slices).await)
    }

    async fn receive(&mut self) -> Result<Received, Failure> {
        let mut room = self.max_response;
        let mut filled = 0;
        loop {
            match self.head(filled)? {
                Some(head) if head.interim => {
                    self.buffer.copy_within(filled - head.rest..filled, 0);
                    filled = head.rest;
                }
                Some(head) => return Ok(Received { head, filled, room }),
                None if room == 0 => {
                    return Err(Failure::Protocol("the head of the answer is larger than the limit"));
                }
                None => {
                    let read = self.read(filled, room).await;
                    if read == 0 {
                        let first = room == self.max_response;
                        return Err(if first { Failure::Unanswered } else { Failure::CutOff });
                    }
                    filled += read;
                    room -= read;
                }
            }
        }
    }

    /// The head at the front of the first `filled` bytes, if it is whole.
    fn head(&self, filled: usize) -> Result<Option<Head>, Failure> {
        let received = self.buffer.get(..filled).unwrap_or_default();
        let parsed = ResponseHead::parse(received)
            .map_err(|_| Failure::Protocol("the answer is not HTTP/1.0 or HTTP/1.1"))?;
        Ok(parsed.map(|(head, rest)| Head {
            status: head.status(),
            interim: head.is_interim(),
            keep_alive: head.keep_alive(),
            retry_after: head.retry_after().and_then(wait),
            body: head.body(),
            rest: rest.len(),
        }))
    }

    /// Reads the body to its end; whether the connection can be used again.
    async fn drain(&mut self, Received { mut head, filled, mut room }: Received) -> bool {
        let mut fresh = filled - head.rest..filled;
        loop {
            let bytes = self.buffer.get(fresh).unwrap_or_default();
            let Ok(taken) = head.body.feed(bytes) else { return false };
            if head.body.is_complete() {
                return head.keep_alive && taken == bytes.len();
            }
            let read = self.read(0, room).await;
            if read == 0 {
                return false;
            }
            room -= read;
            fresh = 0..read;
        }
    }

    /// Reads at most `room` bytes behind the first `filled`. 0: there is no room, or the connection has ended,
    /// in whatever way.
    async fn read(&mut self, filled: usize, room: usize) -> usize {
        let free = self.buffer.get_mut(filled..).unwrap_or_default();
        let len = free.len().min(room);
        self.stream.read(free.get_mut(..len).unwrap_or_default()).await.unwrap_or(0)
    }
}

/// An answer as far as its head.
struct Received {
    head: Head,
    /// How many bytes are in the buffer.
    filled: usize,
    /// How many more may be read.
    room: usize,
}

/// What matters of the head of an answer.
struct Head {
    status: u16,
    interim: bool,
    keep_alive: bool,
    retry_after: Option<Duration>,
    body: Response,
    /// How many bytes behind the head have been read already.
    rest: usize,
}

async fn write_all(stream: &mut Stream, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        let written = stream.write_vectored(slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut slices, written);
    }
    stream.flush().await
}

/// From now, by the clock of this machine. A date in the past is no wait, and no date is none at all.
fn wait(after: RetryAfter<'_>) -> Option<Duration> {
    match after {
        RetryAfter::Delay(delay) => Some(delay),
        RetryAfter::Date(text) => {
            let date = httpdate::parse_http_date(text).ok()?;
            let wait = date.duration_since(SystemTime::now()).unwrap_or_default();
            Some(Duration::from_millis(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_to_come_is_waited_for_and_one_in_the_past_is_not() {
        let date = |secs| httpdate::fmt_http_date(SystemTime::now() + std::time::Duration::from_secs(secs));
        let hour = wait(RetryAfter::Date(&date(3600))).unwrap();
        assert!((3_590_000..=3_600_000).contains(&hour.as_millis()), "{hour:?}");
        assert_eq!(wait(RetryAfter::Date("Fri, 31 Dec 1999 23:59:59 GMT")), Some(Duration::ZERO));
        assert_eq!(wait(RetryAfter::Date("soon")), None);
    }

    #[test]
    fn a_date_too_far_away_is_the_longest_wait() {
        assert_eq!(wait(RetryAfter::Date("Fri, 31 Dec 9999 23:59:59 GMT")), Some(Duration::MAX));
    }
}
