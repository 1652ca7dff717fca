//! JSON that is written into memory.

use sealpost_core::ResourceError;
use sealpost_core::json::Sink;

/// A buffer that grows with what is written, and takes everything. Bounded by what goes in: an event of limited size and
/// the fields it lacks.
pub(crate) struct Growing(pub(crate) Vec<u8>);

impl Sink for Growing {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
