//! Checking JSON before it is signed and sent.

use sealpost_core::json;

use crate::memory::Bytes;
use crate::status::Status;

/// Checks that `text` is one JSON value, in UTF-8 and at most 32 arrays and objects deep. If it is not,
/// `offset` says at which byte it stops to be; it may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealpost_json_check(text: Bytes, offset: *mut usize) -> Status {
    // SAFETY: the pointers are as the crate demands, by the caller's word.
    Status::of(|| unsafe {
        let Err(fault) = json::check(text.as_slice()?) else { return Ok(()) };
        if let Some(offset) = offset.as_mut() {
            *offset = fault.offset().unwrap_or(0);
        }
        Err(fault.into())
    })
}
