//! How many instructions the core's operations take, counted by callgrind: the same on every run and every machine
//! of one kind, so that a regression shows where times are noise.
//!
//! It counts itself: each operation so many times, and so many times more, under valgrind, which has no SHA
//! instructions; the compressions are those in software.

use std::hint::black_box;
use std::process::{Command, ExitCode};

use sealpost_benches::{EVENT_DATA, NOW, key, token};
use sealpost_core::event::Event;
use sealpost_core::json::{self, SliceSink};
use sealpost_core::sign::{ReceivedBlock, ReplayGuard, verify_block};
use sealpost_core::{Duration, Payload};

/// Something that is counted.
struct Operation {
    name: &'static str,
    /// Repeats it so many times.
    run: fn(usize),
    /// The most instructions that it may take: a fiftieth more than when this was written.
    most: u64,
}

const OPERATIONS: [Operation; 6] = [
    Operation { name: "three compressions", run: compress, most: 10_330 },
    Operation { name: "sign", run: sign, most: 10_880 },
    Operation { name: "verify a block", run: verify, most: 11_180 },
    Operation { name: "signed prefix and splice", run: splice, most: 11_050 },
    Operation { name: "check an event", run: check, most: 10_760 },
    Operation { name: "encode an event", run: encode, most: 13_390 },
];

/// How often an operation is repeated for each of its two counts.
const TIMES: usize = 1_000;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [name, times] = arguments.as_slice() {
        let operation = OPERATIONS.iter().find(|operation| operation.name == name).expect("an operation");
        (operation.run)(times.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: valgrind is not installed");
        return if std::env::var_os("CI").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let mut code = ExitCode::SUCCESS;
    println!("{:<28}{:>14}{:>12}", "operation", "instructions", "at most");
    for Operation { name, most, .. } in OPERATIONS {
        let each = (count(name, 2 * TIMES) - count(name, TIMES)) / TIMES as u64;
        println!("{name:<28}{each:>14}{most:>12}");
        if each > most {
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// The instructions of a whole process that repeats the operation.
fn count(name: &str, times: usize) -> u64 {
    let own = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args([name, &times.to_string()])
        .output()
        .expect("valgrind runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let total = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    total.unwrap_or_else(|| panic!("valgrind tells no count: {said}"))
}

fn compress(times: usize) {
    let (mut state, block) = ([0x5a5a_5a5a_u32; 8], [[0x36_u8; 64]]);
    for _ in 0..3 * times {
        sha2::block_api::compress256(&mut state, black_box(&block));
    }
    black_box(state);
}

fn sign(times: usize) {
    let (key, token) = (key(), token());
    for _ in 0..times {
        black_box(key.sign(black_box(NOW), black_box(token)));
    }
}

fn verify(times: usize) {
    let (key, token) = (key(), token());
    let block = key.sign(NOW, token);
    let timestamp = block.timestamp().to_string();
    let received = ReceivedBlock {
        timestamp: &timestamp,
        token: token.as_str(),
        signature: block.signature(),
        parent_signature: None,
    };
    for _ in 0..times {
        let mut guard = ReplayGuard::<8>::new();
        let verdict = verify_block(black_box(&received), &key, NOW, Duration::from_mins(5), &mut guard);
        black_box(verdict.expect("it is verified"));
    }
}

fn splice(times: usize) {
    let (key, token) = (key(), token());
    for _ in 0..times {
        let payload = Payload::new(&key.sign(black_box(NOW), black_box(token)), black_box(EVENT_DATA));
        black_box(payload.chunks().map(<[u8]>::len));
    }
}

fn check(times: usize) {
    for _ in 0..times {
        black_box(json::check(black_box(EVENT_DATA.as_bytes())).expect("JSON"));
    }
}

fn encode(times: usize) {
    let event = Event::decode(json::check(EVENT_DATA.as_bytes()).expect("JSON")).expect("an event");
    let mut buffer = [0; 4096];
    for _ in 0..times {
        let mut sink = SliceSink::new(&mut buffer);
        black_box(&event).encode(&mut sink).expect("it fits");
        black_box(sink.into_filled().len());
    }
}
