//! The index of facts against a set, through rounds, merges, retention, deletions and kills.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Instant,
};

use proptest::{prelude::*, sample};

use super::super::{
    facts::Fact,
    fresh::{Fresh, Shelf},
    listing::{Index, Memory},
    merge::{self, Merging},
    parts::{self, State},
    sieve::Sieves,
    writer::QUIET,
};
use super::*;
use crate::{
    filter::Term,
    storage::{DomainId, Examined, Position, Seq, postings::Source as _},
};

/// Facts of a round: in slices of one, and of some.
const ENOUGH: [usize; 3] = [12, 200, 1000];
const LONG: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
enum Step {
    /// Events, each of a domain, at a time, with terms.
    Append(Vec<(DomainId, i64, BTreeSet<i64>)>),
    /// The oldest so many events go.
    Retain(usize),
    /// All of a domain goes.
    Delete(DomainId),
    /// Index and merge, so many transactions at most.
    Work(usize),
    /// What is in memory is lost.
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = (1..4_u32, 0..50_i64, prop::collection::btree_set(0..6_i64, 1..4));
    let step = prop_oneof![
        6 => prop::collection::vec(event, 1..20).prop_map(Step::Append),
        6 => (1..30_usize).prop_map(Step::Work),
        2 => (1..40_usize).prop_map(Step::Retain),
        1 => (1..4_u32).prop_map(Step::Delete),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 0..60)
}

/// The index, and beside it what it is to hold.
struct Stage {
    connection: Connection,
    sieves: Sieves,
    fresh: Fresh,
    merging: Merging,
    events: BTreeMap<Seq, Vec<Fact>>,
    last: Seq,
    enough: usize,
}

impl Stage {
    fn new(enough: usize) -> Self {
        Self::on(Connection::open_in_memory().unwrap(), enough)
    }

    fn on(connection: Connection, enough: usize) -> Self {
        connection.execute_batch("CREATE TABLE fact (id)").unwrap();
        connection.execute_batch(include_str!("../v5.sql")).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE event (seq INTEGER PRIMARY KEY);
                 CREATE TABLE counters (indexed_to, edition); INSERT INTO counters VALUES (0, 0);",
            )
            .unwrap();
        let merging = Merging::open(&connection, enough).unwrap();
        let fresh = Fresh::new(enough, (0, Vec::new()));
        Self {
            connection,
            sieves: Sieves::new(1 << 20),
            fresh,
            merging,
            events: BTreeMap::new(),
            last: 0,
            enough,
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Append(events) => {
                for (domain, timestamp, terms) in events {
                    self.last += 1;
                    let position = Position { timestamp: *timestamp, seq: self.last };
                    let facts: Vec<_> = terms.iter().map(|term| (*domain, Term(*term), position)).collect();
                    self.fresh.add(facts.clone());
                    self.events.insert(self.last, facts);
                    self.connection
                        .execute("INSERT INTO event VALUES (?)", [self.last.cast_signed()])
                        .unwrap();
                }
                let facts = self.fresh.commit();
                self.merging.count(facts);
            }
            Step::Retain(count) => {
                let gone: Vec<_> = self.events.keys().copied().take(*count).collect();
                gone.iter().for_each(|seq| self.remove(*seq));
                let oldest = parts::oldest(&self.connection).unwrap();
                self.fresh.forget_below(oldest);
                merge::drop_old(&self.connection, oldest).unwrap();
                merge::remove_gone(&self.connection).unwrap();
                self.fresh.commit();
            }
            Step::Delete(domain) => {
                let of = |facts: &[Fact]| facts.iter().any(|(of, ..)| of == domain);
                let gone: Vec<_> =
                    self.events.iter().filter(|(_, facts)| of(facts)).map(|(seq, _)| *seq).collect();
                gone.iter().for_each(|seq| self.remove(*seq));
                self.fresh.forget(*domain);
                while merge::remove_domain(&self.connection, *domain).unwrap() {}
                self.fresh.commit();
            }
            Step::Work(count) => (0..*count).for_each(|_| self.work()),
            Step::Kill => {
                let upto: i64 = self
                    .connection
                    .query_row("SELECT indexed_to FROM counters", [], |row| row.get(0))
                    .unwrap();
                let unwritten = self.events.range(upto.cast_unsigned() + 1..);
                let facts = unwritten.flat_map(|(_, facts)| facts.iter().copied()).collect();
                self.fresh = Fresh::new(self.enough, (upto.cast_unsigned(), facts));
                self.merging = Merging::open(&self.connection, self.enough).unwrap();
            }
        }
    }

    /// How many parts of a level are in this state.
    fn parts(&self, level: u8, state: State) -> i64 {
        let count = "SELECT count(*) FROM part WHERE level = ? AND state = ?";
        self.connection.query_row(count, params![level, state as u8], |row| row.get(0)).unwrap()
    }

    fn remove(&mut self, seq: Seq) {
        self.events.remove(&seq);
        self.connection.execute("DELETE FROM event WHERE seq = ?", [seq.cast_signed()]).unwrap();
    }

    fn work(&mut self) {
        if let Some(slice) = self.fresh.slice(self.last) {
            let part = Fresh::write(&self.connection, &slice).unwrap();
            if self.fresh.written(&slice, part) {
                self.merging.look();
            }
        } else if self.merging.is_due() {
            let step = self.merging.step(&self.connection).unwrap();
            self.merging.done(step);
        }
    }

    fn index<'s>(&'s self, domain: DomainId, query: &'s EventQuery, shelf: &'s Shelf) -> Index<'s> {
        Index::new(&self.connection, Memory { shelf, sieves: &self.sieves }, domain, query).unwrap()
    }

    /// The events of a domain that a term finds, at most `limit` of them.
    fn found(&self, domain: DomainId, term: Term, query: &EventQuery, limit: usize) -> Vec<Position> {
        let shelf = self.fresh.shelf();
        let mut index = self.index(domain, query, &shelf);
        let found = index.positions(Some(term), query.start(), limit);
        found.unwrap_or_else(|_| panic!("the index cannot be read"))
    }

    fn expected(&self, domain: DomainId, term: Term, query: &EventQuery, limit: usize) -> Vec<Position> {
        let facts = self.events.values().flatten();
        let own = facts.filter(|(of, has, _)| (*of, *has) == (domain, term)).map(|(.., position)| *position);
        let mut positions: Vec<_> = own.filter(|position| query.covers(*position)).collect();
        query.arrange(&mut positions);
        positions.truncate(limit);
        positions
    }
}

proptest! {
    #[test]
    fn the_index_leads_to_what_a_set_holds(enough in sample::select(&ENOUGH[..]), steps in steps(), ascending: bool, from in 0..50_i64, to in 0..50_i64) {
        let mut stage = Stage::new(enough);
        for step in &steps {
            stage.take(step);
            let query = EventQuery {
                from, to, ascending, until: Instant::now() + LONG, limit: 1000, ..query(stage.last)
            };
            for domain in 1..4 {
                for term in (0..6).map(Term) {
                    let mut found = stage.found(domain, term, &query, 1000);
                    // Facts stay for a while when their event has gone.
                    found.retain(|position| stage.events.contains_key(&position.seq));
                    prop_assert_eq!(found, stage.expected(domain, term, &query, 1000), "after {:?}", step);
                }
            }
        }
    }

    /// With a limit, the nearest ones come, whichever parts they are in.
    #[test]
    fn a_limit_leaves_the_nearest(enough in sample::select(&ENOUGH[..]), steps in steps(), ascending: bool, from in 0..50_i64, limit in 1..9_usize) {
        let mut stage = Stage::new(enough);
        steps.iter().filter(|step| matches!(step, Step::Append(_) | Step::Work(_))).for_each(|step| stage.take(step));
        let query = EventQuery { from, to: 40, ascending, until: Instant::now() + LONG, ..query(stage.last) };
        for term in (0..6).map(Term) {
            let found = stage.found(1, term, &query, limit);
            prop_assert_eq!(found, stage.expected(1, term, &query, limit));
        }
    }
}

/// Five parts of a level become one, so that few are left however many there were.
#[test]
fn many_rounds_leave_few_parts() {
    let mut stage = Stage::new(ENOUGH[0]);
    for number in 0..600_i64 {
        stage.take(&Step::Append(vec![(1, number, [number % 3, 10 + number].into())]));
        stage.take(&Step::Work(2));
    }
    stage.take(&Step::Work(10_000));
    let count = |state| -> i64 { (0..4).map(|level| stage.parts(level, state)).sum() };
    let rounds = 600 * 2 / ENOUGH[0] as i64;
    let whole = count(State::Whole);
    assert!(whole <= rounds / 125 + 12, "{whole} parts of {rounds} rounds");
    assert_eq!((count(State::Begun), count(State::Gone)), (0, 0), "nothing is left to be done");
}

/// Else each round that ends meanwhile would leave a part to look into.
#[test]
fn while_large_parts_become_one_small_ones_do_too() {
    let mut stage = Stage::new(ENOUGH[2]);
    let term = |number: i64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
    let (mut rounds, mut most, mut kills, mut large) = (0, 0, 0, 0);
    while large < 10 {
        let event = |at: i64| (1, rounds, (0..10).map(|fact| term(rounds * 1000 + at * 10 + fact)).collect());
        let events = (0..100).map(event);
        stage.take(&Step::Append(events.collect()));
        // The slices of a round, and not many more steps than merging needs.
        stage.take(&Step::Work(64 + 24));
        rounds += 1;
        most = most.max(stage.parts(0, State::Whole));
        if rounds % 16 == 0 && stage.parts(1, State::Begun) + stage.parts(2, State::Begun) == 2 {
            stage.take(&Step::Kill);
            kills += 1;
        }
        large += stage.parts(3, State::Begun);
        assert!(rounds < 400, "five parts of 25 rounds are never merged");
    }
    assert!(most < 10, "{most} parts of one round at a time");
    assert!(kills > 0, "some while parts of two levels were written");
    let query = EventQuery { until: Instant::now() + LONG, ..query(stage.last) };
    for number in (0..rounds * 1000).step_by(997) {
        let expected = stage.expected(1, Term(term(number)), &query, 10);
        assert_eq!(stage.found(1, Term(term(number)), &query, 10), expected);
        assert_eq!(expected.len(), 1);
    }
}

/// A part is not asked for what its sieves keep.
#[tokio::test]
async fn facts_that_a_sieve_keeps_are_a_fault() {
    let stage = Fixture::sqlite(Settings { fresh_facts: 12, ..settings() }).await;
    for number in 0..20 {
        stage.append(vec![event(&number.to_string())]).await;
    }
    stage.store.close().await.unwrap();
    let lost = || {
        let Examined { faults, .. } = Store::examine(path(&stage), &master_key()).unwrap();
        faults.iter().filter(|fault| fault.ends_with("would not be found by what it says")).count()
    };
    assert_eq!(lost(), 0);
    let sieves = behind_its_back(&stage).execute("UPDATE sieve SET bits = zeroblob(length(bits))", []);
    assert!(sieves.unwrap() > 0);
    assert!(lost() > 10, "{} events would not be found", lost());
}

/// A store that was closed when it had twenty-five parts to merge, and its file.
async fn unmerged() -> (Fixture, Connection) {
    let stage = Fixture::sqlite(settings()).await;
    let file = behind_its_back(&stage);
    stage.store.close().await.unwrap();
    for number in 1..=25 {
        let part = params![number, State::Whole as u8];
        file.execute("INSERT INTO part VALUES (NULL, 0, ?1, ?1 + 1, 0, 0, 0, ?2)", part).unwrap();
    }
    (stage, file)
}

/// Facts that a step takes, if they are there, whatever the parts have in common: merging is to keep ahead of what comes.
#[test]
fn parts_of_different_domains_are_merged_in_no_more_steps() {
    const FACTS: i64 = 20_000;
    let mut stage = Stage::new(1 << 15);
    for upto in 1..=5 {
        let part = parts::begin(&stage.connection, 0, (upto - 1, upto)).unwrap();
        let position = |number| Position { timestamp: number, seq: upto };
        let domain = DomainId::try_from(upto).unwrap();
        let facts: Vec<_> = (0..FACTS).map(|at| (domain, Term(at << 40), position(at))).collect();
        parts::append(&stage.connection, part, &facts).unwrap();
        parts::complete(&stage.connection, part).unwrap();
    }
    stage.connection.execute("INSERT INTO event VALUES (1)", []).unwrap();
    let mut steps = 0;
    while stage.parts(1, State::Whole) == 0 {
        let step = stage.merging.step(&stage.connection).unwrap();
        stage.merging.done(step);
        steps += 1;
    }
    let of_each_part = (1 << 15) / 128;
    assert!(steps <= FACTS / of_each_part + 1, "{steps} steps");
}

#[tokio::test]
async fn merging_waits_while_another_program_holds_the_file() {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let (stage, file) = unmerged().await;
    let (_store, _inboxes) = Sqlite::open_with(path(&stage), &master_key(), &settings(), |connection, _| {
        connection.busy_handler(Some(|_| {
            TRIED.fetch_add(1, Relaxed);
            false
        }))
    })
    .unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    tokio::time::sleep(3 * QUIET).await;
    assert_eq!(TRIED.load(Relaxed), 1);
}

#[tokio::test]
async fn what_there_is_to_merge_is_merged_when_nothing_comes() {
    let (stage, file) = unmerged().await;
    let (_store, _inboxes) = open(path(&stage), &settings());
    let parts = || -> Vec<(u8, u8)> {
        let mut parts = file.prepare("SELECT level, state FROM part").unwrap();
        let parts = parts.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        parts.collect::<Result<_, _>>().unwrap()
    };
    let until = Instant::now() + LONG;
    while parts() != [(2, State::Whole as u8)] {
        assert!(Instant::now() < until, "{:?}", parts());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The file is looked at as it was, and the memory as it is.
#[test]
fn what_leaves_the_memory_while_a_reader_looks_at_an_older_file_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file.db");
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    let mut stage = Stage::on(writer, ENOUGH[0]);
    stage.take(&Step::Append((0..20).map(|at| (1, at, [1].into())).collect()));

    let (reader, shelf, sieves) =
        (Connection::open(&path).unwrap(), stage.fresh.shelf(), Sieves::new(1 << 20));
    let query = EventQuery { from: 0, to: 50, ascending: true, until: Instant::now() + LONG, ..query(20) };
    let mut index = Index::new(&reader, Memory { shelf: &shelf, sieves: &sieves }, 1, &query).unwrap();
    let mut found = || index.positions(Some(Term(1)), query.start(), 100).map(|found| found.len()).ok();
    assert_eq!(found(), Some(20));
    stage.take(&Step::Work(100));
    assert_eq!(found(), Some(20));
}

#[test]
fn what_retention_takes_leaves_the_memory() {
    let mut stage = Stage::new(ENOUGH[0]);
    stage.take(&Step::Append((0..10).map(|at| (1, at, [1].into())).collect()));
    let query = query(10);
    let in_memory = |stage: &Stage| {
        stage.fresh.shelf().positions((1, Term(1)), query.start(), &query, 100, 0).map(|found| found.len())
    };
    for (gone, left) in [(0, 10), (3, 7), (7, 0)] {
        stage.take(&Step::Retain(gone));
        assert_eq!(in_memory(&stage), Some(left));
    }
}
