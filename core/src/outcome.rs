//! What one attempt came to.
//!
//! Three words, chosen so that they never collide with event types: *acknowledged*, *refused*, *retry*.

use core::fmt;

use crate::time::Duration;

/// What one attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The receiver has it: any 2xx.
    Acknowledged,
    /// The receiver will never want it: 406, and 410 where [`Gone::Stop`] says so.
    Refused {
        /// The status code it answered.
        status: u16,
    },
    /// Try again on the schedule: everything else.
    Retry {
        /// What went wrong.
        fault: Fault,
        /// How long the receiver asked to be left alone (`Retry-After` of a 429 or 503).
        after: Option<Duration>,
    },
}

impl Outcome {
    /// The outcome of an answer with this status code. `retry_after` counts for 429 and 503 alone.
    ///
    /// Mailgun: 200 succeeds, 406 is final, anything else is retried
    /// (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-retries>); in
    /// practice any 2xx succeeds. Redirects (3xx) are never followed.
    ///
    /// ```
    /// use sealpost_core::{Fault, Gone, Outcome};
    /// assert_eq!(Outcome::from_status(204, None, Gone::Retry), Outcome::Acknowledged);
    /// assert_eq!(Outcome::from_status(406, None, Gone::Retry), Outcome::Refused { status: 406 });
    /// assert_eq!(Outcome::from_status(500, None, Gone::Retry), Outcome::retry(Fault::Status(500)));
    /// ```
    #[must_use]
    pub const fn from_status(status: u16, retry_after: Option<Duration>, gone: Gone) -> Self {
        match (status, gone) {
            (200..=299, _) => Self::Acknowledged,
            (406, _) | (410, Gone::Stop) => Self::Refused { status },
            (429 | 503, _) => Self::Retry { fault: Fault::Status(status), after: retry_after },
            _ => Self::retry(Fault::Status(status)),
        }
    }

    /// A retry without a `Retry-After`.
    #[must_use]
    pub const fn retry(fault: Fault) -> Self {
        Self::Retry { fault, after: None }
    }

    /// The receiver's status code, where it answered one that decided something other than success.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Refused { status } | Self::Retry { fault: Fault::Status(status), .. } => Some(status),
            _ => None,
        }
    }
}

/// What a 410 Gone means: Mailgun retries it, some operators want it to stop the delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Gone {
    /// Retry, as Mailgun does.
    #[default]
    Retry,
    /// Refused, final.
    Stop,
}

/// Why an attempt has to be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fault {
    /// The receiver answered, but with a status code that is neither 2xx nor final.
    Status(u16),
    /// No complete answer before the deadline of the attempt.
    Timeout,
    /// The name did not resolve.
    Dns,
    /// The egress guard denies the address.
    Egress,
    /// No connection was made.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// The connection ended before the answer did.
    Closed,
    /// The answer is not HTTP/1.x, or its head is larger than the buffer.
    Protocol,
}

impl Fault {
    /// Whether the receiver was not reached or did not answer. Ten of these in a row make an endpoint
    /// *down*; an answer of any status does not.
    #[must_use]
    pub const fn is_transport(self) -> bool {
        !matches!(self, Self::Status(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Status(status) => return write!(f, "the receiver answered {status}"),
            Self::Timeout => "no answer within the deadline",
            Self::Dns => "the host name does not resolve",
            Self::Egress => "the egress guard denies the address",
            Self::Connect => "no connection could be made",
            Self::Tls => "the TLS handshake failed",
            Self::Closed => "the connection ended before the answer was complete",
            Self::Protocol => "the answer is not HTTP/1.x, or its head is too large",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_2xx_acknowledges() {
        for status in 200..300 {
            assert_eq!(Outcome::from_status(status, None, Gone::Retry), Outcome::Acknowledged);
        }
    }

    #[test]
    fn only_406_is_final_unless_gone_stops() {
        for status in (100..200).chain(300..600).filter(|status| *status != 406) {
            assert_eq!(
                Outcome::from_status(status, None, Gone::Retry),
                Outcome::retry(Fault::Status(status))
            );
        }
        assert_eq!(Outcome::from_status(406, None, Gone::Retry), Outcome::Refused { status: 406 });
        assert_eq!(Outcome::from_status(410, None, Gone::Stop), Outcome::Refused { status: 410 });
    }

    #[test]
    fn retry_after_counts_for_429_and_503_alone() {
        let wait = Some(Duration::from_secs(7));
        for (status, after) in [(429, wait), (503, wait), (500, None), (302, None)] {
            let fault = Fault::Status(status);
            assert_eq!(Outcome::from_status(status, wait, Gone::Retry), Outcome::Retry { fault, after });
        }
    }
}
