//! Takes a compact event, sends it to three endpoints over the UART until each has an end, and exits.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS};
use defmt_semihosting as _;
use sealpost_core::dispatch::{Health, Lane, Limits, Slot};
use sealpost_core::driver::{self, Driver, Parts};
use sealpost_core::host::Clock as _;
use sealpost_core::json::{self, SliceSink};
use sealpost_core::{Dispatcher, Duration, Schedule, SigningKey, Url};
use sealpost_firmware::board::{SysTickClock, Xorshift, exit, stack_high_water};
use sealpost_firmware::ledger::Ledger;
use sealpost_firmware::notice::Notice;
use sealpost_firmware::serial::Line;
use sealpost_firmware::uart::Uart;

const SIGNING_KEY: &[u8] = b"key-of-the-firmware";
const ENDPOINTS: [&str; 3] = ["http://receiver.test/a", "http://receiver.test/b", "http://receiver.test/c"];
/// As it comes from a sensor bus or a modem.
const INCOMING: &[u8] =
    br#"{"event":"delivered","id":"Kx2vQ9nLS3W1m8c0RzUu5A","recipient":"alice@recipient.test"}"#;

/// Waits short enough for a test: a product takes those of Mailgun.
const LIMITS: Limits = Limits { schedule: SCHEDULE, keep: Duration::MAX, in_flight: 1, ..Limits::DEFAULT };
const SCHEDULE: Schedule = match Schedule::new(&[Duration::from_millis(50); 3]) {
    Ok(schedule) => schedule,
    Err(_) => Schedule::MAILGUN,
};

#[cortex_m_rt::entry]
fn main() -> ! {
    // On the stack it would be there twice while it is made.
    static mut DISPATCHER: Dispatcher<[Slot; 8], [Lane; 3]> =
        Dispatcher::new([Slot::EMPTY; 8], [Lane::CLOSED; 3], LIMITS, 0x5eed);
    static mut EVENT_DATA: [u8; 256] = [0; 256];

    let status = match notify(DISPATCHER, EVENT_DATA) {
        Ok(()) => EXIT_SUCCESS,
        Err(what) => {
            defmt::error!("{=str}", what);
            EXIT_FAILURE
        }
    };
    defmt::info!("stack: {=usize} bytes", stack_high_water());
    exit(status)
}

/// Sends the event until every delivery has an end.
#[inline(never)]
fn notify(
    dispatcher: &mut Dispatcher<[Slot; 8], [Lane; 3]>,
    buffer: &mut [u8],
) -> Result<(), &'static str> {
    let peripherals = cortex_m::Peripherals::take().ok_or("the peripherals are taken")?;
    let clock = SysTickClock::start(peripherals.SYST);
    // SAFETY: the only call, on a board that has this UART.
    let uart = unsafe { Uart::new() };

    let incoming = json::check(INCOMING).map_err(|_| "the event is not JSON")?;
    let notice: Notice<'_> = json::decode(incoming).map_err(|_| "the event lacks a member")?;
    let notice = Notice { timestamp: Some(clock.unix().into()), ..notice };
    let mut sink = SliceSink::new(buffer);
    json::encode(&notice, &mut sink).map_err(|_| "the event does not fit its buffer")?;
    let event_data = sink.into_filled();

    let parts = Parts {
        transport: Line(&uart),
        storage: Ledger::new(event_data),
        entropy: Xorshift::new(clock.unix().secs() as u32),
        clock,
        key: SigningKey::new(SIGNING_KEY).map_err(|_| "the signing key is empty")?,
    };
    let mut driver: Driver<'_, _, _, _, _, _, _> = Driver::new(&parts, dispatcher);
    let mut open = |url| {
        let url = Url::parse(url).map_err(|_| "a URL is malformed")?;
        driver.open(0, url, Health::UNPROVEN).map_err(|_| "no room for an endpoint")
    };
    let [first, second, third] = ENDPOINTS;
    let lanes = [open(first)?, open(second)?, open(third)?];

    let now = parts.clock.now();
    driver.dispatcher().enqueue(now, Ledger::KEY, &lanes).map_err(|_| "no room for the event")?;
    while let Ok(Some(next)) = driver::block_on(driver.run()) {
        parts.clock.sleep_until(next);
    }
    defmt::info!("{=u32} of {=usize} deliveries have an end", parts.storage.ended(), lanes.len());
    Ok(())
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(EXIT_FAILURE)
}
