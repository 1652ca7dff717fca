//! Deliveries to this server's own request bins: handed over without a connection, and with everything that one
//! would have shown.

use std::time::Instant;

use sealpost_core::http::RequestHead;
use sealpost_core::{Body, Duration};
use tokio::time::{sleep_until, timeout_at};

use super::answer::{Failure, Reply};
use crate::bins::{Bins, Incoming};
use crate::storage::{Answer, BinError};

/// Hands a request to the bin of this id, and takes its answer, both before `deadline`.
pub(super) async fn hand_over<B: Body>(
    bins: &Bins,
    id: &str,
    head: &RequestHead<'_>,
    body: &B,
    deadline: Instant,
) -> Result<Reply, Failure> {
    let Some(bin) = bins.find(id) else { return Ok(reply(GONE, None)) };
    if body.len() > bins.max_body() {
        return Ok(reply(413, None));
    }
    let incoming = Incoming::in_process(head, body);
    let incoming = incoming.ok_or(Failure::Protocol("the URL and the headers are too long for a request"))?;
    let received = timeout_at(deadline.into(), bins.receive(&bin, incoming)).await;
    match received.map_err(|_| Failure::AnswerTimeout)? {
        Ok(captured) => answer(captured.answer, deadline).await,
        Err(BinError::Store(_)) => Ok(reply(503, None)),
        Err(_) => Ok(reply(GONE, None)),
    }
}

/// What a bin answers that is gone: nobody will ever want it there.
const GONE: u16 = 406;

/// The answer as it looks to a client: a head that is late is none, a body that is late decides nothing.
async fn answer(answer: Answer, deadline: Instant) -> Result<Reply, Failure> {
    let due = Instant::now() + answer.delay;
    sleep_until(due.min(deadline).into()).await;
    if due >= deadline {
        return Err(Failure::AnswerTimeout);
    }
    let status = answer.status.ok_or(Failure::Unanswered)?;
    sleep_until((due + answer.drip).min(deadline).into()).await;
    Ok(reply(status, answer.retry_after.map(Duration::from_secs)))
}

fn reply(status: u16, retry_after: Option<Duration>) -> Reply {
    Reply { status, retry_after, reusable: false }
}
