//! What one attempt came to, for the dispatcher and for people.

use std::io;

use rustls::CertificateError;
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
            Self::Tls(error) => format!("the TLS handshake failed: {}", tls_advice(error)),
            Self::ConnectTimeout => "no connection within the deadline".to_owned(),
            Self::AnswerTimeout => "connected, but no answer within the deadline".to_owned(),
            Self::Unanswered => "the receiver closed the connection without an answer".to_owned(),
            Self::CutOff => "the receiver closed the connection in the middle of its answer".to_owned(),
            Self::Protocol(what) => (*what).to_owned(),
        }
    }
}

/// What is wrong with a handshake, and what whoever runs the receiver can do about it.
fn tls_advice(error: &io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(certificate)) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the receiver's certificate has expired; renew it".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the receiver's certificate is not valid yet; look at both clocks".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the receiver's certificate is for another name than the URL's host".to_owned()
            }
            CertificateError::UnknownIssuer => "the receiver's certificate is from an authority that is not \
                trusted, or signed by itself; send the whole chain, or name the authority in egress.ca_file"
                .to_owned(),
            other => format!("the receiver's certificate is not accepted: {other}"),
        },
        Some(rustls::Error::InvalidMessage(_)) => {
            "the receiver does not speak TLS on this port; is it an http URL?".to_owned()
        }
        Some(other) => other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the receiver closed the connection in the middle of it".to_owned()
        }
        None => error.to_string(),
    }
}
