//! What a signature comes to, and why: by the core's verifier, at the time when the request came.

use sealpost_core::UnixTime;
use sealpost_core::sign::{
    self, DEFAULT_WINDOW, EndpointSecret, ReceivedBlock, ReplayGuard, SigningKey, StandardHeaders,
    VerifyError,
};
use serde::{Deserialize, Serialize};

use crate::secrets::Secret;
use crate::storage::EndpointSecrets;

/// What a signature comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "why", rename_all = "snake_case")]
pub enum Verdict {
    /// It is good; in words, what that says.
    Verified(String),
    /// It is not good, or cannot be looked at; why.
    NotVerified(String),
    /// There is none; what is missing.
    Absent(String),
}

impl Default for Verdict {
    fn default() -> Self {
        Self::Absent("nothing is signed".to_owned())
    }
}

impl Verdict {
    /// Whether it is good.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified(_))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    /// The reason, in words.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Verified(why) | Self::NotVerified(why) | Self::Absent(why) => why,
        }
    }

    fn of(result: Result<u64, VerifyError>, now: UnixTime, by: &str) -> Self {
        match result {
            Ok(timestamp) => {
                let age = i128::from(now.secs()) - i128::from(timestamp);
                let when = match age {
                    0 => "in the second in which it came".to_owned(),
                    1.. => format!("{age} s before it came"),
                    _ => format!("{} s after it came, by its clock", -age),
                };
                Self::Verified(format!("signed {when}, {by}"))
            }
            Err(VerifyError::Stale { age }) => Self::NotVerified(format!(
                "{} ({age} s; {} s are accepted)",
                VerifyError::Stale { age },
                window()
            )),
            Err(error) => Self::NotVerified(error.to_string()),
        }
    }
}

fn window() -> u32 {
    DEFAULT_WINDOW.as_millis() / 1000
}

/// Judges the signature block of a payload.
pub(super) fn of_payload(body: &[u8], key: Option<&Secret>, now: UnixTime) -> Verdict {
    let Some(key) = key.and_then(|key| SigningKey::new(key.expose().as_bytes()).ok()) else {
        return no_key();
    };
    // Nothing is remembered: a request that comes twice is to be seen twice.
    let verified = sign::verify(body, &key, now, DEFAULT_WINDOW, &mut ReplayGuard::<1>::new());
    Verdict::of(verified.map(|verified| verified.timestamp), now, BY_KEY)
}

/// Judges the signature fields of a legacy form.
pub(super) fn of_form(block: &ReceivedBlock<'_>, key: Option<&Secret>, now: UnixTime) -> Verdict {
    let Some(key) = key.and_then(|key| SigningKey::new(key.expose().as_bytes()).ok()) else {
        return no_key();
    };
    let verified = sign::verify_block(block, &key, now, DEFAULT_WINDOW, &mut ReplayGuard::<1>::new());
    Verdict::of(verified.map(|verified| verified.timestamp), now, BY_KEY)
}

/// Judges the three headers with the body, by the secrets that are good for the bin's URL.
pub(super) fn of_headers(
    headers: StandardHeaders<'_>,
    body: &[u8],
    secrets: &[EndpointSecrets],
    now: UnixTime,
) -> Verdict {
    let millis = i64::try_from(now.secs()).unwrap_or(i64::MAX).saturating_mul(1000);
    let all = secrets.iter().flat_map(|secrets| {
        [Some(secrets.current()), secrets.previous(millis).map(|previous| &previous.secret)]
    });
    let mut verdict = Verdict::NotVerified("the secret of the webhook is none".to_owned());
    for secret in all.flatten() {
        let Ok(secret) = EndpointSecret::parse(secret.expose()) else { continue };
        let verified = secret.verify(headers, &[body], now, DEFAULT_WINDOW, &mut ReplayGuard::<1>::new());
        verdict = match verified {
            Ok(()) => {
                let timestamp = headers.timestamp.parse().unwrap_or_default();
                return Verdict::of(Ok(timestamp), now, BY_SECRET);
            }
            Err(VerifyError::WrongSignature) => Verdict::NotVerified(ALTERED.to_owned()),
            Err(error) => Verdict::of(Err(error), now, BY_SECRET),
        };
    }
    verdict
}

const BY_KEY: &str = "with this account's signing key; it says nothing about the body";
const BY_SECRET: &str = "with the webhook's secret; the body is as it was signed";
const ALTERED: &str = "the signature is not of this body with the webhook's secret: body, id or time were altered, or \
                       another secret signed";

fn no_key() -> Verdict {
    Verdict::NotVerified("this account has no signing key to verify it with".to_owned())
}
