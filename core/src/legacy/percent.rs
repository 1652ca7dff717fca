//! Bytes as `%` and two hexadecimal digits.

use crate::error::ResourceError;
use crate::hex;
use crate::json::Sink;

/// Writes `bytes`, with an escape in place of each that is not `plain`.
pub(super) fn put<S: Sink + ?Sized>(
    sink: &mut S,
    bytes: &[u8],
    plain: impl Fn(u8) -> bool,
) -> Result<(), ResourceError> {
    let mut rest = bytes;
    loop {
        let end = rest.iter().take_while(|byte| plain(**byte)).count();
        let (run, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        sink.put(run)?;
        let Some((byte, tail)) = tail.split_first() else { return Ok(()) };
        let [high, low] = [byte >> 4, byte & 0xf].map(|nibble| hex::digit(nibble).to_ascii_uppercase());
        sink.put(&[b'%', high, low])?;
        rest = tail;
    }
}
