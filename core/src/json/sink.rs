//! Where encoded bytes go.

use crate::SMALL;
use crate::error::ResourceError;
use crate::write::write_all;

/// Takes bytes in order: a fixed buffer, a counter, a writer.
pub trait Sink {
    /// Takes all of `bytes`.
    ///
    /// # Errors
    /// Why not all could be taken. What was taken before is of no use then.
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError>;
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        (**self).put(bytes)
    }
}

/// Takes up to `N` bytes.
impl<const N: usize> Sink for heapless::Vec<u8, N> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        self.extend_from_slice(bytes).map_err(|_| ResourceError::BufferTooSmall)
    }
}

/// Fills a buffer of the caller from its start.
#[derive(Debug)]
pub struct SliceSink<'b> {
    buffer: &'b mut [u8],
    filled: usize,
}

impl<'b> SliceSink<'b> {
    /// A sink with room for `buffer.len()` bytes.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, filled: 0 }
    }

    /// The bytes taken so far, out of the buffer.
    #[must_use]
    pub fn into_filled(self) -> &'b [u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }
}

impl Sink for SliceSink<'_> {
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        let room = self.buffer.get_mut(self.filled..).and_then(|free| free.get_mut(..bytes.len()));
        copy(room.ok_or(ResourceError::BufferTooSmall)?, bytes);
        self.filled += bytes.len();
        Ok(())
    }
}

/// Copies between slices of one length: most are shorter than it takes to call what copies long ones.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    if SMALL || from.len() > 16 {
        to.copy_from_slice(from);
    } else if !(copy_ends::<8>(to, from) || copy_ends::<4>(to, from)) {
        for (place, byte) in to.iter_mut().zip(from) {
            *place = *byte;
        }
    }
}

/// Copies the first and the last `N` bytes, which may overlap; `false` if there are fewer.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
    let ends = (to.first_chunk_mut::<N>(), from.first_chunk::<N>(), from.last_chunk::<N>());
    let (Some(place), Some(first), Some(last)) = ends else { return false };
    *place = *first;
    if let Some(place) = to.last_chunk_mut::<N>() {
        *place = *last;
    }
    true
}

/// Counts bytes and keeps none: to size a buffer, or to know a Content-Length beforehand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountingSink(usize);

impl CountingSink {
    /// The bytes taken so far.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0
    }
}

impl Sink for CountingSink {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

/// Hands the bytes on to a writer, in the small pieces in which they are made: put a buffer behind it
/// where a write is costly.
#[derive(Debug)]
pub struct WriteSink<W>(pub W);

impl<W: embedded_io::Write> Sink for WriteSink<W> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ResourceError> {
        write_all(&mut self.0, bytes).map_err(|_| ResourceError::WriteFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_filled_to_its_last_byte_and_no_further() {
        let mut buffer = [0; 5];
        let mut sink = SliceSink::new(&mut buffer);
        assert_eq!(sink.put(b"abc"), Ok(()));
        assert_eq!(sink.put(b"def"), Err(ResourceError::BufferTooSmall));
        assert_eq!(sink.put(b"de"), Ok(()));
        assert_eq!(sink.into_filled(), b"abcde");
    }

    #[test]
    fn a_writer_that_has_ended_is_an_error_and_no_panic() {
        /// Takes one byte, and then no more.
        struct Ending(usize);

        impl embedded_io::ErrorType for Ending {
            type Error = core::convert::Infallible;
        }

        impl embedded_io::Write for Ending {
            fn write(&mut self, _: &[u8]) -> Result<usize, Self::Error> {
                Ok(core::mem::take(&mut self.0))
            }

            fn flush(&mut self) -> Result<(), Self::Error> {
                Ok(())
            }
        }

        assert_eq!(WriteSink(Ending(1)).put(b"a"), Ok(()));
        assert_eq!(WriteSink(Ending(1)).put(b"ab"), Err(ResourceError::WriteFailed));
    }

    #[test]
    fn every_sink_takes_the_same_bytes() {
        let (mut count, mut vec, mut slice) =
            (CountingSink::default(), heapless::Vec::<u8, 3>::new(), [0; 3]);
        for sink in [&mut count as &mut dyn Sink, &mut vec, &mut WriteSink(slice.as_mut_slice())] {
            assert_eq!(sink.put(b"a").and_then(|()| sink.put(b"bc")), Ok(()));
        }
        assert_eq!((count.count(), vec.as_slice(), &slice), (3, b"abc".as_slice(), b"abc"));
        assert_eq!(vec.put(b"d"), Err(ResourceError::BufferTooSmall));
        assert_eq!(WriteSink([0; 2].as_mut_slice()).put(b"abc"), Err(ResourceError::WriteFailed));
    }
}
