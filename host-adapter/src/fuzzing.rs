//! A way in for the fuzz targets: the parsers of what strangers send that are no part of the API of this crate, each
//! with what must hold whatever comes.

pub use crate::api::fuzzing::{cursor, form, time};
pub use crate::bins::fuzzing::bin_request;
pub use crate::config::fuzzing::config;
pub use crate::ingest::fuzzing::submission;
