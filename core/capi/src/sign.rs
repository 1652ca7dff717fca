//! Signing with an account's signing key.

use core::ffi::c_char;
use core::slice;

use sealpost_core::payload;
use sealpost_core::{Payload, SigningKey, Token, UnixTime, json};

use crate::memory::{self, Buffer, Bytes};
use crate::status::Status;

/// The number of random bytes that every signature takes.
pub const ENTROPY: usize = 25;
/// The room for any signed prefix, in bytes; a payload is at most this, its event-data and one byte more.
pub const MAX_PREFIX: usize = 289;

const _: () = assert!(ENTROPY == Token::ENTROPY && MAX_PREFIX == payload::MAX_PREFIX);

/// A signature and what it covers, each text with a NUL at its end.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SignatureBlock {
    /// When it was signed, in seconds since 1970. In JSON this is a string of digits.
    pub timestamp: u64,
    /// The random part: 50 lowercase hexadecimal digits.
    pub token: [c_char; 51],
    /// The signature: 64 lowercase hexadecimal digits.
    pub signature: [c_char; 65],
}

/// Signs: fills `block` from the signing key, the time in seconds since 1970, and 25 bytes from a
/// cryptographic random source, which must never be used twice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealpost_sign(
    key: Bytes,
    now: u64,
    entropy: *const [u8; ENTROPY],
    block: *mut SignatureBlock,
) -> Status {
    // SAFETY: the pointers are as the crate demands, by the caller's word.
    Status::of(|| unsafe {
        let place = memory::place(block)?;
        let block = sign(key, now, entropy)?;
        place.write(SignatureBlock {
            timestamp: block.timestamp(),
            token: memory::c_text(block.token().as_bytes()),
            signature: memory::c_text(block.digits()),
        });
        Ok(())
    })
}

/// Writes the payload, the body of one POST: `{"signature":{...},"event-data":...}`. Sign every attempt anew,
/// with fresh entropy; `event_data`, which must be JSON, stays the same.
///
/// The payload takes at most `SEALPOST_MAX_PREFIX + event_data.len + 1` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealpost_payload(
    key: Bytes,
    now: u64,
    entropy: *const [u8; ENTROPY],
    event_data: Bytes,
    payload: *mut Buffer,
) -> Status {
    // SAFETY: the pointers are as the crate demands, by the caller's word.
    Status::of(|| unsafe {
        let buffer = Buffer::at(payload)?;
        let event_data = json::check(event_data.as_slice()?)?;
        write(key, now, entropy, Some(event_data.as_bytes()), buffer)
    })
}

/// Writes what stands before the event-data in a payload, for programs that send the event-data from where
/// it lies: the body is this prefix, the event-data (which must be JSON, see `sealpost_json_check`), and `}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealpost_payload_prefix(
    key: Bytes,
    now: u64,
    entropy: *const [u8; ENTROPY],
    prefix: *mut Buffer,
) -> Status {
    // SAFETY: the pointers are as the crate demands, by the caller's word.
    Status::of(|| unsafe { write(key, now, entropy, None, Buffer::at(prefix)?) })
}

/// Writes a payload, or its prefix alone where there is no event-data.
///
/// # Safety
/// As of every function of this library.
unsafe fn write(
    key: Bytes,
    now: u64,
    entropy: *const [u8; ENTROPY],
    event_data: Option<&[u8]>,
    buffer: &mut Buffer,
) -> Result<(), Status> {
    // SAFETY: passed on to the caller.
    let payload = Payload::new(&unsafe { sign(key, now, entropy) }?, event_data.unwrap_or_default());
    let chunks = payload.chunks();
    let [prefix, ..] = chunks;
    // SAFETY: a buffer of the caller's, and chunks of this function's own and of its input.
    unsafe { buffer.fill(if event_data.is_some() { &chunks } else { slice::from_ref(&prefix) }) }
}

/// # Safety
/// As of every function of this library.
unsafe fn sign(
    key: Bytes,
    now: u64,
    entropy: *const [u8; ENTROPY],
) -> Result<sealpost_core::SignatureBlock, Status> {
    // SAFETY: passed on to the caller.
    let (key, entropy) = unsafe { (key.as_slice()?, entropy.as_ref().ok_or(Status::Argument)?) };
    Ok(SigningKey::new(key)?.sign(UnixTime::new(now, 0), Token::from_entropy(*entropy)))
}
