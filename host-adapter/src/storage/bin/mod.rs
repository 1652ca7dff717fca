//! Request bins: URLs of this server that keep what is sent to them, for people to look at.

mod script;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{StoreError, wall_millis};
use crate::entropy;

pub use script::{Answer, Script, ScriptError};

/// Names a bin within the store.
pub(crate) type BinKey = u32;

/// A request bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bin {
    pub(super) key: BinKey,
    /// Random, 128 bits of it: whoever knows it sees everything in the bin.
    pub id: Arc<str>,
    /// Whose it is; `None`: nobody's, which only a program in the same process can make.
    pub domain: Option<Arc<str>>,
    /// In wall-clock milliseconds since the Unix epoch.
    pub created_at: i64,
    /// The same.
    pub expires_at: i64,
    /// What it answers.
    pub script: Script,
    /// The number of the last request that came before the script was set.
    pub(super) since: u32,
}

impl Bin {
    /// Whether it has expired by this wall-clock millisecond.
    #[must_use]
    pub fn has_expired(&self, now: i64) -> bool {
        self.expires_at <= now
    }

    /// The answer to the request of this number.
    pub(super) fn answer(&self, number: u32) -> Answer {
        self.script.answer(number.saturating_sub(self.since))
    }

    /// The numbers that the store has for its requests.
    pub(super) fn ids(&self) -> std::ops::RangeInclusive<i64> {
        request_id(self.key, 0)..=request_id(self.key, u32::MAX)
    }
}

/// The number that the store has for a request.
pub(super) fn request_id(bin: BinKey, number: u32) -> i64 {
    (i64::from(bin) << 32) | i64::from(number)
}

/// A bin that is to be made.
#[derive(Clone, Debug)]
pub struct BinDraft {
    /// Whose it is to be.
    pub domain: Option<Arc<str>>,
    /// How long it stays.
    pub lifetime: Duration,
    /// What it answers.
    pub script: Script,
}

impl BinDraft {
    /// The bin, made now.
    pub(super) fn into_bin(self, key: BinKey) -> Bin {
        let created_at = wall_millis();
        let lifetime = i64::try_from(self.lifetime.as_millis()).unwrap_or(i64::MAX);
        Bin {
            key,
            id: entropy::bin_id().into(),
            domain: self.domain,
            created_at,
            expires_at: created_at.saturating_add(lifetime),
            script: self.script,
            since: 0,
        }
    }
}

/// A request to a bin that is to be kept.
#[derive(Clone, Debug)]
pub struct Capture {
    /// In wall-clock milliseconds since the Unix epoch.
    pub received_at: i64,
    /// The type of the event, by the name of its webhook; not longer than [`Capture::MAX_NAME`].
    pub kind: Option<Box<str>>,
    /// The id of the message: attempts that have the same one are counted. Not longer either.
    pub message: Option<Box<str>>,
    /// Whether everything about its signatures is as it should be.
    pub verified: bool,
    /// Whatever else is to be known about it, in words of whoever captures.
    pub details: Box<str>,
    /// The body.
    pub body: Bytes,
}

impl Capture {
    /// The longest kind, and the longest id of a message, in bytes.
    pub const MAX_NAME: usize = 256;

    /// Bytes that it counts for.
    pub(super) fn size(&self) -> usize {
        self.body.len() + self.details.len()
    }
}

/// What a request that is kept came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Its number in the bin, counted from 1 and never used twice.
    pub number: u32,
    /// How often the same message has come by now.
    pub attempt: u32,
    /// How it is to be answered.
    pub answer: Answer,
}

/// A request that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCapture {
    /// Its number in the bin.
    pub number: u32,
    /// In wall-clock milliseconds since the Unix epoch.
    pub received_at: i64,
    /// See [`Capture::kind`].
    pub kind: Option<String>,
    /// See [`Capture::message`].
    pub message: Option<String>,
    /// How often the same message had come by then.
    pub attempt: u32,
    /// See [`Capture::verified`].
    pub verified: bool,
    /// How it was answered, as a step of a [`Script`] is written.
    pub answer: String,
    /// See [`Capture::details`].
    pub details: String,
    /// Bytes of the whole body.
    pub size: usize,
    /// The body, or its beginning.
    pub body: Bytes,
}

/// Asks for requests that a bin has kept.
#[derive(Clone, Debug)]
pub struct CaptureQuery {
    /// Only those with a greater number.
    pub above: u32,
    /// Only those with a smaller number.
    pub below: u32,
    /// Only of these kinds; `None`: all.
    pub kinds: Option<Vec<String>>,
    /// The newest first, else the oldest.
    pub newest_first: bool,
    /// At most so many.
    pub limit: usize,
    /// How much of each body, in bytes.
    pub body: usize,
    /// No further one once so many bytes of bodies are found.
    pub bytes: usize,
}

impl CaptureQuery {
    /// Everything there is, the newest first, as far as the bytes go.
    pub const ALL: Self = Self {
        above: 0,
        below: u32::MAX,
        kinds: None,
        newest_first: true,
        limit: 100,
        body: usize::MAX,
        bytes: 4 << 20,
    };

    /// Whether this kind is asked for.
    pub(super) fn wants(&self, kind: Option<&str>) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kind.is_some_and(|kind| kinds.iter().any(|one| one == kind)))
    }
}

/// How many requests of a kind a bin has kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindCount {
    /// `None`: those without one.
    pub kind: Option<String>,
    /// How many.
    pub count: usize,
    /// How many of them are verified.
    pub verified: usize,
}

/// How much bins may hold.
#[derive(Clone, Copy, Debug)]
pub struct BinLimits {
    /// Bins of all domains.
    pub in_all: usize,
    /// Bins of one domain.
    pub per_domain: usize,
    /// Requests in one bin; the oldest leave it for the newest.
    pub requests: u32,
    /// Bytes in one bin; the same.
    pub bytes: u64,
}

impl Default for BinLimits {
    fn default() -> Self {
        Self { in_all: 1000, per_domain: 10, requests: 500, bytes: 16 << 20 }
    }
}

/// Why a bin did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinError {
    /// There is no bin of this id, or no more.
    Unknown,
    /// There is no such domain.
    UnknownDomain,
    /// The domain has as many bins as it can have.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// All domains together have as many bins as there can be.
    TooManyInAll {
        /// The limit.
        limit: usize,
    },
    /// The store cannot write.
    Store(StoreError),
}

impl From<StoreError> for BinError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for BinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such bin, or it has expired; make another one"),
            Self::UnknownDomain => f.write_str("the domain does not exist; create it first"),
            Self::TooMany { limit } => {
                write!(f, "the domain has {limit} bins, which is the limit; delete one, or let one expire")
            }
            Self::TooManyInAll { limit } => {
                write!(f, "there are {limit} bins, which is the limit; delete one, or let one expire")
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BinError {}
