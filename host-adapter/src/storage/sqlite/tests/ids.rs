//! Whether ids are taken, against a map: through rounds and merges, retention, restarts and kills.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample};
use tokio::runtime::Runtime;

use super::*;
use crate::storage::fixture::other_bytes;

/// Facts of a round: few, so that there are parts of each level, and more, so that events come while it is written.
const ROUNDS: [usize; 2] = [12, 200];

fn with_rounds_of(fresh_facts: usize) -> Settings {
    Settings { fresh_facts, ..settings() }
}

#[derive(Clone, Debug)]
enum Step {
    /// A submission: ids, each with the bytes of its first submission or with others. Few ids, so that they come again.
    Submit(Vec<(u8, bool)>),
    /// The oldest events go, in a slice of so many.
    Retain(usize),
    Restart,
    /// Goes on with what a kill would have left.
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => prop::collection::vec((any::<u8>(), prop::bool::weighted(0.8)), 1..40).prop_map(Step::Submit),
        2 => (1..40_usize).prop_map(Step::Retain),
        1 => Just(Step::Restart),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..40)
}

/// What is to become of a submission of one id: whether it is a repeat; `Err` where the id is taken.
type Fate = Result<bool, ()>;

fn submission(id: u8, first: bool) -> NewEvent {
    let id = format!("event-{id}");
    NewEvent { webhook: None, ..if first { event(&id) } else { other_bytes(&id) } }
}

/// A store beside the ids that it has, in the order of their events, with the kind of their bytes.
struct Model {
    stage: Fixture,
    settings: Settings,
    events: Vec<(u8, bool)>,
}

impl Model {
    async fn take(mut self, step: &Step) -> Self {
        match step {
            Step::Submit(items) => {
                let batch = items.iter().map(|&(id, first)| submission(id, first)).collect();
                let answers = self.stage.store.append(DOMAIN, batch, true).await.unwrap();
                let answers =
                    answers.into_iter().map(|answer| answer.map(|known| known.duplicate).map_err(drop));
                let expected: Vec<_> = items.iter().map(|&item| self.submit(item)).collect();
                assert_eq!(answers.collect::<Vec<Fate>>(), expected, "{items:?}");
            }
            Step::Retain(slice) => {
                let Retained { removed, .. } =
                    self.stage.store.retain(wall_millis() + 1, *slice).await.unwrap();
                self.events.drain(..removed);
            }
            Step::Restart => self.stage = restart_with(self.stage, &self.settings).await,
            Step::Kill => {
                let left = copy_of(&self.stage);
                let (store, inboxes) = open(left.path(), &self.settings);
                self.stage = Fixture::stage(store, inboxes, Some(left)).await;
            }
        }
        self
    }

    fn submit(&mut self, (id, first): (u8, bool)) -> Fate {
        match self.events.iter().find(|(known, _)| *known == id) {
            Some((_, of_first)) if *of_first == first => Ok(true),
            Some(_) => Err(()),
            None => {
                self.events.push((id, first));
                Ok(false)
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_id_is_taken_as_long_as_its_event_is_there(round in sample::select(&ROUNDS[..]), steps in steps()) {
        Runtime::new().unwrap().block_on(async {
            let settings = with_rounds_of(round);
            let stage = Fixture::sqlite(settings.clone()).await;
            let mut model = Model { stage, settings, events: Vec::new() };
            for step in &steps {
                model = model.take(step).await;
            }
            let file = behind_its_back(&model.stage);
            let twice = "SELECT count(*) - count(DISTINCT id) FROM event";
            assert_eq!(file.query_row(twice, [], |row| row.get(0)), Ok(0));
        });
    }
}

/// Ids that are far apart, each again after all the others have come: from the memory, and from parts of every level.
#[tokio::test]
async fn every_id_of_many_events_is_found() {
    let stage = Fixture::sqlite(with_rounds_of(ROUNDS[0])).await;
    let all: BTreeMap<_, _> =
        (0..600_u32).map(|number| (format!("{:x}", number.wrapping_mul(0x9e37_79b9)), number)).collect();
    for id in all.keys() {
        stage.append(vec![NewEvent { webhook: None, ..event(id) }]).await;
    }
    let parts: i64 = behind_its_back(&stage)
        .query_row("SELECT count(DISTINCT level) FROM part WHERE state = 1", [], |row| row.get(0))
        .unwrap();
    assert!(parts >= 3, "{parts} levels");
    for id in all.keys() {
        let again = stage.store.append(DOMAIN, vec![event(id)], false).await.unwrap();
        assert!(again[0].as_ref().unwrap().duplicate);
        let other = stage.store.append(DOMAIN, vec![other_bytes(id)], false).await;
        assert!(matches!(other, Err(AppendError::Conflicts(conflicts)) if *conflicts[0].id == **id));
    }
}

#[tokio::test]
async fn submissions_that_share_a_transaction_know_of_each_other() {
    let stage = Fixture::sqlite(settings()).await;
    let before = commits(&stage);
    let submit = |number: u32| {
        let store = stage.store.clone();
        tokio::spawn(async move { store.append(DOMAIN, vec![event(&(number % 8).to_string())], false).await })
    };
    for append in (0..256).map(submit).collect::<Vec<_>>() {
        append.await.unwrap().unwrap();
    }
    assert!(commits(&stage) - before <= 64, "{} commits for 256 submissions", commits(&stage) - before);
    assert_eq!(stage.store.snapshot(), 8);
}

/// An id that was made for an event is asked for when it comes back with another.
#[tokio::test]
async fn an_assigned_id_is_taken_too() {
    let stage = Fixture::sqlite(settings()).await;
    stage.append(vec![NewEvent { assigned: true, ..event("assigned") }]).await;
    let again = stage.store.append(DOMAIN, vec![event("assigned")], false).await.unwrap();
    assert!(again[0].as_ref().unwrap().duplicate);
}
