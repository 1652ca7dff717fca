//! Takes a compact event, sends it to three endpoints over the UART until each has an end, and exits.
#![no_std]
#![no_main]

use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use core::pin::pin;

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS};
use defmt_semihosting as _;
use sealpost_core::dispatch::{Health, Lane, LaneId, Limits, Slot};
use sealpost_core::driver::{self, Driver, Parts};
use sealpost_core::host::Clock as _;
use sealpost_core::json::{self, SliceSink};
use sealpost_core::{Dispatcher, Duration, Schedule, SigningKey, UnixTime, Url};
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

/// The 32 interrupts of the board's chip, none of which is ever enabled.
#[used]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [usize; 32] = [0; 32];

type Host = Parts<Line<&'static Uart>, Ledger<'static>, SysTickClock, Xorshift>;
type Run = Driver<'static, Line<&'static Uart>, Ledger<'static>, SysTickClock, Xorshift, Slots, Lanes>;
type Slots = [Slot; 8];
type Lanes = [Lane; 3];

#[cortex_m_rt::entry]
fn main() -> ! {
    // What stands as long as the program runs stands in memory of its own: on the stack it would be there twice
    // while it is made. What is made at the start takes no flash.
    static mut DISPATCHER: Dispatcher<Slots, Lanes> =
        Dispatcher::new([Slot::EMPTY; 8], [Lane::CLOSED; 3], LIMITS, 0x5eed);
    static mut EVENT_DATA: [u8; 256] = [0; 256];
    static mut UART: MaybeUninit<Uart> = MaybeUninit::uninit();
    static mut HOST: MaybeUninit<Host> = MaybeUninit::uninit();
    static mut DRIVER: MaybeUninit<Run> = MaybeUninit::uninit();

    // SAFETY: the only call, on a board that has this UART.
    let uart = UART.write(unsafe { Uart::new() });
    let outcome = host(uart, EVENT_DATA).and_then(|host| {
        let host = HOST.write(host);
        notify(host, DRIVER.write(Driver::new(host, DISPATCHER)))
    });
    if let Err(what) = outcome {
        defmt::error!("{=str}", what);
    }
    defmt::info!("stack: {=usize} bytes", stack_high_water());
    exit(if outcome.is_ok() { EXIT_SUCCESS } else { EXIT_FAILURE })
}

/// The host of one event, which has come in just now.
#[inline(never)]
fn host(uart: &'static Uart, buffer: &'static mut [u8]) -> Result<Host, &'static str> {
    let peripherals = cortex_m::Peripherals::take().ok_or("the peripherals are taken")?;
    let clock = SysTickClock::start(peripherals.SYST);
    let event_data = complete(INCOMING, clock.unix(), buffer)?;
    Ok(Parts {
        transport: Line(uart),
        storage: Ledger::new(event_data),
        entropy: Xorshift::new(clock.unix().secs() as u32),
        clock,
        key: SigningKey::new(SIGNING_KEY).map_err(|_| "the signing key is empty")?,
    })
}

/// The event-data of what has come in: the same with the time.
fn complete<'b>(incoming: &[u8], now: UnixTime, buffer: &'b mut [u8]) -> Result<&'b [u8], &'static str> {
    let incoming = json::check(incoming).map_err(|_| "the event is not JSON")?;
    let notice: Notice<'_> = json::decode(incoming).map_err(|_| "the event lacks a member")?;
    let mut sink = SliceSink::new(buffer);
    json::encode(&Notice { timestamp: Some(now.into()), ..notice }, &mut sink)
        .map_err(|_| "the event does not fit its buffer")?;
    Ok(sink.into_filled())
}

/// Sends the event until every delivery has an end.
#[inline(never)]
fn notify(host: &'static Host, driver: &mut Run) -> Result<(), &'static str> {
    let [first, second, third] = ENDPOINTS;
    let lanes = [open(driver, first)?, open(driver, second)?, open(driver, third)?];
    let now = host.clock.now();
    driver.dispatcher().enqueue(now, Ledger::KEY, &lanes).map_err(|_| "no room for the event")?;
    // Pinned here, where it stands once: handed over by value it would stand in both frames.
    while let Ok(Some(next)) = driver::block_on(pin!(driver.run())) {
        host.clock.sleep_until(next);
    }
    defmt::info!("{=u32} of {=usize} deliveries have an end", host.storage.ended(), lanes.len());
    Ok(())
}

#[inline(never)]
fn open(driver: &mut Run, url: &'static str) -> Result<LaneId, &'static str> {
    let url = Url::parse(url).map_err(|_| "a URL is malformed")?;
    driver.open(0, url, Health::UNPROVEN).map_err(|_| "no room for an endpoint")
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(EXIT_FAILURE)
}
