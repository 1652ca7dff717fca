//! The core on a Cortex-M4: an image that sends signed webhooks through its UART, and what the core costs there.

use std::fs;
use std::path::Path;

use defmt_decoder::{DecodeError, Table};
use object::elf::{SHF_ALLOC, SHF_WRITE};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags};
use sealpost_core::sign::{self, ReplayGuard};
use sealpost_core::{Dispatcher, Lane, SigningKey, Slot, UnixTime};
use sealpost_tests::firmware::{emulate, example, footprint, notifier};
use sealpost_tests::tools::{self, DEBIAN_RUST_SRC, DEBIAN_RUSTC, QEMU_ARM, Tool};
use sealpost_tests::{Receiver, Reply, Server, signature};

const BUILD_TOOLS: [Tool; 2] = [DEBIAN_RUSTC, DEBIAN_RUST_SRC];
/// All that a sender and receiver of compact events needs.
const PARTS: [&str; 4] = ["sign", "verify", "encode", "dispatch"];
/// Flash for these parts, in bytes.
const PARTS_BUDGET: u64 = 10 * 1024;
/// Flash for the whole image with start-up, UART, decoding, HTTP and logging, in bytes.
const IMAGE_BUDGET: u64 = 24 * 1024;
/// The most that the stack of the image holds, in bytes.
const STACK_BUDGET: usize = 1536;
/// The key that is built into the image.
const SIGNING_KEY: &str = "key-of-the-firmware";

#[test]
fn an_image_delivers_one_event_to_a_live_server_s_receiver() {
    if !tools::available(&[DEBIAN_RUSTC, DEBIAN_RUST_SRC, QEMU_ARM]) {
        return;
    }
    let image = notifier();
    let answers = ["--answers", "200,500,406,200"];
    let server = Server::dev(&answers, &[("keys.signing", SIGNING_KEY)]);
    // What the server shows of its own comes first.
    let shown = server.printed(" at /demo ", 8);
    assert!(shown.iter().all(|line| line.ends_with("signature valid")), "{shown:#?}");
    let receiver = &server.printed("all point to http://", 1)[0];
    let address = receiver.split(['/', ' ']).rev().nth(1).and_then(|address| address.parse().ok());

    let log = decode(&image, &emulate(&image, address.expect(receiver)));

    let valid = "signature valid";
    // The server prints what it has answered a moment later.
    let received = [(" at /a ", 1), (" at /b ", 2), (" at /c ", 1)]
        .map(|(path, count)| server.printed(path, count))
        .concat();
    for (line, (path, verdict)) in received.iter().zip([
        ("/a", valid),
        ("/b", "signature valid, answered 500 Internal Server Error"),
        ("/b", valid),
        ("/c", "signature valid, answered 406 Not Acceptable"),
    ]) {
        assert!(line.starts_with("received delivered ") && line.contains(path), "{received:#?}");
        assert!(line.contains(" id Kx2vQ9nLS3W1m8c0RzUu5A ") && line.ends_with(verdict), "{received:#?}");
    }
    assert_eq!(received.len(), 4);
    let (stack, log) = split_stack(log);
    assert_eq!(log, golden_log());
    println!("the whole image: {} bytes of flash, {stack} bytes of stack", flash(&image));
    assert!(flash(&image) <= IMAGE_BUDGET, "{} bytes of flash, more than {IMAGE_BUDGET}", flash(&image));
    assert!(stack <= STACK_BUDGET, "{stack} bytes of stack, more than {STACK_BUDGET}");
}

#[test]
fn the_image_posts_the_same_event_each_time_signs_each_time_anew_and_logs_what_becomes_of_it() {
    if !tools::available(&[DEBIAN_RUSTC, DEBIAN_RUST_SRC, QEMU_ARM]) {
        return;
    }
    let image = notifier();
    let receiver = Receiver::start().answering([200, 500, 406, 200].map(Reply::Status));
    let address = receiver.url("").trim_start_matches("http://").parse().expect("an address");

    let log = decode(&image, &emulate(&image, address));

    let requests = receiver.wait_for(4);
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/a", "/b", "/c", "/b"]);
    let (key, mut guard) = (SigningKey::new(SIGNING_KEY.as_bytes()).expect("a key"), ReplayGuard::<4>::new());
    for request in &requests {
        signature::check(&request.body, SIGNING_KEY);
        sign::verify(&request.body, &key, now(), sign::DEFAULT_WINDOW, &mut guard).expect("a valid payload");
        assert_eq!(request.event_data(), requests[0].event_data());
    }

    assert_eq!(split_stack(log).1, golden_log());
}

#[test]
fn no_panic_can_be_reached_in_the_core() {
    if !tools::available(&BUILD_TOOLS) {
        return;
    }
    let parts = [&PARTS[..], &["encode-event"]].concat();
    for opt_level in ["s", "3"] {
        footprint(opt_level, &parts).expect("links, for nothing asks for what a panic would call");
    }
    let refused = footprint("s", &["reachable-panic"]).expect_err("a panic that can be reached is found");
    assert!(refused.contains("a_panic_can_be_reached"), "{refused}");
}

#[test]
fn the_core_keeps_its_budgets_and_links_neither_an_allocator_nor_floats() {
    if !tools::available(&BUILD_TOOLS) {
        return;
    }
    for parts in [&["sign"][..], &["verify"], &["encode"], &["dispatch"], &["encode-event"], &PARTS] {
        let image = footprint("s", parts).expect("links");
        println!("{}: {} bytes of flash", parts.join(" + "), flash(&image));
        assert_eq!(static_memory(&image), 0, "{parts:?}");
        if parts == PARTS {
            assert!(flash(&image) <= PARTS_BUDGET, "{} bytes, more than {PARTS_BUDGET}", flash(&image));
        }
        let foreign: Vec<_> = symbols(&image).into_iter().filter(|name| is_foreign(name)).collect();
        assert_eq!(foreign, [""; 0], "{parts:?}");
    }
}

#[test]
fn sixty_four_slots_are_two_kibibytes() {
    assert_eq!(size_of::<[Slot; 64]>(), 2048);
    let rest = size_of::<Dispatcher<[Slot; 64], [Lane; 3]>>() - 2048;
    // Here lanes are also told by when they answered, which takes 24 bytes and 8 for each that a microcontroller does not
    // spend: `footprint.rs` has what it may.
    assert!(rest <= 320 + 24 + 3 * 8, "{rest} bytes beside the slots");
}

#[test]
fn the_glue_to_a_transport_that_does_not_block_compiles_for_the_target() {
    if tools::available(&BUILD_TOOLS) {
        example("async_line");
    }
}

/// What the image logs where the answers are 200, 500, 406 and 200.
fn golden_log() -> Vec<String> {
    let golden = fs::read_to_string(tools::root().join("tests/firmware/notifier.log")).expect("a golden log");
    golden.lines().map(str::to_owned).collect()
}

/// The highest that the stack has been, by the image's own word, and the rest of its log.
fn split_stack(log: Vec<String>) -> (usize, Vec<String>) {
    let (stack, rest): (Vec<_>, Vec<_>) = log.into_iter().partition(|line| line.contains("stack: "));
    let bytes = stack.first().and_then(|line| line.split(' ').nth(2)).and_then(|bytes| bytes.parse().ok());
    (bytes.expect("the image says how much of its stack it used"), rest)
}

/// The messages of a log, each behind its level.
fn decode(image: &Path, log: &[u8]) -> Vec<String> {
    let elf = fs::read(image).expect("an image");
    let table = Table::parse(&elf).expect("a table of messages").expect("an image that logs");
    let mut decoder = table.new_stream_decoder();
    decoder.received(log);
    let mut lines = Vec::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map_or("", |level| level.as_str());
                lines.push(format!("{level} {}", frame.display_message()));
            }
            Err(DecodeError::UnexpectedEof) => return lines,
            Err(DecodeError::Malformed) => panic!("a malformed frame after {lines:?}"),
        }
    }
}

/// Bytes of the sections that have their place in the image: those that are loaded and not empty at first.
fn flash(image: &Path) -> u64 {
    sum(image, |flags, in_file| flags & SHF_ALLOC != 0 && in_file)
}

/// Bytes of the sections that are written to while the program runs.
fn static_memory(image: &Path) -> u64 {
    sum(image, |flags, _| flags & SHF_ALLOC != 0 && flags & SHF_WRITE != 0)
}

fn sum(image: &Path, counts: impl Fn(u32, bool) -> bool) -> u64 {
    let elf = fs::read(image).expect("an image");
    let file = object::File::parse(&*elf).expect("an ELF file");
    let counted = file.sections().filter(|section| match section.flags() {
        SectionFlags::Elf { sh_flags } => counts(sh_flags as u32, section.file_range().is_some()),
        _ => false,
    });
    counted.map(|section| section.size()).sum()
}

fn symbols(image: &Path) -> Vec<String> {
    let elf = fs::read(image).expect("an image");
    let file = object::File::parse(&*elf).expect("an ELF file");
    file.symbols().filter_map(|symbol| symbol.name().ok().map(str::to_owned)).collect()
}

/// Whether this symbol belongs to an allocator, to floating point, or to the long division of 64 bits.
fn is_foreign(name: &str) -> bool {
    const FLOAT_AND_DIVISION: [&str; 6] =
        ["__aeabi_f", "__aeabi_d", "__aeabi_cf", "__aeabi_cd", "__aeabi_ul", "__aeabi_ldiv"];
    name.contains("__rust_alloc")
        || name.contains("alloc::")
        || FLOAT_AND_DIVISION.iter().any(|prefix| name.starts_with(prefix))
}

fn now() -> UnixTime {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    UnixTime::new(since_1970.as_secs(), 0)
}
