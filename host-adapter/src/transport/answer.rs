//! What one attempt came to, for the dispatcher and for people.

use std::io;

use sealpost_core::{Duration, Fault, Gone, Outcome};

use super::egress::Denied;
use super::resolve::ResolveError;

/// What one attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it means for the delivery.
    pub outcome: Outcome,
    /// The same for people, in one sentence, without secrets.
    pub detail: String,
    /// The receiver's status code, if it answered.
    pub status: Option<u16>,
}

impl Answer {
    pub(super) fn new(result: Result<Reply, Failure>, gone: Gone) -> Self {
        match result {
            Ok(reply) => Self {
                outcome: Outcome::from_status(reply.status, reply.retry_after, gone),
                detail: reply.detail(),
                status: Some(reply.status),
            },
            Err(failure) => {
                Self { outcome: Outcome::retry(failure.fault()), detail: failure.detail(), status: None }
            }
        }
    }
}

impl From<Answer> for Outcome {
    fn from(answer: Answer) -> Self {
        answer.outcome
    }
}

/// An answer of the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    /// Whether the connection can carry another request.
    pub(super) reusable: bool,
}

impl Reply {
    fn detail(&self) -> String {
        let status = self.status;
        match status {
            300..=399 => {
                format!("the receiver answered {status}; redirects are not followed, use the final URL")
            }
            _ => format!("the receiver answered {status}"),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    Denied(Denied),
    Unresolved(ResolveError),
    NotConnected(io::Error),
    Tls(io::Error),
    /// The deadline passed before there was a connection.
    ConnectTimeout,
    /// The deadline passed before the head of the answer was complete.
    AnswerTimeout,
    /// The connection ended before the first byte of an answer.
    Unanswered,
    /// The connection ended in the middle of the answer's head.
    CutOff,
    /// The answer, or the request, is none that HTTP/1.1 and the configured limits allow.
    Protocol(&'static str),
}

impl Failure {
    const fn fault(&self) -> Fault {
        match self {
            Self::Denied(_) => Fault::Egress,
            Self::Unresolved(_) => Fault::Dns,
            Self::NotConnected(_) => Fault::Connect,
            Self::Tls(_) => Fault::Tls,
            Self::ConnectTimeout | Self::AnswerTimeout => Fault::Timeout,
            Self::Unanswered | Self::CutOff => Fault::Closed,
            Self::Protocol(_) => Fault::Protocol,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Denied(denied) => format!("not sent: {denied}"),
            Self::Unresolved(error) => error.to_string(),
            Self::NotConnected(error) => format!("no connection: {error}"),
            Self::Tls(error) => format!("the TLS handshake failed: {error}"),
            Self::ConnectTimeout => "no connection within the deadline".to_owned(),
            Self::AnswerTimeout => "connected, but no answer within the deadline".to_owned(),
            Self::Unanswered => "the receiver closed the connection without an answer".to_owned(),
            Self::CutOff => "the receiver closed the connection in the middle of its answer".to_owned(),
            Self::Protocol(what) => (*what).to_owned(),
        }
    }
}
