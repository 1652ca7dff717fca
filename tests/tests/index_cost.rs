//! What an index serves costs the same however many events there are.

use std::time::{Duration, Instant};

use sealpost_tests::calls::events;
use sealpost_tests::{Random, Server, extent};

/// Events of one submission.
const BATCH: usize = 10_000;
/// Events that a page may have. Every question below has so many answers in the small store, too.
const LIMIT: usize = 5;
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
fn questions(random: &mut Random, count: usize) -> [(&'static str, String, usize); 6] {
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

/// A store of so many events, and the median time of a page for each question.
fn medians(count: usize) -> Vec<(&'static str, Duration)> {
    let mut server = Server::with(&[("log.level", "warn")]);
    for first in (0..count).step_by(BATCH) {
        let lines: Vec<_> = (first..count.min(first + BATCH)).map(|number| event(number, count)).collect();
        let _ = server.api().post(&events(""), "application/x-ndjson", lines.join("\n")).expect(200);
    }
    // The facts of the latest events wait in memory; after a start the rest is read from the disk.
    assert!(server.sigterm().success());
    server.restart();

    let (api, mut random) = (server.api(), Random::new(count as u64));
    let mut took = vec![Vec::new(); questions(&mut random, count).len()];
    for _ in 0..TIMES {
        for (at, (name, question, answers)) in questions(&mut random, count).into_iter().enumerate() {
            let path = events(&format!("?limit={LIMIT}&{}", question.replace(' ', "%20")));
            let begun = Instant::now();
            let page = api.get(&path);
            let time = begun.elapsed();
            let items = page.expect(200).json()["items"].as_array().map_or(0, Vec::len);
            assert_eq!(items, answers, "{question}");
            took[at].push((name, time));
        }
    }
    let median = |mut times: Vec<(&'static str, Duration)>| {
        times.sort_unstable_by_key(|(_, time)| *time);
        times[TIMES / 2]
    };
    took.into_iter().map(median).collect()
}

#[test]
fn a_page_by_an_index_costs_the_same_in_a_large_store_as_in_a_small_one() {
    let large = extent(100_000, 10_000_000);
    let (few, many) = (medians(1_000), medians(large));
    let mut worst = 0.0_f64;
    for ((name, few), (_, many)) in few.iter().zip(&many) {
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("{name}: {few:?} of 1000 events, {many:?} of {large}: {ratio:.2} times");
        worst = worst.max(ratio);
    }
    // To look at every event would take a hundred times as long, and ten thousand times.
    assert!(worst < 3.0, "{worst:.2} times as long");
}
