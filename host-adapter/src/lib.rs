//! The host adapter of Sealpost: network, storage and API around `sealpost-core`.

pub mod transport;
