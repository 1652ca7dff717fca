//! Listings and retention.

use std::{sync::Arc, time::Instant};

use sealpost_core::{EventKind, Verdict};

use super::A;
use crate::{
    filter::{Field, Filter},
    storage::{
        EventQuery, QueryError,
        fixture::{Fixture, event, event_at, event_with, other_bytes, query, settings},
        wall_millis,
    },
};

every_store! {
    pages_neither_skip_nor_repeat_where_timestamps_tie(settings());
    a_listing_is_bounded_by_time_kind_and_commit(settings());
    a_listing_shows_the_events_that_pass(settings());
    a_listing_that_takes_too_long_is_given_up(settings());
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
        for filter in [Arc::default(), filter(&[(Field::Event, "clicked OR opened")])] {
            let mut query = EventQuery { ascending, filter, limit: 2, ..query(stage.store.snapshot()) };
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
    let opened = event_with("opened", 2, EventKind::Opened, r#""n":1"#);
    stage.append(vec![event_at("1", 1), opened, event_at("3", 3)]).await;
    let snapshot = stage.store.snapshot();
    stage.append(vec![event_at("late", 2)]).await;
    let ids = async |query| -> Vec<i64> {
        let events = stage.store.events(query).await.unwrap();
        events.into_iter().map(|event| event.position.timestamp).collect()
    };
    assert_eq!(ids(query(snapshot)).await, [1, 2, 3]);
    assert_eq!(ids(EventQuery { from: 2, to: 2, ..query(snapshot) }).await, [2]);
    assert_eq!(
        ids(EventQuery { filter: filter(&[(Field::Event, "clicked")]), ..query(snapshot) }).await,
        [1, 3]
    );
    assert_eq!(ids(EventQuery { floor: snapshot, ..query(u64::MAX) }).await, [2]);
    let opened = filter(&[(Field::Event, "opened")]);
    let late = EventQuery { floor: snapshot, filter: opened, ..query(u64::MAX) };
    assert_eq!(ids(late).await, [0; 0]);
}

async fn a_listing_shows_the_events_that_pass(stage: Fixture) {
    let members = [
        r#""recipient":"Alice@x.test","tags":["bulk","a"],"message":{"headers":{"message-id":"1@x","subject":"Hello you"}}"#,
        r#""recipient":"bob@x.test","tags":["bulk"],"message":{"headers":{"message-id":"2@x","subject":"Hello"}}"#,
        r#""recipient":"alice@x.test","severity":"permanent","tags":["a"],"message":{"size":7}"#,
        r#""recipient":"carol@x.test","tags":[]"#,
    ];
    let kinds = [EventKind::Delivered, EventKind::Opened, EventKind::Failed, EventKind::Opened];
    let events = (1..).zip(kinds).zip(members);
    stage
        .append(events.map(|((at, kind), members)| event_with(&at.to_string(), at, kind, members)).collect())
        .await;
    let snapshot = stage.store.snapshot();
    for (conditions, expected) in [
        (&[(Field::Recipient, "alice@x.test")][..], &[1, 3][..]),
        (&[(Field::Recipient, "alice")], &[1, 3]),
        (&[(Field::Recipient, "NOT alice@x.test")], &[2, 4]),
        (&[(Field::Tags, "bulk a")], &[1]),
        (&[(Field::Tags, "bulk"), (Field::Tags, "a")], &[1]),
        (&[(Field::Tags, "bulk OR a"), (Field::Event, "NOT delivered")], &[2, 3]),
        (&[(Field::MessageId, "<2@x>")], &[2]),
        (&[(Field::Severity, "permanent")], &[3]),
        (&[(Field::Severity, "NOT permanent"), (Field::Tags, "a")], &[1]),
        (&[(Field::Subject, "hello"), (Field::Event, "opened")], &[2]),
        (&[(Field::Size, ">6 <8")], &[3]),
        (&[(Field::Event, "opened clicked")], &[]),
        (&[(Field::Tags, "nowhere")], &[]),
    ] {
        for ascending in [true, false] {
            let query = EventQuery { filter: filter(conditions), ascending, ..query(snapshot) };
            let found = stage.store.events(query).await.unwrap();
            let mut times: Vec<_> = found.iter().map(|event| event.position.timestamp).collect();
            times.sort_unstable();
            assert_eq!(times, expected, "{conditions:?}");
        }
    }
}

async fn a_listing_that_takes_too_long_is_given_up(stage: Fixture) {
    stage.append(vec![event("one")]).await;
    let query = EventQuery { until: Instant::now(), ..query(stage.store.snapshot()) };
    assert_eq!(stage.store.events(query).await, Err(QueryError::TooLong));
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

fn filter(conditions: &[(Field, &str)]) -> Arc<Filter> {
    Arc::new(Filter::new(conditions.iter().copied()).unwrap())
}
