//! What every function returns.

use core::ffi::{CStr, c_char, c_int};

use sealpost_core::sign::VerifyError;
use sealpost_core::{ConfigError, InputError};

/// What a call came to. Anything but `OK` is an error, and then nothing but lengths and offsets was written.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The output does not fit into the buffer; its `len` says how many bytes are needed.
    BufferTooSmall = 1,
    /// A pointer is null that must not be, a text is not UTF-8, or there are too many chunks: to be
    /// corrected in the calling program.
    Argument = 2,
    /// The signing key is empty, or the endpoint secret is not `whsec_` and the base64 of 24 to 64 bytes: to
    /// be corrected by whoever configures the program.
    Key = 3,
    /// The text is not JSON: to be corrected by whoever sent it.
    NotJson = 4,
    /// It does not have the parts of a signed message: to be corrected by whoever sent it.
    Malformed = 5,
    /// Another key made the signature, or someone altered what it covers.
    WrongSignature = 6,
    /// It was signed too long ago, or too far in the future.
    Stale = 7,
    /// It has been received before.
    Replayed = 8,
}

impl Status {
    const ALL: [(Self, &CStr); 9] = [
        (Self::Ok, c"done"),
        (Self::BufferTooSmall, c"the output does not fit into the buffer; pass a larger one"),
        (Self::Argument, c"a pointer is null, a text is not UTF-8, or there are more than 8 chunks"),
        (Self::Key, c"the signing key is empty, or the endpoint secret malformed"),
        (Self::NotJson, c"the text is not JSON"),
        (Self::Malformed, c"the message does not have the parts of a signed one"),
        (Self::WrongSignature, c"the signature is not of this key, or was altered"),
        (Self::Stale, c"the signature lies outside of the window; compare the clocks"),
        (Self::Replayed, c"this message has been received before"),
    ];

    /// The status of a call.
    pub(crate) fn of(call: impl FnOnce() -> Result<(), Self>) -> Self {
        call().err().unwrap_or(Self::Ok)
    }
}

impl From<ConfigError> for Status {
    fn from(_: ConfigError) -> Self {
        Self::Key
    }
}

impl From<InputError> for Status {
    fn from(_: InputError) -> Self {
        Self::NotJson
    }
}

impl From<VerifyError> for Status {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::NotJson(_) => Self::NotJson,
            VerifyError::Malformed(_) => Self::Malformed,
            VerifyError::WrongSignature => Self::WrongSignature,
            VerifyError::Stale { .. } => Self::Stale,
            VerifyError::Replayed => Self::Replayed,
        }
    }
}

/// What a status means, for a log: a text that stays valid and ends with a NUL. Takes any number.
#[unsafe(no_mangle)]
pub extern "C" fn sealpost_status_text(status: c_int) -> *const c_char {
    let known = Status::ALL.iter().find(|(known, _)| *known as c_int == status);
    known.map_or(c"no status of this library", |(_, text)| *text).as_ptr()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn every_status_has_a_text_of_its_own() {
        let text = |status| {
            // SAFETY: the texts are static and end with a NUL.
            unsafe { CStr::from_ptr(sealpost_status_text(status)) }
        };
        let texts: std::collections::BTreeSet<_> = (-1..9).map(text).collect();
        assert_eq!(texts.len(), 10);
        assert_eq!((text(-1), text(9)), (text(c_int::MIN), text(c_int::MAX)));
    }
}
