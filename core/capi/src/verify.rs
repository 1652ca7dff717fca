//! Verifying what an account's signing key signed.

use core::slice;

use sealpost_core::sign::{self, ReceivedBlock};
use sealpost_core::{Duration, RawJson, SigningKey, UnixTime};

use crate::memory::{self, Bytes};
use crate::status::Status;

/// Where a receiver remembers what it has verified, so that a message counts once: an array of the caller's,
/// zero at first. When it is full the oldest leaves: it needs as many places as messages arrive within the
/// window, and at least one. Two threads must not use one array at the same time.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ReplayGuard {
    /// The places, the newest first.
    pub seen: *mut [u8; 32],
    /// Their number.
    pub places: usize,
}

impl ReplayGuard {
    /// # Safety
    /// `seen` is null, or points to that many places that nothing else uses for as long as `'a`.
    pub(crate) unsafe fn as_slice<'a>(self) -> Result<&'a mut [[u8; 32]], Status> {
        let fits = self.places > 0 && self.places <= isize::MAX.cast_unsigned() / 32;
        if self.seen.is_null() || !fits {
            return Err(Status::Argument);
        }
        // SAFETY: not null, not too long, and of this call's own by the caller's word.
        Ok(unsafe { slice::from_raw_parts_mut(self.seen, self.places) })
    }
}

/// What a verified payload says. The bytes are those of the body that was verified.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    /// When it was signed, in seconds since 1970.
    pub timestamp: u64,
    /// The random part of the signature.
    pub token: Bytes,
    /// The event, JSON: by its `id` a receiver tells a repetition from something new.
    pub event_data: Bytes,
}

/// Verifies a payload, the body of a POST as it came in: its signature, then that it was signed within
/// `window` seconds of `now`, then that `guard` has not seen it. The guard remembers nothing else.
///
/// This signature does not cover the event-data: verify the Standard Webhooks headers too, or instead.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sealpost_verify(
    body: Bytes,
    key: Bytes,
    now: u64,
    window: u32,
    guard: ReplayGuard,
    verified: *mut Verified,
) -> Status {
    // SAFETY: the pointers are as the crate demands, by the caller's word.
    Status::of(|| unsafe {
        let place = memory::place(verified)?;
        let (now, window) = (UnixTime::new(now, 0), Duration::from_secs(window));
        let (key, guard) = (SigningKey::new(key.as_slice()?)?, guard.as_slice()?);
        let payload = sign::check_payload(body.as_slice()?)?;
        let event_data = payload.member("event-data").ok_or(Status::Malformed)?;
        let block = sign::verify_block(&received_block(payload)?, &key, now, window, guard)?;
        place.write(Verified {
            timestamp: block.timestamp,
            token: block.token.as_bytes().into(),
            event_data: event_data.as_bytes().into(),
        });
        Ok(())
    })
}

/// The block, read member by member: a decoder for four strings would be a third of a WebAssembly module, and
/// brings code that panics.
fn received_block(payload: RawJson<'_>) -> Result<ReceivedBlock<'_>, Status> {
    let block = payload.member("signature").ok_or(Status::Malformed)?;
    let plain = |name| block.member(name)?.as_text()?.as_plain();
    Ok(ReceivedBlock {
        timestamp: plain("timestamp").ok_or(Status::Malformed)?,
        token: plain("token").ok_or(Status::Malformed)?,
        signature: plain("signature").ok_or(Status::Malformed)?,
        parent_signature: plain("parent-signature"),
    })
}
