//! The caller's memory.

use core::ffi::c_char;
use core::mem::MaybeUninit;
use core::ptr;
use core::slice;

use crate::status::Status;

/// Bytes of the caller, only read. A null `data` stands for no bytes and goes with `len` 0 alone.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// The first byte.
    pub data: *const u8,
    /// Their number.
    pub len: usize,
}

impl Bytes {
    /// # Safety
    /// `data` is null, or `len` bytes can be read there for as long as `'a`.
    pub(crate) unsafe fn as_slice<'a>(self) -> Result<&'a [u8], Status> {
        match self.len {
            0 => Ok(&[]),
            len if self.data.is_null() || len > isize::MAX.cast_unsigned() => Err(Status::Argument),
            // SAFETY: not null, not too long, and readable by the caller's word.
            len => Ok(unsafe { slice::from_raw_parts(self.data, len) }),
        }
    }

    /// # Safety
    /// As [`Bytes::as_slice`].
    pub(crate) unsafe fn as_str<'a>(self) -> Result<&'a str, Status> {
        // SAFETY: passed on to the caller.
        let bytes = unsafe { self.as_slice() }?;
        core::str::from_utf8(bytes).map_err(|_| Status::Argument)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// Room of the caller for output. It need not be initialised, and must not overlap the input.
#[repr(C)]
#[derive(Debug)]
pub struct Buffer {
    /// The first byte of the room.
    pub data: *mut u8,
    /// The size of the room in bytes.
    pub capacity: usize,
    /// Set by the call: the length of the output, also when the room is too small for it; 0 after every
    /// other error.
    pub len: usize,
}

impl Buffer {
    /// The caller's buffer, empty.
    ///
    /// # Safety
    /// `this` is null, or points to a buffer that nothing else uses for as long as `'a` and whose `data` is
    /// null or has room for `capacity` bytes.
    pub(crate) unsafe fn at<'a>(this: *mut Self) -> Result<&'a mut Self, Status> {
        // SAFETY: null, or a buffer of this call's own.
        let buffer = unsafe { this.as_mut() }.ok_or(Status::Argument)?;
        buffer.len = 0;
        if buffer.data.is_null() && buffer.capacity > 0 { Err(Status::Argument) } else { Ok(buffer) }
    }

    /// Writes the chunks one after the other to the room if all of them fit, and their length in either case.
    ///
    /// # Safety
    /// The buffer is one of [`Buffer::at`], and the chunks do not lie in its room.
    pub(crate) unsafe fn fill(&mut self, chunks: &[&[u8]]) -> Result<(), Status> {
        self.len = chunks.iter().fold(0, |sum: usize, chunk| sum.saturating_add(chunk.len()));
        if self.len > self.capacity {
            return Err(Status::BufferTooSmall);
        }
        let mut place = self.data;
        for chunk in chunks {
            // SAFETY: the lengths add up to no more than the capacity, so that the chunk and the place behind
            // it lie within the room.
            unsafe {
                ptr::copy_nonoverlapping(chunk.as_ptr(), place, chunk.len());
                place = place.add(chunk.len());
            }
        }
        Ok(())
    }
}

/// Where the caller wants a result; it need not be initialised.
///
/// # Safety
/// `place` is null, or has room for a `T`, aligned as one, that nothing else uses for as long as `'a`.
pub(crate) unsafe fn place<'a, T>(place: *mut T) -> Result<&'a mut MaybeUninit<T>, Status> {
    // SAFETY: null or that room, and what is not initialised needs no value.
    unsafe { place.cast::<MaybeUninit<T>>().as_mut() }.ok_or(Status::Argument)
}

/// The text with a NUL behind it, cut to fit.
pub(crate) fn c_text<const N: usize>(text: &[u8]) -> [c_char; N] {
    let mut copy = [0; N];
    let len = text.len().min(N.saturating_sub(1));
    // SAFETY: both have at least `len` bytes, and a `c_char` is a byte.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), copy.as_mut_ptr(), len) };
    copy
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn no_bytes_need_no_place() {
        let at = |data, len| {
            // SAFETY: null and what is too long are never read.
            unsafe { Bytes { data, len }.as_slice() }
        };
        assert_eq!(at(ptr::null(), 0), Ok(&[][..]));
        assert_eq!(at(ptr::null(), 1), Err(Status::Argument));
        assert_eq!(at(b"x".as_ptr(), usize::MAX), Err(Status::Argument));
        assert_eq!(at(b"x".as_ptr(), 1), Ok(&b"x"[..]));
    }

    #[test]
    fn a_buffer_takes_all_or_tells_how_much_it_lacks() {
        for capacity in 0..6 {
            let mut room = std::vec![b'-'; capacity];
            let mut buffer = Buffer { data: room.as_mut_ptr(), capacity, len: 9 };
            // SAFETY: the room has that capacity.
            let filled =
                unsafe { Buffer::at(&mut buffer).and_then(|buffer| buffer.fill(&[b"ab", b"", b"cd"])) };
            assert_eq!(buffer.len, 4);
            if capacity < 4 {
                assert_eq!((filled, room), (Err(Status::BufferTooSmall), std::vec![b'-'; capacity]));
            } else {
                assert_eq!((filled, &room[..4]), (Ok(()), &b"abcd"[..]));
            }
        }
    }

    #[test]
    fn a_null_pointer_is_a_fault_of_the_program() {
        let mut nowhere = Buffer { data: ptr::null_mut(), capacity: 1, len: 9 };
        // SAFETY: null is never written to.
        unsafe {
            assert_eq!(Buffer::at(ptr::null_mut()).unwrap_err(), Status::Argument);
            assert_eq!(Buffer::at(&mut nowhere).unwrap_err(), Status::Argument);
            assert_eq!(place::<u64>(ptr::null_mut()).unwrap_err(), Status::Argument);
        }
        assert_eq!(nowhere.len, 0);
    }
}
