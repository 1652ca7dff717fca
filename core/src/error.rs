//! Errors, sorted by who must act.
//!
//! [`ConfigError`]: whoever configures the program wrote something that can never work.
//! [`InputError`](crate::json::InputError): whoever sent the bytes must send other bytes.
//! [`ResourceError`]: a buffer of the caller is too small, or its sink failed.
//! [`Full`]: nothing is wrong; come back when something has been delivered.

use core::fmt;

/// A setting that can never work. To be corrected by whoever configures the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// A signing key has no bytes.
    EmptyKey,
    /// An endpoint secret is not `whsec_` followed by the base64 of 24 to 64 bytes.
    MalformedSecret,
    /// A retry schedule has more than [`Schedule::MAX_STEPS`](crate::retry::Schedule::MAX_STEPS) steps.
    ScheduleTooLong,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyKey => "the signing key is empty; it needs at least one byte",
            Self::MalformedSecret => {
                "the endpoint secret is malformed; it must be `whsec_` followed by the base64 of 24 to 64 bytes"
            }
            Self::ScheduleTooLong => "the retry schedule has more than 16 steps",
        })
    }
}

impl core::error::Error for ConfigError {}

/// A buffer or sink of the caller could not take what was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResourceError {
    /// The buffer ends before the output does.
    BufferTooSmall,
    /// The writer behind a [`WriteSink`](crate::json::WriteSink) failed.
    WriteFailed,
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BufferTooSmall => "the output does not fit into the buffer; pass a larger one",
            Self::WriteFailed => "the writer failed before all was written",
        })
    }
}

impl core::error::Error for ResourceError {}

/// No room at the moment: backpressure, not a fault. Offer it again when something has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room at the moment; offer it again when a delivery has ended")
    }
}

impl core::error::Error for Full {}
