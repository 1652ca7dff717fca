//! Walks against a model: whatever is committed while a client pages, it sees what it was promised.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use sealpost_core::EventKind;

use super::cursor::{Cursor, CursorKey, Walk};
use super::filter;
use super::page::{Page, turn_to};
use super::range::Range;
use crate::filter::Facts;
use crate::storage::{NewEvent, Settings, Store, StoredEvent};

/// An event of the model: its timestamp, with many ties, and whether it is a click.
type Sketch = (i64, bool);

fn sketches(most: usize) -> impl Strategy<Value = Vec<Sketch>> {
    prop::collection::vec((0..6_i64, any::<bool>()), 0..most)
}

fn walks() -> impl Strategy<Value = Walk> {
    let bounds = (prop_oneof![Just(i64::MIN), 0..4_i64], prop_oneof![Just(i64::MAX), 2..6_i64]);
    (bounds, any::<bool>(), 1..4_u16, any::<bool>()).prop_map(|((from, to), ascending, limit, clicks)| {
        let filter = filter::from_text(if clicks { "event=clicked" } else { "" }).expect("a filter");
        Walk { range: Range { from, to, ascending }, filter, limit, pretty: false }
    })
}

/// A store and, in commit order, what is in it.
struct World {
    domain: Arc<str>,
    store: Store,
    committed: Vec<Sketch>,
}

impl World {
    async fn new() -> Self {
        let (store, _) = Store::in_memory(&Settings::default());
        store.create_domain("a.test").await.expect("a domain");
        Self { domain: "a.test".into(), store, committed: Vec::new() }
    }

    async fn commit(&mut self, sketches: &[Sketch]) {
        let event = |at: usize, (timestamp, click): Sketch| {
            let kind = if click { EventKind::Clicked } else { EventKind::Opened };
            let data = Bytes::from(format!(r#"{{"id":"{at}","event":"{kind}"}}"#));
            NewEvent {
                id: at.to_string().into(),
                assigned: false,
                timestamp,
                kind,
                webhook: None,
                legacy: None,
                facts: Facts::of_data(&data),
                data,
                digest: [0; 32],
            }
        };
        let start = self.committed.len();
        let events = sketches.iter().enumerate().map(|(at, sketch)| event(start + at, *sketch)).collect();
        self.store.append(&*self.domain, events, false).await.expect("appended");
        self.committed.extend(sketches);
    }

    fn first(&self, walk: Walk) -> Cursor {
        Cursor::first(walk, self.store.epochs().present(), self.store.snapshot())
    }

    /// The page at a cursor, which has been through a client's hands.
    async fn page(&self, cursor: &Cursor) -> Page {
        let key = CursorKey::new(&[1; 32]);
        let cursor = key.open(&self.domain, &key.seal(&self.domain, cursor)).expect("its own cursor");
        turn_to(&self.store, &self.domain, cursor).await.expect("a page")
    }

    /// What the walk shows of the first `count` events, in the order of one snapshot.
    fn expected(&self, walk: &Walk, count: usize) -> Vec<usize> {
        let shown = |(timestamp, click): &Sketch| {
            (walk.range.from..=walk.range.to).contains(timestamp)
                && (*click || walk.filter.as_text().is_empty())
        };
        let mut events: Vec<_> =
            self.committed.iter().take(count).enumerate().filter(|(_, sketch)| shown(sketch)).collect();
        events.sort_by_key(|(at, sketch)| (sketch.0, *at));
        if !walk.range.ascending {
            events.reverse();
        }
        events.into_iter().map(|(at, _)| at).collect()
    }
}

fn places(page: &Page) -> Vec<usize> {
    let place = |item: &StoredEvent| {
        let event: serde_json::Value = serde_json::from_slice(&item.data).expect("JSON");
        event["id"].as_str().and_then(|id| id.parse().ok()).expect("a place")
    };
    page.items.iter().map(place).collect()
}

fn run(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test)
}

proptest! {
    /// Commits happen between any two pages. A closed walk shows its snapshot in order, nothing more; an
    /// open one ends up having shown every event exactly once.
    #[test]
    fn a_walk_shows_every_event_once(
        walk in walks(),
        before in sketches(12),
        during in prop::collection::vec(sketches(4), 0..8),
    ) {
        run(async {
            let mut world = World::new().await;
            world.commit(&before).await;
            let mut cursor = world.first(walk.clone());
            let mut seen = Vec::new();
            let mut during = during.into_iter();
            loop {
                let page = world.page(&cursor).await;
                seen.extend(places(&page));
                prop_assert!(page.items.len() <= walk.limit.into());
                if page.items.is_empty() {
                    prop_assert_eq!(&page.next, &cursor, "the end's next is itself");
                }
                let ended = page.items.is_empty();
                cursor = page.next;
                match during.next() {
                    Some(more) => world.commit(&more).await,
                    None if ended => break,
                    None => {}
                }
            }
            if walk.range.is_open() {
                seen.sort_unstable();
                let mut all = world.expected(&walk, world.committed.len());
                all.sort_unstable();
                prop_assert_eq!(seen, all);
            } else {
                prop_assert_eq!(seen, world.expected(&walk, before.len()));
            }
            Ok(())
        })?;
    }

    /// From any page of a snapshot, back to its first and forward to its last: the same events, in order.
    #[test]
    fn links_lead_back_and_forth(walk in walks(), events in sketches(12), turns in 0..8_usize) {
        run(async {
            let mut world = World::new().await;
            world.commit(&events).await;
            let all = world.expected(&walk, events.len());
            let mut page = world.page(&world.first(walk.clone())).await;
            let mut forward = Vec::new();
            for _ in 0..turns {
                forward.extend(places(&page));
                page = world.page(&page.next).await;
            }
            let mut backward = Vec::new();
            loop {
                page = world.page(&page.previous).await;
                if page.items.is_empty() {
                    break;
                }
                backward.splice(0..0, places(&page));
            }
            prop_assert_eq!(&backward, &forward);
            prop_assert!(all.starts_with(&forward));

            let first = places(&world.page(&page.first).await);
            prop_assert_eq!(first, all.iter().copied().take(walk.limit.into()).collect::<Vec<_>>());
            let last = places(&world.page(&page.last).await);
            let rest = all.len().saturating_sub(walk.limit.into());
            prop_assert_eq!(last, all.into_iter().skip(rest).collect::<Vec<_>>());
            Ok(())
        })?;
    }

    /// A cursor of another life of the store shows everything again rather than skip anything.
    #[test]
    fn a_cursor_from_a_lost_life_reads_again(events in sketches(6), lost in 1..9_u64, other_epoch in any::<bool>()) {
        run(async {
            let mut world = World::new().await;
            world.commit(&events).await;
            let walk = Walk {
                range: Range { from: i64::MIN, to: i64::MAX, ascending: true },
                filter: Arc::default(),
                limit: 300,
                pretty: false,
            };
            let mut cursor = world.first(walk.clone());
            cursor.floor = cursor.snapshot;
            if other_epoch { cursor.epoch ^= 1 } else { cursor.snapshot += lost }
            let page = world.page(&cursor).await;
            prop_assert_eq!(places(&page), world.expected(&walk, events.len()));
            Ok(())
        })?;
    }
}
