//! HMAC-SHA256 (RFC 2104, FIPS 180-4), which both schemes sign with.

use hmac::digest::CtOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key, already hashed into the state that every signature starts from.
#[derive(Clone)]
pub(super) struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// The key of these bytes; any number of them.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    /// The code over the parts of the head and of the body, one after the other. Out of line, so that signing
    /// and verifying in both schemes share it.
    #[inline(never)]
    pub(super) fn over(&self, head: &[&[u8]], body: &[&[u8]]) -> Code {
        let mut mac = self.0.clone();
        for part in head.iter().chain(body) {
            mac.update(part);
        }
        Code(mac.finalize())
    }
}

/// An authentication code, which compares in a time that does not depend on where it differs.
pub(super) struct Code(CtOutput<Hmac<Sha256>>);

impl Code {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(super) fn is(&self, bytes: &[u8; 32]) -> bool {
        self.0 == CtOutput::new((*bytes).into())
    }
}
