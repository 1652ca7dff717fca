//! Request bodies on their way in: in time, and read to their end even where nobody wants them.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::Request;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::api::TwoEnds;

/// The most of a refused body that is read and thrown away, in bytes.
const MAX_UNREAD: u64 = 64 << 20;

/// How long a body whose end is told in two ways may take. Nobody knows what of it will come.
const TWO_ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Answers a request whose body has to arrive `within` this time.
///
/// Many clients listen only when they have sent everything: were the connection closed on them before, they would
/// see it reset and never hear why they were refused. So what is left of the body is read first. One that is
/// longer than [`MAX_UNREAD`], or late, gets its answer and loses its connection.
///
/// Where `two_ends` are told of the body, the API refuses it, and no other request is read from its connection.
///
/// # Errors
/// Never; that is what the loop wants to hear.
pub(super) async fn answer<F: Future<Output = Response>>(
    within: Duration,
    mut request: Request<Incoming>,
    two_ends: bool,
    answer: impl FnOnce(axum::extract::Request) -> F,
) -> Result<Response, Infallible> {
    // Such a client waits to be told, and may then send nothing.
    let sends_anyway = !request.headers().contains_key(header::EXPECT);
    if two_ends {
        request.extensions_mut().insert(TwoEnds);
    }
    let (head, body) = request.into_parts();
    let body = Arriving::new(body, if two_ends { within.min(TWO_ENDS_WITHIN) } else { within });
    let mut response = answer(Request::from_parts(head, Body::new(body.clone()))).await;
    let complete = body.is_end_stream() || (sends_anyway && body.drained().await);
    if two_ends || !complete {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// A request body that has to arrive in time, so that a slow sender holds its place for so long and no longer.
#[derive(Clone)]
struct Arriving(Arc<Mutex<Inner>>);

struct Inner {
    body: Incoming,
    /// The body has said so: one of unknown length cannot tell before.
    ended: bool,
    until: Instant,
    /// Set once something is missing: most bodies are there with the head.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    fn new(body: Incoming, within: Duration) -> Self {
        let until = Instant::now() + within;
        Self(Arc::new(Mutex::new(Inner { body, ended: false, until, deadline: None })))
    }

    /// Reads what is left; whether that was all there is.
    async fn drained(mut self) -> bool {
        let mut read = 0;
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await
        {
            let Ok(frame) = frame else { return false };
            read += frame.data_ref().map_or(0, |data| data.len() as u64);
            if read > MAX_UNREAD {
                return false;
            }
        }
        true
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl hyper::body::Body for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut inner = self.inner();
        if let Poll::Ready(frame) = Pin::new(&mut inner.body).poll_frame(context) {
            inner.ended = frame.is_none();
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let until = inner.until;
        let deadline = inner.deadline.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(deadline.as_mut().poll(context));
        let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "the body did not arrive in time");
        Poll::Ready(Some(Err(axum::Error::new(late))))
    }

    fn is_end_stream(&self) -> bool {
        let inner = self.inner();
        inner.ended || inner.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner().body.size_hint()
    }
}
