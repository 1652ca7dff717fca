//! Sealpost's signing half and its verifying half behind a C ABI: for C, and for WebAssembly, whose exports
//! are the same functions.
//!
//! ```text
//! memory    Bytes and Buffer: the caller's memory, the only place that reads or writes through pointers
//! status    what every function returns
//! sign      sealpost_sign, sealpost_payload, sealpost_payload_prefix
//! verify    sealpost_verify
//! standard  sealpost_standard_sign, sealpost_standard_verify
//! json      sealpost_json_check
//! ```
//!
//! Nothing is allocated, nothing is kept between two calls (but whether the processor has instructions for
//! SHA-256, found out once), and no call waits. A function reads what its
//! arguments point to while it runs and writes to its last argument and to the replay guard, so calls from
//! several threads are safe when those differ. `sealpost.h` is generated from this crate, documentation
//! included, and a test compares the two.
//!
//! # Safety
//! One rule for all functions: every pointer that is passed in is valid for the size that stands beside it or
//! that its type has, from the call to its return, and output does not overlap input. Null is answered with
//! [`Status::Argument`] unless it stands for no bytes.
#![no_std]
#![allow(clippy::missing_safety_doc, reason = "the crate has one rule for all")]
#![deny(clippy::undocumented_unsafe_blocks)]

mod json;
mod memory;
mod sign;
#[cfg(feature = "standard-webhooks")]
mod standard;
mod status;
mod verify;

pub use json::sealpost_json_check;
pub use memory::{Buffer, Bytes};
pub use sign::{
    ENTROPY, MAX_PREFIX, SignatureBlock, sealpost_payload, sealpost_payload_prefix, sealpost_sign,
};
#[cfg(feature = "standard-webhooks")]
pub use standard::{
    MAX_CHUNKS, STANDARD_SIGNATURE, StandardHeaders, sealpost_standard_sign, sealpost_standard_verify,
};
pub use status::{Status, sealpost_status_text};
pub use verify::{ReplayGuard, Verified, sealpost_verify};

/// Never linked into the C library: no panic is reachable, which the tests read from its symbols.
#[cfg(feature = "freestanding")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
