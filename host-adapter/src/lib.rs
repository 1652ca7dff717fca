//! The host adapter of Sealpost: network, storage and API around `sealpost-core`.

pub mod api;
pub mod bins;
pub mod cli;
pub mod clock;
pub mod config;
pub mod entropy;
pub mod filter;
mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod growing;
mod hangup;
pub mod ingest;
mod memory;
pub mod metrics;
mod pretty;
mod private;
pub mod samples;
mod scheduling;
pub mod secrets;
pub mod server;
pub mod shard;
mod standard_webhooks;
pub mod storage;
pub mod telemetry;
pub mod transport;
