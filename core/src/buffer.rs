//! A fixed buffer being filled from the front.

use crate::error::ResourceError;

/// Fills a borrowed buffer piece by piece; a piece that does not fit is refused whole.
pub(crate) struct Filling<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> Filling<'a> {
    pub(crate) const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), ResourceError> {
        let end = self.len.saturating_add(piece.len());
        let place = self.bytes.get_mut(self.len..end).ok_or(ResourceError::BufferTooSmall)?;
        // Not copy_from_slice: it can panic, and the compiler does not see that here it cannot.
        for (to, from) in place.iter_mut().zip(piece) {
            *to = *from;
        }
        self.len = end;
        Ok(())
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// What has been written.
    pub(crate) fn finish(self) -> &'a [u8] {
        let (written, _) = self.bytes.split_at_checked(self.len).unwrap_or_default();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_does_not_fit_is_refused_whole() {
        let mut bytes = [0; 5];
        let mut filling = Filling::new(&mut bytes);
        filling.push(b"abc").unwrap();
        assert_eq!(filling.push(b"def"), Err(ResourceError::BufferTooSmall));
        filling.push(b"de").unwrap();
        assert_eq!(filling.finish(), b"abcde");
    }
}
