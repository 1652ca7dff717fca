//! The host adapter of Sealpost: network, storage and API around `sealpost-core`.

pub mod api;
pub mod ingest;
pub mod secrets;
pub mod storage;
pub mod clock;
pub mod config;
pub mod entropy;
pub mod samples;
pub mod telemetry;
