//! Writing through to whatever takes bytes.

use core::fmt;

use embedded_io::Write;

/// Why bytes could not be written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WriteError<E> {
    /// The sink failed.
    Sink(E),
    /// The sink took zero bytes: it has ended.
    Closed,
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sink(error) => error.fmt(f),
            Self::Closed => f.write_str("the sink takes no more bytes"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for WriteError<E> {}

/// Like `Write::write_all`, which panics when a sink takes nothing.
pub(crate) fn write_all<W: Write>(sink: &mut W, mut bytes: &[u8]) -> Result<(), WriteError<W::Error>> {
    while !bytes.is_empty() {
        let written = sink.write(bytes).map_err(WriteError::Sink)?;
        bytes = match bytes.split_at_checked(written) {
            Some((_, rest)) if written > 0 => rest,
            _ => return Err(WriteError::Closed),
        };
    }
    Ok(())
}
