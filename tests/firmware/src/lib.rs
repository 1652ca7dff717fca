//! What the image is made of: a board with its clock and UART, a transport over the UART, a store in RAM.
//!
//! The board is an `mps2-an386` (a Cortex-M4), as `qemu-system-arm` has it. Everything but [`board`] and
//! [`uart`] would run on any other.
#![no_std]

pub mod board;
pub mod ledger;
pub mod notice;
pub mod serial;
pub mod uart;
