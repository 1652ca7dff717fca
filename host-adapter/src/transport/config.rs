//! What a client is told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sealpost_core::Gone;
use sealpost_core::http::HeaderError;

use super::egress::Guard;
use super::tls::TlsError;
use crate::bins::Bins;

/// What a client is told.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Judges which endpoints may be spoken to.
    pub guard: Guard,
    /// A file of authorities to trust beside the public ones, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// Time for one attempt, from connecting to the end of the answer.
    pub deadline: Duration,
    /// Time for one name lookup, part of the deadline.
    pub dns_timeout: Duration,
    /// How many bytes of one answer are read. A longer one counts, but ends the connection; the head must fit.
    pub max_response: usize,
    /// Idle connections kept for reuse, over all endpoints. None is kept longer than 60 seconds.
    pub idle_connections: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// What the answer 410 means.
    pub gone: Gone,
    /// The request bins of this server, whose URLs are never connected to.
    pub bins: Option<Bins>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            guard: Guard::default(),
            ca_file: None,
            deadline: Duration::from_secs(10),
            dns_timeout: Duration::from_secs(5),
            max_response: 16 * 1024,
            idle_connections: 512,
            user_agent: concat!("sealpost/", env!("CARGO_PKG_VERSION")).to_owned(),
            gone: Gone::Retry,
            bins: None,
        }
    }
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// TLS cannot be set up.
    Tls(TlsError),
    /// The user agent is not a header value.
    UserAgent(HeaderError),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::UserAgent(error) => write!(f, "delivery.user_agent: {error}"),
        }
    }
}

impl std::error::Error for ClientError {}
