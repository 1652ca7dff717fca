use core::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::string::{String, ToString};
use std::vec::Vec;

use super::*;
use crate::body::Body;
use crate::dispatch::{Limits, Verdict};
use crate::host::Due;
use crate::time::{Duration, UnixTime};

const MINUTE: Duration = Duration::from_mins(1);
const DEAD: Outcome = Outcome::retry(Fault::Connect);

#[test]
fn an_event_reaches_each_of_its_endpoints() {
    let host = host([Outcome::Acknowledged, Outcome::Refused { status: 406 }]);
    let mut dispatcher = dispatcher();
    let mut driver = Driver::new(&host, &mut dispatcher);
    let lanes = [open(&mut driver, "http://a.test/"), open(&mut driver, "http://b.test/")];
    driver.dispatcher().enqueue(NOON, 7, &lanes).unwrap();

    assert_eq!(block_on(driver.run()), Ok(None));

    assert_eq!(*host.transport.posted.borrow(), ["http://a.test/ data of 7", "http://b.test/ data of 7"]);
    assert_eq!(host.storage.verdicts(), [Verdict::Acknowledged, Verdict::Refused]);
}

#[test]
fn a_failed_attempt_is_made_again_when_its_wait_is_over() {
    let host = host([DEAD, Outcome::Acknowledged]);
    let mut dispatcher = dispatcher();
    let mut driver = Driver::new(&host, &mut dispatcher);
    let lane = open(&mut driver, "http://a.test/");
    driver.dispatcher().enqueue(NOON, 7, &[lane]).unwrap();

    let again = block_on(driver.run()).unwrap().expect("a retry");
    assert!(again >= NOON.after(MINUTE));
    assert_eq!(host.transport.posted.borrow().len(), 1);
    host.clock.0.set(again);
    assert_eq!(block_on(driver.run()), Ok(None));
    assert_eq!(host.transport.posted.borrow().len(), 2);
}

#[test]
fn what_storage_holds_is_fetched_until_it_holds_no_more() {
    let host = host([Outcome::Acknowledged; 5]);
    host.storage.backlog.borrow_mut().extend(1..=5);
    let mut dispatcher = dispatcher();
    let mut driver = Driver::new(&host, &mut dispatcher);
    let lane = open(&mut driver, "http://a.test/");
    driver.dispatcher().mark_backlog(lane);

    assert_eq!(block_on(driver.run()), Ok(None));

    assert_eq!(host.storage.verdicts(), [Verdict::Acknowledged; 5]);
}

#[test]
fn a_record_that_failed_is_given_to_storage_again_and_the_attempt_is_not_repeated() {
    let host = host([Outcome::Acknowledged]);
    host.storage.broken.set(true);
    let mut dispatcher = dispatcher();
    let mut driver = Driver::new(&host, &mut dispatcher);
    let lane = open(&mut driver, "http://a.test/");
    driver.dispatcher().enqueue(NOON, 7, &[lane]).unwrap();

    assert_eq!(block_on(driver.run()), Err(Broken));
    host.storage.broken.set(false);
    assert_eq!(block_on(driver.run()), Ok(None));

    assert_eq!(host.storage.verdicts(), [Verdict::Acknowledged]);
    assert_eq!(host.transport.posted.borrow().len(), 1);
}

#[test]
fn an_answer_that_never_comes_is_a_retry_at_the_deadline() {
    let host = host([]);
    let mut dispatcher = dispatcher();
    let mut driver = Driver::new(&host, &mut dispatcher);
    let lane = open(&mut driver, "http://a.test/");
    driver.dispatcher().enqueue(NOON, 7, &[lane]).unwrap();
    {
        let mut run = pin!(driver.run());
        let mut context = Context::from_waker(Waker::noop());
        assert!(run.as_mut().poll(&mut context).is_pending());
        host.clock.0.set(NOON.after(Limits::DEFAULT.deadline));
        assert!(run.as_mut().poll(&mut context).is_ready());
    }
    assert!(matches!(host.storage.verdicts()[..], [Verdict::Retry { kept: true, .. }]));
}

#[test]
fn dropping_the_future_gives_an_attempt_up_and_loses_nothing() {
    let host = host([]);
    let mut dispatcher = dispatcher();
    let mut driver = Driver::new(&host, &mut dispatcher);
    let lane = open(&mut driver, "http://a.test/");
    driver.dispatcher().enqueue(NOON, 7, &[lane]).unwrap();
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(driver.run()).poll(&mut context).is_pending());

    let deadline = NOON.after(Limits::DEFAULT.deadline);
    assert_eq!(block_on(driver.run()), Ok(Some(deadline)));
    host.clock.0.set(deadline);
    assert!(block_on(driver.run()).unwrap() > Some(deadline));
    assert!(matches!(host.storage.verdicts()[..], [Verdict::Retry { kept: true, .. }]));
}

#[test]
fn a_fourth_endpoint_finds_no_room_in_a_driver_of_three() {
    let (host, mut dispatcher) = (host([]), dispatcher());
    let mut driver = Driver::new(&host, &mut dispatcher);
    for path in ["http://a.test/1", "http://a.test/2", "http://a.test/3"] {
        open(&mut driver, path);
    }
    let fourth = Url::parse("http://a.test/4").unwrap();
    assert_eq!(driver.open(4, fourth, Health::UNPROVEN), Err(Full));
}

const NOON: Instant = Instant::from_millis(43_200_000);

type Window = Dispatcher<[Slot; 4], [Lane; 4]>;
type Pretence = Parts<Script, Memory, Hand, Sevens>;

fn dispatcher() -> Window {
    let schedule = crate::Schedule::new(&[MINUTE]).unwrap();
    let limits = Limits { schedule, keep: Duration::MAX, quota: 2, ..Limits::DEFAULT };
    Dispatcher::new([Slot::EMPTY; 4], [Lane::CLOSED; 4], limits, 1)
}

fn host(outcomes: impl IntoIterator<Item = Outcome>) -> Pretence {
    let outcomes = RefCell::new(outcomes.into_iter().collect());
    Parts {
        transport: Script { outcomes, posted: RefCell::default() },
        storage: Memory::default(),
        clock: Hand(Cell::new(NOON)),
        entropy: Sevens,
        key: SigningKey::new(b"key").unwrap(),
    }
}

fn open<'h>(
    driver: &mut Driver<'h, Script, Memory, Hand, Sevens, [Slot; 4], [Lane; 4]>,
    url: &'h str,
) -> LaneId {
    driver.open(1, Url::parse(url).unwrap(), Health::Up).unwrap()
}

/// Answers by the script; a post beyond its end is never answered.
struct Script {
    outcomes: RefCell<VecDeque<Outcome>>,
    posted: RefCell<Vec<String>>,
}

impl Transport for Script {
    type Answer = Outcome;

    async fn post<B: Body>(&self, to: &Url<'_>, _: &[Header<'_>], body: &B) -> Outcome {
        let [_, data, _] = body.chunks();
        let post = [to.as_str(), core::str::from_utf8(data).unwrap()].join(" ");
        self.posted.borrow_mut().push(post);
        let scripted = self.outcomes.borrow_mut().pop_front();
        match scripted {
            Some(outcome) => outcome,
            None => core::future::pending().await,
        }
    }
}

#[derive(Default)]
struct Memory {
    backlog: RefCell<VecDeque<u64>>,
    records: RefCell<Vec<Record>>,
    broken: Cell<bool>,
}

#[derive(Debug, PartialEq, Eq)]
struct Broken;

impl Memory {
    fn verdicts(&self) -> Vec<Verdict> {
        self.records.borrow().iter().map(|record| record.verdict).collect()
    }
}

impl Storage for Memory {
    type Error = Broken;
    type Data = String;

    async fn due(&self, _: u64, room: u32, mut each: impl FnMut(Due)) -> Result<(), Broken> {
        for _ in 0..room {
            let Some(key) = self.backlog.borrow_mut().pop_front() else { break };
            each(Due { key, attempts: 0, since: Duration::ZERO });
        }
        Ok(())
    }

    async fn event_data(&self, key: u64) -> Result<String, Broken> {
        Ok(String::from("data of ") + &key.to_string())
    }

    async fn record(&self, record: &Record) -> Result<(), Broken> {
        if self.broken.get() {
            return Err(Broken);
        }
        self.records.borrow_mut().push(*record);
        Ok(())
    }
}

/// Shows the time that it was set to.
struct Hand(Cell<Instant>);

impl Clock for Hand {
    fn now(&self) -> Instant {
        self.0.get()
    }

    fn unix(&self) -> UnixTime {
        UnixTime::new(1_770_146_431, 0)
    }
}

struct Sevens;

impl Entropy for Sevens {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}
