//! The core alone: whatever its parts link, and nothing else. It is never run. It links only if no panic can be
//! reached, and its sections are what the parts of the core cost.
#![no_std]
#![no_main]

use core::panic::PanicInfo;

use sealpost_core::{ConfigError, SigningKey};

#[used]
#[unsafe(link_section = ".roots")]
static KEY: fn(&[u8]) -> Result<SigningKey, ConfigError> = SigningKey::new;

#[cfg(feature = "sign")]
mod sign {
    use sealpost_core::{Payload, SigningKey, Token, UnixTime};

    type Sign = for<'a> fn(&SigningKey, UnixTime, [u8; Token::ENTROPY], &'a [u8]) -> Payload<&'a [u8]>;

    #[used]
    #[unsafe(link_section = ".roots")]
    static SIGN: Sign = |key, now, entropy, event_data| {
        Payload::new(&key.sign(now, Token::from_entropy(entropy)), event_data)
    };
}

#[cfg(feature = "verify")]
mod verify {
    use sealpost_core::sign::{self, ReceivedBlock, ReplayGuard, VerifiedBlock, VerifyError};
    use sealpost_core::{SigningKey, UnixTime};

    type Verify = for<'a> fn(
        &ReceivedBlock<'a>,
        &SigningKey,
        UnixTime,
        &mut ReplayGuard<16>,
    ) -> Result<VerifiedBlock<'a>, VerifyError>;

    #[used]
    #[unsafe(link_section = ".roots")]
    static VERIFY: Verify =
        |block, key, now, guard| sign::verify_block(block, key, now, sign::DEFAULT_WINDOW, guard);
}

#[cfg(feature = "encode")]
mod encode {
    use sealpost_core::json::{self, EncodeError, SliceSink};
    use sealpost_firmware::notice::Notice;

    #[used]
    #[unsafe(link_section = ".roots")]
    static ENCODE: fn(&Notice<'_>, &mut SliceSink<'_>) -> Result<(), EncodeError> =
        |notice, sink| json::encode(notice, sink);
}

/// With all members of Mailgun's event-data.
#[cfg(feature = "encode-event")]
mod encode_event {
    use sealpost_core::Event;
    use sealpost_core::json::{EncodeError, SliceSink};

    #[used]
    #[unsafe(link_section = ".roots")]
    static ENCODE_EVENT: fn(&Event<'_>, &mut SliceSink<'_>) -> Result<(), EncodeError> =
        |event, sink| event.encode(sink);
}

#[cfg(feature = "dispatch")]
mod dispatch {
    use sealpost_core::dispatch::Stale;
    use sealpost_core::{
        Attempt, Dispatcher, Full, Health, Instant, Lane, LaneId, Outcome, Record, Slot, Ticket,
    };

    type Window = Dispatcher<[Slot; 64], [Lane; 3]>;

    /// What it takes beside its slots.
    const _: () = assert!(size_of::<Window>() - size_of::<[Slot; 64]>() <= 320);

    #[repr(C)]
    struct Calls {
        open: fn(&mut Window, Health, u16) -> Result<LaneId, Full>,
        enqueue: fn(&mut Window, Instant, u64, &[LaneId]) -> Result<(), Full>,
        cancel: fn(&mut Window, Ticket) -> Result<(), Stale>,
        handle_outcome: fn(&mut Window, Instant, Ticket, Outcome) -> Result<(), Stale>,
        handle_recorded: fn(&mut Window, Ticket) -> Result<(), Stale>,
        handle_timeout: fn(&mut Window, Instant),
        poll_attempt: fn(&mut Window, Instant) -> Option<Attempt>,
        poll_abort: fn(&mut Window, Instant) -> Option<Ticket>,
        poll_record: fn(&mut Window, Instant) -> Option<Record>,
        poll_timeout: fn(&Window) -> Option<Instant>,
    }

    #[used]
    #[unsafe(link_section = ".roots")]
    static CALLS: Calls = Calls {
        open: Window::open,
        enqueue: Window::enqueue,
        cancel: Window::cancel,
        handle_outcome: Window::handle_outcome,
        handle_recorded: Window::handle_recorded,
        handle_timeout: Window::handle_timeout,
        poll_attempt: Window::poll_attempt,
        poll_abort: Window::poll_abort,
        poll_record: Window::poll_record,
        poll_timeout: Window::poll_timeout,
    };
}

#[cfg(feature = "reachable-panic")]
#[used]
#[unsafe(link_section = ".roots")]
static PANIC: fn(&[u8], usize) -> u8 = |bytes, index| bytes[index];

/// The linker asks for a symbol that nobody has, if anything can come here.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_panic_can_be_reached() -> !;
    }
    // SAFETY: an image that contains this call does not link.
    unsafe { a_panic_can_be_reached() }
}
