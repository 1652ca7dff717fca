//! What an index serves costs the same however many events there are.

use std::time::{Duration, Instant};

use sealpost_tests::calls::events;
use sealpost_tests::{Api, Random, Server, extent};

/// Events of one submission.
const BATCH: usize = 10_000;
/// Events that a page may have. Every question below has so many answers in the small store, too.
const LIMIT: usize = 5;
/// The questions of a round.
const QUESTIONS: usize = 6;
/// How often each question is asked.
const TIMES: usize = 200;
/// The timestamp of the first event; each of the others is a second later.
const START: usize = 1_400_000_000;

/// Ten events have each recipient, a hundredth of all each tag, an eighth each type, a sixteenth each severity.
fn event(number: usize, count: usize) -> String {
    let kind = match number % 16 {
        0 => r#"failed","severity":"permanent"#,
        8 => r#"failed","severity":"temporary"#,
        1..8 => "opened",
        _ => "delivered",
    };
    let recipient = number % (count / 10);
    format!(
        r#"{{"event":"{kind}","timestamp":{},"recipient":"r{recipient}@example.net","tags":["all","t{}"],"message":{{"headers":{{"message-id":"{number}@example.com"}}}}}}"#,
        START + number,
        number % 100,
    )
}

/// The questions, and how many answers each has.
fn questions(random: &mut Random, count: usize) -> [(&'static str, String, usize); QUESTIONS] {
    let any = |random: &mut Random, below: usize| random.below(below as u64) as usize;
    // In the later half, so that enough lies before it.
    let begin = START + count / 2 + any(random, count / 2);
    let (recipient, message, tag) = (any(random, count / 10), any(random, count), any(random, 100));
    [
        ("event", format!("event=opened&begin={begin}"), LIMIT),
        ("severity", format!("severity=permanent&begin={begin}"), LIMIT),
        ("tags", format!("tags=t{tag}&begin={begin}"), LIMIT),
        ("recipient", format!("recipient=r{recipient}@example.net"), LIMIT),
        ("message-id", format!("message-id={message}@example.com"), 1),
        ("several", format!("event=opened OR delivered&tags=all AND t{}&begin={begin}", 1 + tag % 3), LIMIT),
    ]
}

/// A server whose store has so many events.
fn server_with(count: usize) -> Server {
    let mut server = Server::with(&[("log.level", "warn")]);
    for first in (0..count).step_by(BATCH) {
        let lines: Vec<_> = (first..count.min(first + BATCH)).map(|number| event(number, count)).collect();
        let _ = server.api().post(&events(""), "application/x-ndjson", lines.join("\n")).expect(200);
    }
    // The facts of the latest events wait in memory; after a start the rest is read from the disk.
    assert!(server.sigterm().success());
    server.restart();
    server
}

/// Asks each question once, and adds how long its page took.
fn ask(api: &Api, random: &mut Random, count: usize, took: &mut [Vec<Duration>]) {
    for ((_, question, answers), took) in questions(random, count).into_iter().zip(took) {
        let path = events(&format!("?limit={LIMIT}&{}", question.replace(' ', "%20")));
        let begun = Instant::now();
        let page = api.get(&path);
        took.push(begun.elapsed());
        let items = page.expect(200).json()["items"].as_array().map_or(0, Vec::len);
        assert_eq!(items, answers, "{question}");
    }
}

#[test]
fn a_page_by_an_index_costs_the_same_in_a_large_store_as_in_a_small_one() {
    let (few, many) = (1_000, extent(100_000, 10_000_000));
    let stores = [few, many].map(server_with);
    let [(small, mut few_took), (large, mut many_took)] =
        stores.each_ref().map(|server| (server.api(), [const { Vec::new() }; QUESTIONS]));
    let mut random = Random::new(1);
    // In turns, so that whatever else the machine does costs both the same.
    for _ in 0..TIMES {
        ask(&small, &mut random, few, &mut few_took);
        ask(&large, &mut random, many, &mut many_took);
    }

    let mut worst = 0.0_f64;
    let names = questions(&mut random, few).map(|(name, ..)| name);
    for (name, (small, large)) in names.iter().zip(few_took.into_iter().zip(many_took)) {
        let [small, large] = [small, large].map(median);
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        println!("{name}: {small:?} of {few} events, {large:?} of {many}: {ratio:.2} times");
        worst = worst.max(ratio);
    }
    // To look at every event would take a hundred times as long, and ten thousand times.
    assert!(worst < 3.0, "{worst:.2} times as long");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
