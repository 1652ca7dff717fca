//! The clocks of the board, its entropy, and its way out.

use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use cortex_m_semihosting::{debug, nr, syscall1};
use sealpost_core::host::{Clock, Entropy};
use sealpost_core::{Instant, UnixTime};

/// The core runs at 25 MHz.
const CYCLES_PER_MILLISECOND: u32 = 25_000;

static MILLISECONDS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    MILLISECONDS.fetch_add(1, Ordering::Relaxed);
}

/// Counts milliseconds since the start; asks the debugger's host what time it is.
#[derive(Debug)]
pub struct SysTickClock {
    /// Only [`SysTickClock::start`] makes one.
    _private: (),
}

impl SysTickClock {
    /// Starts counting.
    #[must_use]
    pub fn start(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(CYCLES_PER_MILLISECOND - 1);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
        Self { _private: () }
    }

    /// Sleeps until then.
    pub fn sleep_until(&self, then: Instant) {
        while self.now() < then {
            cortex_m::asm::wfi();
        }
    }
}

impl Clock for SysTickClock {
    fn now(&self) -> Instant {
        Instant::from_millis(MILLISECONDS.load(Ordering::Relaxed).into())
    }

    fn unix(&self) -> UnixTime {
        // SAFETY: this call has no argument and gives back the seconds since 1970.
        let secs = unsafe { syscall1(nr::TIME, 0) };
        UnixTime::new(secs as u64, 0)
    }
}

/// Stands in for the generator of random numbers that this board does not have: good enough for tokens that
/// differ, by no means for tokens that nobody can guess.
#[derive(Debug)]
pub struct Xorshift(Cell<u32>);

impl Xorshift {
    /// Another sequence for every other seed but 0, which counts as 1.
    #[must_use]
    pub const fn new(seed: u32) -> Self {
        Self(Cell::new(if seed == 0 { 1 } else { seed }))
    }
}

impl Entropy for Xorshift {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let mut word = self.0.get();
            word ^= word << 13;
            word ^= word >> 17;
            word ^= word << 5;
            self.0.set(word);
            *byte = (word >> 24) as u8;
        }
    }
}

/// The most that the stack has held so far, in bytes: what the start-up has painted and nobody has written over is
/// still of its colour.
#[must_use]
pub fn stack_high_water() -> usize {
    const COLOUR: u32 = 0xCCCC_CCCC;
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (mut bottom, top) = (&raw const _stack_end, &raw const _stack_start);
    // SAFETY: aligned words of the stack's own memory, which the linker script has placed between these two.
    while bottom < top && unsafe { bottom.read_volatile() } == COLOUR {
        bottom = bottom.wrapping_add(1);
    }
    top as usize - bottom as usize
}

/// Ends the emulation.
pub fn exit(status: debug::ExitStatus) -> ! {
    loop {
        debug::exit(status);
    }
}
