//! What is posted, whatever its format.

use embedded_io::Write;

use crate::payload::{Payload, WriteError};
use crate::write::write_all;

/// The body of one attempt: at most three chunks, whose length is known before the first is sent.
///
/// A transport that is generic over this sends [`Payload`] and [`LegacyPayload`](crate::legacy::LegacyPayload)
/// alike, and a program that makes one of them links nothing of the other.
#[allow(clippy::len_without_is_empty)]
pub trait Body {
    /// The value of the `Content-Type` header.
    fn content_type(&self) -> &str;

    /// The chunks that make up the body, to be sent one after the other; some may be empty.
    fn chunks(&self) -> [&[u8]; 3];

    /// The length of the body in bytes: its Content-Length.
    fn len(&self) -> usize {
        self.chunks().iter().fold(0, |sum, chunk| sum.saturating_add(chunk.len()))
    }

    /// Writes the body and flushes.
    ///
    /// # Errors
    /// [`WriteError::Sink`] with the sink's error; [`WriteError::Closed`] if it takes no more bytes.
    fn write_to<W: Write>(&self, sink: &mut W) -> Result<(), WriteError<W::Error>> {
        for chunk in self.chunks() {
            write_all(sink, chunk)?;
        }
        sink.flush().map_err(WriteError::Sink)
    }
}

impl<D: AsRef<[u8]>> Body for Payload<D> {
    fn content_type(&self) -> &str {
        "application/json"
    }

    fn chunks(&self) -> [&[u8]; 3] {
        self.chunks()
    }
}
