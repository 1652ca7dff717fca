//! Whether ids are taken, against a map: through rounds and merges, retention, restarts and kills.

use proptest::{prelude::*, sample};
use tokio::runtime::Runtime;

use super::*;
use crate::storage::fixture::other_bytes;

/// Facts of a round: few, so that there are parts of each level, and more, so that events come while it is written.
const ROUNDS: [usize; 2] = [12, 200];

/// Room for the sieves of no part, of one or two, and of all.
const MEMORY: [u64; 3] = [0, 128, 1 << 20];

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
            Step::Kill => self.stage = kill_with(&self.stage, &self.settings).await,
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
    fn an_id_is_taken_as_long_as_its_event_is_there(round in sample::select(&ROUNDS[..]), index_memory in sample::select(&MEMORY[..]), steps in steps()) {
        Runtime::new().unwrap().block_on(async {
            let settings = Settings { index_memory, ..with_rounds_of(round) };
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

/// Ids that are far apart, and again while parts are written, merged, and removed.
#[tokio::test]
async fn every_id_of_many_events_is_found() {
    let stage = Fixture::sqlite(with_rounds_of(1000)).await;
    let id = |number: u32| format!("{:x}", number.wrapping_mul(0x9e37_79b9));
    let batch = |numbers: &mut dyn Iterator<Item = u32>| -> Vec<_> {
        numbers.map(|number| NewEvent { webhook: None, ..event(&id(number)) }).collect()
    };
    for number in (0..6000).step_by(20) {
        stage.append(batch(&mut (number..number + 20))).await;
        let again = batch(&mut (0..10).map(|turn| (number * 7 + turn * 311) % (number + 20)));
        let again = stage.store.append(DOMAIN, again, false).await.unwrap();
        assert!(again.into_iter().all(|known| known.unwrap().duplicate), "after {number} events");
        let other = stage.store.append(DOMAIN, vec![other_bytes(&id(number / 2))], false).await;
        assert!(matches!(other, Err(AppendError::Conflicts(_))), "after {number} events");
    }
    let levels: i64 = behind_its_back(&stage)
        .query_row("SELECT max(level) FROM part WHERE state = 1", [], |row| row.get(0))
        .unwrap();
    assert!(levels >= 1, "nothing was merged");
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
