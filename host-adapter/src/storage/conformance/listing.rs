//! Listings and retention.

use sealpost_core::{EventKind, Verdict};

use super::A;
use crate::storage::{
    EventQuery, NewEvent,
    fixture::{Fixture, event, event_at, other_bytes, query, settings},
    wall_millis,
};

every_store! {
    pages_neither_skip_nor_repeat_where_timestamps_tie(settings());
    a_listing_is_bounded_by_time_kind_and_commit(settings());
    retention_spares_what_is_new_or_pending(settings());
}

async fn pages_neither_skip_nor_repeat_where_timestamps_tie(stage: Fixture) {
    let times = [5, 3, 3, 3, 1, 3, 5];
    let ids = ["a", "b", "c", "d", "e", "f", "g"];
    for (id, time) in ids.into_iter().zip(times) {
        stage.append(vec![event_at(id, time)]).await;
    }
    let ordered = ["e", "b", "c", "d", "f", "a", "g"].map(|id| event(id).data);
    for ascending in [true, false] {
        for kinds in [Vec::new(), vec![EventKind::Clicked, EventKind::Opened]] {
            let mut query = EventQuery { ascending, kinds, limit: 2, ..query(stage.store.snapshot()) };
            let mut walked = Vec::new();
            loop {
                let page = stage.store.events(query.clone()).await.unwrap();
                let Some(last) = page.last() else { break };
                query.after = Some(last.position);
                walked.extend(page.into_iter().map(|event| event.data));
            }
            if !ascending {
                walked.reverse();
            }
            assert_eq!(walked, ordered);
        }
    }
}

async fn a_listing_is_bounded_by_time_kind_and_commit(stage: Fixture) {
    let opened = NewEvent { kind: EventKind::Opened, webhook: None, ..event_at("opened", 2) };
    stage.append(vec![event_at("1", 1), opened, event_at("3", 3)]).await;
    let snapshot = stage.store.snapshot();
    stage.append(vec![event_at("late", 2)]).await;
    let ids = async |query| -> Vec<i64> {
        let events = stage.store.events(query).await.unwrap();
        events.into_iter().map(|event| event.position.timestamp).collect()
    };
    assert_eq!(ids(query(snapshot)).await, [1, 2, 3]);
    assert_eq!(ids(EventQuery { from: 2, to: 2, ..query(snapshot) }).await, [2]);
    assert_eq!(ids(EventQuery { kinds: vec![EventKind::Clicked], ..query(snapshot) }).await, [1, 3]);
    assert_eq!(ids(EventQuery { floor: snapshot, ..query(u64::MAX) }).await, [2]);
    let late = EventQuery { floor: snapshot, kinds: vec![EventKind::Opened], ..query(u64::MAX) };
    assert_eq!(ids(late).await, [0; 0]);
}

async fn retention_spares_what_is_new_or_pending(mut stage: Fixture) {
    stage.subscribe(&[A]).await;
    stage.append(vec![event("ended"), event("pending")]).await;
    let deliveries = stage.claimed().await;
    stage.settle(&deliveries[0], Verdict::Acknowledged).await;
    let ages = stage.store.retain(wall_millis() - 60_000, 100).await.unwrap();
    assert_eq!((ages.removed, ages.done), (0, true));

    let mut removed = 0;
    loop {
        let retained = stage.store.retain(wall_millis() + 1, 1).await.unwrap();
        removed += retained.removed;
        if retained.done {
            break;
        }
    }
    assert_eq!(removed, 1);
    assert_eq!(stage.listed().await, [event("pending").data]);
    let before = stage.store.snapshot();
    stage.append(vec![other_bytes("ended")]).await;
    assert_eq!(stage.store.snapshot(), before + 1, "the id is free again, its number is not");
}
