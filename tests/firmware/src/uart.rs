//! The CMSDK UART of the board, blocking.

use core::convert::Infallible;
use core::ptr;

use embedded_io::{ErrorType, Read, Write};

/// UART0, whose registers stand at 0x4000_4000 (Arm Cortex-M System Design Kit, section 4.3).
#[derive(Debug)]
pub struct Uart {
    /// Only [`Uart::new`] makes one.
    _private: (),
}

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *mut u32 = 0x4000_4004 as *mut u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const BAUD_DIVISOR: *mut u32 = 0x4000_4010 as *mut u32;

const STATE_TRANSMIT_FULL: u32 = 1;
const STATE_RECEIVE_FULL: u32 = 1 << 1;
const CONTROL_BOTH_ENABLED: u32 = 0b11;
/// The smallest that the UART takes.
const FASTEST: u32 = 16;

impl Uart {
    /// Switches the UART on.
    ///
    /// # Safety
    /// To be called once, on a board that has this UART.
    #[must_use]
    pub unsafe fn new() -> Self {
        // SAFETY: registers of this UART, by the contract of this function.
        unsafe {
            ptr::write_volatile(BAUD_DIVISOR, FASTEST);
            ptr::write_volatile(CONTROL, CONTROL_BOTH_ENABLED);
        }
        Self { _private: () }
    }

    fn wait_for(&self, state: impl Fn(u32) -> bool) {
        // SAFETY: whoever made this UART said that its registers are there.
        while !state(unsafe { ptr::read_volatile(STATE) }) {
            core::hint::spin_loop();
        }
    }
}

impl ErrorType for &Uart {
    type Error = Infallible;
}

impl Write for &Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            self.wait_for(|state| state & STATE_TRANSMIT_FULL == 0);
            // SAFETY: as above.
            unsafe { ptr::write_volatile(DATA, u32::from(*byte)) };
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        self.wait_for(|state| state & STATE_TRANSMIT_FULL == 0);
        Ok(())
    }
}

impl Read for &Uart {
    /// Waits for one byte; the UART holds no more.
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let Some(first) = bytes.first_mut() else { return Ok(0) };
        self.wait_for(|state| state & STATE_RECEIVE_FULL != 0);
        // SAFETY: as above.
        *first = unsafe { ptr::read_volatile(DATA) } as u8;
        Ok(1)
    }
}
