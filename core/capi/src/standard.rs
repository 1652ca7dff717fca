//! The Standard Webhooks scheme, whose signature covers the body.

use core::ffi::c_char;
use core::slice;

use sealpost_core::sign::{self, EndpointSecret, StandardSignature};
use sealpost_core::{Duration, UnixTime};

use crate::memory::{self, Bytes};
use crate::status::Status;
use crate::verify::ReplayGuard;

/// The most chunks that a body may consist of.
pub const MAX_CHUNKS: usize = 8;
/// The size of a `webhook-signature` with the NUL at its end.
pub const STANDARD_SIGNATURE: usize = 48;

const _: () = assert!(STANDARD_SIGNATURE == StandardSignature::LEN + 1);

/// The three headers of a received message.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StandardHeaders {
    /// `webhook-id`.
    pub id: Bytes,
    /// `webhook-timestamp`.
    pub timestamp: Bytes,
    /// `webhook-signature`.
    pub signatures: Bytes,
}

/// Writes the value of `webhook-signature` and a NUL, for a message with that `id` (the event's, without
/// dots), sent at `now` seconds since 1970 with a body of `count` chunks. `secret` is `whsec_` and base64.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealpost_standard_sign(
    secret: Bytes,
    id: Bytes,
    now: u64,
    chunks: *const Bytes,
    count: usize,
    signature: *mut [c_char; STANDARD_SIGNATURE],
) -> Status {
    // SAFETY: the pointers are as the crate demands, by the caller's word.
    Status::of(|| unsafe {
        let place = memory::place(signature)?;
        let secret = EndpointSecret::parse(secret.as_str()?)?;
        let body = Chunks::at(chunks, count)?;
        let signature = secret.sign(id.as_str()?, UnixTime::new(now, 0), body.as_slice());
        place.write(memory::c_text(signature.as_bytes()));
        Ok(())
    })
}

/// Verifies a message by its three headers and its body, which may come in up to 8 chunks cut anywhere: one of
/// the signatures, then that it was signed within `window` seconds of `now`, then that `guard` has not seen
/// it. The guard remembers nothing else, and can be the one of `sealpost_verify`.
///
/// A known `webhook-id` under a new signature is the sender's next attempt: acknowledge it, count it once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealpost_standard_verify(
    secret: Bytes,
    headers: StandardHeaders,
    chunks: *const Bytes,
    count: usize,
    now: u64,
    window: u32,
    guard: ReplayGuard,
) -> Status {
    // SAFETY: the pointers are as the crate demands, by the caller's word.
    Status::of(|| unsafe {
        let (now, window) = (UnixTime::new(now, 0), Duration::from_secs(window));
        let secret = EndpointSecret::parse(secret.as_str()?)?;
        let headers = sign::StandardHeaders {
            id: headers.id.as_str()?,
            timestamp: headers.timestamp.as_str()?,
            signatures: headers.signatures.as_str()?,
        };
        let body = Chunks::at(chunks, count)?;
        Ok(secret.verify(headers, body.as_slice(), now, window, guard.as_slice()?)?)
    })
}

/// A body in up to [`MAX_CHUNKS`] pieces.
struct Chunks<'a> {
    chunks: [&'a [u8]; MAX_CHUNKS],
    count: usize,
}

impl<'a> Chunks<'a> {
    /// # Safety
    /// `chunks` is null, or points to `count` chunks that can be read for as long as `'a`.
    unsafe fn at(chunks: *const Bytes, count: usize) -> Result<Self, Status> {
        let mut body = Self { chunks: [&[]; MAX_CHUNKS], count };
        if count > MAX_CHUNKS || (chunks.is_null() && count > 0) {
            return Err(Status::Argument);
        }
        if count > 0 {
            // SAFETY: not null, few enough, and readable by the caller's word.
            let given = unsafe { slice::from_raw_parts(chunks, count) };
            for (to, from) in body.chunks.iter_mut().zip(given) {
                // SAFETY: readable by the caller's word.
                *to = unsafe { from.as_slice() }?;
            }
        }
        Ok(body)
    }

    fn as_slice(&self) -> &[&'a [u8]] {
        self.chunks.get(..self.count).unwrap_or_default()
    }
}
