//! A store that grows: what one more event costs, and a page of the Events API by an index.
//!
//! How fast a machine is changes from minute to minute. So a store is measured in turns with a new one of the smallest
//! size, that holds the same events: each question, and each submission, goes to the one and then to the other.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Extent};
use crate::event::id;
use crate::failure::Result;
use crate::latency::Spread;
use crate::server::{DOMAIN, Server};
use crate::table::{Finding, Goal, Row};

/// Events in the store when it is measured.
const SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// Events of one submission.
const BATCH: u64 = 1000;
/// Submissions whose cost is measured at each size: by then the facts of events, which gather in memory, have been
/// written to their index about three times, so that each event has its share in that.
const SUBMISSIONS: u64 = 160;
/// Events of one recipient, who gets one after the other; as many as a page has.
const OF_RECIPIENT: u64 = 10;
/// How often each question is asked.
const TIMES: u64 = 100;
/// The timestamp of the first event; each of the others is a tenth of a second later.
const START: u64 = 1_700_000_000;
/// How many times as much something may cost as in the smallest store.
const GROWTH: f64 = 1.3;

/// What something costs at one size of the store.
#[derive(Clone)]
struct Cost {
    what: &'static str,
    /// Microseconds on a processor: what is compared, since it does not depend on what else the machine does.
    cpu: f64,
    /// The median time that it took, in milliseconds.
    took: f64,
}

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let sizes = match bench.extent {
        Extent::Short => &SIZES[..2],
        Extent::Usual => &SIZES[..3],
        Extent::Full => &SIZES[..],
    };
    let mut rows = Vec::new();
    let mut grown = Store::new(bench, "server")?;
    for &size in sizes {
        grown.grow(bench, size)?;
        let is_smallest = size == SIZES[0];
        let mut smallest = if is_smallest { None } else { Some(Store::of_smallest_size(bench)?) };
        let mut stores: Vec<_> = [Some(&mut grown), smallest.as_mut()].into_iter().flatten().collect();
        bench.say(format!("a store of {size} events: questions"));
        let mut costs = measure_pages(&stores)?;
        bench.say(format!("a store of {size} events: one more"));
        let (events, written) = measure_events(&mut stores)?;
        costs.insert(0, events);
        rows.push(Row {
            scenario: format!("store of {size} events"),
            peak_memory: Some(grown.server.process().peak_memory()?),
            written: Some(written),
            findings: costs.iter().filter_map(|costs| finding(costs)).collect(),
            ..Row::default()
        });
    }
    Ok(rows)
}

/// A server and the events that it was given.
struct Store {
    server: Server,
    seeds: Seeds,
}

impl Store {
    fn new(bench: &Bench, name: &str) -> Result<Self> {
        Ok(Self { server: bench.server_named(name, &[])?, seeds: Seeds { next: 0 } })
    }

    fn of_smallest_size(bench: &Bench) -> Result<Self> {
        let mut store = Self::new(bench, "smallest")?;
        store.grow(bench, SIZES[0])?;
        Ok(store)
    }

    fn grow(&mut self, bench: &Bench, size: u64) -> Result<()> {
        while self.seeds.next < size {
            bench.say(format!("a store of {size} events: {}", self.seeds.next));
            self.seeds.submit(&self.server)?;
        }
        // What the latest events are found by waits in memory; after a start it is read from the disk.
        self.server.restart()?;
        wait_until_idle(&self.server)
    }
}

/// What the server does of its own accord after a start is not to be taken for the cost of a page: parts of the index are
/// merged when nothing has come for a second, which takes half a minute or so after ten million events.
fn wait_until_idle(server: &Server) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(250);
    const LOOKS: u32 = 1200;
    /// Looks in a row that find nothing done: more than a second.
    const ENOUGH: u32 = 6;
    let mut idle = 0;
    for _ in 0..LOOKS {
        let before = server.process().thread_time()?;
        sleep(LOOK);
        let used = server.process().thread_time()? - before;
        idle = if used < LOOK / 100 { idle + 1 } else { 0 };
        if idle == ENOUGH {
            return Ok(());
        }
    }
    Err("the server does not come to rest".into())
}

/// What a page costs, by each index, in each of these stores.
fn measure_pages(stores: &[&mut Store]) -> Result<Vec<Vec<Cost>>> {
    let mut costs = Vec::new();
    for (what, question) in QUESTIONS {
        let mut times = vec![Vec::new(); stores.len()];
        let before = stores.iter().map(|store| store.server.process().thread_time());
        let before = before.collect::<Result<Vec<_>>>()?;
        for turn in 0..TIMES {
            for (Store { server, seeds }, times) in stores.iter().zip(&mut times) {
                let path = format!("/v3/{DOMAIN}/events?limit={OF_RECIPIENT}&{}", question(seeds.some(turn)));
                let begun = Instant::now();
                let page = server.json(&path)?;
                times.push(begun.elapsed().as_secs_f64() * 1e3);
                let items = page["items"].as_array().map_or(0, Vec::len) as u64;
                let expected = if what == "page by message-id" { 1 } else { OF_RECIPIENT };
                if items != expected {
                    return Err(format!("{path} has {items} events, not {expected}").into());
                }
            }
        }
        let cost = |((store, before), times): ((&&mut Store, Duration), Vec<f64>)| {
            let cpu = store.server.process().thread_time()? - before;
            let cpu = cpu.as_secs_f64() * 1e6 / TIMES as f64;
            Ok(Cost { what, cpu, took: Spread::of(times).median })
        };
        costs.push(stores.iter().zip(before).zip(times).map(cost).collect::<Result<Vec<_>>>()?);
    }
    Ok(costs)
}

/// What one more event costs, in batches, in each of these stores; and the bytes that the first one wrote for it.
fn measure_events(stores: &mut [&mut Store]) -> Result<(Vec<Cost>, f64)> {
    let before = stores.iter().map(|store| store.server.process().usage()).collect::<Result<Vec<_>>>()?;
    let mut times = vec![Vec::new(); stores.len()];
    for _ in 0..SUBMISSIONS {
        for (store, times) in stores.iter_mut().zip(&mut times) {
            times.push(store.seeds.submit(&store.server)?);
        }
    }
    let events = (SUBMISSIONS * BATCH) as f64;
    let (mut costs, mut written) = (Vec::new(), None);
    for ((store, before), times) in stores.iter().zip(before).zip(times) {
        let used = store.server.process().usage()?.since(before);
        let cpu = used.cpu.as_secs_f64() * 1e6 / events;
        let took = Spread::of(times).median * 1e3 / BATCH as f64;
        costs.push(Cost { what: "one event of a batch", cpu, took });
        written.get_or_insert(used.written as f64 / events);
    }
    Ok((costs, written.unwrap_or_default()))
}

/// What something costs in the first of these stores: how many times as much as in the second, if there is one.
fn finding(costs: &[Cost]) -> Option<Finding> {
    let Cost { what, cpu, took } = costs.first()?;
    let Some(smallest) = costs.get(1) else {
        return Some(Finding::new(format!("{what} ({took:.3} ms), us"), [*cpu], Goal::Told));
    };
    let what = format!("{what} ({took:.3} ms, {cpu:.0} us) : smallest");
    Some(Finding::new(what, [cpu / smallest.cpu], Goal::AtMost(GROWTH)))
}

/// A query about the event of this number.
type Question = fn(u64) -> String;

/// Questions that have an index.
const QUESTIONS: [(&str, Question); 4] = [
    ("page by recipient", |number| format!("recipient=r{}@example.net", number / OF_RECIPIENT)),
    ("page by message-id", |number| format!("message-id={number}@example.com")),
    ("page by tag", |number| format!("tags=t{}&begin={}", number % 100, START + number / 10)),
    ("page by event", |number| format!("event=opened&begin={}", START + number / 10)),
];

/// Events for the store, which nobody subscribes to.
struct Seeds {
    /// The number of the next one.
    next: u64,
}

impl Seeds {
    /// Submits a batch; the seconds that it took.
    fn submit(&mut self, server: &Server) -> Result<f64> {
        let lines: Vec<_> = (self.next..self.next + BATCH).map(event).collect();
        let body = lines.join("\n");
        let begun = Instant::now();
        server.submit(&body)?;
        self.next += BATCH;
        Ok(begun.elapsed().as_secs_f64())
    }

    /// The number of some event in the later half, so that enough lies before it: another one each time, and the same
    /// ones in each run.
    fn some(&self, turn: u64) -> u64 {
        let scattered = turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        self.next / 2 + scattered % (self.next / 2)
    }
}

/// An eighth of all are opened, a hundredth has each tag.
fn event(number: u64) -> String {
    let kind = if number.is_multiple_of(8) { "opened" } else { "delivered" };
    format!(
        r#"{{"event":"{kind}","id":"load-{:016}","timestamp":{}.{},"recipient":"r{}@example.net","tags":["all","t{}"],"message":{{"headers":{{"message-id":"{number}@example.com"}}}}}}"#,
        id(number),
        START + number / 10,
        number % 10,
        number / OF_RECIPIENT,
        number % 100,
    )
}
